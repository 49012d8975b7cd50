/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway that floods: the intake is bounded, what does not fit has no receipt and is counted, and the others hardly
 * notice. */
#include "frames.h"

#include <selkie/session.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES "\"gateways\":\"any\",\"workers\":2"
/* Nothing that the plugin publishes shall be dropped by Mosquitto. */
#define BROKER "max_queued_messages 0\nmax_inflight_messages 0\n"

enum { FLOOD = 10000, SEALED = 400, OTHERS = 10, AHEAD_MAX = 200 };

/* If the first to come were the first to be served, half the intake would go ahead of another's frame: more than 500.
 * With turns it is a few, and here those as well that are decided while this test gets its frame to the broker. */

/* 10,000 frames at once, of `count` bodies. */
static void flood(struct harness_client *gateway, const uint8_t *bodies, size_t count, size_t len)
{
    for (uint64_t i = 0; i < FLOOD; i++) {
        char seq[24];
        (void)snprintf(seq, sizeof seq, "%u", (unsigned)i + 1);
        const struct harness_property properties[] = {{"seq", seq}, {NULL, NULL}};
        harness_publish_async(gateway, "selkie/gateway/flood/up", bodies + i % count * len, len, 0, properties);
    }
}

static uint8_t (*seal(struct frames_device *device, size_t count))[SELKIE_SEALED_SIZE]
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = calloc(count, sizeof *bodies);

    ck_assert_ptr_nonnull(bodies);
    for (size_t i = 0; i < count; i++)
        harness_seal_data(bodies[i], device->address, device->id, device->counter++, "flood");
    return bodies;
}

static size_t count_receipts(struct harness_client *gateway, int patience_ms)
{
    struct harness_message *message;
    size_t count = 0;

    while ((message = harness_receive_try(gateway, "selkie/gateway/", patience_ms)) != NULL) {
        json_t *json = json_loadb((const char *)message->payload, message->len, 0, NULL);
        count += json_array_size(json_object_get(json, "seq"));
        json_decref(json);
        harness_message_free(message);
    }
    return count;
}

START_TEST(a_flood_does_not_hold_up_another_gateway)
{
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES);
    struct harness_client *watcher = frames_subscriber(broker, "selkie/gateway/flood/up");
    struct harness_client *others = frames_subscriber(broker, "selkie/device/0000000000000002/up");
    struct harness_client *flooder = frames_gateway(broker, "flood", NULL),
                          *gateway = frames_gateway(broker, "gw", NULL);
    struct frames_device noisy = frames_device(1), quiet = frames_device(2);
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = seal(&noisy, SEALED);

    frames_send_data(gateway, "gw", &quiet, "first", 1);
    frames_expect_payload(others, &quiet, "first", 0);
    flood(flooder, bodies[0], SEALED, SELKIE_SEALED_SIZE);
    for (int i = 0; i < FLOOD / 10; i++) /* the flood is well on its way, and the intake has all it takes */
        harness_message_free(harness_receive(watcher, NULL));
    for (uint32_t i = 0; i < OTHERS; i++) {
        /* What the flooder is given receipts for meanwhile is what went ahead of this frame. */
        (void)count_receipts(flooder, 0);
        frames_send_data(gateway, "gw", &quiet, "other", 2 + i);
        frames_expect_payload(others, &quiet, "other", 1 + i);
        size_t ahead = count_receipts(flooder, 0);
        ck_assert_msg(ahead < AHEAD_MAX, "%zu frames of the flood went ahead of frame %u", ahead, i);
    }
    frames_await_receipts(gateway, 1, 1 + OTHERS);

    /* What did not fit was dropped, has no receipt, and is counted. */
    harness_disconnect(watcher);
    struct harness_client *stats = frames_subscriber(broker, "selkie/stats");
    json_int_t dropped = 0, intake = 1;
    while (intake != 0 || dropped == 0) {
        json_t *json = frames_receive_json(stats, "selkie/stats");
        dropped = json_integer_value(json_object_get(json_object_get(json, "dropped"), "intake_full"));
        intake = json_integer_value(json_object_get(json_object_get(json, "queues"), "intake"));
        json_decref(json);
    }
    ck_assert_int_gt(dropped, FLOOD / 2);
    free(bodies);
    harness_disconnect(stats);
    harness_disconnect(others);
    harness_disconnect(flooder);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* What of the flood is published between the moment that the other's frame reaches Mosquitto and that of its payload:
 * one subscriber sees both, in Mosquitto's own order, however late it reads. */
static size_t count_ahead(struct harness_client *observer)
{
    struct harness_message *message;
    bool arrived = false, published = false;
    size_t ahead = 0;

    while (!published) {
        message = harness_receive(observer, "selkie/");
        arrived = arrived || strcmp(message->topic, "selkie/gateway/gw/up") == 0;
        published = strcmp(message->topic, "selkie/device/0000000000000002/up") == 0;
        ahead += arrived && strcmp(message->topic, "selkie/device/0000000000000001/up") == 0;
        harness_message_free(message);
    }
    ck_assert(arrived);
    return ahead;
}

/* SESSION frames need no RSA, so a flood of them comes to the one who decides as fast as Mosquitto reads it. */
START_TEST(a_flood_of_session_frames_does_not_hold_up_another_gateway)
{
    enum { BODY = SELKIE_SESSION_OVERHEAD + 5 };
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES);
    struct harness_client *flooder = frames_gateway(broker, "flood", NULL),
                          *gateway = frames_gateway(broker, "gw", NULL);
    struct frames_device noisy = frames_device(1), quiet = frames_device(2);
    uint8_t(*bodies)[BODY] = calloc(FLOOD, sizeof *bodies), body[SELKIE_SEALED_SIZE];
    struct selkie_session session;

    frames_send_data(flooder, "flood", &noisy, "first", 1);
    frames_await_receipt(flooder, 1);
    frames_send_data(gateway, "gw", &quiet, "first", 1);
    frames_await_receipt(gateway, 1);
    ck_assert_int_eq(selkie_session_derive(&session, noisy.address, noisy.id), 0);
    for (uint32_t i = 0; i < FLOOD; i++)
        ck_assert_int_eq(selkie_session_seal(bodies[i], BODY, &session, i + 1, (const uint8_t *)"flood", 5), BODY);
    harness_seal_data(body, quiet.address, quiet.id, quiet.counter, "other");
    struct harness_client *observer = frames_subscriber(broker, "selkie/device/+/up"),
                          *begun = frames_subscriber(broker, "selkie/gateway/flood/up");
    ck_assert_int_eq(harness_subscribe(observer, "selkie/gateway/gw/up", 1), 1);
    flood(flooder, bodies[0], FLOOD, BODY);
    for (int i = 0; i < FLOOD / 10; i++)
        harness_message_free(harness_receive(begun, NULL));
    ck_assert_int_ge(frames_send(gateway, "gw", body, sizeof body, 2), 0);
    size_t ahead = count_ahead(observer);
    ck_assert_msg(ahead < FLOOD / 2, "%zu frames of the flood went ahead", ahead);
    frames_await_receipt(gateway, 2);
    free(bodies);
    harness_disconnect(begun);
    harness_disconnect(observer);
    harness_disconnect(flooder);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* SESSION frames of a device, its counters from 1 on. */
enum { SHORT = SELKIE_SESSION_OVERHEAD + 4, AT_ONCE = 512 };
static void seal_short(uint8_t (*bodies)[SHORT], uint32_t count, const struct frames_device *device)
{
    struct selkie_session session;

    ck_assert_int_eq(selkie_session_derive(&session, device->address, device->id), 0);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(selkie_session_seal(bodies[i], SHORT, &session, i + 1, (const uint8_t *)"text", 4), SHORT);
}

/* Send them no faster than they are decided. *seq is the last one used. */
static void send_short(struct harness_client *gateway, const char *name, uint8_t (*bodies)[SHORT], uint32_t count,
                       uint64_t *seq)
{
    char topic[64], text[24];

    (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/up", name);
    for (uint32_t sent = 0; sent < count;) {
        uint64_t first = *seq + 1;
        for (uint32_t i = 0; i < AT_ONCE && sent < count; i++) {
            (void)snprintf(text, sizeof text, "%llu", (unsigned long long)++*seq);
            const struct harness_property properties[] = {{"seq", text}, {NULL, NULL}};
            harness_publish_async(gateway, topic, bodies[sent++], SHORT, 1, properties);
        }
        frames_await_receipts(gateway, first, *seq);
    }
}

/* A number of the next statistics, and wait until it is `expected`. */
static void await_stat(struct harness_client *stats, const char *group, const char *member, json_int_t expected)
{
    json_int_t value;

    do {
        json_t *json = frames_receive_json(stats, "selkie/stats");
        value = json_integer_value(json_object_get(json_object_get(json, group), member));
        json_decref(json);
        ck_assert_int_le(value, expected);
    } while (value != expected);
}

/* Frames of new IDs wait for the operator. One gateway may hold half of what may wait. */
START_TEST(a_flood_of_frames_that_wait_leaves_room_for_another_gateway)
{
    enum { IDS = 129, EACH = 256, HALF = 32768 };
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES ",\"enrolment\":\"approve\"");
    struct harness_client *flooder = frames_gateway(broker, "flood", NULL),
                          *gateway = frames_gateway(broker, "gw", NULL),
                          *stats = frames_subscriber(broker, "selkie/stats"),
                          *rejected = frames_subscriber(broker, "selkie/rejected/parking-full");
    struct frames_device quiet = frames_device(1);
    static uint8_t bodies[EACH][SHORT];
    uint64_t seq = 0;

    for (uint32_t i = 0; i < IDS; i++) {
        struct frames_device noisy = frames_device(100 + i);
        seal_short(bodies, EACH - 1, &noisy);
        frames_send_data(flooder, "flood", &noisy, "first", ++seq);
        frames_await_receipt(flooder, seq);
        send_short(flooder, "flood", bodies, i < IDS - 1 ? EACH - 1 : 0, &seq);
    }
    harness_message_free(harness_receive(rejected, "selkie/rejected/"));
    await_stat(stats, "queues", "parked", HALF);
    frames_send_data(gateway, "gw", &quiet, "reading", 1);
    frames_await_receipt(gateway, 1);
    await_stat(stats, "queues", "parked", HALF + 1);
    ck_assert_ptr_null(harness_receive_try(rejected, "selkie/rejected/", 0));
    harness_disconnect(rejected);
    harness_disconnect(stats);
    harness_disconnect(flooder);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* With the public key anybody can register devices. One gateway may hold half of those that nobody listed. */
START_TEST(a_flood_of_registrations_leaves_room_for_another_gateway)
{
    enum { OTHERS_FIRST = 1000 };
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES ",\"max_devices\":20");
    struct harness_client *flooder = frames_gateway(broker, "flood", NULL),
                          *gateway = frames_gateway(broker, "gw", NULL),
                          *stats = frames_subscriber(broker, "selkie/stats"),
                          *rejected = frames_subscriber(broker, "selkie/rejected/#"),
                          *payloads = frames_subscriber(broker, "selkie/device/+/up");

    for (uint64_t i = 1; i <= 50; i++) {
        struct frames_device noisy = frames_device(i);
        frames_send_data(flooder, "flood", &noisy, "flood", i);
    }
    frames_await_receipts(flooder, 1, 50);
    for (int i = 0; i < 10; i++)
        harness_message_free(harness_receive(payloads, "selkie/device/"));
    ck_assert_ptr_null(harness_receive_try(payloads, "selkie/device/", 0));
    await_stat(stats, "rejected", "registry-full", 40);
    for (int i = 0; i < 40; i++)
        harness_message_free(harness_receive(rejected, "selkie/rejected/registry-full"));
    for (uint64_t i = 1; i <= 5; i++) {
        struct frames_device honest = frames_device(OTHERS_FIRST + i);
        frames_send_data(gateway, "gw", &honest, "reading", i);
        frames_expect_payload(payloads, &honest, "reading", 0);
    }
    await_stat(stats, "devices", "unlisted", 15);
    ck_assert_ptr_null(harness_receive_try(rejected, "selkie/rejected/", 0));
    harness_disconnect(payloads);
    harness_disconnect(rejected);
    harness_disconnect(stats);
    harness_disconnect(flooder);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

static void execute(const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(harness_path("state/registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Nobody listed it, and it is silent for 40 days. Its state goes, and a recording does not bring it back. */
START_TEST(a_device_that_is_silent_is_forgotten)
{
    char lines[512];
    (void)snprintf(lines, sizeof lines, BROKER "persistence true\npersistence_location %s/\n", harness_path("."));
    struct harness_broker *broker = harness_broker_with_plugin(lines, RULES);
    struct harness_client *gateway = frames_gateway(broker, "gw", NULL);
    struct frames_device device = frames_device(1), awake = frames_device(2);
    uint8_t recorded[SELKIE_SEALED_SIZE];

    harness_seal_data(recorded, device.address, device.id, 0, "reading");
    ck_assert_int_ge(frames_send(gateway, "gw", recorded, sizeof recorded, 1), 0);
    frames_send_data(gateway, "gw", &awake, "reading", 2);
    frames_await_receipts(gateway, 1, 2);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    execute("INSERT OR REPLACE INTO about VALUES ('day-clock', 40 * 86400000 + 1);"
            "UPDATE binding SET heard = 40 WHERE address = x'0000000000000002'");
    harness_broker_restart(broker);
    gateway = frames_gateway(broker, "gw", NULL);
    struct harness_client *rejected = frames_subscriber(broker, "selkie/rejected/#");
    frames_send_data(gateway, "gw", &awake, "still here", 3);
    frames_await_receipt(gateway, 3);
    ck_assert_int_ge(frames_send(gateway, "gw", recorded, sizeof recorded, 4), 0);
    harness_message_free(harness_receive(rejected, "selkie/rejected/retired"));
    struct harness_client *states = frames_subscriber(broker, "selkie/device/+/state");
    harness_message_free(harness_receive(states, frames_topic(&awake, "state")));
    ck_assert_ptr_null(harness_receive_try(states, frames_topic(&device, "state"), 0));
    harness_disconnect(states);
    harness_disconnect(rejected);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* The tag of a device's SESSION frames is in clear. Forged ones must not keep its own from waiting for its REGISTER. */
START_TEST(a_flood_under_a_tag_leaves_room_for_another_gateway)
{
    enum { FORGED = 300, OWN = 100 };
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES);
    struct harness_client *flooder = frames_gateway(broker, "flood", NULL),
                          *gateway = frames_gateway(broker, "gw", NULL),
                          *stats = frames_subscriber(broker, "selkie/stats"),
                          *payloads = frames_subscriber(broker, "selkie/device/+/up");
    struct frames_device device = frames_device(1);
    static uint8_t forged[FORGED][SHORT], own[OWN][SHORT];
    uint64_t forged_seq = 0, seq = 0;

    seal_short(forged, FORGED, &device);
    for (uint32_t i = 0; i < FORGED; i++)
        forged[i][SHORT - 1]++;
    seal_short(own, OWN, &device);
    send_short(flooder, "flood", forged, FORGED, &forged_seq);
    send_short(gateway, "gw", own, OWN, &seq);
    await_stat(stats, "queues", "unmatched", 256 + OWN);
    frames_send_data(gateway, "gw", &device, "first", ++seq);
    frames_expect_payload(payloads, &device, "first", 0);
    for (uint32_t counter = 1; counter <= OWN; counter++)
        frames_expect_payload(payloads, &device, "text", counter);
    harness_disconnect(payloads);
    harness_disconnect(stats);
    harness_disconnect(flooder);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* Mosquitto counts what plugins allocate: what is published is counted as it is freed. */
START_TEST(a_memory_limit_does_not_stop_the_service)
{
    enum { FRAMES = 400 };
    struct harness_broker *broker = harness_broker_with_plugin(BROKER "memory_limit 20000000\n", RULES);
    struct harness_client *gateway = frames_gateway(broker, "gw", NULL);
    struct frames_device device = frames_device(3);

    for (uint64_t seq = 1; seq <= FRAMES; seq++)
        frames_send_data(gateway, "gw", &device, "0123456789012345678901234567890123456789", seq);
    frames_await_receipts(gateway, 1, FRAMES);
    struct harness_client *late = frames_subscriber(broker, "selkie/device/#");
    frames_send_data(gateway, "gw", &device, "last", FRAMES + 1);
    frames_expect_payload(late, &device, "last", FRAMES);
    harness_disconnect(late);
    harness_disconnect(gateway);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_flood");
    TCase *tcase = tcase_create("plugin_flood");

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, a_flood_does_not_hold_up_another_gateway);
    tcase_add_test(tcase, a_flood_of_session_frames_does_not_hold_up_another_gateway);
    tcase_add_test(tcase, a_flood_of_frames_that_wait_leaves_room_for_another_gateway);
    tcase_add_test(tcase, a_flood_of_registrations_leaves_room_for_another_gateway);
    tcase_add_test(tcase, a_device_that_is_silent_is_forgotten);
    tcase_add_test(tcase, a_flood_under_a_tag_leaves_room_for_another_gateway);
    tcase_add_test(tcase, a_memory_limit_does_not_stop_the_service);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
