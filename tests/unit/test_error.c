/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <run_suite.h>
#include <selkie/error.h>
#include <stdlib.h>
#include <string.h>

START_TEST(every_error_has_its_own_number_name_and_text)
{
    static const int numbers[] = {
#define NUMBER(name, number, text) SELKIE_##name,
        SELKIE_ERRORS(NUMBER)
#undef NUMBER
    };
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_lt(numbers[i], 0);
        ck_assert_int_eq(strncmp(selkie_error_name(numbers[i]), "SELKIE_E", 8), 0);
        for (size_t j = 0; j < i; j++) {
            ck_assert_int_ne(numbers[i], numbers[j]);
            ck_assert_str_ne(selkie_error_text(numbers[i]), selkie_error_text(numbers[j]));
        }
    }
    ck_assert_str_eq(selkie_error_name(SELKIE_ECRC), "SELKIE_ECRC");
    ck_assert_str_eq(selkie_error_text(SELKIE_ECRC), "the frame's CRC does not match");
}
END_TEST

START_TEST(other_numbers_have_a_text_too)
{
    ck_assert_str_eq(selkie_error_name(0), "SELKIE_OK");
    ck_assert_str_eq(selkie_error_text(0), "no error");
    ck_assert_str_eq(selkie_error_text(31), "no error");
    ck_assert_str_eq(selkie_error_name(-10000), "unknown error");
    ck_assert_str_eq(selkie_error_text(-10000), "unknown error");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tc = tcase_create("error");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, every_error_has_its_own_number_name_and_text);
    tcase_add_test(tc, other_numbers_have_a_text_too);
    return run_suite(suite);
}
