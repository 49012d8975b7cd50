/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 2

void ctl_print_text(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(iscntrl((unsigned char)*text) ? '?' : *text);
}

/* A scalar as people read it: a text without its quotes. */
static void print_scalar(const json_t *value)
{
    if (json_is_string(value)) {
        ctl_print_text(json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    fputs(text == NULL ? "?" : text, stdout);
    free(text);
}

static int widest_name(json_t *object)
{
    size_t widest = 0;
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value) {
        if (strlen(name) > widest)
            widest = strlen(name);
    }
    return (int)widest;
}

static void print_fields(json_t *object, int indent)
{
    int width = widest_name(object);
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value) {
        printf("%*s%-*s", indent, "", json_is_object(value) ? 0 : width, name);
        if (json_is_object(value)) {
            putchar('\n');
            print_fields(value, indent + INDENT);
            continue;
        }
        fputs("  ", stdout);
        print_scalar(value);
        putchar('\n');
    }
}

void ctl_print(const json_t *object, bool as_json)
{
    if (as_json) {
        (void)json_dumpf(object, stdout, JSON_INDENT(INDENT));
        putchar('\n');
    } else {
        print_fields((json_t *)object, 0);
    }
}

static bool readable(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isprint(bytes[i]))
            return false;
    }
    return len != 0;
}

void ctl_add_bytes(json_t *object, const char *name, const char *text_name, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char hex[1025] = "";
    size_t shown = len < sizeof hex / 2 ? len : sizeof hex / 2;
    for (size_t i = 0; i < shown; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 0x0F];
    }
    (void)json_object_set_new(object, name, json_stringn(hex, 2 * shown));
    if (text_name != NULL && readable(bytes, len))
        (void)json_object_set_new(object, text_name, json_stringn((const char *)bytes, len));
}
