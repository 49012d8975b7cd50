/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl's connection step by step: what it makes of the client's events, which the test hands out in their order.
 */
#include "ctl_client.h"
#include "run_suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __wrap_selkie_mqtt_connect(struct selkie_mqtt *mqtt, const struct selkie_mqtt_options *options,
                               char why[static SELKIE_MQTT_TEXT_MAX]);
int __wrap_selkie_mqtt_subscribe(struct selkie_mqtt *mqtt, const char *filter, int qos);
int __wrap_selkie_mqtt_publish(struct selkie_mqtt *mqtt, const struct selkie_mqtt_message *message);
bool __wrap_selkie_mqtt_disconnect(struct selkie_mqtt *mqtt, bool will);
const char *__wrap_selkie_mqtt_uri(const struct selkie_mqtt *mqtt);
struct selkie_mqtt_event *__wrap_selkie_mqtt_take(struct selkie_mqtt_queue *queue);

static char said[1024]; /* on stderr, if it were the program */
static struct selkie_mqtt_event coming[8];
static size_t count, taken;
static size_t flood; /* messages that come before those */
static int begun;
static struct selkie_ctl_config config = {.timeout_ms = 50, .broker.name = "mqtt://b"};
static struct selkie_ctl_client *client;

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    return CTL_FAILED;
}

int __wrap_selkie_mqtt_connect(struct selkie_mqtt *mqtt, const struct selkie_mqtt_options *options,
                               char why[static SELKIE_MQTT_TEXT_MAX])
{
    (void)mqtt;
    ck_assert_ptr_eq(options->settings, &config.broker);
    (void)snprintf(why, SELKIE_MQTT_TEXT_MAX, "password_file p: none");
    return begun;
}

int __wrap_selkie_mqtt_subscribe(struct selkie_mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt;
    ck_assert_str_eq(filter, "t");
    ck_assert_int_eq(qos, 1);
    return begun;
}

int __wrap_selkie_mqtt_publish(struct selkie_mqtt *mqtt, const struct selkie_mqtt_message *message)
{
    (void)mqtt;
    ck_assert(message->answer);
    return begun;
}

bool __wrap_selkie_mqtt_disconnect(struct selkie_mqtt *mqtt, bool will)
{
    (void)mqtt;
    ck_assert(!will);
    return false;
}

const char *__wrap_selkie_mqtt_uri(const struct selkie_mqtt *mqtt)
{
    (void)mqtt;
    return "mqtt://b";
}

struct selkie_mqtt_event *__wrap_selkie_mqtt_take(struct selkie_mqtt_queue *queue)
{
    (void)queue;
    if (flood == 0 && taken == count)
        return NULL;
    struct selkie_mqtt_event *event = calloc(1, sizeof *event);
    *event =
        flood > 0 ? (struct selkie_mqtt_event){.kind = SELKIE_MQTT_MESSAGE, .code = (int)flood--} : coming[taken++];
    return event;
}

static void come(enum selkie_mqtt_event_kind kind, int code, const char *text)
{
    coming[count++] = (struct selkie_mqtt_event){.kind = kind, .code = code, .text = text, .packet_max = 4000};
}

static void teardown(void)
{
    selkie_ctl_client_close(client);
}

static void connected(void)
{
    come(SELKIE_MQTT_CONNECTED, 20, NULL);
    ck_assert_int_eq(selkie_ctl_client_open(&client, &config, false), CTL_DONE);
    ck_assert_uint_eq(selkie_ctl_client_packet_max(client), 4000);
}

static void expect_message(int code)
{
    struct selkie_mqtt_event *message;

    ck_assert_int_eq(selkie_ctl_client_next(client, &message, 1000), CTL_MESSAGE);
    ck_assert_int_eq(message->code, code);
    free(message);
}

static const struct {
    enum selkie_mqtt_event_kind kind;
    const char *username, *says;
} failures[] = {
    {SELKIE_MQTT_UNREACHABLE, NULL, "no broker at mqtt://b: why"},
    {SELKIE_MQTT_REFUSED, NULL, "the broker mqtt://b refuses a client without a user name: why"},
    {SELKIE_MQTT_REFUSED, "me", "the broker mqtt://b refuses the user 'me': why"},
};

START_TEST(a_connection_that_fails_is_explained)
{
    come(failures[_i].kind, 0x87, "why");
    config.broker.username = failures[_i].username;
    ck_assert_int_eq(selkie_ctl_client_open(&client, &config, false), CTL_FAILED);
    ck_assert_ptr_null(client);
    ck_assert_str_eq(said, failures[_i].says);
}
END_TEST

START_TEST(a_connection_that_cannot_begin_is_explained)
{
    begun = SELKIE_EIO;
    ck_assert_int_eq(selkie_ctl_client_open(&client, &config, false), CTL_FAILED);
    ck_assert_str_eq(said, "password_file p: none");
}
END_TEST

START_TEST(a_step_has_the_brokers_answer)
{
    connected();
    come(SELKIE_MQTT_SUBSCRIBED, 1, NULL);
    ck_assert_int_eq(selkie_ctl_client_subscribe(client, "t", 1), 1);
    begun = 7;
    come(SELKIE_MQTT_PUBLISHED, 0x87, NULL);
    ck_assert_int_eq(selkie_ctl_client_publish(client, "t", "x", 1), 0x87);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(messages_that_come_during_a_step_are_kept_in_their_order)
{
    connected();
    come(SELKIE_MQTT_MESSAGE, 1, NULL);
    come(SELKIE_MQTT_MESSAGE, 2, NULL);
    come(SELKIE_MQTT_SUBSCRIBED, 0, NULL);
    come(SELKIE_MQTT_MESSAGE, 3, NULL);
    ck_assert_int_eq(selkie_ctl_client_subscribe(client, "t", 1), 0);
    expect_message(1);
    expect_message(2);
    expect_message(3);
    ck_assert_uint_eq(selkie_ctl_client_dropped(client), 0);
}
END_TEST

START_TEST(what_is_kept_is_bounded_and_counted)
{
    connected();
    flood = SELKIE_CTL_MESSAGES_MAX + 3;
    come(SELKIE_MQTT_SUBSCRIBED, 0, NULL);
    ck_assert_int_eq(selkie_ctl_client_subscribe(client, "t", 1), 0);
    ck_assert_uint_eq(selkie_ctl_client_dropped(client), 3);
    ck_assert_uint_eq(selkie_ctl_client_dropped(client), 0);
    for (int i = 0; i < SELKIE_CTL_MESSAGES_MAX; i++)
        expect_message(SELKIE_CTL_MESSAGES_MAX + 3 - i);
}
END_TEST

START_TEST(no_answer_is_told)
{
    struct selkie_mqtt_event *message;

    connected();
    ck_assert_int_eq(selkie_ctl_client_subscribe(client, "t", 1), -1);
    ck_assert_str_eq(said, "mqtt://b: t: no answer");
    ck_assert_int_eq(selkie_ctl_client_next(client, &message, 10), CTL_TIMEOUT);
}
END_TEST

START_TEST(a_lost_connection_ends_a_step_and_a_wait)
{
    struct selkie_mqtt_event *message;

    connected();
    come(SELKIE_MQTT_MESSAGE, 1, NULL);
    come(SELKIE_MQTT_LOST, 0, NULL);
    ck_assert_int_eq(selkie_ctl_client_subscribe(client, "t", 1), -1);
    ck_assert_str_eq(said, "mqtt://b: the connection was lost");
    expect_message(1);
    ck_assert_int_eq(selkie_ctl_client_next(client, &message, -1), CTL_LOST);
    ck_assert_ptr_null(message);
    begun = SELKIE_EIO;
    ck_assert_int_eq(selkie_ctl_client_publish(client, "t", "x", 1), -1);
}
END_TEST

static const struct {
    int error;
    const char *says;
} not_begun[] = {
    {SELKIE_EIO, "mqtt://b: t: the connection was lost"},
    {SELKIE_EFULL, "mqtt://b: t: too many messages wait for the broker's answer"},
    {SELKIE_ENOMEM, "mqtt://b: t: out of memory"},
};

START_TEST(a_step_that_cannot_begin_says_why)
{
    connected();
    begun = not_begun[_i].error;
    ck_assert_int_eq(selkie_ctl_client_publish(client, "t", "x", 1), -1);
    ck_assert_str_eq(said, not_begun[_i].says);
}
END_TEST

START_TEST(a_loss_has_the_brokers_reason)
{
    struct selkie_mqtt_event *message;

    connected();
    come(SELKIE_MQTT_LOST, 0x8B, NULL);
    ck_assert_int_eq(selkie_ctl_client_next(client, &message, -1), CTL_LOST);
    ck_assert_str_eq(said, "mqtt://b: Server shutting down");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_client");
    TCase *tcase = tcase_create("ctl_client");

    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_loop_test(tcase, a_connection_that_fails_is_explained, 0, (int)(sizeof failures / sizeof failures[0]));
    tcase_add_test(tcase, a_connection_that_cannot_begin_is_explained);
    tcase_add_test(tcase, a_step_has_the_brokers_answer);
    tcase_add_test(tcase, messages_that_come_during_a_step_are_kept_in_their_order);
    tcase_add_test(tcase, what_is_kept_is_bounded_and_counted);
    tcase_add_test(tcase, no_answer_is_told);
    tcase_add_test(tcase, a_lost_connection_ends_a_step_and_a_wait);
    tcase_add_loop_test(tcase, a_step_that_cannot_begin_says_why, 0, sizeof not_begun / sizeof not_begun[0]);
    tcase_add_test(tcase, a_loss_has_the_brokers_reason);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
