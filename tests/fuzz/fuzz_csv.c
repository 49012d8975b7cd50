/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file: what is read, and is written again, reads the same. */
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
    second.file = fmemopen(text, size, "r");
    FUZZ_CLAIM(second.file != NULL);
    FUZZ_CLAIM(ctl_csv_next(&second, &fault) == 1);
    FUZZ_CLAIM(second.count == row->count);
    for (size_t i = 0; i < row->count; i++)
        FUZZ_CLAIM(strcmp(second.fields[i], row->fields[i]) == 0);
    fclose(second.file);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *fault;
    unsigned line = 0;
    if (size == 0)
        return 0;
    first.line = first.next_line = 0;
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
