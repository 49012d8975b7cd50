/* SPDX-License-Identifier: Apache-2.0 */
#include "model/history.h"
#include "run_suite.h"
#include "vectors/test_random.h"

#include <check.h>
#include <selkie/error.h>
#include <stdlib.h>
#include <string.h>

static struct selkie_history history;

static void begin(void)
{
    memset(&history, 0, sizeof history);
}

static void accept_range(uint32_t first, uint32_t last)
{
    for (uint64_t c = first; c <= last; c++)
        (void)selkie_history_accept(&history, (uint32_t)c);
}

START_TEST(a_whole_history_needs_no_storage)
{
    accept_range(0, 40000);
    ck_assert(selkie_history_is_whole(&history));
    ck_assert(!selkie_history_is_open(&history, 40000));
    ck_assert(!selkie_history_is_open(&history, 0));
    ck_assert(!selkie_history_is_open(&history, 40001));
}
END_TEST

START_TEST(what_another_gateway_has_is_open_until_it_comes)
{
    /* 50 through the first gateway, of 3,050; the other 3,000 a day late. */
    accept_range(0, 24);
    accept_range(3025, 3049);
    for (uint32_t c = 25; c < 3025; c++) {
        ck_assert(selkie_history_is_open(&history, c));
        ck_assert_uint_eq(selkie_history_accept(&history, c), 0);
        ck_assert(!selkie_history_is_open(&history, c));
    }
    ck_assert(selkie_history_is_whole(&history));
}
END_TEST

START_TEST(a_jump_leaves_a_gap_that_the_device_walks_through)
{
    accept_range(0, 99);
    ck_assert_uint_eq(selkie_history_accept(&history, 200099), 0);
    for (uint32_t c = 100; c < 60000; c++) {
        ck_assert(selkie_history_is_open(&history, c));
        ck_assert_uint_eq(selkie_history_accept(&history, c), 0);
        ck_assert(!selkie_history_is_open(&history, c));
    }
    ck_assert(!selkie_history_is_open(&history, 50));
    /* From above as well, down to the last one. */
    accept_range(60000, 200098);
    ck_assert(selkie_history_is_whole(&history));
}
END_TEST

START_TEST(a_gap_that_became_short_stays)
{
    accept_range(0, 0);
    accept_range(50000, 50000);
    accept_range(1, 33000);
    accept_range(50001, 50001 + 2 * SELKIE_HISTORY_COUNTERS); /* the bitmap leaves it behind */
    for (uint32_t c = 33001; c < 50000; c++)
        ck_assert_msg(selkie_history_is_open(&history, c), "%u", c);
    accept_range(33001, 49990);
    for (uint32_t c = 49991; c < 50000; c++) {
        ck_assert(selkie_history_is_open(&history, c));
        (void)selkie_history_accept(&history, c);
    }
    ck_assert(selkie_history_is_whole(&history));
}
END_TEST

START_TEST(few_open_counters_are_given_up_with_the_bitmap)
{
    uint64_t lost = 0;

    (void)selkie_history_accept(&history, 1000); /* 0 to 999 are open */
    for (uint32_t c = 1001; c < 1001 + SELKIE_HISTORY_COUNTERS; c++)
        lost += selkie_history_accept(&history, c);
    ck_assert_uint_eq(lost, 1000);
    ck_assert(!selkie_history_is_open(&history, 500));
    ck_assert(selkie_history_is_whole(&history));
}
END_TEST

START_TEST(the_narrowest_of_nine_gaps_is_given_up)
{
    uint32_t c = 0;
    uint64_t lost = 0;

    for (uint32_t i = 0; i < 9; i++) {
        lost += selkie_history_accept(&history, c);
        c += 20000 + (i == 4 ? 0 : i + 1) + SELKIE_HISTORY_COUNTERS;
    }
    lost += selkie_history_accept(&history, c);
    lost += selkie_history_accept(&history, c + 2 * SELKIE_HISTORY_COUNTERS);
    ck_assert_uint_eq(history.gap_count, SELKIE_HISTORY_GAPS);
    ck_assert_uint_gt(lost, 20000);
}
END_TEST

/* A thief jumps far more often than there is room for gaps, each time farther than before, and says something more
 * after each jump or not. The device speaks in between, or only at the end. */
START_TEST(no_jumps_take_the_gap_that_the_device_speaks_in)
{
    uint32_t device = 100;

    accept_range(0, 99);
    for (uint32_t jump = 1; jump <= 20; jump++) {
        (void)selkie_history_accept(&history, history.highest + 20000 + 2000 * jump);
        if (_i == 0)
            continue;
        ck_assert_msg(selkie_history_is_open(&history, device), "jump %u", jump);
        (void)selkie_history_accept(&history, device++);
    }
    ck_assert_uint_eq(history.gap_count, SELKIE_HISTORY_GAPS);
    for (; device < 15000; device++) {
        ck_assert_msg(selkie_history_is_open(&history, device), "%u", device);
        (void)selkie_history_accept(&history, device);
    }
}
END_TEST

/* A thief climbs in steps too narrow for a gap; where the device speaks stays open, so its next frame rings. */
START_TEST(no_staircase_takes_the_place_that_the_device_speaks_in)
{
    static const uint32_t steps[] = {18, 24, 36, 200};

    accept_range(0, 99);
    for (uint32_t i = 1; i <= steps[_i]; i++)
        (void)selkie_history_accept(&history, 99 + 1000 * i);
    ck_assert(selkie_history_is_open(&history, 100));
    (void)selkie_history_accept(&history, 100);
    (void)selkie_history_accept(&history, history.highest + 200000);
    ck_assert(selkie_history_is_open(&history, 101));
}
END_TEST

/* The device answers the first jump while its gap is still among the last 16,384, and then the thief jumps on. */
START_TEST(a_device_that_speaks_in_the_bitmap_keeps_its_place)
{
    accept_range(0, 100);
    (void)selkie_history_accept(&history, 2100);
    (void)selkie_history_accept(&history, 101);
    for (uint32_t jump = 0; jump < 9; jump++)
        (void)selkie_history_accept(&history, history.highest + 200000);
    ck_assert(selkie_history_is_open(&history, 102));
}
END_TEST

/* Its gap is parted by each frame that it loses, and the pieces are given up before the part that it goes on in. */
START_TEST(a_device_that_loses_frames_in_its_gap_keeps_its_place)
{
    accept_range(0, 99);
    for (uint32_t jump = 0; jump < 9; jump++)
        (void)selkie_history_accept(&history, history.highest + 60000);
    for (uint32_t device = 101; device < 30000; device += 1 + device % 3) {
        ck_assert_msg(selkie_history_is_open(&history, device), "%u", device);
        (void)selkie_history_accept(&history, device);
    }
}
END_TEST

START_TEST(a_frame_lost_behind_a_jump_may_come_late)
{
    accept_range(0, 99);
    (void)selkie_history_accept(&history, 200000);
    (void)selkie_history_accept(&history, 101);
    ck_assert(selkie_history_is_open(&history, 100));
    ck_assert_uint_eq(selkie_history_accept(&history, 100), 0);
    ck_assert(selkie_history_is_open(&history, 102));
}
END_TEST

/* Eight gaps of 2,000 counters, and then a hole of 5,000 that leaves the bitmap counter by counter. */
START_TEST(a_hole_is_compared_when_it_is_complete)
{
    uint64_t lost = 0;
    uint32_t hole;

    accept_range(0, 0);
    for (int i = 0; i < 8; i++) {
        lost += selkie_history_accept(&history, history.highest + 2001);
        accept_range(history.highest + 1, history.highest + SELKIE_HISTORY_COUNTERS);
    }
    ck_assert_uint_eq(history.gap_count, SELKIE_HISTORY_GAPS);
    hole = history.highest + 1;
    lost += selkie_history_accept(&history, hole + 5000);
    for (uint32_t c = hole + 5001; c < hole + 5001 + SELKIE_HISTORY_COUNTERS; c++)
        lost += selkie_history_accept(&history, c);
    for (uint32_t c = hole; c < hole + 5000; c++)
        ck_assert_msg(selkie_history_is_open(&history, c), "%u", c - hole);
    ck_assert_uint_eq(history.gap_count, SELKIE_HISTORY_GAPS);
    ck_assert_uint_eq(lost, 2000);
}
END_TEST

START_TEST(the_first_and_the_last_counter_are_counters_like_others)
{
    ck_assert_uint_eq(selkie_history_accept(&history, UINT32_MAX), 0);
    ck_assert(selkie_history_is_open(&history, 0));
    ck_assert(selkie_history_is_open(&history, UINT32_MAX - 1));
    ck_assert(!selkie_history_is_open(&history, UINT32_MAX));
    ck_assert_uint_eq(selkie_history_accept(&history, 0), 0);
    ck_assert(!selkie_history_is_open(&history, 0));
    ck_assert(selkie_history_is_open(&history, 1));
}
END_TEST

START_TEST(a_session_frame_finds_the_counter_behind_a_wide_gaps_lower_end)
{
    uint32_t counter;

    accept_range(0, 69999);
    (void)selkie_history_accept(&history, 270000);
    ck_assert(selkie_history_session_counter(&history, 0, (uint16_t)70000, &counter));
    ck_assert_uint_eq(counter, 70000);
    ck_assert(selkie_history_session_counter(&history, 0, (uint16_t)(70000 + 5), &counter));
    ck_assert_uint_eq(counter, 70005);
    ck_assert(selkie_history_session_counter(&history, 0, (uint16_t)69999, &counter));
    ck_assert_uint_eq(counter, 69999 + 65536);
    ck_assert(!selkie_history_session_counter(&history, 1, 0, &counter));
    begin();
    accept_range(0, 99);
    (void)selkie_history_accept(&history, 30000); /* near enough to the highest */
    ck_assert(!selkie_history_session_counter(&history, 0, 100, &counter));
}
END_TEST

/* A device that a jump left behind is found at each of its counters, until it has caught up. */
START_TEST(each_counter_behind_a_jump_is_found_by_its_low_bits)
{
    static const uint32_t jumps[] = {32769, 40000, 49151, 70000, 200000};
    uint32_t found;

    accept_range(0, 9);
    (void)selkie_history_accept(&history, 9 + jumps[_i]);
    for (uint32_t c = 10; c < 9 + jumps[_i]; c++) {
        if (history.highest - c > 32767) {
            ck_assert_msg(selkie_history_session_counter(&history, 0, (uint16_t)c, &found), "%u", c);
            ck_assert_uint_eq(found, c);
        }
        (void)selkie_history_accept(&history, c);
    }
    ck_assert(selkie_history_is_whole(&history));
}
END_TEST

START_TEST(a_device_is_found_below_a_gap_that_was_parted)
{
    uint32_t found;

    accept_range(0, 9);
    (void)selkie_history_accept(&history, 200009);
    (void)selkie_history_accept(&history, 10 + 32767);
    ck_assert(selkie_history_session_counter(&history, 0, 10, &found));
    ck_assert_uint_eq(found, 10);
}
END_TEST

/* Against a set of all counters: whatever is open was not accepted, and what the bitmap holds is exact. */
START_TEST(a_naive_model_agrees)
{
    enum { RANGE = 150000 };
    static uint8_t accepted[RANGE], given_up[RANGE];
    struct test_random random;
    uint32_t highest = 0;
    uint64_t lost = 0, open = 0;

    random.state = (uint64_t)_i + 1;
    memset(accepted, 0, sizeof accepted);
    memset(given_up, 0, sizeof given_up);
    for (int step = 0; step < 20000; step++) {
        uint32_t draw = (uint32_t)test_random_below(&random, 1000);
        uint32_t counter = highest + 1;
        if (draw < 5)
            counter = highest + 1 + (uint32_t)test_random_below(&random, 5000);
        else if (draw < 10)
            counter = highest + 1 + (uint32_t)test_random_below(&random, 20);
        else if (draw < 500)
            counter = (uint32_t)test_random_below(&random, highest + 1);
        if (counter >= RANGE)
            break;
        bool is_new = !history.any || counter > history.highest;
        bool was_open = selkie_history_is_open(&history, counter);
        ck_assert(!was_open || !accepted[counter]);
        if (!is_new && counter + SELKIE_HISTORY_COUNTERS > history.highest)
            ck_assert_msg(was_open == !accepted[counter], "%u of %u", counter, history.highest);
        if (!is_new && !was_open)
            continue;
        lost += selkie_history_accept(&history, counter);
        accepted[counter] = 1;
        highest = counter > highest ? counter : highest;
        if (step % 2500 == 0) {
            uint8_t bytes[SELKIE_HISTORY_SIZE_MAX];
            struct selkie_history copy = {.any = true, .highest = history.highest};
            size_t len = selkie_history_encode(bytes, &history);
            ck_assert_int_eq(selkie_history_decode(&copy, bytes, len), 0);
            for (uint32_t c = 0; c <= highest; c++)
                ck_assert(selkie_history_is_open(&copy, c) == selkie_history_is_open(&history, c));
        }
    }
    uint64_t missing = 0;
    for (uint32_t c = 0; c <= highest; c++) {
        missing += !accepted[c];
        open += selkie_history_is_open(&history, c);
    }
    ck_assert_uint_eq(missing, open + lost);
}
END_TEST

START_TEST(damaged_bytes_are_refused)
{
    uint8_t bytes[SELKIE_HISTORY_SIZE_MAX];
    struct selkie_history copy = {.any = true};

    accept_range(0, 10);
    (void)selkie_history_accept(&history, 100000);
    size_t len = selkie_history_encode(bytes, &history);
    ck_assert_int_eq(selkie_history_decode(&copy, bytes, len), 0);
    ck_assert_int_eq(selkie_history_decode(&copy, bytes, len - 1), SELKIE_EMALFORMED);
    ck_assert_int_eq(selkie_history_decode(&copy, bytes, 0), SELKIE_EMALFORMED);
    bytes[SELKIE_HISTORY_COUNTERS / 8] = SELKIE_HISTORY_GAPS + 1;
    ck_assert_int_eq(selkie_history_decode(&copy, bytes, len), SELKIE_EMALFORMED);
    len = selkie_history_encode(bytes, &history);
    memset(bytes + SELKIE_HISTORY_COUNTERS / 8 + 2, 0xff, 4); /* a gap that ends before it begins */
    ck_assert_int_eq(selkie_history_decode(&copy, bytes, len), SELKIE_EMALFORMED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");

    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, a_whole_history_needs_no_storage);
    tcase_add_test(tcase, what_another_gateway_has_is_open_until_it_comes);
    tcase_add_test(tcase, a_jump_leaves_a_gap_that_the_device_walks_through);
    tcase_add_test(tcase, a_gap_that_became_short_stays);
    tcase_add_test(tcase, few_open_counters_are_given_up_with_the_bitmap);
    tcase_add_test(tcase, the_narrowest_of_nine_gaps_is_given_up);
    tcase_add_loop_test(tcase, no_jumps_take_the_gap_that_the_device_speaks_in, 0, 2);
    tcase_add_loop_test(tcase, no_staircase_takes_the_place_that_the_device_speaks_in, 0, 4);
    tcase_add_test(tcase, a_device_that_speaks_in_the_bitmap_keeps_its_place);
    tcase_add_test(tcase, a_device_that_loses_frames_in_its_gap_keeps_its_place);
    tcase_add_test(tcase, a_frame_lost_behind_a_jump_may_come_late);
    tcase_add_test(tcase, a_hole_is_compared_when_it_is_complete);
    tcase_add_test(tcase, the_first_and_the_last_counter_are_counters_like_others);
    tcase_add_test(tcase, a_session_frame_finds_the_counter_behind_a_wide_gaps_lower_end);
    tcase_add_loop_test(tcase, each_counter_behind_a_jump_is_found_by_its_low_bits, 0, 5);
    tcase_add_test(tcase, a_device_is_found_below_a_gap_that_was_parted);
    tcase_add_loop_test(tcase, a_naive_model_agrees, 0, 4);
    tcase_add_test(tcase, damaged_bytes_are_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
