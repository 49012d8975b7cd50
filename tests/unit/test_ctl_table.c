/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as people read them. */
#include "print.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct ctl_column columns[] = {
    {"NAME", "name", CTL_TEXT}, {"COUNT", "count", CTL_NUMBER}, {"SEEN", "seen", CTL_TIME}};

static void setup(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    tzset();
}

static void expect(const char *rows_text, const char *expected)
{
    json_t *rows = json_loads(rows_text, 0, NULL);
    FILE *before = stdout;
    char *text = NULL;
    size_t len;

    ck_assert_ptr_nonnull(rows);
    stdout = open_memstream(&text, &len);
    ctl_table_print(columns, sizeof columns / sizeof columns[0], rows);
    (void)fclose(stdout);
    stdout = before;
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(rows);
}

START_TEST(columns_are_as_wide_as_they_must_be)
{
    expect("[{\"name\":\"a\",\"count\":5,\"seen\":1700000000000},{\"name\":\"longer\",\"count\":123456,\"seen\":0}]",
           "NAME     COUNT  SEEN\n"
           "a            5  2023-11-14 22:13:20 +0000\n"
           "longer  123456  -\n");
}
END_TEST

START_TEST(a_column_that_no_row_has_is_left_out)
{
    expect("[{\"name\":\"a\"},{\"name\":\"b\",\"count\":1}]", "NAME  COUNT\na         -\nb         1\n");
    expect("[{\"count\":1}]", "COUNT\n    1\n");
}
END_TEST

START_TEST(no_rows_are_no_table)
{
    expect("[]", "");
}
END_TEST

START_TEST(widths_are_in_characters_and_nothing_steers_the_terminal)
{
    expect(
        "[{\"name\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\",\"count\":1},{\"name\":\"\\u001b[2J\",\"count\":2}]",
        "NAME   COUNT\n\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4      1\n?[2J       2\n");
}
END_TEST

static const struct {
    const char *value;
    enum ctl_column_kind kind;
    const char *cell;
} cells[] = {
    {"\"text\"", CTL_TEXT, "text"},
    {"\"\"", CTL_TEXT, "-"},
    {"null", CTL_TEXT, "-"},
    {"true", CTL_TEXT, "yes"},
    {"false", CTL_TEXT, "no"},
    {"9223372036854775807", CTL_NUMBER, "9223372036854775807"},
    {"0", CTL_NUMBER, "0"},
    {"0.12345", CTL_NUMBER, "0.123"},
    {"1700000000999", CTL_TIME, "2023-11-14 22:13:20 +0000"},
    {"-1", CTL_TIME, "-"},
};

/* Whoever compares it with a log of another machine must know which hour it is. */
START_TEST(a_time_carries_its_zone)
{
    static const char *const zones[][2] = {{"UTC0", "2023-11-14 22:13:20 +0000"},
                                           {"CET-1CEST,M3.5.0,M10.5.0/3", "2023-11-14 23:13:20 +0100"},
                                           {"NST3:30", "2023-11-14 18:43:20 -0330"}};
    json_t *value = json_integer(1700000000999);
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        char text[CTL_CELL_SIZE];
        ck_assert_int_eq(setenv("TZ", zones[i][0], 1), 0);
        tzset();
        ck_assert_str_eq(ctl_table_cell(text, value, CTL_TIME), zones[i][1]);
    }
    json_decref(value);
}
END_TEST

START_TEST(a_value_is_shown_by_its_kind)
{
    char text[CTL_CELL_SIZE];
    json_t *value = json_loads(cells[_i].value, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(ctl_table_cell(text, value, cells[_i].kind), cells[_i].cell);
    json_decref(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_table");
    TCase *tcase = tcase_create("ctl_table");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, columns_are_as_wide_as_they_must_be);
    tcase_add_test(tcase, a_column_that_no_row_has_is_left_out);
    tcase_add_test(tcase, no_rows_are_no_table);
    tcase_add_test(tcase, widths_are_in_characters_and_nothing_steers_the_terminal);
    tcase_add_test(tcase, a_time_carries_its_zone);
    tcase_add_loop_test(tcase, a_value_is_shown_by_its_kind, 0, (int)(sizeof cells / sizeof cells[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
