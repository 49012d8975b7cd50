/* SPDX-License-Identifier: Apache-2.0 */
#include "inflight.h"
#include "run_suite.h"

static struct selkie_inflight inflight;

START_TEST(inflight_takes_no_more_than_its_limit)
{
    selkie_inflight_reset(&inflight, 2, 10);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 1, 11, 100);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 2, 12, 200);
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
    selkie_inflight_add(&inflight, 1, 11, 100);
    selkie_inflight_add(&inflight, 2, 12, 100);
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert(!selkie_inflight_may_publish(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 12, 0, 160));
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 3, 13, 100);
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
    selkie_inflight_add(&inflight, 7, 70, 100);
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

START_TEST(no_token_answers_nothing)
{
    selkie_inflight_reset(&inflight, 4, 4);
    selkie_inflight_add(&inflight, 7, 70, 100);
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
    selkie_inflight_add(&inflight, 1, 11, 100);
    selkie_inflight_add(&inflight, 2, 12, 150);
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
        selkie_inflight_add(&inflight, i, i, 100);
    }
    ck_assert(!selkie_inflight_has_room(&inflight));
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 1, 0, 160));
    selkie_inflight_add(&inflight, 50, 50, 170);
    ck_assert(selkie_inflight_has_room(&inflight));
    selkie_inflight_add(&inflight, 51, 51, 170);
    ck_assert_ptr_nonnull(selkie_inflight_answered(&inflight, 2, 0, 200 + SELKIE_INFLIGHT_QUICK_US));
    selkie_inflight_add(&inflight, 52, 52, 200 + SELKIE_INFLIGHT_QUICK_US);
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
    selkie_inflight_add(&inflight, 5, 11, 100);
    ck_assert(!selkie_inflight_remove(&inflight, 4));
    ck_assert(selkie_inflight_remove(&inflight, 5));
    ck_assert(!selkie_inflight_remove(&inflight, 5));
    ck_assert_uint_eq(inflight.count, 0);
    ck_assert_uint_eq(inflight.unanswered, 0);
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
    tcase_add_test(tcase, no_token_answers_nothing);
    tcase_add_test(tcase, oldest_is_the_one_that_was_answered_longest_ago);
    tcase_add_test(tcase, connection_begins_with_few_and_follows_the_answers);
    tcase_add_test(tcase, removing_what_is_not_there_changes_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
