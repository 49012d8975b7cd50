/* SPDX-License-Identifier: Apache-2.0 */
#include "recording.h"
#include <check.h>
#include <run_suite.h>
#include <string.h>

static struct recording recording;

static int read_text(const char *text)
{
    char copy[512];
    size_t len = strlen(text);
    ck_assert_uint_lt(len, sizeof copy);
    memcpy(copy, text, len + 1);
    FILE *file = fmemopen(copy, len, "r");
    ck_assert_ptr_nonnull(file);
    int line = recording_read(&recording, file);
    (void)fclose(file);
    return line;
}

START_TEST(edges_are_microseconds_since_the_first)
{
    static const uint32_t edges[] = {0, 152794, 152994};
    ck_assert_int_eq(read_text("Time [s],Channel 0\n0.000000000,0\n2.759349208,1\n2.912143167,0\n2.912343,1\n"), 0);
    ck_assert_uint_eq(recording.count, 3);
    ck_assert_mem_eq(recording.edges, edges, sizeof edges);
}
END_TEST

START_TEST(a_level_that_stays_is_no_edge)
{
    /* An export with a line for each sample, other channels, a trigger at 0, and lines that end as elsewhere. */
    ck_assert_int_eq(read_text("Time [s], Channel 0, Channel 1\r\n-0.5, 1, 0\r\n-0.1, 1, 1\r\n0.25, 0, 1\r\n0.5, 0, 0"),
                     0);
    ck_assert_uint_eq(recording.count, 1);
}
END_TEST

START_TEST(the_wrong_line_is_told)
{
    static const struct {
        const char *text;
        int line;
    } wrong[] = {{"Time [s],Channel 0\n0,0\n1,2\n", 3},
                 {"Time [s],Channel 0\n0;0\n", 2},
                 {"0,0\n2,1\n1,0\n", 3},
                 {"0,0\n1,1\n4295,0\n", 0},
                 {"0,0\n1,1\n4296,0\n", 3},
                 {"Time [s],Channel 0\nTime [s],Channel 0\n", 2},
                 {"Time [s],Channel 0\n0,1\n1,1\n", 3},
                 {"Time [s],Channel 0\n0,0\n1\n", 3}};
    ck_assert_int_eq(read_text(wrong[_i].text), wrong[_i].line);
}
END_TEST

START_TEST(what_the_hand_did_is_told_by_the_levels_at_rest)
{
    /* A press that bounces, its release, a glitch, a press, and a release that bounces. */
    static const uint32_t edges[] = {0,      100,    400, /* closed */
                                     150000,              /* open */
                                     400000, 400010,      /* open still */
                                     600000,              /* closed */
                                     700000, 700200, 719000 /* open */};
    memcpy(recording.edges, edges, sizeof edges);
    recording.count = sizeof edges / sizeof edges[0];
    struct recording_summary summary = recording_summarize(&recording, 20000);
    ck_assert_uint_eq(summary.moments, 5);
    ck_assert_uint_eq(summary.presses, 2);
    ck_assert_uint_eq(summary.releases, 2);
    ck_assert_uint_eq(summary.glitches, 1);
    ck_assert_uint_eq(summary.longest_bounce_us, 19000);
    ck_assert_uint_eq(summary.longest_pause_us, 18800);
    ck_assert_uint_eq(summary.shortest_rest_us, 100000);

    summary = recording_summarize(&recording, 18800); /* too short: one release is two glitches more */
    ck_assert_uint_eq(summary.moments, 6);
    ck_assert_uint_eq(summary.releases, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recording");
    TCase *tc = tcase_create("recording");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, edges_are_microseconds_since_the_first);
    tcase_add_test(tc, a_level_that_stays_is_no_edge);
    tcase_add_loop_test(tc, the_wrong_line_is_told, 0, 8);
    tcase_add_test(tc, what_the_hand_did_is_told_by_the_levels_at_rest);
    return run_suite(suite);
}
