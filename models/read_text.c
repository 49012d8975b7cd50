/* SPDX-License-Identifier: Apache-2.0 */
/* Format text: key=value, with blanks, commas, semicolons, ampersands or ends of lines between. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *key, *value;
    size_t key_len, value_len;
};

static bool is_separator(char byte)
{
    return byte != '\0' && strchr(" \t\r\n,;&", byte);
}

/* 1 and the next pair; 0 at the end; -1: there is no '='. */
static int next_pair(const char **at, const char *end, struct pair *pair)
{
    while (*at < end && is_separator(**at))
        ++*at;
    if (*at == end)
        return 0;
    pair->key = *at;
    while (*at < end && !is_separator(**at))
        ++*at;
    pair->value = memchr(pair->key, '=', (size_t)(*at - pair->key));
    if (!pair->value || pair->value == pair->key)
        return -1;
    pair->key_len = (size_t)(pair->value - pair->key);
    pair->value++;
    pair->value_len = (size_t)(*at - pair->value);
    return 1;
}

static int open_text(struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const char *text = (const char *)reader->payload, *at = text, *end = text + reader->payload_len;
    struct pair pair;
    int result;

    while ((result = next_pair(&at, end, &pair)) > 0) {
    }
    return result < 0 ? selkie_model_fault(error, NULL, "is not key=value at byte %td", pair.key - text) : 0;
}

/* A number in decimal, as RFC 8259 has it, and also with a plus or zeros at its front. */
static void read_number(const char *text, size_t len, struct selkie_raw *raw)
{
    char copy[64], *end;

    if (len == 0 || len >= sizeof copy)
        return;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strspn(copy, "+-.0123456789eE") < len)
        return;
    if (strcspn(copy, ".eE") == len) {
        errno = 0;
        raw->integer = strtoll(copy, &end, 10);
        if (*end == '\0' && end != copy && errno == 0)
            raw->kind = SELKIE_RAW_INTEGER;
        return;
    }
    raw->real = strtod(copy, &end);
    if (*end == '\0' && end != copy)
        raw->kind = SELKIE_RAW_REAL;
}

static void read_boolean(const char *text, size_t len, struct selkie_raw *raw)
{
    raw->integer = len == 4 && memcmp(text, "true", 4) == 0;
    if (raw->integer || (len == 5 && memcmp(text, "false", 5) == 0))
        raw->kind = SELKIE_RAW_BOOLEAN;
}

/* Whether the payload has the key, once. */
static int find_pair(const struct selkie_reader *reader, const char *key, struct pair *found)
{
    const char *at = (const char *)reader->payload, *end = at + reader->payload_len;
    struct pair pair;
    int count = 0;

    while (next_pair(&at, end, &pair) > 0) {
        if (pair.key_len == strlen(key) && memcmp(pair.key, key, pair.key_len) == 0) {
            *found = pair;
            count++;
        }
    }
    return count;
}

static int get_text(struct selkie_reader *reader, const struct selkie_model_entry *entry, struct selkie_raw *raw,
                    char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const struct selkie_field *field = &reader->model->fields[entry->field];
    struct pair pair = {NULL, NULL, 0, 0};
    int count = find_pair(reader, entry->path, &pair);

    if (count > 1)
        return selkie_model_fault(error, field->name, "its key is there twice");
    if (count == 0)
        return 0;
    raw->kind = SELKIE_RAW_TEXT;
    raw->text = pair.value;
    raw->text_len = pair.value_len;
    if (field->kind == SELKIE_FIELD_NUMBER)
        read_number(pair.value, pair.value_len, raw);
    else if (field->kind == SELKIE_FIELD_BOOLEAN && !entry->words)
        read_boolean(pair.value, pair.value_len, raw);
    return 1;
}

const struct selkie_reader_class selkie_reader_text = {open_text, get_text, NULL, NULL};
