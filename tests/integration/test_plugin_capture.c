/* SPDX-License-Identifier: Apache-2.0 */
/* Capture times in a real Mosquitto: what a gateway publishes as `age` and `rx`, what comes out as `rx` and `clock`,
 * and what a wrong clock or a lie does to the neighbours: nothing. PROTOCOL.md, sections 7 and 8. */
#include "frames.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY      INT64_C(86400000)
#define READINGS 12

static struct harness_broker *broker;
static struct harness_client *subscriber;
static struct frames_device device;

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_up(void)
{
    broker = harness_broker_with_plugin("", "\"gateways\":\"any\",\"silent_after\":300");
    subscriber = frames_subscriber(broker, "selkie/device/#");
    device = frames_device(1);
}

/* Publish a body as a gateway; `age` NULL = none. */
static void publish(struct harness_client *gateway, const char *name, const uint8_t *body, uint64_t seq, int64_t rx_ms,
                    const char *age)
{
    char topic[64], number[24], rx[24];
    const struct harness_property properties[] = {
        {"seq", number}, {"rx", rx}, {age ? "age" : "port", age ? age : "test"}, {NULL, NULL}};

    (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/up", name);
    (void)snprintf(number, sizeof number, "%" PRIu64, seq);
    (void)snprintf(rx, sizeof rx, "%" PRId64, rx_ms);
    ck_assert_int_ge(harness_publish(gateway, topic, body, SELKIE_SEALED_SIZE, 1, false, properties), 0);
    frames_await_receipt(gateway, seq);
}

static const struct {
    const char *age;
    int64_t rx_off_ms, expected_off_ms; /* from now */
    const char *clock;
} captures[] = {
    {"0", -3 * DAY, 0, "age"},
    {"86400000", 0, -DAY, "age"},
    {NULL, -DAY, -DAY, "gateway"},
    {NULL, DAY, 0, "arrival"},
    {"9223372036854775807", DAY, 0, "arrival"},
    {"-5", -DAY, -DAY, "gateway"},
};

START_TEST(the_time_of_capture_comes_out_with_its_clock)
{
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    uint8_t body[SELKIE_SEALED_SIZE];

    for (uint32_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        int64_t before = now_ms();
        harness_seal_data(body, device.address, device.id, i, "x");
        publish(gateway, "gw1", body, i + 1, before + captures[i].rx_off_ms, captures[i].age);
        struct harness_message *message = harness_receive(subscriber, frames_topic(&device, "up"));
        int64_t rx_ms = strtoll(harness_message_property(message, "rx"), NULL, 10);
        ck_assert_str_eq(harness_message_property(message, "clock"), captures[i].clock);
        ck_assert_int_ge(rx_ms, before + captures[i].expected_off_ms);
        ck_assert_int_le(rx_ms, now_ms() + captures[i].expected_off_ms);
        harness_message_free(message);
    }
}
END_TEST

static const struct {
    int64_t rx_off_ms;
    const char *age;
} wrong[] = {{-DAY / 24, NULL}, {-3 * DAY, NULL}, {3 * DAY, NULL}, {-3 * DAY, "10"}, {0, "259200000"}};

START_TEST(a_wrong_clock_makes_no_alarm_and_no_replay)
{
    struct harness_client *one = frames_gateway(broker, "gw1", NULL), *two = frames_gateway(broker, "gw2", NULL);
    struct harness_client *rejections = frames_subscriber(broker, "selkie/rejected/#");
    uint8_t body[SELKIE_SEALED_SIZE];

    for (uint32_t i = 0; i < READINGS; i++) {
        harness_seal_data(body, device.address, device.id, i, "x");
        publish(one, "gw1", body, i + 1, now_ms() + wrong[_i].rx_off_ms, wrong[_i].age);
        publish(two, "gw2", body, i + 1, now_ms(), "20");
        frames_expect_payload(subscriber, &device, "x", i);
    }
    ck_assert_ptr_null(harness_receive_try(rejections, "selkie/rejected/", 300));
    json_t *event = frames_receive_json(subscriber, frames_topic(&device, "event"));
    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), "registered");
    json_decref(event);
    ck_assert_ptr_null(harness_receive_try(subscriber, frames_topic(&device, "event"), 300));
}
END_TEST

START_TEST(what_a_gateway_captured_again_an_hour_later_is_a_replay)
{
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *rejections = frames_subscriber(broker, "selkie/rejected/#");
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_seal_data(body, device.address, device.id, 0, "x");
    publish(gateway, "gw1", body, 1, now_ms(), "3600000");
    publish(gateway, "gw1", body, 2, now_ms() - DAY, "10");
    harness_message_free(harness_receive(rejections, "selkie/rejected/replay"));
}
END_TEST

/* Two voices under one ID: a higher counter, and eleven minutes later a lower one. Both come out, and it rings. */
START_TEST(a_lower_counter_long_after_a_higher_one_rings)
{
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    static const struct {
        uint32_t counter;
        const char *age;
    } frames[] = {{0, "660000"}, {200000, "660000"}, {1, "10"}, {2, "10"}};
    static const char *const expected[] = {"registered", "lost", "clone"};
    uint8_t body[SELKIE_SEALED_SIZE];

    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        harness_seal_data(body, device.address, device.id, frames[i].counter, "x");
        publish(gateway, "gw1", body, i + 1, now_ms(), frames[i].age);
        frames_expect_payload(subscriber, &device, "x", frames[i].counter);
    }
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        json_t *event = frames_receive_json(subscriber, frames_topic(&device, "event"));
        ck_assert_str_eq(json_string_value(json_object_get(event, "event")), expected[i]);
        if (i == 2)
            ck_assert_str_eq(json_string_value(json_object_get(event, "proof")), "order");
        json_decref(event);
    }
    ck_assert_ptr_null(harness_receive_try(subscriber, frames_topic(&device, "event"), 300)); /* once a minute */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_capture");
    TCase *tcase = tcase_create("capture");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, the_time_of_capture_comes_out_with_its_clock);
    tcase_add_loop_test(tcase, a_wrong_clock_makes_no_alarm_and_no_replay, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tcase, what_a_gateway_captured_again_an_hour_later_is_a_replay);
    tcase_add_test(tcase, a_lower_counter_long_after_a_higher_one_rings);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
