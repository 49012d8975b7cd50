/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file: what is read, and is written again, reads the same; so does any text; and no cell is a formula. */
#include "fuzz.h"

#include <csv.h>
#include <string.h>

static struct ctl_csv first, second;

static void expect_same_again(const struct ctl_csv *row)
{
    char *text = NULL;
    size_t size;
    const char *fault;
    FILE *out = open_memstream(&text, &size);
    FUZZ_CLAIM(out != NULL);
    for (size_t i = 0; i < row->count; i++) {
        if (i != 0)
            putc(',', out);
        ctl_csv_write(out, row->fields[i]);
    }
    putc('\n', out);
    FUZZ_CLAIM(fclose(out) == 0);
    /* Not its first row, in which a byte order mark would go. */
    second.line = second.next_line = 2;
    second.offset = 2;
    second.file = fmemopen(text, size, "r");
    FUZZ_CLAIM(second.file != NULL);
    FUZZ_CLAIM(ctl_csv_next(&second, &fault) == 1);
    FUZZ_CLAIM(second.count == row->count);
    for (size_t i = 0; i < row->count; i++)
        FUZZ_CLAIM(strcmp(second.fields[i], row->fields[i]) == 0);
    fclose(second.file);
    free(text);
}

/* The input as one cell, as device export writes it and device import reads it. */
static void expect_text_again(const uint8_t *data, size_t size)
{
    char text[1024], *cell = NULL;
    size_t cell_size;
    FILE *out = open_memstream(&cell, &cell_size);
    FUZZ_CLAIM(out != NULL);
    size = size < sizeof text ? size : sizeof text - 1;
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] ? (char)data[i] : '0';
    text[size] = '\0';
    fputs("x,", out);
    ctl_csv_write(out, text);
    FUZZ_CLAIM(fclose(out) == 0);
    const char *begin = cell + 2 + (cell[2] == '"');
    FUZZ_CLAIM(*begin == '\0' || !strchr("=+-@\t\r\n", *begin));
    for (const char *at = begin; (at = strpbrk(at, ";\t")) != NULL; at++)
        FUZZ_CLAIM(at[1] == '\0' || !strchr("=+-@\t\r\n", at[1]));
    second.line = second.next_line = 0;
    second.offset = 0;
    second.file = fmemopen(cell, cell_size, "r");
    FUZZ_CLAIM(second.file != NULL);
    const char *fault;
    bool valid = ctl_utf8_valid(text, size) == size;
    FUZZ_CLAIM(ctl_csv_next(&second, &fault) == (valid ? 1 : -1));
    FUZZ_CLAIM(!valid || (second.count == 2 && strcmp(second.fields[1], text) == 0));
    fclose(second.file);
    free(cell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *fault;
    unsigned line = 0;
    if (size == 0)
        return 0;
    expect_text_again(data, size);
    first.line = first.next_line = 0;
    first.offset = 0;
    first.separator = '\0';
    first.find_separator = data[0] % 2 == 0;
    first.file = fmemopen((void *)(uintptr_t)data, size, "r");
    FUZZ_CLAIM(first.file != NULL);
    while (ctl_csv_next(&first, &fault) == 1) {
        FUZZ_CLAIM(first.line > line && first.count >= 1 && first.count <= CTL_CSV_FIELDS_MAX);
        line = first.line;
        expect_same_again(&first);
    }
    fclose(first.file);
    return 0;
}
