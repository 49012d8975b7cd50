/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 2
#define GAP    2

/* The bytes of the control character that a text begins with, or 0. A terminal that reads UTF-8 obeys U+0080 to U+009F
 * as it does ESC. */
static size_t control_length(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (iscntrl(bytes[0]))
        return 1;
    return bytes[0] == 0xC2 && bytes[1] >= 0x80 && bytes[1] <= 0x9F ? 2 : 0;
}

void ctl_print_text(const char *text)
{
    while (*text != '\0') {
        size_t control = control_length(text);
        putchar(control == 0 ? *text : '?');
        text += control == 0 ? 1 : control;
    }
}

/* A scalar as people read it: a text without its quotes. */
static void print_scalar(const json_t *value)
{
    if (json_is_string(value)) {
        ctl_print_text(json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    ctl_print_text(text ? text : "?");
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
        printf("%*s", indent, "");
        ctl_print_text(name);
        if (json_is_object(value)) {
            putchar('\n');
            print_fields(value, indent + INDENT);
            continue;
        }
        printf("%*s", width - (int)strlen(name) + GAP, "");
        print_scalar(value);
        putchar('\n');
    }
}

void ctl_print(const json_t *object, bool as_json)
{
    if (as_json) {
        (void)json_dumpf(object, stdout, JSON_INDENT(INDENT) | JSON_ENSURE_ASCII);
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
    if (text_name && readable(bytes, len))
        (void)json_object_set_new(object, text_name, json_stringn((const char *)bytes, len));
}
