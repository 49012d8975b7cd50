/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator's commands on their way to the unsealer and its answers on their way back: to whoever asked, and to
 * nobody else. */
#include "control_fixture.h"
#include "run_suite.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_answer_goes_to_who_asked_whatever_order_they_come_in)
{
    uint64_t first = control_ask(&root, "{\"commands\":[]}");

    ck_assert_str_eq(taken, "{\"commands\":[]}");
    uint64_t second = control_ask(&ops, "2"), third = control_ask(&root, "3");
    ck_assert_int_eq(control_answer(third, "{\"3\":3}"), 0);
    ck_assert_int_eq(control_answer(first, "{\"1\":1}"), 0);
    ck_assert_int_eq(control_answer(second, "{\"2\":2}"), 0);
    ck_assert_uint_eq(fake_message_count, 3);
    control_expect(0, "c1", "{\"3\":3}");
    control_expect(1, "c1", "{\"1\":1}");
    control_expect(2, "c2", "{\"2\":2}");
}
END_TEST

START_TEST(an_answer_that_nobody_waits_for_is_let_go)
{
    uint64_t only = control_ask(&root, "1");

    ck_assert_int_eq(control_answer(0, "{}"), 0);
    ck_assert_int_eq(control_answer(only + 1, "{}"), 0);
    ck_assert_int_eq(control_answer(only, "{}"), 0);
    ck_assert_int_eq(control_answer(only, "{}"), 0);
    ck_assert_uint_eq(fake_message_count, 1);
}
END_TEST

START_TEST(who_is_no_administrator_is_neither_heard_nor_answered)
{
    struct mosquitto others[] = {{"c3", "roo"}, {"c3", "root2"}, {"c3", ""}, {"c3", NULL}, {NULL, "root"}};
    char payload[] = "{}";

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        control_ask_bytes(&others[i], payload, 2);
    ck_assert_uint_eq(commands, 0);
    ck_assert_uint_eq(fake_message_count, 0);
}
END_TEST

START_TEST(whatever_the_payload_is_the_unsealer_has_the_word)
{
    static const char *const payloads[] = {
        "{\"commands\":[{\"command\":\"removeGat",
        "[]",
        "removeGateway",
        "\"\\u0072emoveGateway\"",
        "\xFF\xFEremoveGateway",
        "{\"commands\":{\"command\":\"removeGateway\",\"gateway\":\"roof\"}}",
        "{\"commands\":[\"removeGateway\",null,7]}",
        "{\"commands\":[{\"command\":7,\"gateway\":\"removeGateway\"},{\"command\":\"removeGateway\"}]}"};

    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        uint64_t asked = control_ask(&root, payloads[i]);
        ck_assert_str_eq(taken, payloads[i]);
        ck_assert_int_eq(control_answer(asked, "{\"responses\":[{},{},{}]}"), 0);
        ck_assert_uint_eq(fake_message_count, i + 1);
    }
    control_ask_bytes(&root, NULL, 0);
    ck_assert_uint_eq(taken_len, 0);
    ck_assert_str_eq(kicked, "");
}
END_TEST

START_TEST(a_payload_beyond_the_limit_is_refused_at_once)
{
    char *payload = calloc(1, SELKIE_COMMAND_MAX + 1);

    control_ask_bytes(&root, payload, SELKIE_COMMAND_MAX);
    ck_assert_uint_eq(commands, 1);
    ck_assert_uint_eq(taken_len, SELKIE_COMMAND_MAX);
    control_ask_bytes(&ops, payload, SELKIE_COMMAND_MAX + 1);
    ck_assert_uint_eq(commands, 1);
    control_expect_error("c2", "1 MiB");
    free(payload);
}
END_TEST

START_TEST(too_many_at_once_are_refused_until_one_is_answered)
{
    uint64_t tokens[SELKIE_CONTROL_MAX];
    char payload[] = "x";

    for (size_t i = 0; i < SELKIE_CONTROL_MAX; i++)
        tokens[i] = control_ask(&root, "1");
    control_ask_bytes(&ops, payload, 1);
    ck_assert_uint_eq(commands, SELKIE_CONTROL_MAX);
    control_expect_error("c2", "too many");
    ck_assert_ptr_nonnull(strstr(fake_messages[fake_message_count - 1].payload, "\"busy\":true"));
    ck_assert_int_eq(control_answer(tokens[7], "{}"), 0);
    control_expect(1, "c1", "{}");
    (void)control_ask(&ops, "2");
}
END_TEST

START_TEST(what_the_unsealer_refuses_is_told_and_takes_no_place)
{
    char payload[] = "x";

    refusal = SELKIE_EFULL;
    for (unsigned i = 0; i < 2 * SELKIE_CONTROL_MAX; i++)
        control_ask_bytes(&root, payload, 1);
    ck_assert_uint_eq(fake_message_count, 2 * SELKIE_CONTROL_MAX);
    control_expect_error("c1", selkie_error_text(SELKIE_EFULL));
    refusal = 0;
    for (unsigned i = 0; i < SELKIE_CONTROL_MAX; i++)
        (void)control_ask(&root, "1");
}
END_TEST

START_TEST(who_has_gone_has_no_answer_and_the_others_have_theirs)
{
    uint64_t gone = control_ask(&root, "1"), here = control_ask(&ops, "2");

    selkie_control_forget(control, "c1");
    selkie_control_forget(control, "c9");
    selkie_control_forget(control, NULL);
    uint64_t back = control_ask(&root, "3"); /* with the same client id */
    ck_assert_int_eq(control_answer(gone, "{\"secret\":1}"), 0);
    ck_assert_uint_eq(fake_message_count, 0);
    ck_assert_int_eq(control_answer(here, "{\"2\":2}"), 0);
    ck_assert_int_eq(control_answer(back, "{\"3\":3}"), 0);
    control_expect(0, "c2", "{\"2\":2}");
    control_expect(1, "c1", "{\"3\":3}");
}
END_TEST

/* With another configuration, the unsealer is another one, which has not heard of what was asked before. */
START_TEST(what_waits_at_a_reload_is_told_so_and_answered_no_more)
{
    uint64_t gone = control_ask(&root, "1"), here = control_ask(&ops, "{\"removeGateway\":1}");

    selkie_control_forget(control, "c1");
    selkie_control_abandon(control, NULL, "selkie");
    ck_assert_uint_eq(fake_message_count, 1);
    control_expect_error("c2", "reloaded its configuration");
    ck_assert_int_eq(control_answer(here, "{}"), 0);
    ck_assert_int_eq(control_answer(gone, "{}"), 0);
    ck_assert_uint_eq(fake_message_count, 1);
    for (unsigned i = 0; i < SELKIE_CONTROL_MAX; i++)
        ck_assert_uint_gt(control_ask(&ops, "2"), here); /* every place is free, and no token comes again */
    selkie_control_abandon(control, NULL, "selkie");
    ck_assert_uint_eq(fake_message_count, 1 + SELKIE_CONTROL_MAX);
}
END_TEST

START_TEST(for_want_of_memory_an_answer_waits_and_is_given_once)
{
    uint64_t asked = control_ask(&root, "1");

    for (unsigned i = 0; i < 2; i++) {
        fake_publish_room = i == 0 ? 0 : UINT_MAX;
        fake_malloc_room = i == 1 ? 0 : UINT_MAX;
        ck_assert_int_eq(control_answer(asked, "{\"1\":1}"), SELKIE_ENOMEM);
    }
    fake_malloc_room = UINT_MAX;
    ck_assert_int_eq(control_answer(asked, "{\"1\":1}"), 0);
    ck_assert_uint_eq(fake_message_count, 1);
    control_expect(0, "c1", "{\"1\":1}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_control");
    TCase *tcase = tcase_create("plugin_control");

    tcase_add_checked_fixture(tcase, control_setup, control_teardown);
    tcase_add_test(tcase, an_answer_goes_to_who_asked_whatever_order_they_come_in);
    tcase_add_test(tcase, an_answer_that_nobody_waits_for_is_let_go);
    tcase_add_test(tcase, who_is_no_administrator_is_neither_heard_nor_answered);
    tcase_add_test(tcase, whatever_the_payload_is_the_unsealer_has_the_word);
    tcase_add_test(tcase, a_payload_beyond_the_limit_is_refused_at_once);
    tcase_add_test(tcase, too_many_at_once_are_refused_until_one_is_answered);
    tcase_add_test(tcase, what_the_unsealer_refuses_is_told_and_takes_no_place);
    tcase_add_test(tcase, who_has_gone_has_no_answer_and_the_others_have_theirs);
    tcase_add_test(tcase, what_waits_at_a_reload_is_told_so_and_answered_no_more);
    tcase_add_test(tcase, for_want_of_memory_an_answer_waits_and_is_given_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
