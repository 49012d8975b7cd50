/* SPDX-License-Identifier: Apache-2.0 */
/* When a line is deaf: after enough bytes and enough time without a frame; noise and single broken frames make no
 * alarm, and rare frames among noise no flapping. */
#include "hearing.h"
#include "run_suite.h"

#define ENOUGH SELKIE_HEARING_BYTES
#define FIRST  SELKIE_HEARING_FIRST_MS
#define DAY    SELKIE_HEARING_MAX_MS

static struct selkie_hearing hearing;

static void setup(void)
{
    selkie_hearing_init(&hearing, 5000);
}

START_TEST(bytes_without_a_frame_make_a_line_deaf)
{
    ck_assert(!selkie_hearing_bytes(&hearing, 10 * ENOUGH, false, 5000)); /* not at once: it may be a boot message */
    ck_assert(!selkie_hearing_bytes(&hearing, 1, false, 5000 + FIRST - 1));
    ck_assert_int_eq(selkie_hearing_deaf_s(&hearing, 5000 + FIRST - 1), -1);
    ck_assert(selkie_hearing_bytes(&hearing, 1, false, 5000 + FIRST));
    ck_assert_int_eq(selkie_hearing_deaf_s(&hearing, 5000 + FIRST + 2500), FIRST / 1000 + 2);
    ck_assert(!selkie_hearing_bytes(&hearing, ENOUGH, false, 5000 + 2 * FIRST)); /* said once */
    ck_assert_uint_eq(hearing.bytes, 11 * ENOUGH + 2);
}
END_TEST

START_TEST(a_frame_ends_it)
{
    ck_assert(selkie_hearing_bytes(&hearing, ENOUGH, false, 5000 + FIRST));
    ck_assert_int_eq(selkie_hearing_frame(&hearing, 5000 + FIRST + 1000), FIRST / 1000 + 1);
    ck_assert_int_eq(selkie_hearing_deaf_s(&hearing, 5000 + FIRST + 1000), -1);
    ck_assert_int_eq(selkie_hearing_frame_age_s(&hearing, 5000 + FIRST + 4000), 3);
    ck_assert_int_eq(selkie_hearing_frame(&hearing, 5000 + 2 * FIRST), 0);
}
END_TEST

START_TEST(a_little_noise_on_an_idle_line_is_no_deafness)
{
    for (int64_t hour = 1; hour <= 24; hour++)
        ck_assert(!selkie_hearing_bytes(&hearing, ENOUGH / 25, false, hour * 3600000));
    ck_assert_int_eq(selkie_hearing_frame_age_s(&hearing, 86400000), -1);
}
END_TEST

/* Each ten minutes a frame of the longest kind, of which every second one is lost. */
START_TEST(single_broken_frames_are_no_deafness)
{
    for (int64_t i = 1; i < 1000; i++) {
        ck_assert(!selkie_hearing_bytes(&hearing, 529, false, i * 600000));
        if (i % 2 == 0)
            (void)selkie_hearing_frame(&hearing, i * 600000);
    }
}
END_TEST

/* The bytes of a good frame come in pieces, after a long silence. */
START_TEST(nothing_is_decided_within_a_frame)
{
    ck_assert(!selkie_hearing_bytes(&hearing, ENOUGH, true, 5000 + DAY));
    ck_assert_int_eq(selkie_hearing_frame(&hearing, 5000 + DAY), 0);
    ck_assert(!selkie_hearing_bytes(&hearing, 1, false, 5000 + 2 * DAY));
}
END_TEST

/* A radio without squelch, 250 bytes a second, and one frame an hour, for thirty days. */
START_TEST(a_rare_frame_in_noise_does_not_flap)
{
    unsigned begins = 0, ends = 0;

    for (int64_t second = 0; second < 30 * 86400; second++) {
        int64_t now = 5000 + second * 1000;
        begins += selkie_hearing_bytes(&hearing, 250, false, now);
        if (second % 3600 == 3599)
            ends += selkie_hearing_frame(&hearing, now) > 0;
    }
    ck_assert_uint_eq(begins, 1);
    ck_assert_uint_eq(ends, 1);
}
END_TEST

/* Whoever sends one good frame when it hurts most gets no more than that out of it. */
START_TEST(who_sends_at_the_worst_time_fills_no_log)
{
    int64_t now = 5000;
    unsigned begins = 0;

    while (now < 366 * DAY) {
        if (selkie_hearing_bytes(&hearing, ENOUGH, false, now)) {
            begins++;
            ck_assert_int_gt(selkie_hearing_frame(&hearing, now), 0);
        }
        now += 1000;
    }
    ck_assert_uint_le(begins, 366 + 12); /* one a day once the limit is a day */
}
END_TEST

START_TEST(a_line_that_is_opened_again_begins_anew)
{
    ck_assert(selkie_hearing_bytes(&hearing, ENOUGH, false, 5000 + DAY));
    ck_assert_int_gt(selkie_hearing_frame(&hearing, 5000 + DAY), 0);
    selkie_hearing_open(&hearing, 5000 + 2 * DAY);
    ck_assert_int_eq(selkie_hearing_frame_age_s(&hearing, 5000 + 2 * DAY), DAY / 1000); /* that stays */
    ck_assert(!selkie_hearing_bytes(&hearing, ENOUGH, false, 5000 + 2 * DAY));
    ck_assert(selkie_hearing_bytes(&hearing, 1, false, 5000 + 2 * DAY + FIRST));
    selkie_hearing_open(&hearing, 5000 + 3 * DAY);
    ck_assert_int_eq(selkie_hearing_deaf_s(&hearing, 5000 + 3 * DAY), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hearing");
    TCase *tcase = tcase_create("hearing");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, bytes_without_a_frame_make_a_line_deaf);
    tcase_add_test(tcase, a_frame_ends_it);
    tcase_add_test(tcase, a_little_noise_on_an_idle_line_is_no_deafness);
    tcase_add_test(tcase, single_broken_frames_are_no_deafness);
    tcase_add_test(tcase, nothing_is_decided_within_a_frame);
    tcase_add_test(tcase, a_rare_frame_in_noise_does_not_flap);
    tcase_add_test(tcase, who_sends_at_the_worst_time_fills_no_log);
    tcase_add_test(tcase, a_line_that_is_opened_again_begins_anew);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
