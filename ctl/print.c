/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include "ctl_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INDENT 2
#define GAP    2

void ctl_print_text(const char *text)
{
    ctl_text_print(stdout, text);
}

/* A scalar as people read it: a text without its quotes. */
static void print_scalar(const json_t *value)
{
    if (json_is_string(value)) {
        ctl_print_text(json_string_value(value));
        return;
    }
    char *text = ctl_json_dump(value, JSON_ENCODE_ANY);
    ctl_print_text(text);
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
        ctl_json_write(object, JSON_INDENT(INDENT) | JSON_ENSURE_ASCII);
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

/* Whoever reads our output may be gone, or the disk full. Paho ignores SIGPIPE for the process. */
enum ctl_exit ctl_print_secured(const char *what, const char *whose, const char *again, const char *option)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CTL_DONE;
    clearerr(stdout); /* what is said here need not be said again at the end */
    __fpurge(stdout);
    return ctl_fail("the %s of %s could not be written and is lost; make another: selkiectl %s %s%s", what, whose,
                    again, whose, option);
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
    ctl_json_set_take(object, name, json_stringn(hex, 2 * shown));
    if (text_name && readable(bytes, len))
        ctl_json_set_take(object, text_name, json_stringn((const char *)bytes, len));
}

const char *ctl_table_cell(char text[static CTL_CELL_SIZE], const json_t *value, enum ctl_column_kind kind)
{
    if (json_is_string(value))
        return json_string_value(value)[0] == '\0' ? "-" : json_string_value(value);
    if (!json_is_number(value))
        return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-";
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : (json_int_t)json_real_value(value);
    if (kind == CTL_TIME) {
        time_t seconds = (time_t)(number / 1000);
        struct tm local;
        if (number <= 0 || !localtime_r(&seconds, &local) ||
            strftime(text, CTL_CELL_SIZE, "%Y-%m-%d %H:%M:%S %z", &local) == 0)
            return "-";
    } else if (kind == CTL_SHARE) {
        snprintf(text, CTL_CELL_SIZE, "%.0f %%", 100 * json_number_value(value));
    } else if (json_is_integer(value)) {
        snprintf(text, CTL_CELL_SIZE, "%" JSON_INTEGER_FORMAT, number);
    } else {
        snprintf(text, CTL_CELL_SIZE, "%.3g", json_real_value(value));
    }
    return text;
}

/* 0 where no row has it. */
static size_t column_width(const struct ctl_column *column, const json_t *rows)
{
    char text[CTL_CELL_SIZE];
    size_t widest = 0, i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        const json_t *value = json_object_get(row, column->name);
        size_t width = value ? ctl_text_width(ctl_table_cell(text, value, column->kind)) : 0;
        if (width > widest)
            widest = width;
    }
    if (widest == 0)
        return 0;
    return widest > strlen(column->title) ? widest : strlen(column->title);
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
    size_t pad = width > ctl_text_width(text) ? width - ctl_text_width(text) : 0;
    if (right)
        printf("%*s", (int)pad, "");
    ctl_print_text(text);
    if (!last)
        printf("%*s", (int)((right ? 0 : pad) + GAP), "");
}

void ctl_table_print(const struct ctl_column *columns, size_t count, const json_t *rows)
{
    size_t widths[16], last = 0, i;
    if (count > sizeof widths / sizeof widths[0])
        count = sizeof widths / sizeof widths[0];
    for (size_t c = 0; c < count; c++) {
        widths[c] = column_width(&columns[c], rows);
        if (widths[c] != 0)
            last = c;
    }
    for (i = 0; json_array_size(rows) > 0 && i <= json_array_size(rows); i++) {
        const json_t *row = i > 0 ? json_array_get(rows, i - 1) : NULL;
        for (size_t c = 0; c < count; c++) {
            char cell[CTL_CELL_SIZE];
            const char *text = columns[c].title;
            if (row)
                text = ctl_table_cell(cell, json_object_get(row, columns[c].name), columns[c].kind);
            if (widths[c] != 0)
                print_cell(text, widths[c], columns[c].kind == CTL_NUMBER, c == last);
        }
        putchar('\n');
    }
}
