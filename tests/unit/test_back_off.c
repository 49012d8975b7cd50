/* SPDX-License-Identifier: Apache-2.0 */
#include "back_off.h"
#include "run_suite.h"

START_TEST(pause_grows_to_a_minute_and_no_further)
{
    int64_t longest = SELKIE_BACK_OFF_FIRST_US;

    for (unsigned failures = 0; failures < 100; failures++) {
        int64_t pause = selkie_back_off_us(failures);
        ck_assert_int_ge(pause, longest / 2);
        ck_assert_int_le(pause, longest);
        if (longest < SELKIE_BACK_OFF_MAX_US)
            longest *= 2;
    }
}
END_TEST

START_TEST(pauses_differ_by_chance)
{
    int64_t low = INT64_MAX;
    int64_t high = 0;

    for (int i = 0; i < 1000; i++) {
        int64_t pause = selkie_back_off_us(10);
        low = pause < low ? pause : low;
        high = pause > high ? pause : high;
    }
    ck_assert_int_gt(high - low, SELKIE_BACK_OFF_MAX_US / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("back_off");
    TCase *tcase = tcase_create("back_off");

    tcase_add_test(tcase, pause_grows_to_a_minute_and_no_further);
    tcase_add_test(tcase, pauses_differ_by_chance);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
