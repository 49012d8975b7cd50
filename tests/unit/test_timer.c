/* SPDX-License-Identifier: Apache-2.0 */
#include "timer.h"

#include "run_suite.h"

static sd_event *event;
static struct selkie_timer timer;
static unsigned fired;

static void on_time(void *context)
{
    ++*(unsigned *)context;
}

static void setup(void)
{
    ck_assert_int_ge(sd_event_new(&event), 0);
    selkie_timer_init(&timer, event, on_time, &fired);
}

static void teardown(void)
{
    selkie_timer_wipe(&timer);
    (void)sd_event_unref(event);
}

/* sd-event delays timers, to wake up once for several, by as much as it may. */
START_TEST(timer_of_a_quiet_line_may_be_late_by_10_ms_at_most)
{
    uint64_t accuracy = UINT64_MAX;

    for (int i = 0; i < 2; i++) { /* also when it is set again */
        selkie_timer_set(&timer, 20 * SELKIE_MS_US);
        ck_assert_int_ge(sd_event_source_get_time_accuracy(timer.source, &accuracy), 0);
        ck_assert_uint_le(accuracy, 10 * SELKIE_MS_US);
        selkie_timer_set(&timer, 60 * SELKIE_SEC_US);
    }
}
END_TEST

START_TEST(running_timer_keeps_its_time_and_one_that_fired_starts_again)
{
    for (unsigned i = 1; i <= 2; i++) {
        selkie_timer_start(&timer, SELKIE_MS_US);
        selkie_timer_start(&timer, 3600 * SELKIE_SEC_US);
        ck_assert_int_gt(sd_event_run(event, 10 * SELKIE_SEC_US), 0);
        ck_assert_uint_eq(fired, i);
    }
}
END_TEST

START_TEST(pause_grows_to_a_minute_and_no_further)
{
    int64_t longest = SELKIE_BACK_OFF_FIRST_US;

    for (unsigned failures = 0; failures < 100; failures++) {
        int64_t pause = selkie_timer_back_off_us(failures);
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
        int64_t pause = selkie_timer_back_off_us(10);
        low = pause < low ? pause : low;
        high = pause > high ? pause : high;
    }
    ck_assert_int_gt(high - low, SELKIE_BACK_OFF_MAX_US / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *tcase = tcase_create("timer");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, timer_of_a_quiet_line_may_be_late_by_10_ms_at_most);
    tcase_add_test(tcase, running_timer_keeps_its_time_and_one_that_fired_starts_again);
    tcase_add_test(tcase, pause_grows_to_a_minute_and_no_further);
    tcase_add_test(tcase, pauses_differ_by_chance);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
