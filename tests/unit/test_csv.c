/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180, as spreadsheets write it. */
#define _GNU_SOURCE /* fmemopen */
#include <check.h>
#include <csv.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

/* The rows of a text, their fields joined by '|' and the rows by '/', with the line of each before it; a fault at the
 * end as "!line: fault". */
static char *read_all(const char *text)
{
    struct ctl_csv *csv = calloc(1, sizeof *csv);
    char *all = NULL;
    const char *fault;
    size_t size;
    int result;
    FILE *out = open_memstream(&all, &size);
    ck_assert_ptr_nonnull(csv);
    csv->file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(csv->file);
    while ((result = ctl_csv_next(csv, &fault)) == 1) {
        fprintf(out, "/%u:", csv->line);
        for (size_t i = 0; i < csv->count; i++)
            fprintf(out, "%s%s", i == 0 ? "" : "|", csv->fields[i]);
    }
    if (result < 0)
        fprintf(out, "!%u: %s", csv->line, fault);
    fclose(out);
    fclose(csv->file);
    free(csv);
    return all;
}

static const struct {
    const char *text, *read;
} cases[] = {
    {"\n", ""},
    {"\r\n\n\r\n", ""},
    {"a", "/1:a"},
    {"a\n", "/1:a"},
    {"a,b\r\nc,d\r\n", "/1:a|b/2:c|d"},
    {"a,\n,\n", "/1:a|/2:|"},
    {"\n\na\n\nb", "/3:a/5:b"},
    {"\"a\"", "/1:a"},
    {"\"a,b\",\"c\"\"d\",\"\"\n", "/1:a,b|c\"d|"},
    {"\"a\nb\"\nc\n", "/1:a\nb/3:c"},
    {"\"a\"\r\nb\r\n", "/1:a/2:b"},
    {"\xEF\xBB\xBF"
     "a,b\n",
     "/1:a|b"},
    {"\xEF\xBB\xBF\"a\",b\n", "/1:a|b"},
    {"a\n\xEF\xBB\xBF"
     "b\n",
     "/1:a/2:\xEF\xBB\xBF"
     "b"},
    {"a\n\"b\n\nc", "/1:a!2: a quoted field does not end"},
    {"a\"b\n", "!1: a quote inside a field that is not quoted"},
    {"\"a\"b\n", "!1: text after the end of a quoted field"},
    {",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n", "!1: the row has too many fields"},
};

START_TEST(rows_are_read_with_their_lines)
{
    char *all = read_all(cases[_i].text);
    ck_assert_str_eq(all, cases[_i].read);
    free(all);
}
END_TEST

START_TEST(a_row_has_a_limit)
{
    char *text = malloc(CTL_CSV_ROW_MAX + 2);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', CTL_CSV_ROW_MAX + 1);
    text[CTL_CSV_ROW_MAX + 1] = '\0';
    char *all = read_all(text);
    ck_assert_str_eq(all, "!1: the row is too long");
    free(all);
    text[CTL_CSV_ROW_MAX - 1] = '\0';
    all = read_all(text);
    ck_assert_uint_eq(strlen(all), CTL_CSV_ROW_MAX - 1 + strlen("/1:"));
    free(all);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *tcase = tcase_create("csv");
    tcase_add_loop_test(tcase, rows_are_read_with_their_lines, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tcase, a_row_has_a_limit);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
