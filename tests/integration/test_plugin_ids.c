/* SPDX-License-Identifier: Apache-2.0 */
/* Newcomers at an address that is bound, against a real Mosquitto whose clock the test sets: dead IDs that wait, a
 * registration that nobody heard, wrong claims. PROTOCOL.md, section 7, rule 6. */
#include "frames.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct harness_broker *broker;
static struct harness_client *gateway, *payloads, *events, *rejected, *admin;
static uint64_t seq;

/* At once, so that the broker never reads half of it. */
static void shift_clocks(long set_minutes, long passed_minutes)
{
    const char *path = harness_path("shift");

    ck_assert_int_eq(
        rename(harness_write("shift.new", 0600, "%ld %ld", 60 * (set_minutes + passed_minutes), 60 * passed_minutes),
               path),
        0);
}

/* So much time has passed since the start. */
static void pass(long minutes)
{
    shift_clocks(0, minutes);
}

static void start(const char *policies)
{
    char configuration[300];

    pass(0);
    ck_assert_int_eq(setenv("SELKIE_CLOCK_SHIFT", harness_path("shift"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", CLOCK_SHIFT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
    (void)snprintf(configuration, sizeof configuration, "\"gateways\":\"any\",\"admins\":[\"ops\"],%s", policies);
    broker = harness_broker_with_plugin("", configuration);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    gateway = frames_gateway(broker, "gw1", NULL);
    payloads = frames_subscriber(broker, "selkie/device/+/up");
    events = frames_subscriber(broker, "selkie/device/+/event");
    rejected = frames_subscriber(broker, "selkie/rejected/#");
    admin = harness_connect(broker, &(struct harness_client_options){.username = "ops"});
    ck_assert_int_eq(harness_subscribe(admin, "$CONTROL/selkie/v1/response", 1), 1);
    seq = 0;
}

/* The same address after a power cut, or somebody who says so. */
static struct frames_device life(unsigned number)
{
    struct frames_device device = frames_device(1);

    device.id[1] = (uint8_t)number;
    return device;
}

/* As a gateway that has just heard it. */
static void send(const uint8_t body[static SELKIE_SEALED_SIZE])
{
    char number[24];

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)++seq);
    const struct harness_property properties[] = {{"seq", number}, {"age", "0"}, {NULL, NULL}};
    (void)harness_publish(gateway, "selkie/gateway/gw1/up", body, SELKIE_SEALED_SIZE, 1, false, properties);
    frames_await_receipt(gateway, seq);
}

static void send_register(struct frames_device *device, const char *claim)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_seal_register(body, device->address, device->id, claim);
    device->counter = 1;
    send(body);
}

static void send_data(struct frames_device *device, const char *payload)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_seal_data(body, device->address, device->id, device->counter++, payload);
    send(body);
}

static const char *id_text(const struct frames_device *device)
{
    static char text[17];
    uint8_t digest[SHA256_DIGEST_LENGTH];

    (void)SHA256(device->id, sizeof device->id, digest);
    for (int i = 0; i < 8; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

/* The next event is this one, of this ID. */
static json_t *expect_event(const char *name, const struct frames_device *device)
{
    json_t *event = frames_receive_json(events, NULL);

    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), name);
    ck_assert_str_eq(json_string_value(json_object_get(event, "id")), id_text(device));
    return event;
}

static void expect_rejected(const char *reason)
{
    json_t *json = frames_receive_json(rejected, NULL);

    ck_assert_str_eq(json_string_value(json_object_get(json, "reason")), reason);
    json_decref(json);
}

static void expect_payload(const struct frames_device *device, const char *payload)
{
    frames_expect_payload(payloads, device, payload, device->counter - 1);
}

static void command(const char *name, const char *more)
{
    char text[300];

    (void)snprintf(text, sizeof text, "{\"commands\":[{\"command\":\"%s\",\"address\":\"%s\"%s}]}", name,
                   frames_device(1).text, more);
    ck_assert_int_ge(harness_publish(admin, "$CONTROL/selkie/v1", text, strlen(text), 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, NULL);
    json_t *first = json_array_get(json_object_get(answer, "responses"), 0);
    ck_assert_msg(!json_object_get(first, "error"), "%s: %s", name, json_string_value(json_object_get(first, "error")));
    json_decref(answer);
}

START_TEST(dead_ids_lock_no_device_out)
{
    struct frames_device first = life(1), reset = life(100);
    char id[64];

    start("\"enrolment\":\"open\"");
    send_data(&first, "before the power cut");
    expect_payload(&first, "before the power cut");
    json_decref(expect_event("registered", &first));
    for (unsigned i = 2; i < 8; i++) {
        struct frames_device dead = life(i);
        send_register(&dead, NULL);
        json_decref(expect_event("reset", &dead));
    }
    send_data(&reset, "after it");
    json_decref(expect_event("reset", &reset));
    pass(2);
    send_data(&reset, "two minutes later");
    for (unsigned i = 10; i < 20; i++) { /* the flood goes on; it displaces its own */
        struct frames_device dead = life(i);
        send_register(&dead, NULL);
        json_decref(expect_event("reset", &dead));
    }
    for (unsigned i = 0; i < 6 + 1 + 10 - 4; i++)
        expect_rejected("pending-full");
    (void)snprintf(id, sizeof id, ",\"id\":\"%s\"", id_text(&reset));
    command("approveDevice", id);
    frames_expect_payload(payloads, &reset, "after it", 0);
    frames_expect_payload(payloads, &reset, "two minutes later", 1);
}
END_TEST

START_TEST(a_registration_that_nobody_heard_does_not_take_over_for_good)
{
    struct frames_device old = life(1), recorded = life(2), living = life(3);

    start("\"enrolment\":\"listed\",\"rebind\":\"claim\"");
    command("addDevice", ",\"claim\":\"secret\"");
    send_register(&old, "secret");
    json_decref(expect_event("registered", &old));
    send_register(&living, "secret"); /* two resets later */
    json_decref(expect_event("reset", &living));
    json_decref(expect_event("registered", &living));
    send_data(&living, "alive");
    expect_payload(&living, "alive");

    pass(60);
    send_register(&recorded, "secret"); /* what no gateway had, of the life between */
    json_decref(expect_event("reset", &recorded));
    json_decref(expect_event("registered", &recorded));
    send_data(&recorded, "an old reading");
    expect_payload(&recorded, "an old reading"); /* the policy says so */
    send_data(&living, "at once");               /* its place is doubtful, its readings are not */
    expect_payload(&living, "at once");
    pass(71);
    send_data(&living, "still alive");
    expect_payload(&living, "still alive");
    json_t *event = expect_event("takeover", &living);
    ck_assert_str_eq(json_string_value(json_object_get(event, "retired")), id_text(&recorded));
    json_decref(event);
    send_data(&recorded, "another old reading");
    expect_rejected("retired");
    send_data(&living, "goes on");
    expect_payload(&living, "goes on");
}
END_TEST

START_TEST(ten_wrong_claims_raise_an_event_and_keep_nobody_out)
{
    struct frames_device stranger = life(9), device = life(1);

    start("\"enrolment\":\"listed\",\"rebind\":\"claim\"");
    command("addDevice", ",\"claim\":\"secret\"");
    for (unsigned i = 0; i < 25; i++) {
        char claim[16];
        (void)snprintf(claim, sizeof claim, "guess %u", i);
        send_register(&stranger, claim);
        expect_rejected("claim");
    }
    json_t *event = expect_event("claim", &stranger);
    ck_assert_int_eq(json_integer_value(json_object_get(event, "count")), 10);
    json_decref(event);
    send_register(&device, "secret");
    json_decref(expect_event("registered", &device));
    pass(11);
    for (unsigned i = 0; i < 10; i++)
        send_register(&stranger, "guess");
    json_decref(expect_event("reset", &stranger));
    json_decref(expect_event("claim", &stranger));
}
END_TEST

/* A gateway that was cut off hands over a frame that it captured so long ago. */
static void send_late(struct harness_client *late, const uint8_t body[static SELKIE_SEALED_SIZE], const char *age)
{
    char number[24];

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)++seq);
    const struct harness_property properties[] = {{"seq", number}, {"age", age}, {NULL, NULL}};
    (void)harness_publish(late, "selkie/gateway/gw2/up", body, SELKIE_SEALED_SIZE, 1, false, properties);
    frames_await_receipt(late, seq);
}

/* A broker that started without a clock has the time from NTP: that is no time that passes. */
START_TEST(a_broker_whose_clock_is_set_forward_proves_nothing_by_that)
{
    static const char *const names[] = {"registered", "lost", "registered", "reset", "registered", "takeover"};
    struct frames_device old = life(1), living = life(2), steady = frames_device(2);
    uint8_t first[SELKIE_SEALED_SIZE], body[SELKIE_SEALED_SIZE];
    const long set_minutes = _i == 0 ? 120 : 40L * 24 * 60;

    start("\"enrolment\":\"open\",\"rebind\":\"allow\"");
    struct harness_client *late = frames_gateway(broker, "gw2", NULL);
    harness_seal_data(first, steady.address, steady.id, 0, "first");
    send(first);
    harness_seal_data(body, steady.address, steady.id, 2, "third");
    send(body);
    send_data(&old, "before the reset");
    send_data(&living, "after it");
    shift_clocks(set_minutes, 0);
    send_late(late, first, "1000"); /* no replay */
    harness_seal_data(body, steady.address, steady.id, 1, "second");
    send_late(late, body, "1000"); /* no clone */
    harness_seal_data(body, old.address, old.id, 1, "just before the reset");
    send_late(late, body, "1000"); /* no takeover */
    send_data(&living, "goes on");
    frames_expect_payload(payloads, &old, "before the reset", 0);
    frames_expect_payload(payloads, &living, "after it", 0);
    frames_expect_payload(payloads, &old, "just before the reset", 1);
    frames_expect_payload(payloads, &living, "goes on", 1);
    ck_assert_ptr_null(harness_receive_try(rejected, NULL, 0));
    shift_clocks(set_minutes, 11);
    harness_seal_data(body, old.address, old.id, 2, "alive");
    send(body);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *event = frames_receive_json(events, NULL);
        ck_assert_str_eq(json_string_value(json_object_get(event, "event")), names[i]);
        json_decref(event);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_ids");
    TCase *tcase = tcase_create("plugin_ids");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, dead_ids_lock_no_device_out);
    tcase_add_test(tcase, a_registration_that_nobody_heard_does_not_take_over_for_good);
    tcase_add_test(tcase, ten_wrong_claims_raise_an_event_and_keep_nobody_out);
    tcase_add_loop_test(tcase, a_broker_whose_clock_is_set_forward_proves_nothing_by_that, 0, 2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
