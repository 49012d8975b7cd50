/* SPDX-License-Identifier: Apache-2.0 */
#include "run_suite.h"
#include "window.h"

static struct selkie_window window;

START_TEST(window_takes_no_more_than_its_limit)
{
    selkie_window_reset(&window, 2, 10);
    ck_assert(selkie_window_has_room(&window));
    selkie_window_add(&window, 1, 11, 100);
    ck_assert(selkie_window_has_room(&window));
    selkie_window_add(&window, 2, 12, 200);
    ck_assert(!selkie_window_has_room(&window));
    ck_assert_ptr_nonnull(selkie_window_answered(&window, 11, 0));
    ck_assert(!selkie_window_has_room(&window)); /* a PUBACK is no receipt */
    ck_assert(selkie_window_remove(&window, 1));
    ck_assert(selkie_window_has_room(&window));
}
END_TEST

START_TEST(window_respects_what_the_broker_takes_unanswered)
{
    selkie_window_reset(&window, 10, 2);
    selkie_window_add(&window, 1, 11, 100);
    selkie_window_add(&window, 2, 12, 100);
    ck_assert(!selkie_window_has_room(&window));
    ck_assert(!selkie_window_may_publish(&window));
    ck_assert_ptr_nonnull(selkie_window_answered(&window, 12, 0));
    ck_assert(selkie_window_has_room(&window));
    selkie_window_add(&window, 3, 13, 100);
    ck_assert(!selkie_window_has_room(&window));
    ck_assert(selkie_window_remove(&window, 1)); /* receipted before it was answered */
    ck_assert(selkie_window_has_room(&window));
}
END_TEST

START_TEST(window_never_stalls_on_a_broker_that_takes_nothing)
{
    selkie_window_reset(&window, 4, 0);
    ck_assert(selkie_window_has_room(&window));
}
END_TEST

START_TEST(answer_is_kept_and_counts_once)
{
    selkie_window_reset(&window, 4, 4);
    selkie_window_add(&window, 7, 70, 100);
    struct selkie_window_entry *entry = selkie_window_answered(&window, 70, 0x97);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(entry->seq, 7);
    ck_assert_int_eq(entry->reason, 0x97);
    ck_assert_ptr_null(selkie_window_answered(&window, 70, 0));
    ck_assert_ptr_null(selkie_window_answered(&window, 71, 0));
    ck_assert_uint_eq(window.unanswered, 0);
    selkie_window_sent_again(&window, entry, 71, 300);
    ck_assert_uint_eq(window.unanswered, 1);
    ck_assert_ptr_nonnull(selkie_window_answered(&window, 71, 0));
}
END_TEST

START_TEST(no_token_answers_nothing)
{
    selkie_window_reset(&window, 4, 4);
    selkie_window_add(&window, 7, 70, 100);
    ck_assert_ptr_nonnull(selkie_window_answered(&window, 70, 0)); /* it now waits for its receipt, without a token */
    ck_assert_ptr_null(selkie_window_answered(&window, 0, 0));
    ck_assert_ptr_null(selkie_window_answered(&window, -1, 0));
    ck_assert_uint_eq(window.unanswered, 0);
}
END_TEST

START_TEST(oldest_is_the_one_that_was_sent_longest_ago)
{
    selkie_window_reset(&window, 4, 4);
    ck_assert_ptr_null(selkie_window_oldest(&window));
    selkie_window_add(&window, 1, 11, 100);
    selkie_window_add(&window, 2, 12, 150);
    ck_assert_int_eq(selkie_window_oldest(&window)->seq, 1);
    selkie_window_sent_again(&window, selkie_window_oldest(&window), 13, 200);
    ck_assert_int_eq(selkie_window_oldest(&window)->seq, 2);
    ck_assert_uint_eq(window.unanswered, 2); /* the first publish's answer no longer counts */
}
END_TEST

START_TEST(removing_what_is_not_there_changes_nothing)
{
    selkie_window_reset(&window, 4, 4);
    selkie_window_add(&window, 5, 11, 100);
    ck_assert(!selkie_window_remove(&window, 4));
    ck_assert(selkie_window_remove(&window, 5));
    ck_assert(!selkie_window_remove(&window, 5));
    ck_assert_uint_eq(window.count, 0);
    ck_assert_uint_eq(window.unanswered, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *tcase = tcase_create("window");

    tcase_add_test(tcase, window_takes_no_more_than_its_limit);
    tcase_add_test(tcase, window_respects_what_the_broker_takes_unanswered);
    tcase_add_test(tcase, window_never_stalls_on_a_broker_that_takes_nothing);
    tcase_add_test(tcase, answer_is_kept_and_counts_once);
    tcase_add_test(tcase, no_token_answers_nothing);
    tcase_add_test(tcase, oldest_is_the_one_that_was_sent_longest_ago);
    tcase_add_test(tcase, removing_what_is_not_there_changes_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
