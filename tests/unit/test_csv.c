/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180, as spreadsheets write it, and the apostrophe that keeps a spreadsheet from running a cell. */
#define _GNU_SOURCE /* fmemopen */
#include <check.h>
#include <csv.h>
#include <run_suite.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The rows of a text, their fields joined by '|' and the rows by '/', with the line of each before it; a fault at the
 * end as "!line: fault". */
static char *read_bytes(const char *text, size_t len, bool find_separator)
{
    struct ctl_csv *csv = calloc(1, sizeof *csv);
    char *all = NULL;
    const char *fault;
    size_t size;
    int result;
    FILE *out = open_memstream(&all, &size);
    ck_assert_ptr_nonnull(csv);
    csv->file = fmemopen((void *)(uintptr_t)text, len, "r");
    csv->find_separator = find_separator;
    ck_assert_ptr_nonnull(csv->file);
    while ((result = ctl_csv_next(csv, &fault)) == 1) {
        fprintf(out, "/%u:", csv->line);
        for (size_t i = 0; i < csv->count; i++)
            fprintf(out, "%s%s", i == 0 ? "" : "|", csv->fields[i]);
    }
    if (result < 0 && csv->fault_line != 0)
        fprintf(out, "!%u:%u: %s", csv->fault_line, csv->fault_column, fault);
    else if (result < 0)
        fprintf(out, "!%u: %s", csv->line, fault);
    fclose(out);
    fclose(csv->file);
    free(csv);
    return all;
}

static char *read_all(const char *text)
{
    return read_bytes(text, strlen(text), false);
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
    {"a\r,b\n", "!1:2: a carriage return that neither ends a line (LF, CR LF) nor is in quotes"},
    {"a,b\nc\rd\n", "/1:a|b!2:2: a carriage return that neither ends a line (LF, CR LF) nor is in quotes"},
    {"\"a\"\r,b\n", "!1:4: a carriage return that neither ends a line (LF, CR LF) nor is in quotes"},
    {"\"a\rb\"\r\nc\r", "/1:a\rb/2:c"},
    {"a,K\xC3\xBChler\nb,K\xFChler\n", "/1:a|K\xC3\xBChler!2:4: not UTF-8: byte FC; save the file as UTF-8"},
    {"\"\xC3\xA4\n\xE2\x82\xAC\xE4\"\n", "!2:2: not UTF-8: byte E4; save the file as UTF-8"},
    {"\xEF\xBB\xBF"
     "a\xFF\n",
     "!1:2: not UTF-8: byte FF; save the file as UTF-8"},
    {"\xEF\xBB"
     "a\n",
     "!1:1: not UTF-8: byte EF; save the file as UTF-8"},
    {"a\xE2\x82", "!1:2: not UTF-8: the text ends within a character"},
    {"a\xC3\nb", "!1:2: not UTF-8: byte C3; save the file as UTF-8"},
    {",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n", "!1: the row has too many fields"},
};

START_TEST(rows_are_read_with_their_lines)
{
    char *all = read_all(cases[_i].text);
    ck_assert_str_eq(all, cases[_i].read);
    free(all);
}
END_TEST

/* Little and big endian, with and without a mark, as "a,b" and a line end. */
START_TEST(utf16_is_named)
{
    static const struct {
        const char *text;
        size_t len;
    } files[] = {{"\xFF\xFE"
                  "a\0,\0b\0\n\0",
                  10},
                 {"\xFE\xFF\0a\0,\0b\0\n", 10},
                 {"a\0,\0b\0\n", 8},
                 {"\0a\0,\0b\0\n", 8}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *all = read_bytes(files[i].text, files[i].len, true);
        ck_assert_str_eq(all, "!1: the file is UTF-16; save it as UTF-8");
        free(all);
    }
}
END_TEST

static const struct {
    const char *text, *read;
} separated[] = {
    {"a,b\nc;d,e\n", "/1:a|b/2:c;d|e"},
    {"a;b\r\nc;d,e\r\n", "/1:a|b/2:c|d,e"},
    {"a\tb\nc\td;e\n", "/1:a|b/2:c|d;e"},
    {"\"a;b\"\tc\n1\t2\n", "/1:a;b|c/2:1|2"},
    {"\xEF\xBB\xBF\"a\";b\n1;2\n", "/1:a|b/2:1|2"},
    {"a\nb;c\n", "/1:a/2:b;c"},
    {"\n\na;b\n", "/3:a|b"},
    {"a;b,c\n", "/1:a|b,c"},
};

START_TEST(the_first_row_tells_what_divides_fields)
{
    char *all = read_bytes(separated[_i].text, strlen(separated[_i].text), true);
    ck_assert_str_eq(all, separated[_i].read);
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

static const struct {
    const char *text, *cell; /* as it is in the file */
} guarded[] = {
    {"=1+1", "'=1+1"},
    {"+1", "'+1"},
    {"-1", "'-1"},
    {"@SUM(1)", "'@SUM(1)"},
    {"\t=1", "'\t'=1"},
    {"\r=1", "\"'\r'=1\""},
    {"\n=1", "\"'\n'=1\""},
    {"=1,\"x\"", "\"'=1,\"\"x\"\"\""},
    {"  =1", "'  =1"},
    {"1;=1;-x", "1;'=1;'-x"}, /* some spreadsheets divide at semicolons and tabs */
    {"1\t@x", "1\t'@x"},
    {";\"=1", "\";'\"\"=1\""}, /* a quote behind the division hides nothing */
    {"x\n=1", "\"x\n'=1\""},
    {"\xEF\xBC\x9D@", "'\xEF\xBC\x9D@"}, /* the wide form of = */
    {"'", "''"},
    {"'=1", "''=1"},
    {"''=1", "'''=1"},
    {"'tis", "''tis"},
    {"a=b-c+d@e'f", "a=b-c+d@e'f"},
    {"\xEF\xBD\x9D", "\xEF\xBD\x9D"},
    {"", ""},
};

static char *write_cell(const char *text)
{
    char *cell = NULL;
    size_t size;
    FILE *out = open_memstream(&cell, &size);
    ck_assert_ptr_nonnull(out);
    ctl_csv_write(out, text);
    ck_assert_int_eq(fclose(out), 0);
    return cell;
}

/* Two of them, so that an empty text makes a row as well. */
static void expect_same_again(const char *text)
{
    char *cell = write_cell(text), row[256], expected[256];
    snprintf(row, sizeof row, "%s,%s\n", cell, cell);
    snprintf(expected, sizeof expected, "/1:%s|%s", text, text);
    char *all = read_all(row);
    ck_assert_str_eq(all, expected);
    free(all);
    free(cell);
}

START_TEST(no_cell_begins_as_a_formula_does)
{
    char *cell = write_cell(guarded[_i].text);
    ck_assert_str_eq(cell, guarded[_i].cell);
    free(cell);
    expect_same_again(guarded[_i].text);
}
END_TEST

/* Every text of up to four of the characters that matter. */
START_TEST(what_is_written_reads_the_same)
{
    static const char letters[] = "=+-@\t\r\n';, \"a";
    unsigned count = 1;
    for (size_t len = 0; len <= 4; len++, count *= sizeof letters - 1) {
        for (unsigned number = 0; number < count; number++) {
            char text[5] = "";
            for (unsigned i = 0, rest = number; i < len; i++, rest /= sizeof letters - 1)
                text[i] = letters[rest % (sizeof letters - 1)];
            expect_same_again(text);
        }
    }
}
END_TEST

START_TEST(an_apostrophe_that_guards_nothing_is_text)
{
    char *all = read_all("'tis,a'=b,';'x,'\n");
    ck_assert_str_eq(all, "/1:'tis|a'=b|';'x|'");
    free(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *tcase = tcase_create("csv");
    tcase_add_loop_test(tcase, rows_are_read_with_their_lines, 0, sizeof cases / sizeof cases[0]);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, utf16_is_named);
    tcase_add_loop_test(tcase, the_first_row_tells_what_divides_fields, 0, sizeof separated / sizeof separated[0]);
    tcase_add_test(tcase, a_row_has_a_limit);
    tcase_add_loop_test(tcase, no_cell_begins_as_a_formula_does, 0, sizeof guarded / sizeof guarded[0]);
    tcase_add_test(tcase, what_is_written_reads_the_same);
    tcase_add_test(tcase, an_apostrophe_that_guards_nothing_is_text);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
