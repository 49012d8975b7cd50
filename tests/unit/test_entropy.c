/* SPDX-License-Identifier: Apache-2.0 */
/* Sources, their account, and what is drawn from them. */
#include "entropy_feed.h"
#include <check.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

/* Good samples are taken, after which there are so many bits. */
static void take_random(size_t count, unsigned bits)
{
    feed_random(&feeds[0], count);
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), bits);
}

START_TEST(sources_that_port_h_does_not_allow_are_refused)
{
    const struct selkie_source good[2] = {sources[0], sources[1]};
    port.source_count = 0;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = SELKIE_PORT_SOURCES_MAX + 1;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = 1;
    sources[0].claim = 33;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    sources[0] = good[0];
    sources[0].read = NULL;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    for (int kind = SELKIE_SOURCE_TRNG; kind <= SELKIE_SOURCE_NOISE; kind++) {
        sources[0] = good[0];
        sources[0].kind = (enum selkie_source_kind)kind;
        sources[0].dead_ms = 0; /* nobody would notice its death */
        ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    }
    sources[0] = good[1];
    sources[0].tick_hz = 999999; /* too coarse a timer */
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    sources[0] = sources[1] = good[1];
    port.source_count = 2; /* two buttons are one source: one machine may press both */
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = 1;
    sources[0] = good[0];
    feed_begin();
}
END_TEST

START_TEST(nothing_counts_before_the_start_up_test)
{
    feed_begin();
    take_random(1023, 0);
    take_random(1, SELKIE_ENTROPY_NEEDED);
}
END_TEST

static void feed_stuck(struct feed *feed, size_t count)
{
    while (count-- > 0)
        feed->samples[feed->count++] = 0xff;
}

/* However good it is from now on. */
static void expect_refused_for_good(void)
{
    feed_random(&feeds[0], 3000);
    ck_assert_int_eq(feed_gather(1), SELKIE_EENTROPY);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}

START_TEST(a_stuck_source_is_refused_for_good)
{
    for (int boot = 0; boot < 3; boot++) {
        feeds[0].count = feeds[0].at = 0;
        feed_begin();
        feed_stuck(&feeds[0], 30); /* ten for each alarm */
        ck_assert_int_eq(feed_gather(0), SELKIE_EENTROPY);
        expect_refused_for_good();
        selkie_entropy_wipe(&entropy);
    }
}
END_TEST

/* As an ADC that sees the mains: 50 Hz are 20 samples at 1 kHz. Whatever is in a period, it comes again and again. */
START_TEST(a_periodic_source_is_refused_for_good)
{
    static const enum selkie_source_kind kinds[] = {SELKIE_SOURCE_TRNG, SELKIE_SOURCE_NOISE};
    static const unsigned periods[] = {17, 18, 20, 24, 32, 40, 50, 64, 100, 256, 500};
    static const uint8_t claims[] = {4, 16, 28};
    sources[0].kind = kinds[_i % 2];
    sources[0].claim = claims[_i / 2];
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        unsigned period = periods[i] < 482 || _i / 2 > 0 ? periods[i] : 482; /* 512 - 30 for one bit */
        feeds[0].count = feeds[0].at = 0;
        feed_begin();
        feed_random(&feeds[0], period);
        while (feeds[0].count < 3 * 1024) {
            feeds[0].samples[feeds[0].count] = feeds[0].samples[feeds[0].count - period];
            feeds[0].count++;
        }
        ck_assert_int_eq(feed_gather(0), SELKIE_EENTROPY);
        ck_assert_uint_eq(selkie_entropy_alarms(&entropy), SELKIE_ENTROPY_ALARMS);
        expect_refused_for_good();
        selkie_entropy_wipe(&entropy);
    }
}
END_TEST

START_TEST(an_alarm_takes_everything_back_and_is_no_end)
{
    /* In the start-up test, and after it. */
    static const struct {
        size_t samples;
        unsigned bits;
    } good[] = {{500, 0}, {1040, 260}};
    sources[0].claim = 1;
    feed_begin();
    take_random(good[_i].samples, good[_i].bits);
    feed_stuck(&feeds[0], 121); /* 1 + 30 / H */
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_eq(selkie_entropy_alarms(&entropy), 1);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
    ck_assert_uint_eq(selkie_entropy_progress(&entropy), 0);
    take_random(1023, 0);
    take_random(1, 256);
    ck_assert_uint_eq(selkie_entropy_alarms(&entropy), 1);
}
END_TEST

START_TEST(the_third_alarm_is_the_end)
{
    feed_begin();
    for (unsigned alarms = 1; alarms <= SELKIE_ENTROPY_ALARMS; alarms++) {
        feed_random(&feeds[0], 1000); /* good for long, but never long enough */
        ck_assert_int_eq(feed_gather(0), 0);
        feed_stuck(&feeds[0], 9);
        ck_assert_int_eq(feed_gather(0), alarms < SELKIE_ENTROPY_ALARMS ? 0 : SELKIE_EENTROPY);
    }
    expect_refused_for_good();
}
END_TEST

START_TEST(a_source_that_fails_is_refused)
{
    feed_begin();
    feeds[0].failure = -1;
    ck_assert_int_eq(feed_gather(0), SELKIE_EENTROPY);
    feeds[0].failure = 0;
    expect_refused_for_good();
}
END_TEST

START_TEST(a_source_that_returns_nonsense_is_refused)
{
    feed_begin();
    feeds[0].failure = 1000; /* more than was asked for */
    ck_assert_int_eq(feed_gather(0), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_dead_source_is_refused)
{
    feed_begin();
    feed_random(&feeds[0], 100);
    ck_assert_int_eq(feed_gather(5000), 0);
    ck_assert_int_eq(feed_gather(6000), 0);
    ck_assert_int_eq(feed_gather(6001), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_failed_source_keeps_no_credit_and_the_other_carries)
{
    port.source_count = 2;
    feed_begin();
    feed_press(&feeds[1], 0);
    for (unsigned i = 0; i < 40; i++)
        feed_press(&feeds[1], feed_human());
    ck_assert_int_eq(feed_gather(0), 0);
    unsigned from_buttons = selkie_entropy_bits(&entropy);
    ck_assert_uint_gt(from_buttons, 100);
    feeds[0].failure = -1;
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), from_buttons);
    for (unsigned i = 0; i < 120; i++)
        feed_press(&feeds[1], feed_human());
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(each_draw_needs_new_entropy)
{
    uint8_t first[SELKIE_ENTROPY_SEED], second[SELKIE_ENTROPY_SEED];
    feed_begin();
    feed_random(&feeds[0], 1024);
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, first), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, second), SELKIE_ENOTREADY);
    feed_random(&feeds[0], 80);
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, second), 0);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

START_TEST(one_sample_changes_the_whole_seed)
{
    uint8_t first[SELKIE_ENTROPY_SEED], second[SELKIE_ENTROPY_SEED];
    for (int run = 0; run < 2; run++) {
        feed_set_up();
        feed_begin();
        feed_random(&feeds[0], 1024);
        feeds[0].samples[500] ^= (uint32_t)run;
        ck_assert_int_eq(feed_gather(0), 0);
        ck_assert_int_eq(selkie_entropy_draw(&entropy, run == 0 ? first : second), 0);
        selkie_entropy_wipe(&entropy);
    }
    unsigned same = 0;
    for (size_t i = 0; i < sizeof first; i++)
        same += first[i] == second[i];
    ck_assert_uint_lt(same, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entropy");
    TCase *tc = tcase_create("entropy");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, feed_set_up, feed_tear_down);
    tcase_add_test(tc, sources_that_port_h_does_not_allow_are_refused);
    tcase_add_test(tc, nothing_counts_before_the_start_up_test);
    tcase_add_test(tc, a_stuck_source_is_refused_for_good);
    tcase_add_loop_test(tc, a_periodic_source_is_refused_for_good, 0, 6);
    tcase_add_loop_test(tc, an_alarm_takes_everything_back_and_is_no_end, 0, 2);
    tcase_add_test(tc, the_third_alarm_is_the_end);
    tcase_add_test(tc, a_source_that_fails_is_refused);
    tcase_add_test(tc, a_source_that_returns_nonsense_is_refused);
    tcase_add_test(tc, a_dead_source_is_refused);
    tcase_add_test(tc, a_failed_source_keeps_no_credit_and_the_other_carries);
    tcase_add_test(tc, each_draw_needs_new_entropy);
    tcase_add_test(tc, one_sample_changes_the_whole_seed);
    return run_suite(suite);
}
