/* SPDX-License-Identifier: Apache-2.0 */
/* Which broker a program reaches: lists of URIs, names with dead addresses, a name server that does not answer; and
 * what of the broker's settings takes effect. The names are those of name_server.c, preloaded into the program. */
#include "certificates.h"
#include "fault_proxy.h"
#include "rig.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program that is started between these has this name server. */
static void names_begin(const char *names)
{
    ck_assert_int_eq(setenv("SELKIE_NAMES", names, 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", NAME_SERVER_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
}

static void names_end(void)
{
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
}

static struct harness_process *start_gateway(const char *names, const char *config)
{
    names_begin(names);
    struct harness_process *gateway = rig_gateway(config);
    names_end();
    return gateway;
}

/* `uris` is what stands behind "uri": in JSON, and more keys behind it. */
static const char *config_of(const char *device, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *config_of(const char *device, const char *format, ...)
{
    char uris[1000];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(uris, sizeof uris, format, arguments);
    va_end(arguments);
    return rig_config_text("\"broker\":{\"uri\":%s},\"serial\":[{\"device\":\"%s\"}]", uris, device);
}

static void wait_connected(struct harness_process *gateway, const char *uri)
{
    char text[200];

    (void)snprintf(text, sizeof text, "broker %s: connected", uri);
    harness_wait_log(gateway, text);
}

START_TEST(first_broker_of_a_list_that_answers_is_used)
{
    struct harness_broker *broker = harness_broker("");
    const char *config = config_of("/no", "[\"mqtt://127.0.0.1:%d\",\"mqtt://no-such-host.invalid\",\"%s\"]",
                                   harness_free_port(), broker->uri);
    struct harness_process *gateway = rig_gateway(config);

    wait_connected(gateway, broker->uri);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_wait_log(gateway, "no connection: closed port, or no way to the host; "
                              "mqtt://no-such-host.invalid: the host name has no address; ");
    harness_broker_restart(broker);
    rig_wait_log_count(gateway, ": connected", 2);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

START_TEST(broker_that_refuses_hands_over_to_the_next)
{
    struct harness_broker *closed = harness_broker("allow_anonymous false\n");
    struct harness_broker *open = harness_broker("");
    struct harness_process *gateway = rig_gateway(config_of("/no", "[\"%s\",\"%s\"]", closed->uri, open->uri));

    wait_connected(gateway, open->uri);
    ck_assert_int_eq(harness_stop(open->process, SIGTERM), 0);
    harness_wait_log(gateway, "refused for a client without a user name");
}
END_TEST

START_TEST(name_with_a_dead_and_a_live_address_connects)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_process *gateway =
        start_gateway("two.test=127.0.0.2,127.0.0.1", config_of("/no", "\"mqtt://two.test:%d\"", broker->port));

    harness_wait_log(gateway, ": connected");
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_wait_log(gateway, "127.0.0.1: no connection: closed port, or no way to the host; "
                              "127.0.0.2: no connection"); /* sorted, to be logged once */
}
END_TEST

START_TEST(reload_that_changes_nothing_keeps_the_attempt)
{
    struct harness_broker *broker = harness_broker("");
    struct fault_proxy *mute = fault_proxy_start(broker->port);

    fault_proxy_mode(mute, FAULT_PROXY_MUTE);
    const char *config = config_of("/no", "[\"mqtt://127.0.0.1:%d\",\"%s\"],\"connect_timeout_s\":5",
                                   fault_proxy_port(mute), broker->uri);
    struct harness_process *gateway = rig_gateway(config);
    harness_wait_log(gateway, "frames waiting");
    for (unsigned i = 1; i <= 3; i++) {
        harness_signal(gateway, SIGHUP);
        rig_wait_log_count(gateway, "configuration read again", i);
    }
    wait_connected(gateway, broker->uri);
    ck_assert_int_eq(fault_proxy_accepted(mute), 1);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    fault_proxy_stop(mute);
}
END_TEST

/* The name whose IPv4 address leads to something that accepts and never answers. */
START_TEST(mute_address_costs_the_connect_timeout)
{
    struct harness_broker *broker = harness_broker("");
    struct fault_proxy *mute = fault_proxy_start(broker->port);
    char configuration[100];

    fault_proxy_mode(mute, FAULT_PROXY_MUTE);
    (void)snprintf(configuration, sizeof configuration, "listener %d ::1\n", fault_proxy_port(mute));
    (void)harness_broker(configuration);
    int64_t start = harness_now_ms();
    struct harness_process *gateway =
        start_gateway("two.test=::1,127.0.0.1",
                      config_of("/no", "\"mqtt://two.test:%d\",\"connect_timeout_s\":2", fault_proxy_port(mute)));
    harness_wait_log(gateway, ": connected");
    ck_assert_int_ge(harness_now_ms() - start, 2000);
    ck_assert_int_eq(fault_proxy_accepted(mute), 1);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    fault_proxy_stop(mute);
}
END_TEST

/* The certificate is for the name, and the name is checked, whichever address is tried. */
START_TEST(certificate_is_checked_for_the_name_at_each_address)
{
    int port = certificates_broker("DNS:two.test", "127.0.0.1", "");
    static const char names[] = "two.test=127.0.0.2,127.0.0.1 else.test=127.0.0.2,127.0.0.1";
    struct harness_process *gateway =
        start_gateway(names, config_of("/no", "\"mqtts://two.test:%d\",\"ca\":\"%s\"", port, harness_path("ca.pem")));

    harness_wait_log(gateway, ": connected");
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    gateway =
        start_gateway(names, config_of("/no", "\"mqtts://else.test:%d\",\"ca\":\"%s\"", port, harness_path("ca.pem")));
    harness_wait_log(gateway, "127.0.0.1: the certificate is not for this host name");
    ck_assert_uint_eq(rig_log_count(gateway, ": connected"), 1);
}
END_TEST

START_TEST(certificate_may_be_for_an_address)
{
    static const struct {
        const char *address, *host, *alternative;
        bool good;
    } cases[] = {{"127.0.0.1", "127.0.0.1", "IP:127.0.0.1", true},
                 {"127.0.0.1", "127.0.0.1", "IP:127.0.0.2", false},
                 {"::1", "[::1]", "IP:::1", true},
                 {"::1", "[::1]", "IP:::2", false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int port = certificates_broker(cases[i].alternative, cases[i].address, "");
        struct harness_process *gateway = rig_gateway(
            config_of("/no", "\"mqtts://%s:%d\",\"ca\":\"%s\"", cases[i].host, port, harness_path("ca.pem")));
        char text[100];
        (void)snprintf(text, sizeof text, "%s:%d: %s", cases[i].host, port,
                       cases[i].good ? "connected" : "cannot connect: the certificate is not for this host name");
        harness_wait_log(gateway, text);
        (void)harness_stop(gateway, SIGTERM);
    }
}
END_TEST

START_TEST(broker_with_an_old_tls_is_not_spoken_to)
{
    char port_text[16];
    int port = harness_free_port();

    certificates_authority("ca");
    certificates_make("server", "localhost", "DNS:localhost");
    (void)snprintf(port_text, sizeof port_text, "%d", port);
    const char *const argv[] = {"/usr/bin/openssl",
                                "s_server",
                                "-accept",
                                port_text,
                                "-tls1_1",
                                "-cipher",
                                "ALL:@SECLEVEL=0",
                                "-key",
                                harness_path("server.key"),
                                "-cert",
                                harness_path("server.pem"),
                                NULL};
    struct harness_process *server = harness_spawn("server", argv, true);
    harness_wait_log(server, "ACCEPT");
    struct harness_process *gateway =
        rig_gateway(config_of("/no", "\"mqtts://localhost:%d\",\"ca\":\"%s\"", port, harness_path("ca.pem")));
    harness_wait_log(gateway, "cannot connect: TLS: ");
    ck_assert(!harness_log_has(server, "CIPHER is"));
}
END_TEST

START_TEST(name_server_that_does_not_answer_holds_up_neither_lines_nor_the_end)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway =
        start_gateway("hang.test=", config_of(pty->path, "\"mqtt://hang.test\",\"connect_timeout_s\":300"));

    harness_wait_log(gateway, "open, ");
    for (uint32_t i = 0; i < 20; i++)
        rig_send_acked(pty, i);
    (void)config_of(pty->path, "\"mqtt://hang.test\",\"connect_timeout_s\":1");
    harness_signal(gateway, SIGHUP); /* and is asked anew */
    harness_wait_log(gateway, "cannot connect: the name server does not answer");
    rig_send_acked(pty, 20);
    (void)config_of(pty->path, "\"mqtt://hang.test\",\"connect_timeout_s\":300");
    harness_signal(gateway, SIGHUP);
    rig_wait_log_count(gateway, "configuration read again", 2);
    int64_t start = harness_now_ms();
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_le(harness_now_ms() - start, 15000); /* it waits 5 s for a connection */
    ck_assert_int_eq(rig_waiting(), 21);
}
END_TEST

START_TEST(name_server_that_does_not_answer_hands_over_to_the_next_uri)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_process *gateway = start_gateway(
        "hang.test=", config_of("/no", "[\"mqtt://hang.test\",\"%s\"],\"connect_timeout_s\":1", broker->uri));

    wait_connected(gateway, broker->uri);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

/* Half of the look-ups are for the broker, however many lines wait for theirs. */
START_TEST(serial_servers_without_a_name_server_leave_look_ups_to_the_broker)
{
    struct harness_broker *broker = harness_broker("");
    char lines[1000] = "", uri[64];

    for (int i = 0; i < 16; i++)
        (void)snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s{\"device\":\"tcp://hang.test:%d\"}",
                       i > 0 ? "," : "", 7000 + i);
    (void)snprintf(uri, sizeof uri, "mqtt://two.test:%d", broker->port);
    struct harness_process *gateway = start_gateway(
        "two.test=127.0.0.1 hang.test=", rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[%s]", uri, lines));
    wait_connected(gateway, uri);
    rig_wait_log_count(gateway, "the name server does not answer; retrying", 16);
    ck_assert_uint_eq(rig_log_count(gateway, "serial line"), 16); /* and nothing else of any of them */
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

START_TEST(keepalive_is_the_configured_one)
{
    struct harness_broker *broker = harness_broker("");
    struct fault_proxy *proxy = fault_proxy_start(broker->port);
    struct harness_process *gateway =
        rig_gateway(config_of("/no", "\"mqtt://127.0.0.1:%d\",\"keepalive_s\":5", fault_proxy_port(proxy)));

    harness_wait_log(gateway, ": connected");
    harness_wait_log(broker->process, "k5)");              /* as CONNECT says */
    harness_wait_log(broker->process, "Received PINGREQ"); /* as it does */
    fault_proxy_silence(proxy);
    int64_t start = harness_now_ms();
    harness_wait_log(gateway, "connection lost");
    ck_assert_int_le(harness_now_ms() - start, 25000);
    rig_wait_log_count(gateway, ": connected", 2);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    fault_proxy_stop(proxy);
}
END_TEST

/* Frames go out and receipts come in, over WebSockets and over these in TLS. */
START_TEST(broker_is_reached_over_websockets)
{
    char configuration[1500];
    int plain = harness_free_port(), secured = harness_free_port();

    certificates_authority("ca");
    certificates_make("server", "server", "DNS:localhost");
    (void)snprintf(configuration, sizeof configuration,
                   "listener %d lo\nprotocol websockets\nlistener %d lo\nprotocol websockets\n"
                   "certfile %s\nkeyfile %s\n",
                   plain, secured, harness_path("server.pem"), harness_path("server.key"));
    struct harness_broker *broker = harness_broker(configuration);
    struct harness_client *plugin = rig_plugin(broker);
    for (int tls = 0; tls < 2; tls++) {
        struct harness_pty *pty = harness_pty(tls ? "tls" : "plain");
        const char *config =
            tls ? config_of(pty->path, "\"wss://localhost:%d/mqtt\",\"ca\":\"%s\"", secured, harness_path("ca.pem"))
                : config_of(pty->path, "\"ws://localhost:%d\"", plain);
        struct harness_process *gateway = rig_gateway_ready(config, true);
        for (uint32_t i = 0; i < 40; i++) {
            int64_t seq;
            rig_send_acked(pty, i);
            ck_assert_uint_eq(rig_receive(plugin, &seq), i);
            rig_receipt(plugin, seq);
        }
        rig_stop(gateway, 0);
    }
    struct harness_process *gateway =
        rig_gateway(config_of("/no", "\"wss://127.0.0.1:%d\",\"ca\":\"%s\"", secured, harness_path("ca.pem")));
    harness_wait_log(gateway, "cannot connect: the certificate is not for this host name");
    (void)harness_stop(gateway, SIGTERM);
}
END_TEST

/* selkiectl's exit status is expected to be this, and its output to have this text. */
static void expect_ctl(const char *names, const char *brokers, const char *timeout, int status, const char *says)
{
    const char *const argv[] = {harness_program("selkiectl"), "stats", "--broker", brokers, "--timeout", timeout, NULL};
    char *output;

    names_begin(names);
    int ended = harness_run("selkiectl", argv, &output);
    names_end();
    ck_assert_msg(ended == status && strstr(output, says), "exit %d, expected %d and \"%s\" in:\n%s", ended, status,
                  says, output);
    free(output);
}

START_TEST(administrator_reaches_the_first_broker_that_answers)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"admins\":[\"anonymous\"]");
    char brokers[200];

    (void)snprintf(brokers, sizeof brokers, "mqtt://127.0.0.1:%d,mqtt://two.test:%d", harness_free_port(),
                   broker->port);
    expect_ctl("two.test=127.0.0.2,127.0.0.1", brokers, "5", 1, "refuses commands"); /* so that broker answered */
    int64_t start = harness_now_ms();
    expect_ctl("hang.test=", "mqtt://hang.test", "1", 1,
               "no broker at mqtt://hang.test: the name server does not answer");
    ck_assert_int_le(harness_now_ms() - start, 10000);
    (void)snprintf(brokers, sizeof brokers, "mqtt://hang.test,mqtt://127.0.0.1:%d", harness_free_port());
    expect_ctl("hang.test=", brokers, "1", 1, "mqtt://hang.test: the name server does not answer; mqtt://127.0.0.1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_addresses");
    TCase *tcase = tcase_create("mqtt_addresses");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, first_broker_of_a_list_that_answers_is_used);
    tcase_add_test(tcase, broker_that_refuses_hands_over_to_the_next);
    tcase_add_test(tcase, name_with_a_dead_and_a_live_address_connects);
    tcase_add_test(tcase, reload_that_changes_nothing_keeps_the_attempt);
    tcase_add_test(tcase, mute_address_costs_the_connect_timeout);
    tcase_add_test(tcase, certificate_is_checked_for_the_name_at_each_address);
    tcase_add_test(tcase, certificate_may_be_for_an_address);
    tcase_add_test(tcase, broker_with_an_old_tls_is_not_spoken_to);
    tcase_add_test(tcase, name_server_that_does_not_answer_holds_up_neither_lines_nor_the_end);
    tcase_add_test(tcase, name_server_that_does_not_answer_hands_over_to_the_next_uri);
    tcase_add_test(tcase, serial_servers_without_a_name_server_leave_look_ups_to_the_broker);
    tcase_add_test(tcase, keepalive_is_the_configured_one);
    tcase_add_test(tcase, administrator_reaches_the_first_broker_that_answers);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("websockets");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, broker_is_reached_over_websockets);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
