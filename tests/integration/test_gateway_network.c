/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway behind a bad network: nothing is lost, and it comes back by itself. */
#include "fault_proxy.h"
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *uri_of(const struct fault_proxy *proxy)
{
    static char uri[64];

    (void)snprintf(uri, sizeof(uri), "mqtt://127.0.0.1:%d", fault_proxy_port(proxy));
    return uri;
}

/* Give a receipt for each frame until all of these have come at least once; the number of those that came again. */
static unsigned receive_all(struct harness_client *plugin, uint32_t count)
{
    bool seen[256] = {false};
    uint32_t missing = count;
    unsigned again = 0;

    while (missing > 0) {
        int64_t seq;
        uint32_t number = rig_receive(plugin, &seq);
        ck_assert_uint_lt(number, count);
        if (seen[number])
            again++;
        else
            missing--;
        seen[number] = true;
        rig_receipt(plugin, seq);
    }
    return again;
}

START_TEST(connections_cut_in_the_middle_of_a_packet_lose_nothing)
{
    static const int cuts[] = {300, 1111, 77}; /* bytes after which; a PUBLISH is about 150 of them, a CONNECT 110 */
    struct harness_broker *broker = harness_broker("");
    struct fault_proxy *proxy = fault_proxy_start(broker->port);
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config(uri_of(proxy), pty->path, ""), true);
    uint32_t number = 0;

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        int accepted = fault_proxy_accepted(proxy);
        fault_proxy_cut_after(proxy, cuts[i]);
        for (int frames = 0; frames < 20; frames++)
            rig_send_acked(pty, number++);
        while (fault_proxy_accepted(proxy) == accepted) /* it noticed, waited and came again */
            (void)rig_ack(pty, 20);
    }
    (void)receive_all(plugin, number);
    rig_stop(gateway, 0);
    fault_proxy_stop(proxy);
}
END_TEST

/* The most memory that a process has had, in KiB. */
static long peak_kib(const struct harness_process *process)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    char *status = harness_read(path), *line = strstr(status, "VmHWM:");
    ck_assert_ptr_nonnull(line);
    long kib = strtol(line + strlen("VmHWM:"), NULL, 10);
    free(status);
    return kib;
}

/* On a Raspberry Pi its unit has 64 MB. */
START_TEST(a_receipt_of_megabytes_does_not_reach_the_gateway)
{
    const size_t len = 64 * 1024 * 1024;
    char *receipt = malloc(len);
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, pty->path, ""), true);
    int64_t seq;

    ck_assert_ptr_nonnull(receipt);
    memset(receipt, ' ', len);
    rig_send_acked(pty, 1);
    (void)rig_receive(plugin, &seq);
    (void)snprintf(receipt, 64, "{\"seq\":[%lld]}", (long long)seq);
    receipt[strlen(receipt)] = ' ';
    long before = peak_kib(gateway);
    ck_assert_int_ge(harness_publish(plugin, RIG_RECEIPT, receipt, len, 1, false, NULL), 0);
    rig_send_acked(pty, 2); /* the way through the broker is in order: it comes after the receipt */
    (void)rig_receive(plugin, &seq);
    rig_receipt(plugin, seq);
    ck_assert_int_lt(peak_kib(gateway) - before, 4096);
    ck_assert_uint_eq(rig_log_count(gateway, ": connected"), 1);
    rig_stop(gateway, 1); /* the first frame waits: its receipt was none */
    free(receipt);
}
END_TEST

/* Two gateways side by side, since each of these takes its half minute. */
START_TEST(half_open_connection_and_mute_broker_are_given_up)
{
    struct harness_broker *broker = harness_broker("");
    struct fault_proxy *half_open = fault_proxy_start(broker->port);
    struct fault_proxy *mute = fault_proxy_start(broker->port);
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *one = harness_pty("one");
    struct harness_pty *two = harness_pty("two");
    struct harness_process *first = rig_gateway_ready(rig_config(uri_of(half_open), one->path, ""), true);
    int64_t seq;

    fault_proxy_mode(mute, FAULT_PROXY_MUTE);
    const char *config =
        harness_write("second.json", 0600,
                      "{\"gateway\":\"second\",\"spool\":{\"path\":\"%s\"},\"broker\":{\"uri\":\"%s\"},"
                      "\"serial\":[{\"device\":\"%s\"}]}",
                      harness_path("second.db"), uri_of(mute), two->path);
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    struct harness_process *second = harness_spawn("second", argv, false);
    harness_wait_log(second, "open, ");
    ck_assert_int_eq(harness_subscribe(plugin, "selkie/gateway/second/up", 1), 1);

    fault_proxy_silence(half_open);
    rig_send_acked(one, 1);
    rig_send_acked(two, 2);
    int64_t start = harness_now_ms();
    struct harness_message *message = harness_receive_try(plugin, "selkie/gateway/", 10); /* states */
    while (message != NULL) {
        ck_assert_ptr_null(strstr(message->topic, "/up"));
        harness_message_free(message);
        message = harness_receive_try(plugin, "selkie/gateway/", 10);
    }
    while (!harness_log_has(second, "cannot connect: no answer") && harness_now_ms() - start < 40000)
        rig_receive_none(plugin, 50);
    fault_proxy_mode(mute, FAULT_PROXY_PASS);
    message = harness_receive(plugin, "selkie/gateway/second/up");
    ck_assert_uint_eq(rig_number(message->payload), 2);
    harness_message_free(message);

    message = harness_receive_try(plugin, RIG_UP, 40000);
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(rig_number(message->payload), 1);
    seq = strtoll(harness_message_property(message, "seq"), NULL, 10);
    harness_message_free(message);
    ck_assert(harness_log_has(first, "no answer for 30 s"));
    rig_receipt(plugin, seq);
    rig_stop(first, 0);
}
END_TEST

/* The first frame is answered and gets no receipt; the second is never answered, so that the first cannot be sent
 * again. Pings go on, so TCP and Paho think that all is well. */
START_TEST(broker_that_answers_nothing_but_pings_is_given_up)
{
    struct harness_broker *broker = harness_broker("max_inflight_messages 2\n"); /* one frame unanswered, and `state` */
    struct fault_proxy *proxy = fault_proxy_start(broker->port);
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config(uri_of(proxy), pty->path, ""), true);

    rig_send_acked(pty, 0);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 0);
    rig_send_acked(pty, 1);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 1); /* so the first one was answered */
    fault_proxy_only_pings(proxy);
    rig_send_acked(pty, 2);
    rig_receive_none(plugin, 1000);
    rig_wait_log_count(gateway, "no answer for 30 s", 1);
    (void)receive_all(plugin, 3);
    rig_stop(gateway, 0);
    fault_proxy_stop(proxy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_network");
    TCase *tcase = tcase_create("gateway_network");

    tcase_set_timeout(tcase, 150);
    tcase_add_test(tcase, a_receipt_of_megabytes_does_not_reach_the_gateway);
    tcase_add_test(tcase, connections_cut_in_the_middle_of_a_packet_lose_nothing);
    tcase_add_test(tcase, half_open_connection_and_mute_broker_are_given_up);
    tcase_add_test(tcase, broker_that_answers_nothing_but_pings_is_given_up);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
