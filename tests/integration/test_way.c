/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way on real parts: selkie-device, a serial cable, selkie-gateway, Mosquitto with the plugin, a subscriber.
 */
#include "harness.h"

#include <selkie/fragment.h>
#include <selkie/link.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS "0011223344556677"

static const uint8_t address[8] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
static const uint8_t id[32] = {1, 2, 3};

/* `more`: keys of the serial line, each behind a comma. */
static struct harness_process *gateway_with(const char *broker_uri, const char *serial, const char *more)
{
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\"%s}],\"spool\":{\"path\":\"%s\"}}",
                                       broker_uri, serial, more, harness_path("spool.db"));
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};

    return harness_spawn("gateway", argv, false);
}

static struct harness_process *gateway(const char *broker_uri, const char *serial)
{
    return gateway_with(broker_uri, serial, "");
}

static struct harness_client *subscriber(const struct harness_broker *broker, const char *filter)
{
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(client, filter, 1), 1);
    return client;
}

static void expect_payload(struct harness_client *client, const char *payload, const char *counter)
{
    struct harness_message *message = harness_receive(client, "selkie/device/" ADDRESS "/up");

    ck_assert_str_eq((const char *)message->payload, payload);
    ck_assert_int_eq(message->qos, 1);
    ck_assert_str_eq(harness_message_property(message, "counter"), counter);
    ck_assert_str_eq(harness_message_property(message, "gateway"), "roof");
    ck_assert_str_eq(harness_message_property(message, "form"), "sealed");
    ck_assert_ptr_nonnull(harness_message_property(message, "rx"));
    harness_message_free(message);
}

START_TEST(readings_come_out_on_the_devices_own_topic)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/device/#");
    struct harness_line *line = harness_line("air");
    struct harness_process *roof = gateway(broker->uri, line->b);
    const char *argv[] = {harness_program("selkie-device"),
                          "--port",
                          line->a,
                          "--public-key",
                          harness_public_key(),
                          "--key-id",
                          "1",
                          "--address",
                          ADDRESS,
                          "--bit-rate",
                          "0",
                          "--interval",
                          "0",
                          NULL};
    struct harness_process *device = harness_spawn("device", argv, true);

    ck_assert_int_eq(dprintf(device->input, "first\nsecond\nthird\n"), 19);
    ck_assert_int_eq(harness_wait_exit(device), 0);
    expect_payload(client, "first", "1");
    expect_payload(client, "second", "2");
    expect_payload(client, "third", "3");
    struct harness_message *state = harness_receive(client, "selkie/device/" ADDRESS "/state");
    ck_assert_ptr_nonnull(strstr((const char *)state->payload, "\"active\""));
    harness_message_free(state);
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

static void send_frame(struct harness_pty *pty, const uint8_t *body, size_t len)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int wire_len = selkie_link_encode(wire, sizeof wire, body, len);

    ck_assert_int_gt(wire_len, 0);
    harness_pty_write(pty, wire, (size_t)wire_len);
}

static void expect_rejected(struct harness_client *client, const char *reason)
{
    char topic[64];

    (void)snprintf(topic, sizeof topic, "selkie/rejected/%s", reason);
    struct harness_message *message = harness_receive(client, "selkie/rejected/");
    ck_assert_str_eq(message->topic, topic);
    ck_assert_ptr_nonnull(strstr((const char *)message->payload, reason));
    harness_message_free(message);
}

START_TEST(bad_frames_are_rejected_by_their_reason_and_the_next_one_passes)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/#");
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *roof = gateway(broker->uri, pty->path);
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_wait_log(roof, "serial"); /* raw mode is set once the line is open */
    harness_seal_data(body, address, id, 1, "one");
    harness_pty_write(pty, (const uint8_t *)"noise", 5);
    send_frame(pty, body, sizeof body);
    expect_payload(client, "one", "1");

    uint8_t bad[SELKIE_SEALED_SIZE];
    memcpy(bad, body, sizeof bad);
    bad[1] = 99;
    send_frame(pty, bad, sizeof bad);
    expect_rejected(client, "unknown-key");
    memcpy(bad, body, sizeof bad);
    bad[0] = 0x20;
    send_frame(pty, bad, sizeof bad);
    expect_rejected(client, "malformed");
    memcpy(bad, body, sizeof bad);
    bad[2] ^= 1; /* the address outside differs from the one inside */
    send_frame(pty, bad, sizeof bad);
    expect_rejected(client, "bad-seal");
    memcpy(bad, body, sizeof bad);
    bad[300] ^= 1;
    send_frame(pty, bad, sizeof bad);
    expect_rejected(client, "bad-seal");

    harness_seal_data(body, address, id, 2, "two");
    send_frame(pty, body, sizeof body);
    expect_payload(client, "two", "2");
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

START_TEST(a_gateway_without_a_broker_says_so_and_loses_nothing)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_pty *pty = harness_pty("tty");
    uint8_t body[SELKIE_SEALED_SIZE];

    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    struct harness_process *roof = gateway(broker->uri, pty->path);
    harness_wait_log(roof, "broker");
    harness_seal_data(body, address, id, 1, "kept");
    send_frame(pty, body, sizeof body);
    harness_broker_restart(broker);
    struct harness_client *client = subscriber(broker, "selkie/device/#");
    expect_payload(client, "kept", "1");
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

/* What an E220 outputs that received a frame as one packet: the frame, and one byte more. */
static void output_packet(struct harness_pty *module, const uint8_t *body, size_t len, uint8_t strength)
{
    send_frame(module, body, len);
    harness_pty_write(module, &strength, 1);
}

static void expect_strength(struct harness_client *client, const char *payload, const char *rssi)
{
    struct harness_message *message = harness_receive(client, "selkie/device/" ADDRESS "/up");

    ck_assert_str_eq((const char *)message->payload, payload);
    if (rssi)
        ck_assert_str_eq(harness_message_property(message, "rssi"), rssi);
    else
        ck_assert_ptr_null(harness_message_property(message, "rssi"));
    harness_message_free(message);
}

/* The newest state: the one with this counter. */
static struct harness_message *await_state(struct harness_client *client, unsigned counter)
{
    char text[32];

    (void)snprintf(text, sizeof text, "\"counter\":%u,", counter);
    for (;;) {
        struct harness_message *message = harness_receive(client, "selkie/device/" ADDRESS "/state");
        if (strstr((const char *)message->payload, text))
            return message;
        harness_message_free(message);
    }
}

START_TEST(signal_strength_that_the_radio_appends_is_on_the_payload_and_in_the_state)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/device/#"),
                          *raw = subscriber(broker, "selkie/gateway/#");
    struct harness_pty *module = harness_pty("tty");
    struct harness_process *roof = gateway_with(broker->uri, module->path, ",\"rssi\":\"byte\"");
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_wait_log(roof, "open, 9600 baud");
    harness_seal_data(body, address, id, 0, "near");
    output_packet(module, body, sizeof body, 0xD0);
    expect_strength(client, "near", "-48");
    struct harness_message *message = harness_receive(raw, "selkie/gateway/roof/up");
    ck_assert_str_eq(harness_message_property(message, "rssi"), "-48");
    harness_message_free(message);
    harness_seal_data(body, address, id, 1, "far");
    output_packet(module, body, sizeof body, 0x90);
    expect_strength(client, "far", "-112");
    message = await_state(client, 1);
    ck_assert_ptr_nonnull(strstr((const char *)message->payload, "\"rssi\":-112,\"rssi_mean\":-52"));
    harness_message_free(message);
    harness_seal_data(body, address, id, 2, "a zero");
    output_packet(module, body, sizeof body, 0);
    expect_strength(client, "a zero", NULL);
    harness_seal_data(body, address, id, 3, "none");
    send_frame(module, body, sizeof body);
    expect_strength(client, "none", NULL);
    harness_disconnect(raw);
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

/* The air between two modules: so many fragments, each received with a strength by its index. */
static void carry_fragments(struct harness_pty *from, struct harness_pty *to, unsigned count)
{
    static struct selkie_link_rx rx;
    uint8_t bytes[512];

    selkie_link_rx_init(&rx);
    while (count > 0) {
        size_t len = harness_pty_read(from, bytes, sizeof bytes, 30000);
        ck_assert_uint_gt(len, 0);
        for (size_t i = 0; i < len; i++) {
            int body_len = selkie_link_rx_byte(&rx, bytes[i]);
            if (body_len <= 0)
                continue;
            ck_assert_uint_eq(rx.body[0], SELKIE_FRAGMENT_HEAD);
            output_packet(to, rx.body, (size_t)body_len, rx.body[4] % 2 == 0 ? 0xB0 : 0x9C); /* -80, -100 */
            count--;
        }
    }
}

START_TEST(signal_strength_of_a_reading_in_fragments_is_their_mean)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/device/#");
    struct harness_pty *sender = harness_pty("sender"), *module = harness_pty("tty");
    struct harness_process *roof = gateway_with(broker->uri, module->path, ",\"rssi\":\"byte\"");
    const char *argv[] = {harness_program("selkie-device"),
                          "--port",
                          sender->path,
                          "--public-key",
                          harness_public_key(),
                          "--key-id",
                          "1",
                          "--address",
                          ADDRESS,
                          "--bit-rate",
                          "0",
                          "--interval",
                          "0",
                          "--packet",
                          "58",
                          NULL};

    harness_wait_log(roof, "open, 9600 baud");
    struct harness_process *device = harness_spawn("device", argv, true);
    ck_assert_int_eq(dprintf(device->input, "first\n"), 6);
    carry_fragments(sender, module, 2 * 13); /* REGISTER and reading: 11 of data and 2 of parity each */
    expect_strength(client, "first", "-89"); /* of the 11 that restored it, 6 even and 5 odd */
    ck_assert_int_eq(harness_wait_exit(device), 0);
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

START_TEST(signal_strength_that_no_radio_appends_is_nowhere)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/device/#");
    struct harness_pty *module = harness_pty("tty");
    struct harness_process *roof = gateway(broker->uri, module->path);
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_wait_log(roof, "open, 9600 baud");
    harness_seal_data(body, address, id, 0, "one");
    output_packet(module, body, sizeof body, 0xD0); /* which is noise on such a line */
    expect_strength(client, "one", NULL);
    struct harness_message *message = await_state(client, 0);
    ck_assert_ptr_null(strstr((const char *)message->payload, "rssi"));
    harness_message_free(message);
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

/* Whole frames, and fragments of which some are lost. */
START_TEST(an_outsider_who_knows_the_protocol_is_heard)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = subscriber(broker, "selkie/device/#");
    struct harness_line *line = harness_line("air");
    struct harness_process *roof = gateway(broker->uri, line->b);
    const char *argv[] = {"/usr/bin/python3",
                          SELKIE_SOURCE_DIR "/tests/integration/outsider.py",
                          harness_public_key(),
                          "1",
                          ADDRESS,
                          "hello from outside",
                          line->a,
                          _i == 0 ? NULL : "58",
                          NULL};
    char *output;

    ck_assert_msg(harness_run("outsider", argv, &output) == 0, "%s", output);
    free(output);
    expect_payload(client, "hello from outside", "1");
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("way");
    TCase *tcase = tcase_create("way");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, readings_come_out_on_the_devices_own_topic);
    tcase_add_test(tcase, bad_frames_are_rejected_by_their_reason_and_the_next_one_passes);
    tcase_add_test(tcase, a_gateway_without_a_broker_says_so_and_loses_nothing);
    tcase_add_test(tcase, signal_strength_that_the_radio_appends_is_on_the_payload_and_in_the_state);
    tcase_add_test(tcase, signal_strength_of_a_reading_in_fragments_is_their_mean);
    tcase_add_test(tcase, signal_strength_that_no_radio_appends_is_nowhere);
    tcase_add_loop_test(tcase, an_outsider_who_knows_the_protocol_is_heard, 0, 2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
