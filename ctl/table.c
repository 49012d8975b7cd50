/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define GAP 2

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
            strftime(text, CTL_CELL_SIZE, "%Y-%m-%d %H:%M:%S", &local) == 0)
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

/* Places on the terminal: UTF-8's continuation bytes take none. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* 0 where no row has it. */
static size_t column_width(const struct ctl_column *column, const json_t *rows)
{
    char text[CTL_CELL_SIZE];
    size_t widest = 0, i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        const json_t *value = json_object_get(row, column->name);
        size_t width = value ? width_of(ctl_table_cell(text, value, column->kind)) : 0;
        if (width > widest)
            widest = width;
    }
    if (widest == 0)
        return 0;
    return widest > strlen(column->title) ? widest : strlen(column->title);
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
    size_t pad = width > width_of(text) ? width - width_of(text) : 0;
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
    if (json_array_size(rows) == 0)
        return;
    for (size_t c = 0; c < count; c++) {
        if (widths[c] != 0)
            print_cell(columns[c].title, widths[c], columns[c].kind == CTL_NUMBER, c == last);
    }
    putchar('\n');
    json_t *row;
    json_array_foreach (rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            char text[CTL_CELL_SIZE];
            const json_t *value = json_object_get(row, columns[c].name);
            if (widths[c] != 0)
                print_cell(ctl_table_cell(text, value, columns[c].kind), widths[c], columns[c].kind == CTL_NUMBER,
                           c == last);
        }
        putchar('\n');
    }
}
