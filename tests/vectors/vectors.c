/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vectors/vectors.h>

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "vectors: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

json_t *vectors_load(const char *path)
{
    if (access(path, F_OK) != 0)
        return NULL;
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        give_up(path, error.text);
    return root;
}

json_t *vectors_list(const json_t *object, const char *key)
{
    json_t *list = json_object_get(object, key);
    if (json_array_size(list) == 0)
        give_up(key, "not a list, or an empty one");
    return list;
}

const char *vectors_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL)
        give_up(key, "not a text");
    return text;
}

json_int_t vectors_integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        give_up(key, "not an integer");
    return json_integer_value(value);
}

uint8_t *vectors_bytes(const json_t *object, const char *key, size_t *len)
{
    static const char digits[] = "0123456789abcdef";
    const char *hex = vectors_text(object, key);
    size_t count = strlen(hex);
    if (count % 2 != 0 || strspn(hex, digits) != count)
        give_up(key, "not lower-case hex");
    *len = count / 2;
    uint8_t *bytes = malloc(*len);
    if (bytes == NULL && *len != 0)
        give_up(key, "no memory");
    for (size_t i = 0; i < *len; i++)
        bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 | (strchr(digits, hex[2 * i + 1]) - digits));
    return bytes;
}

void vectors_copy(uint8_t *bytes, size_t size, const json_t *object, const char *key)
{
    size_t len;
    uint8_t *copy = vectors_bytes(object, key, &len);
    if (len != size)
        give_up(key, "not of the right length");
    if (size != 0)
        memcpy(bytes, copy, size);
    free(copy);
}
