/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway that an administrator removes loses its connection and its retained state and stats: once that is
 * confirmed, and no other gateway. */
#include "control_fixture.h"
#include "run_suite.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define REMOVE(name) "{\"command\":\"removeGateway\",\"gateway\":\"" name "\"}"
#define DONE         "{\"command\":\"removeGateway\",\"data\":{}}"
#define FAILED       "{\"command\":\"removeGateway\",\"error\":\"no such gateway\"}"

/* Two messages, which take back what is retained. */
static void expect_buried(unsigned index, const char *gateway)
{
    static const char *const leaves[] = {"state", "stats"};
    char topic[64];

    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/%s", gateway, leaves[i]);
        ck_assert_uint_lt(index + i, fake_message_count);
        ck_assert_str_eq(fake_messages[index + i].client_id, "");
        ck_assert_str_eq(fake_messages[index + i].topic, topic);
        ck_assert_uint_eq(fake_messages[index + i].len, 0);
        ck_assert(fake_messages[index + i].retain);
    }
}

START_TEST(a_gateway_that_is_removed_is_thrown_out_and_its_state_taken_back)
{
    uint64_t asked = control_ask(&root, "{\"commands\":[" REMOVE("roof") "]}");

    ck_assert_str_eq(kicked, ""); /* not before it is done */
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0);
    ck_assert_str_eq(kicked, "roof ");
    ck_assert_uint_eq(fake_message_count, 3);
    control_expect(0, "c1", "{\"responses\":[" DONE "]}");
    expect_buried(1, "roof");
}
END_TEST

START_TEST(only_those_whose_removal_is_confirmed_are_thrown_out)
{
    uint64_t asked =
        control_ask(&root, "{\"commands\":[" REMOVE("a") ",{\"command\":\"addGateway\",\"gateway\":\"b\"}," REMOVE(
                               "c") ",{\"gateway\":\"d\"},7," REMOVE("e") "," REMOVE("f") "]}");

    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" FAILED "," DONE "," DONE "," DONE "," DONE "," DONE "]}"),
                     0);
    ck_assert_str_eq(kicked, "c e "); /* to f's there is no answer */
    ck_assert_uint_eq(fake_message_count, 5);
    expect_buried(1, "c");
    expect_buried(3, "e");
}
END_TEST

START_TEST(a_gateway_with_another_password_is_thrown_out_and_its_state_stays)
{
    uint64_t asked = control_ask(&root, "{\"commands\":[{\"command\":\"resetGatewayPassword\",\"gateway\":\"roof\"},"
                                        "{\"command\":\"resetGatewayPassword\",\"gateway\":\"attic\"}]}");

    ck_assert_str_eq(kicked, "");
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[{\"command\":\"resetGatewayPassword\",\"data\":{}},"
                                           "{\"command\":\"resetGatewayPassword\",\"error\":\"not registered\"}]}"),
                     0);
    ck_assert_str_eq(kicked, "roof+will ");
    ck_assert_uint_eq(fake_message_count, 1); /* the answer; its state comes from its will */
}
END_TEST

/* JSON has more than one way to write a text; and who may remove need not wait for the answer. */
START_TEST(another_spelling_and_an_asker_that_has_gone_make_no_difference)
{
    uint64_t asked =
        control_ask(&root, "{\"commands\":[{\"\\u0063ommand\":\"r\\u0065moveGateway\",\"gateway\":\"r\\u006fof\"}]}");

    selkie_control_forget(control, "c1");
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0);
    ck_assert_str_eq(kicked, "roof ");
    ck_assert_uint_eq(fake_message_count, 2);
    expect_buried(0, "roof");
}
END_TEST

START_TEST(an_answer_that_confirms_nothing_throws_nobody_out)
{
    static const char *const answers[] = {"",
                                          "[]",
                                          "{",
                                          "{\"responses\":[]}",
                                          "{\"responses\":{}}",
                                          "{\"responses\":[{\"command\":\"\",\"error\":\"not JSON\"}]}"};

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        uint64_t asked = control_ask(&root, "{\"commands\":[" REMOVE("roof") "]}");
        ck_assert_int_eq(control_answer(asked, answers[i]), 0);
        control_expect((unsigned)i, "c1", answers[i]);
    }
    ck_assert_uint_eq(fake_message_count, sizeof answers / sizeof answers[0]);
    ck_assert_str_eq(kicked, "");
}
END_TEST

START_TEST(nobody_is_thrown_out_twice_for_want_of_memory)
{
    uint64_t asked = control_ask(&root, "{\"commands\":[" REMOVE("roof") "]}");

    fake_publish_room = 0;
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), SELKIE_ENOMEM);
    ck_assert_str_eq(kicked, "");
    fake_publish_room = 1; /* for the answer; the state stays */
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0);
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0);
    ck_assert_str_eq(kicked, "roof ");
    ck_assert_uint_eq(fake_message_count, 1);
}
END_TEST

/* Throwing one out tells of clients that have gone, while the answer is dealt with. */
START_TEST(who_is_thrown_out_as_well_loses_his_answers)
{
    uint64_t asked = control_ask(&root, "{\"commands\":[" REMOVE("roof") "]}"), other = control_ask(&ops, "2");

    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0);
    ck_assert_int_eq(control_answer(other, "{}"), 0);
    ck_assert_uint_eq(fake_message_count, 3);
    for (unsigned i = 0; i < SELKIE_CONTROL_MAX; i++)
        (void)control_ask(&root, "3"); /* and their places are free */
}
END_TEST

/* Between the commit and the answer: the next unsealer says what has become of each. */
START_TEST(a_reload_before_the_answer_keeps_no_state_of_a_gateway_that_is_gone)
{
    registered = "roof yard ";
    uint64_t asked =
        control_ask(&root, "{\"commands\":[" REMOVE("roof") "," REMOVE("yard") "," REMOVE("stranger") "]}");
    registered = "yard ";
    selkie_control_abandon(control, NULL, "selkie");
    ck_assert_str_eq(kicked, "roof "); /* not a user who never was a gateway */
    ck_assert_uint_eq(fake_message_count, 3);
    control_expect_error_at(0, "c1", "reloaded its configuration");
    expect_buried(1, "roof");
    ck_assert_int_eq(control_answer(asked, "{\"responses\":[" DONE "]}"), 0); /* of the old unsealer */
    selkie_control_abandon(control, NULL, "selkie");
    ck_assert_uint_eq(fake_message_count, 3);
}
END_TEST

START_TEST(a_reload_before_the_answer_leaves_nobody_with_the_old_password)
{
    registered = "roof ";
    (void)control_ask(&root, "{\"commands\":[{\"command\":\"resetGatewayPassword\",\"gateway\":\"roof\"},"
                             "{\"command\":\"resetGatewayPassword\",\"gateway\":\"root\"}]}");
    selkie_control_abandon(control, NULL, "selkie");
    ck_assert_str_eq(kicked, "roof+will ");
    ck_assert_uint_eq(fake_message_count, 1);
    control_expect_error_at(0, "c1", "reloaded its configuration");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_remove");
    TCase *tcase = tcase_create("plugin_remove");

    tcase_add_checked_fixture(tcase, control_setup, control_teardown);
    tcase_add_test(tcase, a_gateway_that_is_removed_is_thrown_out_and_its_state_taken_back);
    tcase_add_test(tcase, a_gateway_with_another_password_is_thrown_out_and_its_state_stays);
    tcase_add_test(tcase, a_reload_before_the_answer_leaves_nobody_with_the_old_password);
    tcase_add_test(tcase, only_those_whose_removal_is_confirmed_are_thrown_out);
    tcase_add_test(tcase, another_spelling_and_an_asker_that_has_gone_make_no_difference);
    tcase_add_test(tcase, an_answer_that_confirms_nothing_throws_nobody_out);
    tcase_add_test(tcase, nobody_is_thrown_out_twice_for_want_of_memory);
    tcase_add_test(tcase, who_is_thrown_out_as_well_loses_his_answers);
    tcase_add_test(tcase, a_reload_before_the_answer_keeps_no_state_of_a_gateway_that_is_gone);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
