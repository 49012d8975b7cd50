/* SPDX-License-Identifier: Apache-2.0 */
/* The harness itself, on real parts: what it promises to the other tests must hold. */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_message_comes_back_with_its_properties)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *client = harness_connect(broker, NULL);
    const struct harness_property properties[] = {{"seq", "17"}, {"rx", "1"}, {NULL, NULL}};

    ck_assert_int_eq(harness_subscribe(client, "a/#", 1), 1);
    ck_assert_int_eq(harness_publish(client, "a/first", "one", 3, 1, false, NULL), 0);
    ck_assert_int_eq(harness_publish(client, "a/second", "two", 3, 1, false, properties), 0);
    struct harness_message *message = harness_receive(client, "a/second");
    ck_assert_uint_eq(message->len, 3);
    ck_assert_str_eq((const char *)message->payload, "two");
    ck_assert_str_eq(harness_message_property(message, "seq"), "17");
    ck_assert_ptr_null(harness_message_property(message, "port"));
    harness_message_free(message);
    message = harness_receive(client, NULL); /* the one that was passed over */
    ck_assert_str_eq(message->topic, "a/first");
    harness_message_free(message);
    ck_assert_ptr_null(harness_receive_try(client, NULL, 10));
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

START_TEST(a_dropped_client_leaves_its_will)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *watcher = harness_connect(broker, NULL);
    struct harness_client_options options = {.will_topic = "will", .will_payload = "gone"};

    ck_assert_int_eq(harness_subscribe(watcher, "will", 1), 1);
    harness_drop(harness_connect(broker, &options));
    struct harness_message *message = harness_receive(watcher, "will");
    ck_assert_str_eq((const char *)message->payload, "gone");
    harness_message_free(message);
    harness_disconnect(watcher);
}
END_TEST

START_TEST(a_broker_that_is_killed_is_noticed_and_restarts_on_its_port)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
    ck_assert_int_eq(harness_publish(client, "a", "b", 1, 1, false, NULL), -1);
    harness_disconnect(client);
    harness_broker_restart(broker);
    client = harness_connect(broker, NULL);
    ck_assert_int_ge(harness_publish(client, "a", "b", 1, 1, false, NULL), 0);
    harness_disconnect(client);
}
END_TEST

START_TEST(a_cable_carries_bytes_both_ways)
{
    struct harness_line *line = harness_line("cable");
    const char *write_one[] = {"sh", "-c", "printf '\\001\\000\\015\\012\\377' > $0", line->a, NULL};
    const char *read_one[] = {"sh", "-c", "head -c 5 $0 | od -An -tx1", line->b, NULL};
    char *output;

    ck_assert_int_eq(harness_run("writer", write_one, NULL), 0);
    ck_assert_int_eq(harness_run("reader", read_one, &output), 0);
    ck_assert_str_eq(output, " 01 00 0d 0a ff\n");
    free(output);
}
END_TEST

START_TEST(an_exit_status_and_the_output_are_returned)
{
    const char *argv[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    char *output;

    ck_assert_int_eq(harness_run("sh", argv, &output), 3);
    ck_assert_str_eq(output, "out\nerr\n");
    free(output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness");
    TCase *tcase = tcase_create("harness");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_message_comes_back_with_its_properties);
    tcase_add_test(tcase, a_dropped_client_leaves_its_will);
    tcase_add_test(tcase, a_broker_that_is_killed_is_noticed_and_restarts_on_its_port);
    tcase_add_test(tcase, a_cable_carries_bytes_both_ways);
    tcase_add_test(tcase, an_exit_status_and_the_output_are_returned);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
