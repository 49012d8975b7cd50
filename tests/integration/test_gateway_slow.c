/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway behind a slow way to its broker: a backlog drains in one connection and without a double, and TLS
 * connects across seconds of delay. */
#include "certificates.h"
#include "rig.h"
#include "slow_link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A gateway whose frames take longer than 30 s to be answered, all its window together. */
struct remote {
    const char *name;
    unsigned bits_per_s;
    size_t window, body_len;
    uint32_t count; /* frames */
    struct slow_link *link;
    struct harness_pty *pty;
    struct harness_process *gateway;
    uint32_t came;
    bool seen[1000];
};

static void start(struct remote *remote, const struct harness_broker *broker)
{
    char file[40];

    remote->link = slow_link_start(broker->port, remote->bits_per_s, 0);
    remote->pty = harness_pty(remote->name);
    (void)snprintf(file, sizeof file, "%s.json", remote->name);
    const char *config = harness_write(
        file, 0600,
        "{\"gateway\":\"%s\",\"spool\":{\"path\":\"%s.db\"},\"broker\":{\"uri\":\"mqtt://127.0.0.1:%d\"},"
        "\"serial\":[{\"device\":\"%s\",\"ack\":false}],\"window\":%zu}",
        remote->name, harness_path(remote->name), slow_link_port(remote->link), remote->pty->path, remote->window);
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    remote->gateway = harness_spawn(remote->name, argv, false);
    harness_wait_log(remote->gateway, "open, ");
    harness_wait_log(remote->gateway, ": connected");
}

static void send_all(const struct remote *remote)
{
    uint8_t body[SELKIE_SEALED_SIZE] = {0};
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    for (uint32_t number = 0; number < remote->count; number++) {
        rig_body(body, number);
        body[0] = remote->body_len == SELKIE_SEALED_SIZE ? 0x10 : 0x11;
        int len = selkie_link_encode(wire, sizeof wire, body, remote->body_len);
        ck_assert_int_gt(len, 0);
        harness_pty_write(remote->pty, wire, (size_t)len);
    }
}

/* Answer for the plugin, until all frames of both have come. */
static void receipt_all(struct harness_client *plugin, struct remote remotes[], size_t count)
{
    char receipt[80];

    for (uint32_t left = remotes[0].count + remotes[1].count; left > 0; left--) {
        struct harness_message *message = harness_receive(plugin, "selkie/gateway/");
        struct remote *from = remotes;
        while (strncmp(message->topic + strlen("selkie/gateway/"), from->name, strlen(from->name)) != 0)
            ck_assert(++from < remotes + count);
        uint32_t number = rig_number(message->payload);
        ck_assert_uint_lt(number, from->count);
        ck_assert_msg(!from->seen[number], "%s sent frame %u again, after %u of %u frames", from->name, number,
                      from->came, from->count);
        from->seen[number] = true;
        from->came++;
        int len = snprintf(receipt, sizeof receipt, "{\"seq\":[%s]}", harness_message_property(message, "seq"));
        char topic[80];
        (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/receipt", from->name);
        ck_assert_int_eq(harness_publish(plugin, topic, receipt, (size_t)len, 1, false, NULL), 0);
        harness_message_free(message);
    }
}

/* The first one has the default window, and SEALED frames at 2,400 bit/s: the window takes 37 s. The other one's takes
 * a minute at 16 kbit/s. unit/sender drains 150 and 5,000 frames of these kinds. */
START_TEST(slow_line_drains_without_a_reconnect_and_without_a_double)
{
    static struct remote remotes[] = {
        {.name = "valley", .bits_per_s = 2400, .window = 16, .body_len = SELKIE_SEALED_SIZE, .count = 32},
        {.name = "island", .bits_per_s = 16000, .window = 1000, .body_len = RIG_BODY_SIZE, .count = 1000}};
    struct harness_broker *broker = harness_broker("max_inflight_messages 2000\nmax_queued_messages 0\n");
    struct harness_client *plugin = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(plugin, "selkie/gateway/+/up", 1), 1);
    for (size_t i = 0; i < 2; i++)
        start(&remotes[i], broker);
    for (size_t i = 0; i < 2; i++)
        send_all(&remotes[i]);
    receipt_all(plugin, remotes, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(slow_link_accepted(remotes[i].link), 1);
        ck_assert(!harness_log_has(remotes[i].gateway, "reconnecting"));
        ck_assert_int_eq(harness_stop(remotes[i].gateway, SIGTERM), 0);
        slow_link_stop(remotes[i].link);
    }
}
END_TEST

/* TCP, TLS and CONNECT take a round trip each, and TLS 1.2 two: more than 20 s, by the default settings. */
START_TEST(tls_connects_across_a_round_trip_of_seven_seconds)
{
    int port = certificates_broker("DNS:localhost", "127.0.0.1", "tls_version tlsv1.2\n");
    struct slow_link *link = slow_link_start(port, 0, 7000);
    struct harness_process *gateway =
        rig_gateway(rig_config_text("\"broker\":{\"uri\":\"mqtts://localhost:%d\",\"ca\":\"%s\"},"
                                    "\"serial\":[{\"device\":\"/no\"}]",
                                    slow_link_port(link), harness_path("ca.pem")));

    harness_wait_log(gateway, ": connected");
    ck_assert(!harness_log_has(gateway, "cannot connect"));
    ck_assert_int_eq(slow_link_accepted(link), 1);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    slow_link_stop(link);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_slow");
    TCase *tcase = tcase_create("gateway_slow");

    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, slow_line_drains_without_a_reconnect_and_without_a_double);
    tcase_add_test(tcase, tls_connects_across_a_round_trip_of_seven_seconds);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
