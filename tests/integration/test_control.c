/* SPDX-License-Identifier: Apache-2.0 */
/* $CONTROL/selkie/v1 through a real Mosquitto: each command, and what is wrong with a payload. */
#include "frames.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL  "$CONTROL/selkie/v1"
#define RESPONSE CONTROL "/response"
#define RULES    "\"gateways\":\"any\",\"admins\":[\"root\",\"other\"]"

static struct harness_broker *broker;
static struct harness_client *admin, *gateway, *subscriber;

static struct harness_client *connect_as(const char *name)
{
    struct harness_client_options options = {.username = name};

    return harness_connect(broker, &options);
}

static void start(const char *rules)
{
    char configuration[300];

    (void)snprintf(configuration, sizeof configuration, RULES "%s%s", rules[0] == '\0' ? "" : ",", rules);
    broker = harness_broker_with_plugin("", configuration);
    admin = connect_as("root");
    gateway = frames_gateway(broker, "gw1", NULL);
    subscriber = frames_subscriber(broker, "selkie/device/#");
}

static void stop(void)
{
    harness_disconnect(subscriber);
    harness_disconnect(gateway);
    harness_disconnect(admin);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}

/* Send a payload as it is; returns the answer (json_decref it). */
static json_t *ask_raw(const char *payload, size_t len)
{
    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, len, 1, false, NULL), 0);
    return frames_receive_json(admin, RESPONSE);
}

/* One command; returns its response. */
__attribute__((format(printf, 1, 2))) static json_t *ask(const char *format, ...)
{
    char payload[600];
    va_list arguments;
    int len = snprintf(payload, sizeof payload, "{\"commands\":[{\"correlationData\":\"x1\",");

    va_start(arguments, format);
    len += vsnprintf(payload + len, sizeof payload - (size_t)len, format, arguments);
    va_end(arguments);
    len += snprintf(payload + len, sizeof payload - (size_t)len, "}]}");
    json_t *answer = ask_raw(payload, (size_t)len);
    json_t *response = json_incref(json_array_get(json_object_get(answer, "responses"), 0));
    ck_assert_str_eq(json_string_value(json_object_get(response, "correlationData")), "x1");
    json_decref(answer);
    return response;
}

static const char *error_of(const json_t *response)
{
    return json_string_value(json_object_get(response, "error"));
}

/* A command that must succeed; returns its data (json_decref it), which may be NULL. */
__attribute__((format(printf, 1, 2))) static json_t *do_command(const char *format, ...)
{
    char text[500];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *response = ask("%s", text);
    ck_assert_msg(error_of(response) == NULL, "%s: %s", text, error_of(response));
    json_t *data = json_incref(json_object_get(response, "data"));
    json_decref(response);
    return data;
}

static void must(const char *command, const struct frames_device *device)
{
    json_decref(do_command("\"command\":\"%s\",\"address\":\"%s\"", command, device->text));
}

__attribute__((format(printf, 1, 2))) static void must_fail(const char *format, ...)
{
    char text[500];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *response = ask("%s", text);
    ck_assert_msg(error_of(response) != NULL, "%s: no error", text);
    ck_assert_ptr_null(json_object_get(response, "data"));
    json_decref(response);
}

static char *device_status(const struct frames_device *device)
{
    static char status[32];
    json_t *data = do_command("\"command\":\"getDevice\",\"address\":\"%s\"", device->text);

    ck_assert_str_eq(json_string_value(json_object_get(data, "address")), device->text);
    (void)snprintf(status, sizeof status, "%s", json_string_value(json_object_get(data, "status")));
    json_decref(data);
    return status;
}

static void expect_event(const struct frames_device *device, const char *name)
{
    json_t *event = frames_receive_json(subscriber, frames_topic(device, "event"));

    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), name);
    json_decref(event);
}

START_TEST(a_device_is_added_shown_listed_and_removed)
{
    start("\"enrolment\":\"listed\"");
    struct frames_device device = frames_device(0xa1), unknown = frames_device(0xa2);

    json_decref(
        do_command("\"command\":\"addDevice\",\"address\":\"%s\",\"name\":\"roof\",\"claim\":\"c\"", device.text));
    must_fail("\"command\":\"addDevice\",\"address\":\"%s\",\"name\":3", device.text);
    json_t *data = do_command("\"command\":\"getDevice\",\"address\":\"%s\"", device.text);
    ck_assert_str_eq(json_string_value(json_object_get(data, "name")), "roof");
    ck_assert_str_eq(json_string_value(json_object_get(data, "status")), "listed");
    ck_assert_uint_eq(json_array_size(json_object_get(data, "bindings")), 0);
    ck_assert(!json_is_string(json_object_get(data, "claim"))); /* never told */
    json_decref(data);
    must_fail("\"command\":\"getDevice\",\"address\":\"%s\"", unknown.text);

    data = do_command("\"command\":\"listDevices\",\"status\":\"listed\",\"offset\":0,\"limit\":10");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "total")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(data, "devices")), 1);
    json_decref(data);
    data = do_command("\"command\":\"listDevices\",\"status\":\"active\"");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "total")), 0);
    json_decref(data);

    /* Not listed, then listed but without its claim: both stay out. */
    frames_send_data(gateway, "gw1", &unknown, "x", 1);
    frames_await_receipt(gateway, 1);
    must("removeDevice", &device);
    must_fail("\"command\":\"getDevice\",\"address\":\"%s\"", device.text);
    must_fail("\"command\":\"removeDevice\",\"address\":\"%s\"", device.text);
    ck_assert_ptr_null(harness_receive_try(subscriber, frames_topic(&unknown, "up"), 0));
    stop();
}
END_TEST

START_TEST(a_claim_lets_a_listed_device_in)
{
    start("\"enrolment\":\"listed\"");
    struct frames_device device = frames_device(0xb1);
    uint8_t body[SELKIE_SEALED_SIZE];

    json_decref(do_command("\"command\":\"addDevice\",\"address\":\"%s\",\"claim\":\"open sesame\"", device.text));
    harness_seal_register(body, device.address, device.id, "wrong");
    struct harness_client *watcher = frames_subscriber(broker, "selkie/rejected/claim");
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 1), 0);
    harness_message_free(harness_receive(watcher, "selkie/rejected/claim"));
    harness_seal_register(body, device.address, device.id, "open sesame");
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 2), 0);
    expect_event(&device, "registered");
    device.counter = 1;
    frames_send_data(gateway, "gw1", &device, "in", 3);
    frames_expect_payload(subscriber, &device, "in", 1);
    ck_assert_str_eq(device_status(&device), "active");
    harness_disconnect(watcher);
    stop();
}
END_TEST

START_TEST(an_approved_device_gets_what_was_parked_in_order)
{
    start("\"enrolment\":\"approve\"");
    struct frames_device device = frames_device(0xc1);

    for (uint64_t seq = 1; seq <= 3; seq++)
        frames_send_data(gateway, "gw1", &device, "parked", seq);
    frames_await_receipts(gateway, 1, 3);
    ck_assert_str_eq(device_status(&device), "pending");
    ck_assert_ptr_null(harness_receive_try(subscriber, frames_topic(&device, "up"), 0));
    must("approveDevice", &device);
    for (uint32_t counter = 0; counter < 3; counter++)
        frames_expect_payload(subscriber, &device, "parked", counter);
    ck_assert_str_eq(device_status(&device), "active");
    must_fail("\"command\":\"approveDevice\",\"address\":\"%s\"", device.text);
    stop();
}
END_TEST

START_TEST(a_device_that_was_reset_waits_for_the_operator)
{
    start("");
    struct frames_device device = frames_device(0xd1), reset = device, third = device;

    reset.id[5] = 1;
    third.id[5] = 2;
    frames_send_data(gateway, "gw1", &device, "first", 1);
    frames_expect_payload(subscriber, &device, "first", 0);
    expect_event(&device, "registered");
    frames_send_data(gateway, "gw1", &reset, "second", 2);
    frames_send_data(gateway, "gw1", &third, "third", 3);
    frames_await_receipts(gateway, 1, 3);
    expect_event(&device, "reset");

    json_t *data = do_command("\"command\":\"getDevice\",\"address\":\"%s\"", device.text), *binding;
    char ids[2][32] = {"", ""};
    size_t index, pending = 0;
    ck_assert_uint_eq(json_array_size(json_object_get(data, "bindings")), 3);
    json_array_foreach (json_object_get(data, "bindings"), index, binding) {
        if (strcmp(json_string_value(json_object_get(binding, "status")), "pending") == 0 && pending < 2)
            (void)snprintf(ids[pending++], sizeof ids[0], "%s", json_string_value(json_object_get(binding, "id")));
    }
    ck_assert_uint_eq(pending, 2);
    json_decref(data);
    must_fail("\"command\":\"approveDevice\",\"address\":\"%s\"", device.text); /* which one? */
    json_decref(do_command("\"command\":\"denyDevice\",\"address\":\"%s\",\"id\":\"%s\"", device.text, ids[1]));
    json_decref(do_command("\"command\":\"approveDevice\",\"address\":\"%s\",\"id\":\"%s\"", device.text, ids[0]));
    frames_expect_payload(subscriber, &device, "second", 0);
    /* The old ID is retired for good. */
    struct harness_client *watcher = frames_subscriber(broker, "selkie/rejected/retired");
    frames_send_data(gateway, "gw1", &device, "old", 4);
    harness_message_free(harness_receive(watcher, "selkie/rejected/retired"));
    harness_disconnect(watcher);
    stop();
}
END_TEST

START_TEST(a_revoked_device_is_out_until_it_is_restored)
{
    start("");
    struct frames_device device = frames_device(0xe1);
    struct harness_client *watcher = frames_subscriber(broker, "selkie/rejected/revoked");

    frames_send_data(gateway, "gw1", &device, "a", 1);
    frames_expect_payload(subscriber, &device, "a", 0);
    must("revokeDevice", &device);
    ck_assert_str_eq(device_status(&device), "revoked");
    frames_send_data(gateway, "gw1", &device, "b", 2);
    harness_message_free(harness_receive(watcher, "selkie/rejected/revoked"));
    frames_await_receipt(gateway, 2);
    must("restoreDevice", &device);
    frames_send_data(gateway, "gw1", &device, "c", 3);
    frames_expect_payload(subscriber, &device, "c", 2);
    harness_disconnect(watcher);
    stop();
}
END_TEST

START_TEST(keys_and_stats_are_told)
{
    start("");
    struct frames_device device = frames_device(0xf1);

    frames_send_data(gateway, "gw1", &device, "a", 1);
    frames_await_receipt(gateway, 1);
    json_t *data = do_command("\"command\":\"listKeys\"");
    json_t *key = json_array_get(json_object_get(data, "keys"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "id")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "bits")), 4096);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "bindings")), 1);
    ck_assert_str_eq(json_string_value(json_object_get(key, "provider")), "openssl");
    json_decref(data);

    json_t *asked = do_command("\"command\":\"getStats\"");
    struct harness_client *late = frames_subscriber(broker, "selkie/stats");
    struct harness_message *message = harness_receive(late, "selkie/stats");
    json_t *told = json_loadb((const char *)message->payload, message->len, 0, NULL);
    const char *name;
    json_t *value;
    ck_assert(message->retained);
    ck_assert_uint_gt(json_object_size(told), 0);
    json_object_foreach (told, name, value) {
        ck_assert_msg(json_object_get(asked, name) != NULL, "getStats has no %s", name);
    }
    json_decref(told);
    json_decref(asked);
    harness_message_free(message);
    harness_disconnect(late);
    stop();
}
END_TEST

START_TEST(gateways_are_added_listed_and_removed)
{
    start("");
    json_t *data = do_command("\"command\":\"addGateway\",\"gateway\":\"roof-1\"");
    ck_assert_str_eq(json_string_value(json_object_get(data, "gateway")), "roof-1");
    ck_assert_uint_ge(json_string_length(json_object_get(data, "password")), 20);
    json_decref(data);
    data = do_command("\"command\":\"addGateway\",\"gateway\":\"roof-2\",\"auth\":\"certificate\"");
    ck_assert_ptr_null(json_object_get(data, "password"));
    json_decref(data);
    must_fail("\"command\":\"addGateway\",\"gateway\":\"roof-1\"");
    must_fail("\"command\":\"addGateway\",\"gateway\":\"a/b\"");
    must_fail("\"command\":\"addGateway\",\"gateway\":\"\"");
    must_fail("\"command\":\"addGateway\",\"gateway\":\"roof-3\",\"auth\":\"none\"");
    data = do_command("\"command\":\"listGateways\"");
    char *text = json_dumps(data, 0);
    ck_assert(strstr(text, "roof-1") != NULL && strstr(text, "roof-2") != NULL && strstr(text, "roof-3") == NULL);
    ck_assert_ptr_null(strstr(text, "password\":")); /* told once, by addGateway */
    free(text);
    json_decref(data);
    json_decref(do_command("\"command\":\"removeGateway\",\"gateway\":\"roof-1\""));
    must_fail("\"command\":\"removeGateway\",\"gateway\":\"roof-1\"");
    stop();
}
END_TEST

START_TEST(answers_go_to_the_sender_alone)
{
    static const char ask_gateways[] = "{\"commands\":[{\"command\":\"listGateways\"}]}";
    start("");
    struct harness_client *other = connect_as("other");

    ck_assert_int_eq(harness_subscribe(other, RESPONSE, 1), 1);
    json_decref(do_command("\"command\":\"listKeys\""));
    /* Asked after that and answered here; had the first answer come here as well, it would be there already. */
    ck_assert_int_ge(harness_publish(other, CONTROL, ask_gateways, sizeof ask_gateways - 1, 1, false, NULL), 0);
    struct harness_message *message = harness_receive(other, RESPONSE);
    ck_assert_ptr_nonnull(strstr((const char *)message->payload, "listGateways"));
    harness_message_free(message);
    ck_assert_ptr_null(harness_receive_try(other, NULL, 0));
    harness_disconnect(other);
    stop();
}
END_TEST

/* One command over and over; `addresses` counts up from 0. To be free()d. */
static char *payload_of(unsigned count, const char *command, bool addresses)
{
    json_t *payload = json_pack("{s:[]}", "commands"), *commands = json_object_get(payload, "commands");
    char address[20];

    for (unsigned i = 0; i < count; i++) {
        json_t *each = json_pack("{s:s}", "command", command);
        (void)snprintf(address, sizeof address, "%016x", i);
        if (addresses)
            json_object_set_new(each, "address", json_string(address));
        else
            json_object_set_new(each, "limit", json_integer(1000));
        json_array_append_new(commands, each);
    }
    char *text = json_dumps(payload, JSON_COMPACT);
    json_decref(payload);
    return text;
}

/* A hundred KiB that ask for hundreds of MiB: the answer is cut short, and frames have their receipts meanwhile. */
START_TEST(a_payload_that_asks_for_very_much_holds_nothing_up)
{
    enum { DEVICES = 1000, COMMANDS = 3600, FRAMES = 50 };
    start("");
    struct frames_device device = frames_device(0xd1);
    char *add = payload_of(DEVICES, "addDevice", true), *list = payload_of(COMMANDS, "listDevices", false);

    json_decref(ask_raw(add, strlen(add)));
    ck_assert_int_ge(harness_publish(admin, CONTROL, list, strlen(list), 1, false, NULL), 0);
    for (uint64_t seq = 1; seq <= FRAMES; seq++) {
        frames_send_data(gateway, "gw1", &device, "x", seq);
        frames_await_receipt(gateway, seq);
    }
    struct harness_message *message = harness_receive(admin, RESPONSE);
    ck_assert_uint_lt(message->len, 8 << 20);
    json_t *answer = json_loadb((const char *)message->payload, message->len, 0, NULL);
    const json_t *responses = json_object_get(answer, "responses");
    ck_assert_uint_eq(json_array_size(responses), COMMANDS);
    ck_assert_ptr_nonnull(json_object_get(json_array_get(responses, 0), "data"));
    ck_assert_ptr_nonnull(error_of(json_array_get(responses, COMMANDS - 1)));
    harness_message_free(message);
    json_decref(answer);
    free(add);
    free(list);
    stop();
}
END_TEST

/* A payload that keeps the writer busy for a while, and another administrator who comes under the same client id. */
START_TEST(an_answer_does_not_go_to_whoever_takes_over_the_client_id)
{
    enum { COMMANDS = 8000 };
    static const char ask_keys[] = "{\"commands\":[{\"command\":\"listKeys\"}]}";
    start("");
    struct harness_client_options first = {.id = "same", .username = "root"},
                                  second = {.id = "same", .username = "other"};
    char *text = payload_of(COMMANDS, "addDevice", true);
    struct harness_client *owner = harness_connect(broker, &first);
    ck_assert_int_ge(harness_publish(owner, CONTROL, text, strlen(text), 1, false, NULL), 0);
    struct harness_client *thief = harness_connect(broker, &second);
    ck_assert_int_ge(harness_publish(thief, CONTROL, ask_keys, sizeof ask_keys - 1, 1, false, NULL), 0);
    struct harness_message *message = harness_receive(thief, RESPONSE);
    ck_assert_ptr_nonnull(strstr((const char *)message->payload, "listKeys"));
    harness_message_free(message);
    json_t *data = do_command("\"command\":\"listDevices\",\"limit\":1"); /* but it was carried out */
    ck_assert_int_eq(json_integer_value(json_object_get(data, "total")), COMMANDS);
    json_decref(data);
    free(text);
    harness_disconnect(owner);
    harness_disconnect(thief);
    stop();
}
END_TEST

START_TEST(several_commands_are_answered_in_order)
{
    static const char payload[] = "{\"commands\":[{\"command\":\"listKeys\",\"correlationData\":\"a\"},{\"command\":"
                                  "\"nonsense\",\"correlationData\":\"b\"},{\"command\":\"listGateways\"}]}";
    start("");
    json_t *answer = ask_raw(payload, sizeof payload - 1), *responses = json_object_get(answer, "responses");

    ck_assert_uint_eq(json_array_size(responses), 3);
    ck_assert_ptr_nonnull(json_object_get(json_array_get(responses, 0), "data"));
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(responses, 1), "correlationData")), "b");
    ck_assert_ptr_nonnull(error_of(json_array_get(responses, 1)));
    ck_assert_ptr_nonnull(json_object_get(json_array_get(responses, 2), "data"));
    json_decref(answer);
    stop();
}
END_TEST

static const char *const bad_payloads[] = {
    "",
    "x",
    "{",
    "null",
    "[]",
    "{}",
    "{\"commands\":{}}",
    "{\"commands\":[1]}",
    "{\"commands\":[{}]}",
    "{\"commands\":[{\"command\":1}]}",
    "{\"commands\":[{\"command\":\"nonsense\"}]}",
    "{\"commands\":[{\"command\":\"getDevice\"}]}",
    "{\"commands\":[{\"command\":\"getDevice\",\"address\":1}]}",
    "{\"commands\":[{\"command\":\"getDevice\",\"address\":\"00112233445566\"}]}",
    "{\"commands\":[{\"command\":\"getDevice\",\"address\":\"001122334455667g\"}]}",
    "{\"commands\":[{\"command\":\"listDevices\",\"limit\":-1}]}",
    "{\"commands\":[{\"command\":\"listDevices\",\"status\":\"odd\"}]}",
    "{\"commands\":[{\"command\":\"addDevice\",\"address\":\"0011223344556677\",\"claim\":[]}]}",
    "{\"commands\":[{\"command\":\"removeGateway\"}]}",
    "{\"commands\":[{\"command\":\"removeGateway\",\"gateway\":{}}]}",
    "\xff\xfe{\"commands\":[]}",
};

static bool tells_an_error(json_t *answer)
{
    size_t index;
    json_t *response;

    json_array_foreach (json_object_get(answer, "responses"), index, response) {
        if (error_of(response) != NULL)
            return true;
    }
    return false;
}

START_TEST(whatever_is_wrong_with_a_payload_is_told_to_the_sender)
{
    start("");
    for (size_t i = 0; i < sizeof bad_payloads / sizeof bad_payloads[0]; i++) {
        json_t *answer = ask_raw(bad_payloads[i], strlen(bad_payloads[i]));
        ck_assert_msg(tells_an_error(answer), "%s", bad_payloads[i]);
        json_decref(answer);
    }
    json_decref(do_command("\"command\":\"listKeys\"")); /* alive and well */
    stop();
}
END_TEST

START_TEST(a_payload_too_deep_or_too_long_is_refused)
{
    enum { LEN = 3 * 1024 * 1024 };
    char *payload = malloc(LEN);

    ck_assert_ptr_nonnull(payload);
    start("");
    memset(payload, '[', 500000);
    json_t *answer = ask_raw(payload, 500000);
    ck_assert(tells_an_error(answer));
    json_decref(answer);
    memset(payload, ' ', LEN);
    memcpy(payload, "{\"commands\":[]}", 15);
    answer = ask_raw(payload, LEN);
    ck_assert(tells_an_error(answer));
    json_decref(answer);
    json_decref(do_command("\"command\":\"listKeys\""));
    free(payload);
    stop();
}
END_TEST

START_TEST(who_asks_too_much_at_once_is_told)
{
    static const char payload[] = "{\"commands\":[{\"command\":\"listKeys\"}]}";
    enum { PAYLOADS = 90 };
    start("");
    for (unsigned i = 0; i < PAYLOADS; i++)
        harness_publish_async(admin, CONTROL, payload, sizeof payload - 1, 1, NULL);
    for (unsigned i = 0; i < PAYLOADS; i++) /* each has an answer: the keys, or that it was too much */
        json_decref(frames_receive_json(admin, RESPONSE));
    json_decref(do_command("\"command\":\"listKeys\""));
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = tcase_create("control");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_device_is_added_shown_listed_and_removed);
    tcase_add_test(tcase, a_claim_lets_a_listed_device_in);
    tcase_add_test(tcase, an_approved_device_gets_what_was_parked_in_order);
    tcase_add_test(tcase, a_device_that_was_reset_waits_for_the_operator);
    tcase_add_test(tcase, a_revoked_device_is_out_until_it_is_restored);
    tcase_add_test(tcase, keys_and_stats_are_told);
    tcase_add_test(tcase, gateways_are_added_listed_and_removed);
    tcase_add_test(tcase, answers_go_to_the_sender_alone);
    tcase_add_test(tcase, an_answer_does_not_go_to_whoever_takes_over_the_client_id);
    tcase_add_test(tcase, a_payload_that_asks_for_very_much_holds_nothing_up);
    tcase_add_test(tcase, several_commands_are_answered_in_order);
    tcase_add_test(tcase, whatever_is_wrong_with_a_payload_is_told_to_the_sender);
    tcase_add_test(tcase, a_payload_too_deep_or_too_long_is_refused);
    tcase_add_test(tcase, who_asks_too_much_at_once_is_told);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
