/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl's commands and what may come for an answer. The connection is a fake one, to a plugin that answers what the
 * test says. */
#include "control_client.h"
#include "fake_ctl_client.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINE(body) "{" body ",\"correlationData\":\"@\"}"
#define ONE        "{\"responses\":[" MINE("\"data\":{\"n\":1}") "]}"

static struct selkie_control_client *control;

static void setup(void)
{
    fake_packet_max = SIZE_MAX;
    fake_publish_reason = fake_subscribe_reason = 0;
    fake_message_count = 0;
    fake_user = "root";
    fake_then = CTL_TIMEOUT;
    ck_assert_int_eq(selkie_control_client_open(&control, &(struct ctl_options){.json = false}), CTL_DONE);
}

static void teardown(void)
{
    selkie_control_client_close(control);
    ck_assert_int_eq(fake_open_count, 0);
    json_decref(fake_published);
    fake_published = NULL;
}

static void reopen(void)
{
    selkie_control_client_close(control);
    ck_assert_int_eq(selkie_control_client_open(&control, &(struct ctl_options){.json = false}), CTL_DONE);
}

/* Ask one thing. The data's member "n", or -1 where there is none, or -2 after a failure. */
static json_int_t ask(const char *const coming[])
{
    fake_answers = coming;
    fake_said[0] = '\0';
    json_t *data = selkie_control_client_ask_take(control, json_pack("{s:s}", "command", "getDevice"));
    if (data == NULL)
        return -2;
    ck_assert(json_is_object(data));
    ck_assert_str_eq(fake_said, "");
    json_int_t n = json_object_get(data, "n") == NULL ? -1 : json_integer_value(json_object_get(data, "n"));
    json_decref(data);
    return n;
}

START_TEST(a_command_goes_out_and_its_data_comes_back)
{
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), 1);
    ck_assert_uint_eq(fake_message_count, 1);
    ck_assert_str_eq(json_string_value(json_object_get(fake_command(0), "command")), "getDevice");
    ck_assert_int_eq(ask((const char *const[]){"{\"responses\":[" MINE("\"command\":\"x\"") "]}", NULL}), -1);
}
END_TEST

START_TEST(an_error_is_told_and_is_no_data)
{
    ck_assert_int_eq(ask((const char *const[]){"{\"responses\":[" MINE("\"error\":\"no such device\"") "]}", NULL}),
                     -2);
    ck_assert_str_eq(fake_said, "no such device");
    ck_assert_int_eq(ask((const char *const[]){"{\"responses\":[{\"error\":\"too many at once\"}]}", NULL}), -2);
    ck_assert_str_eq(fake_said, "too many at once");
}
END_TEST

/* It did nothing with the payload: the same one goes out again. */
START_TEST(a_busy_plugin_is_asked_again)
{
    static const char busy[] = "{\"responses\":[{\"error\":\"too many\",\"busy\":true}]}";
    fake_message_count = 0;
    fake_answers = (const char *const[]){busy, busy, ONE, NULL};
    json_t *data = selkie_control_client_ask_take(control, json_pack("{s:s}", "command", "getDevice"));
    ck_assert_ptr_nonnull(data);
    json_decref(data);
    ck_assert_uint_eq(fake_message_count, 3);
    ck_assert_str_eq(json_string_value(json_object_get(fake_command(0), "command")), "getDevice");
    ck_assert_str_eq(fake_said, "the plugin is busy with other commands; trying again");
}
END_TEST

/* The broker sends to every client with this administrator's rights what it has to say to one of them. */
START_TEST(what_others_asked_is_passed_over)
{
    ck_assert_int_eq(
        ask((const char *const[]){"{\"responses\":[{\"data\":{\"n\":7},\"correlationData\":\"other-1\"}]}",
                                  "{\"responses\":[{\"error\":\"x\",\"correlationData\":\"\"}]}",
                                  "{\"responses\":[{\"data\":{\"n\":8}},{\"correlationData\":9},10]}", ONE, NULL}),
        1);
}
END_TEST

START_TEST(an_answer_that_comes_late_is_not_the_next_commands)
{
    char late[256];

    fake_then = CTL_TIMEOUT;
    ck_assert_int_eq(ask((const char *const[]){NULL}), -2);
    (void)snprintf(late, sizeof late, "{\"responses\":[{\"data\":{\"n\":7},\"correlationData\":\"%s\"}]}",
                   json_string_value(json_object_get(fake_command(0), "correlationData")));
    ck_assert_int_eq(ask((const char *const[]){late, ONE, NULL}), 1);
    reopen(); /* another run of the program */
    ck_assert_int_eq(ask((const char *const[]){late, ONE, NULL}), 1);
}
END_TEST

static const char *const nonsense[] = {"",
                                       "{",
                                       "[]",
                                       "7",
                                       "\xFF",
                                       "{\"responses\":{}}",
                                       "{\"response\":[]}",
                                       "{\"responses\":[" MINE("\"data\":{}"),
                                       "{\"responses\":[" MINE("\"data\":{}") "," MINE("\"data\":{}") "]}"};

START_TEST(an_answer_that_is_not_understood_is_a_failure)
{
    ck_assert_int_eq(ask((const char *const[]){nonsense[_i], ONE, NULL}), -2);
    ck_assert_ptr_nonnull(strstr(fake_said, "$CONTROL/selkie/v1/response"));
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), 1); /* and the next one is as good as ever */
}
END_TEST

START_TEST(no_answer_is_a_failure)
{
    static const enum ctl_wait ends[] = {CTL_TIMEOUT, CTL_INTERRUPTED, CTL_LOST};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        fake_then = ends[i];
        ck_assert_int_eq(ask((const char *const[]){"{\"responses\":[]}", NULL}), -2);
        ck_assert_int_eq(strstr(fake_said, "no answer in 7 s") != NULL, ends[i] == CTL_TIMEOUT);
    }
}
END_TEST

START_TEST(who_has_no_user_name_learns_that_one_is_needed)
{
    fake_user = NULL;
    reopen();
    fake_then = CTL_TIMEOUT;
    ck_assert_int_eq(ask((const char *const[]){"{\"responses\":[]}", NULL}), -2);
    ck_assert_ptr_nonnull(strstr(fake_said, "--username"));
}
END_TEST

START_TEST(a_broker_that_refuses_is_explained)
{
    fake_publish_reason = 0x87;
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), -2);
    ck_assert_ptr_nonnull(strstr(fake_said, "'root'"));
    fake_publish_reason = 0x10; /* no matching subscribers: no refusal */
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), 1);
    fake_publish_reason = 0x90;
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), -2);
    ck_assert_ptr_nonnull(strstr(fake_said, "no Selkie plugin"));
    fake_publish_reason = -1; /* it was told where it was found */
    ck_assert_int_eq(ask((const char *const[]){ONE, NULL}), -2);
    selkie_control_client_close(control);
    for (fake_subscribe_reason = -1; fake_subscribe_reason < 0x100; fake_subscribe_reason += 0x88) {
        ck_assert_int_eq(selkie_control_client_open(&control, &(struct ctl_options){.json = false}), CTL_FAILED);
        ck_assert_ptr_null(control);
        ck_assert_int_eq(fake_open_count, 0);
    }
}
END_TEST

/* Add `count` commands. */
static void add(size_t count, bool *full)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(selkie_control_client_add_take(control, json_pack("{s:I}", "n", (json_int_t)i), full),
                         CTL_DONE);
}

START_TEST(answers_that_come_in_parts_are_one_list_in_order)
{
    bool full;

    fake_answers = (const char *const[]){"{\"responses\":[" MINE("\"n\":0") "]}",
                                         "{\"responses\":[" MINE("\"error\":\"1\"") "," MINE("\"n\":2") "]}", NULL};
    add(3, &full);
    ck_assert(!full);
    json_t *responses = selkie_control_client_send(control);
    ck_assert_uint_eq(fake_message_count, 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(json_integer_value(json_object_get(fake_command(i), "n")), (json_int_t)i);
    ck_assert_uint_eq(json_array_size(responses), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(responses, 0), "n")), 0);
    ck_assert_str_eq(selkie_control_client_error(json_array_get(responses, 1)), "1");
    ck_assert_ptr_null(selkie_control_client_error(json_array_get(responses, 2)));
    json_decref(responses);
    responses = selkie_control_client_send(control); /* nothing more was added */
    ck_assert_uint_eq(json_array_size(responses), 0);
    ck_assert_uint_eq(fake_message_count, 1);
    json_decref(responses);
}
END_TEST

/* As the broker allows, and as we do where it does not say. */
static const size_t packets[] = {SIZE_MAX, 100000, SELKIE_CONTROL_CLIENT_COMMAND_MAX, 200};

START_TEST(no_message_is_longer_than_the_broker_takes)
{
    bool full = false;
    size_t added = 0;

    fake_packet_max = packets[_i];
    reopen();
    fake_then = CTL_LOST;
    fake_answers = (const char *const[]){NULL};
    for (; !full; added++)
        add(1, &full);
    ck_assert_ptr_null(selkie_control_client_send(control));
    ck_assert_uint_eq(json_array_size(json_object_get(fake_published, "commands")), added);
    ck_assert_uint_le(fake_published_len, SELKIE_CONTROL_CLIENT_MESSAGE_MAX);
    ck_assert_uint_lt(fake_published_len + strlen("$CONTROL/selkie/v1") + 10, fake_packet_max);
}
END_TEST

START_TEST(a_command_too_long_is_refused_and_the_others_go)
{
    char *text = calloc(1, SELKIE_CONTROL_CLIENT_COMMAND_MAX + 1);
    bool full;

    memset(text, 'x', SELKIE_CONTROL_CLIENT_COMMAND_MAX);
    add(1, &full);
    ck_assert_int_eq(selkie_control_client_add_take(control, json_pack("{s:s}", "claim", text), &full), CTL_FAILED);
    ck_assert_ptr_nonnull(strstr(fake_said, "too long"));
    add(1, &full);
    fake_answers = (const char *const[]){NULL};
    ck_assert_ptr_null(selkie_control_client_send(control));
    ck_assert_uint_eq(json_array_size(json_object_get(fake_published, "commands")), 2);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selkie_control_client");
    TCase *tcase = tcase_create("selkie_control_client");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_command_goes_out_and_its_data_comes_back);
    tcase_add_test(tcase, an_error_is_told_and_is_no_data);
    tcase_add_test(tcase, a_busy_plugin_is_asked_again);
    tcase_add_test(tcase, what_others_asked_is_passed_over);
    tcase_add_test(tcase, an_answer_that_comes_late_is_not_the_next_commands);
    tcase_add_loop_test(tcase, an_answer_that_is_not_understood_is_a_failure, 0,
                        (int)(sizeof nonsense / sizeof nonsense[0]));
    tcase_add_test(tcase, no_answer_is_a_failure);
    tcase_add_test(tcase, who_has_no_user_name_learns_that_one_is_needed);
    tcase_add_test(tcase, a_broker_that_refuses_is_explained);
    tcase_add_test(tcase, answers_that_come_in_parts_are_one_list_in_order);
    tcase_add_loop_test(tcase, no_message_is_longer_than_the_broker_takes, 0,
                        (int)(sizeof packets / sizeof packets[0]));
    tcase_add_test(tcase, a_command_too_long_is_refused_and_the_others_go);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
