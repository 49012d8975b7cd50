/* SPDX-License-Identifier: Apache-2.0 */
#include "inflight.h"
#include "run_suite.h"

static struct selkie_inflight inflight;

START_TEST(inflight_takes_no_more_than_its_limit)
{
    selkie_inflight_reset(&inflight, 2, 10);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 1, 0, 11, 100);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 2, 0, 12, 200);
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 11, 0, 160));
    ck_assert(!selkie_inflight_has_room(&inflight)); /* a PUBACK is no receipt */
    ck_assert(selkie_inflight_remove(&inflight, 1));
    ck_assert(selkie_inflight_has_room(&inflight));
}
END_TEST

START_TEST(inflight_respects_what_the_broker_takes_unanswered)
{
    selkie_inflight_reset(&inflight, 10, 2);
    selkie_inflight_add(&inflight, 1, 0, 11, 100);
    selkie_inflight_add(&inflight, 2, 0, 12, 100);
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert(!selkie_inflight_may_publish(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 12, 0, 160));
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 3, 0, 13, 100);
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert(selkie_inflight_remove(&inflight, 1)); /* receipted before it was answered */
    ck_assert(selkie_inflight_has_room(&inflight));
}
END_TEST

START_TEST(inflight_never_stalls_on_a_broker_that_takes_nothing)
{
    selkie_inflight_reset(&inflight, 4, 0);
    ck_assert(selkie_inflight_has_room(&inflight));
}
END_TEST

START_TEST(answer_is_kept_and_counts_once)
{
    selkie_inflight_reset(&inflight, 4, 4);
    selkie_inflight_add(&inflight, 7, 0, 70, 100);
    struct selkie_inflight_entry *entry = selkie_inflight_answered(&inflight, 70, 0x97, 160);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(entry->seq, 7);
    ck_assert_int_eq(entry->reason, 0x97);
    ck_assert_ptr_null(selkie_inflight_answered(&inflight, 70, 0, 160));
    ck_assert_ptr_null(selkie_inflight_answered(&inflight, 71, 0, 160));
    ck_assert_uint_eq(inflight.unanswered, 0);
    selkie_inflight_sent_again(&inflight, entry, 71, 300);
    ck_assert_uint_eq(inflight.unanswered, 1);
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 71, 0, 160));
}
END_TEST

/* A week of single frames is no reason to put a backlog of a thousand into a way that has become slow since. */
START_TEST(window_that_is_not_used_does_not_grow)
{
    selkie_inflight_reset(&inflight, 1000, 1000);
    for (int i = 1; i <= 100; i++) {
        selkie_inflight_add(&inflight, i, 0, i, 100);
        ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, i, 0, 160));
        ck_assert(selkie_inflight_remove(&inflight, i));
    }
    ck_assert_uint_eq(inflight.ramp, SELKIE_INFLIGHT_FIRST);
    for (int i = 1; selkie_inflight_has_room(&inflight); i++)
        selkie_inflight_add(&inflight, 100 + i, 0, 100 + i, 100);
    for (int i = 1; i <= SELKIE_INFLIGHT_FIRST; i++)
        ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 100 + i, 0, 160));
    ck_assert_uint_gt(inflight.ramp, SELKIE_INFLIGHT_FIRST);
}
END_TEST

START_TEST(no_token_answers_nothing)
{
    selkie_inflight_reset(&inflight, 4, 4);
    selkie_inflight_add(&inflight, 7, 0, 70, 100);
    ck_assert_ptr_nonnull(
        selkie_inflight_answered(&inflight, 70, 0, 160)); /* it now waits for its receipt, without a token */
    ck_assert_ptr_null(selkie_inflight_answered(&inflight, 0, 0, 160));
    ck_assert_ptr_null(selkie_inflight_answered(&inflight, -1, 0, 160));
    ck_assert_uint_eq(inflight.unanswered, 0);
}
END_TEST

START_TEST(oldest_is_the_one_that_was_answered_longest_ago)
{
    selkie_inflight_reset(&inflight, 4, 4);
    selkie_inflight_add(&inflight, 1, 0, 11, 100);
    selkie_inflight_add(&inflight, 2, 0, 12, 150);
    ck_assert_ptr_null(selkie_inflight_oldest_answered(&inflight)); /* they wait for the broker */
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 12, 0, 160));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 11, 0, 170));
    ck_assert_int_eq(selkie_inflight_oldest_answered(&inflight)->seq, 2);
    selkie_inflight_sent_again(&inflight, selkie_inflight_oldest_answered(&inflight), 13, 200);
    ck_assert_int_eq(selkie_inflight_oldest_answered(&inflight)->seq, 1);
    ck_assert_uint_eq(inflight.unanswered, 1);
    selkie_inflight_sent_again(&inflight, selkie_inflight_oldest_answered(&inflight), 14, 200);
    ck_assert_uint_eq(inflight.unanswered, 2);
    ck_assert_ptr_null(selkie_inflight_answered(&inflight, 12, 0, 210)); /* of a publish before the last one */
}
END_TEST

START_TEST(connection_begins_with_few_and_follows_the_answers)
{
    selkie_inflight_reset(&inflight, 100, 100);
    for (int i = 1; i <= SELKIE_INFLIGHT_FIRST; i++) {
        ck_assert(selkie_inflight_has_room(&inflight));
        selkie_inflight_add(&inflight, i, 0, i, 100);
    }
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 1, 0, 160));
    selkie_inflight_add(&inflight, 50, 0, 50, 170);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 51, 0, 51, 170);
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 2, 0, 200 + SELKIE_INFLIGHT_QUICK_US));
    selkie_inflight_add(&inflight, 52, 0, 52, 200 + SELKIE_INFLIGHT_QUICK_US);
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 3, 0, 200 + SELKIE_INFLIGHT_LATE_US));
    ck_assert(!selkie_inflight_has_room(&inflight));
    selkie_inflight_reset(&inflight, 100, 100);
    ck_assert_uint_eq(inflight.ramp, SELKIE_INFLIGHT_FIRST);
}
END_TEST

START_TEST(removing_what_is_not_there_changes_nothing)
{
    selkie_inflight_reset(&inflight, 4, 4);
    selkie_inflight_add(&inflight, 5, 0, 11, 100);
    ck_assert(!selkie_inflight_remove(&inflight, 4));
    ck_assert(selkie_inflight_remove(&inflight, 5));
    ck_assert(!selkie_inflight_remove(&inflight, 5));
    ck_assert_uint_eq(inflight.count, 0);
    ck_assert_uint_eq(inflight.unanswered, 0);
}
END_TEST

enum { AWAY = 2, THERE = 1 };

START_TEST(frames_of_a_key_without_receipts_wait_for_one_of_them)
{
    selkie_inflight_reset(&inflight, 8, 8);
    for (int i = 1; i <= 3; i++)
        selkie_inflight_add(&inflight, i, AWAY, i, 100);
    selkie_inflight_add(&inflight, 4, THERE, 4, 100);
    for (int i = 1; i <= 4; i++)
        ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, i, 0, 200));
    ck_assert(!selkie_inflight_waits(&inflight, 5, AWAY));
    ck_assert(selkie_inflight_set_aside(&inflight, selkie_inflight_oldest_answered(&inflight)));
    ck_assert(selkie_inflight_set_aside(&inflight, selkie_inflight_oldest_answered(&inflight)));
    ck_assert(!selkie_inflight_set_aside(&inflight, selkie_inflight_oldest_answered(&inflight))); /* the last one */
    ck_assert(selkie_inflight_has(&inflight, 3));
    ck_assert_uint_eq(inflight.count, 2);
    ck_assert(selkie_inflight_waits(&inflight, 5, AWAY));
    ck_assert(!selkie_inflight_waits(&inflight, 6, THERE));
    ck_assert(!selkie_inflight_waits(&inflight, 7, 0));
    ck_assert_int_eq(selkie_inflight_receipted(&inflight, 4, 300), INT64_MAX);
    ck_assert_int_eq(selkie_inflight_receipted(&inflight, 3, 300),
                     1); /* read again from the first that was set aside */
    ck_assert(!selkie_inflight_waits(&inflight, 5, AWAY));
    ck_assert_int_eq(selkie_inflight_receipted(&inflight, 3, 300), INT64_MAX);
}
END_TEST

/* One frame was dropped, by a full intake: the key is there. */
START_TEST(a_receipt_of_the_same_key_meanwhile_holds_nothing_back)
{
    selkie_inflight_reset(&inflight, 8, 8);
    for (int i = 1; i <= 3; i++) {
        selkie_inflight_add(&inflight, i, THERE, i, 100);
        ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, i, 0, 200));
    }
    ck_assert_int_eq(selkie_inflight_receipted(&inflight, 2, 300), INT64_MAX);
    ck_assert(!selkie_inflight_set_aside(&inflight, selkie_inflight_oldest_answered(&inflight)));
    ck_assert(!selkie_inflight_waits(&inflight, 9, THERE));
}
END_TEST

/* The spool dropped it; the next one takes its place. Over a reconnection, the key's frames wait again. */
START_TEST(one_that_is_gone_or_under_way_no_more_has_a_successor)
{
    selkie_inflight_reset(&inflight, 8, 8);
    for (int i = 1; i <= 2; i++) {
        selkie_inflight_add(&inflight, i, AWAY, i, 100);
        ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, i, 0, 1000));
    }
    ck_assert(selkie_inflight_set_aside(&inflight, selkie_inflight_oldest_answered(&inflight)));
    ck_assert(selkie_inflight_waits(&inflight, 5, AWAY));
    ck_assert_int_eq(selkie_inflight_gone(&inflight, 2), 1);
    ck_assert(!selkie_inflight_waits(&inflight, 1, AWAY));
    selkie_inflight_add(&inflight, 1, AWAY, 3, 2000);
    ck_assert(selkie_inflight_waits(&inflight, 5, AWAY));
    selkie_inflight_reset(&inflight, 8, 8);
    ck_assert(!selkie_inflight_waits(&inflight, 1, AWAY));
    selkie_inflight_add(&inflight, 1, AWAY, 4, 3000);
    ck_assert(selkie_inflight_waits(&inflight, 5, AWAY));
    ck_assert_int_eq(selkie_inflight_receipted(&inflight, 1, 4000), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inflight");
    TCase *tcase = tcase_create("inflight");

    tcase_add_test(tcase, inflight_takes_no_more_than_its_limit);
    tcase_add_test(tcase, inflight_respects_what_the_broker_takes_unanswered);
    tcase_add_test(tcase, inflight_never_stalls_on_a_broker_that_takes_nothing);
    tcase_add_test(tcase, answer_is_kept_and_counts_once);
    tcase_add_test(tcase, window_that_is_not_used_does_not_grow);
    tcase_add_test(tcase, no_token_answers_nothing);
    tcase_add_test(tcase, oldest_is_the_one_that_was_answered_longest_ago);
    tcase_add_test(tcase, connection_begins_with_few_and_follows_the_answers);
    tcase_add_test(tcase, removing_what_is_not_there_changes_nothing);
    tcase_add_test(tcase, frames_of_a_key_without_receipts_wait_for_one_of_them);
    tcase_add_test(tcase, a_receipt_of_the_same_key_meanwhile_holds_nothing_back);
    tcase_add_test(tcase, one_that_is_gone_or_under_way_no_more_has_a_successor);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
