/* SPDX-License-Identifier: Apache-2.0 */
/* Who the gateway trusts, and what it says when it is not trusted. */
#include "certificates.h"
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* More of the configuration: NAME.pem and NAME.key to show to the broker. */
static const char *client_certificate(const char *name)
{
    static char more[700];
    char key[40], cert[40];

    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(cert, sizeof(cert), "%s.pem", name);
    ck_assert_int_eq(chmod(harness_path(key), 0600), 0);
    (void)snprintf(more, sizeof(more), ",\"cert\":\"%s\",\"key\":\"%s\"", harness_path(cert), harness_path(key));
    return more;
}

static const char *tls_config(const char *host, int port, const char *ca, const char *more)
{
    return rig_config_text("\"broker\":{\"uri\":\"mqtts://%s:%d\",\"ca\":\"%s\"%s},\"serial\":[{\"device\":\"/no\"}]",
                           host, port, harness_path(ca), more);
}

START_TEST(broker_with_the_right_name_is_trusted)
{
    int port = certificates_broker("DNS:localhost", "127.0.0.1", "");
    struct harness_process *gateway = rig_gateway(tls_config("localhost", port, "ca.pem", ""));

    harness_wait_log(gateway, ": connected");
}
END_TEST

START_TEST(broker_of_an_unknown_authority_is_not_trusted)
{
    int port = certificates_broker("DNS:localhost", "127.0.0.1", "");

    certificates_authority("other");
    struct harness_process *gateway = rig_gateway(tls_config("localhost", port, "other.pem", ""));

    harness_wait_log(gateway, "cannot connect: the broker's certificate (\"server\") is signed by \"ca\", which is no "
                              "authority of ");
    ck_assert(harness_log_has(gateway, "/other.pem; retrying"));
    ck_assert(!harness_log_has(gateway, ": connected"));
}
END_TEST

START_TEST(broker_with_another_name_is_not_trusted)
{
    int port = certificates_broker("DNS:elsewhere.example", "127.0.0.1", "");
    struct harness_process *gateway = rig_gateway(tls_config("localhost", port, "ca.pem", ""));

    harness_wait_log(gateway, "cannot connect: the certificate is not for this host name; retrying");
    ck_assert(!harness_log_has(gateway, ": connected"));
}
END_TEST

START_TEST(client_certificate_opens_the_door)
{
    int port = certificates_broker("DNS:localhost", "127.0.0.1", "require_certificate true\n");

    certificates_authority("other");
    certificates_make("client", "roof", "DNS:roof");
    struct harness_process *gateway = rig_gateway(tls_config("localhost", port, "ca.pem", ""));

    /* In TLS 1.3 the broker tells only after the handshake, and closes. */
    /* "asks", or "may ask" where a reset overtakes the alert that says so. */
    harness_wait_log(gateway, "client certificate, and none is set");
    (void)tls_config("localhost", port, "ca.pem", client_certificate("other"));
    harness_signal(gateway, SIGHUP);
    harness_wait_log(gateway, "the broker does not know the authority that signed the client's certificate: ");
    ck_assert(harness_log_has(gateway, "/other.pem; retrying"));
    ck_assert(!harness_log_has(gateway, ": connected"));
    ck_assert(!harness_log_has(gateway, "no connection"));
    (void)tls_config("localhost", port, "ca.pem", client_certificate("client"));
    harness_signal(gateway, SIGHUP);
    harness_wait_log(gateway, ": connected");
}
END_TEST

START_TEST(absent_broker_is_not_taken_for_one_that_refuses)
{
    certificates_authority("ca");
    int port = harness_free_port();
    struct harness_process *gateway = rig_gateway(tls_config("localhost", port, "ca.pem", ""));

    harness_wait_log(gateway, "cannot connect: no connection: closed port, or no way to the host; retrying");
    (void)tls_config("no-such-host.invalid", port, "ca.pem", "");
    harness_signal(gateway, SIGHUP);
    harness_wait_log(gateway, "cannot connect: the host name has no address; retrying");
}
END_TEST

START_TEST(wrong_password_is_told_apart_from_an_absent_broker)
{
    char configuration[600];
    const char *passwords = harness_path("passwords");
    const char *argv[] = {"mosquitto_passwd", "-b", "-c", passwords, "roof", "right", NULL};

    ck_assert_int_eq(harness_run("passwd", argv, NULL), 0);
    (void)snprintf(configuration, sizeof(configuration), "password_file %s\nallow_anonymous false\n", passwords);
    struct harness_broker *broker = harness_broker(configuration);
    const char *password = harness_write("password", 0600, "wrong\n");
    struct harness_process *gateway =
        rig_gateway(rig_config_text("\"broker\":{\"uri\":\"%s\",\"username\":\"roof\",\"password_file\":\"%s\"},"
                                    "\"serial\":[{\"device\":\"/no\"}]",
                                    broker->uri, password));

    harness_wait_log(gateway, "refused for user roof");
    ck_assert(!harness_log_has(gateway, "cannot connect"));
    ck_assert(!harness_log_has(gateway, "wrong\n")); /* the password stays out of it */
    (void)harness_write("password", 0600, "right\n");
    harness_wait_log(gateway, ": connected"); /* without a restart */
    ck_assert_uint_eq(rig_log_count(gateway, "connection refused"), 1);

    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_wait_log(gateway, "cannot connect");
    harness_broker_restart(broker);
    rig_wait_log_count(gateway, ": connected", 2);
}
END_TEST

START_TEST(refusal_of_a_frame_is_told_and_tried_again)
{
    char configuration[400];
    const char *rules = harness_write("acl", 0600, "topic read selkie/#\ntopic write " RIG_STATE "\n");

    (void)snprintf(configuration, sizeof(configuration), "acl_file %s\n", rules);
    struct rig rig = rig_start(configuration, "\"confirm\":\"broker\"");

    rig_send_acked(rig.pty, 1);
    rig_wait_log_count(rig.gateway, "no acceptance for 30 s (the PUBACK said: Not authorized)", 1);
    rig_stop(rig.gateway, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_tls");
    TCase *tcase = tcase_create("gateway_tls");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, broker_with_the_right_name_is_trusted);
    tcase_add_test(tcase, broker_of_an_unknown_authority_is_not_trusted);
    tcase_add_test(tcase, broker_with_another_name_is_not_trusted);
    tcase_add_test(tcase, client_certificate_opens_the_door);
    tcase_add_test(tcase, absent_broker_is_not_taken_for_one_that_refuses);
    tcase_add_test(tcase, wrong_password_is_told_apart_from_an_absent_broker);
    tcase_add_test(tcase, refusal_of_a_frame_is_told_and_tried_again);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
