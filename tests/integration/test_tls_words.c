/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which TLS fails has a sentence of its own, which names the file, and is the same for gateway and
 * selkiectl: faults of the files, what we do not accept of the broker, and what the broker says of us. */
#include "certificates.h"
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAYS "864000" /* ten, in seconds */

static int port;

/* The configuration of the broker's connection, for both programs; files are names in the test's folder or NULL. */
struct connection {
    const char *ca, *cert, *key;
};

static const char *path_of(char path[static 300], const char *name)
{
    if (!name)
        return NULL;
    (void)snprintf(path, 300, "%s", name[0] == '/' ? name : harness_path(name));
    return path;
}

static const char *gateway_config(const struct connection *with)
{
    char files[3][300], text[1200];
    const char *const keys[] = {"ca", "cert", "key"}, *const names[] = {with->ca, with->cert, with->key};
    int len = snprintf(text, sizeof text, "\"uri\":\"mqtts://localhost:%d\"", port);

    for (size_t i = 0; i < 3; i++)
        if (names[i])
            len +=
                snprintf(text + len, sizeof text - (size_t)len, ",\"%s\":\"%s\"", keys[i], path_of(files[i], names[i]));
    return rig_config_text("\"broker\":{%s},\"serial\":[{\"device\":\"/no\"}]", text);
}

/* Run selkiectl, and expect all of these texts. */
static void expect_ctl(const struct connection *with, const char *command, const char *first, const char *second)
{
    char files[3][300], uri[64];
    const char *argv[12] = {harness_program("selkiectl"), command, "--broker", uri};
    const char *const keys[] = {"--ca", "--cert", "--key"}, *const names[] = {with->ca, with->cert, with->key};
    size_t count = 4;
    char *output;

    (void)snprintf(uri, sizeof uri, "mqtts://localhost:%d", port);
    for (size_t i = 0; i < 3; i++)
        if (names[i]) {
            argv[count++] = keys[i];
            argv[count++] = path_of(files[i], names[i]);
        }
    int status = harness_run("selkiectl", argv, &output);
    ck_assert_msg(status != 0 && strstr(output, first) && strstr(output, second),
                  "exit %d; no \"%s\" and \"%s\" in: %s", status, first, second, output);
    free(output);
}

/* Neither program connects, and both say so in these words; selkiectl tries once, and may see less of it. */
static void expect_at_least(const struct connection *with, const char *first, const char *second, const char *of_ctl)
{
    struct harness_process *gateway = rig_gateway(gateway_config(with));

    harness_wait_log(gateway, first);
    ck_assert_msg(harness_log_has(gateway, second), "\"%s\" without \"%s\"", first, second);
    ck_assert(!harness_log_has(gateway, ": connected"));
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    expect_ctl(with, "stats", of_ctl, second);
}

static void expect(const struct connection *with, const char *first, const char *second)
{
    expect_at_least(with, first, second, first);
}

#define REFUSED "the client's certificate"

/* Programs that are started between these have another time. */
static void shift_begin(const char *seconds)
{
    (void)harness_write("shift", 0600, "%s 0", seconds);
    ck_assert_int_eq(setenv("SELKIE_CLOCK_SHIFT", harness_path("shift"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", CLOCK_SHIFT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
}

static void shift_end(void)
{
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
}

/* Client certificates: a good one, one of another authority, one that has expired. */
static void make_clients(void)
{
    static const char *const keys[] = {"client.key", "other.key", "old.key"};

    certificates_make("client", "roof", "DNS:roof");
    certificates_make_for("old", "roof", "DNS:roof", -1);
    certificates_authority("other");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_int_eq(chmod(harness_path(keys[i]), 0600), 0);
}

/* In the file itself: nothing is sent, and the check of the configuration finds it too. */
static void expect_file_fault(const struct connection *with, const char *first, const char *second)
{
    const char *config = gateway_config(with);
    const char *const argv[] = {harness_program("selkie-gateway"), "--check-config", "--config", config, NULL};
    char *output;

    ck_assert_int_eq(harness_run("check", argv, &output), 78);
    ck_assert_msg(strstr(output, first) && strstr(output, second), "no \"%s\" and \"%s\" in: %s", first, second,
                  output);
    free(output);
    expect_ctl(with, "stats", first, second);
    expect_ctl(with, "--check-config", first, second);
}

START_TEST(faults_of_files_are_found_before_anything_is_sent)
{
    port = harness_free_port();
    certificates_authority("ca");
    make_clients();
    const char *const encrypt[] = {"/usr/bin/openssl", "pkey",       "-in",  harness_path("client.key"), "-aes256",
                                   "-passout",         "pass:right", "-out", harness_path("locked.key"), NULL};
    ck_assert_int_eq(harness_run("openssl", encrypt, NULL), 0);
    ck_assert_int_eq(chmod(harness_path("locked.key"), 0600), 0);
    (void)harness_write("text.pem", 0600, "This is no certificate.\n");
    (void)harness_write("half.pem", 0600, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    expect_file_fault(&(struct connection){.ca = "away.pem"}, "/away.pem: ", "No such file or directory");
    expect_file_fault(&(struct connection){.ca = "text.pem"}, "/text.pem: there is no certificate in this file", "ca");
    expect_file_fault(&(struct connection){.ca = "half.pem"}, "/half.pem: certificate 1 in this file is damaged", "ca");
    expect_file_fault(&(struct connection){"ca.pem", "text.pem", "client.key"},
                      "/text.pem: there is no certificate in this file", "cert");
    expect_file_fault(&(struct connection){"ca.pem", "client.pem", "text.pem"},
                      "/text.pem: there is no private key in this file", "key");
    expect_file_fault(&(struct connection){"ca.pem", "client.pem", "other.key"},
                      "/other.key: this key does not belong to the certificate ", "/client.pem");
    expect_file_fault(&(struct connection){"ca.pem", "client.pem", "locked.key"},
                      "/locked.key: the key is encrypted, and nobody is asked for its password", "openssl pkey -in");
}
END_TEST

START_TEST(what_is_wrong_with_the_brokers_certificate_is_said)
{
    port = certificates_broker("DNS:localhost", "127.0.0.1", "");
    certificates_authority("other");
    expect(&(struct connection){.ca = "other.pem"},
           "the broker's certificate (\"server\") is signed by \"ca\", which is no authority of ", "/other.pem");
    shift_begin("-" DAYS); /* a machine that does not know the time yet */
    expect(&(struct connection){.ca = "ca.pem"}, "the certificate of the broker's authority is valid only from 20",
           " UTC on, and this machine's clock says 20");
    shift_end();
    shift_begin(DAYS);
    expect(&(struct connection){.ca = "ca.pem"}, "the certificate of the broker's authority expired at 20",
           " UTC, and this machine's clock says 20");
    shift_end();
}
END_TEST

START_TEST(brokers_certificate_that_has_expired_is_told_once)
{
    char configuration[1500];

    certificates_authority("ca");
    certificates_make_for("server", "server", "DNS:localhost", -1);
    port = harness_free_port();
    (void)snprintf(configuration, sizeof configuration, "listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n", port,
                   harness_path("server.pem"), harness_path("server.key"));
    (void)harness_broker(configuration);
    expect(&(struct connection){.ca = "ca.pem"}, "the broker's certificate expired at ", "this machine's clock says");
    struct harness_process *gateway = rig_gateway(gateway_config(&(struct connection){.ca = "ca.pem"}));
    harness_wait_log(gateway, "the broker's certificate expired at ");
    for (unsigned i = 1; i <= 2; i++) { /* each reload tries again at once, in another second */
        int64_t start = harness_now_ms();
        while (harness_now_ms() - start < 1100)
            (void)harness_log_has(gateway, "x");
        harness_signal(gateway, SIGHUP);
        rig_wait_log_count(gateway, "configuration read again", i);
    }
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_uint_eq(rig_log_count(gateway, "expired at"), 2); /* the other one is of `expect` */
}
END_TEST

/* Something that asks for certificates in the handshake of TLS 1.2. Mosquitto speaks 1.3, where the client believes
 * that it is connected when the broker refuses its certificate. */
static void start_old_server(void)
{
    char port_text[16];

    certificates_authority("ca");
    certificates_make("server", "server", "DNS:localhost");
    port = harness_free_port();
    (void)snprintf(port_text, sizeof port_text, "%d", port);
    const char *const argv[] = {"/usr/bin/openssl",
                                "s_server",
                                "-accept",
                                port_text,
                                "-tls1_2",
                                "-Verify",
                                "3",
                                "-verify_return_error",
                                "-CAfile",
                                harness_path("ca.pem"),
                                "-key",
                                harness_path("server.key"),
                                "-cert",
                                harness_path("server.pem"),
                                NULL};
    harness_wait_log(harness_spawn("server", argv, true), "ACCEPT");
}

START_TEST(what_the_broker_says_of_the_clients_certificate_is_told)
{
    if (_i == 0)
        start_old_server();
    else
        port = certificates_broker("DNS:localhost", "127.0.0.1", "require_certificate true\n");
    make_clients();
    expect(&(struct connection){.ca = "ca.pem"}, " for a client certificate, and none is set: cert and key", "broker");
    expect_at_least(&(struct connection){"ca.pem", "other.pem", "other.key"},
                    "the broker does not know the authority that signed the client's certificate: ", "/other.pem",
                    REFUSED);
    expect_at_least(&(struct connection){"ca.pem", "old.pem", "old.key"},
                    "the broker says that the client's certificate has expired: ", "/old.pem", REFUSED);
}
END_TEST

START_TEST(clients_certificate_that_the_brokers_clock_does_not_know_yet_is_told)
{
    char configuration[1500];

    certificates_authority("ca");
    certificates_make("server", "server", "DNS:localhost");
    make_clients();
    port = harness_free_port();
    (void)snprintf(configuration, sizeof configuration,
                   "listener %d 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n", port,
                   harness_path("ca.pem"), harness_path("server.pem"), harness_path("server.key"));
    shift_begin("-" DAYS);
    (void)harness_broker(configuration);
    shift_end();
    expect_at_least(&(struct connection){"ca.pem", "client.pem", "client.key"},
                    "the broker refuses the client's certificate, which may not be valid yet by the broker's clock: ",
                    "/client.pem", REFUSED);
}
END_TEST

/* Its dates are good, and so the log and the check only warn. */
START_TEST(certificate_that_ends_soon_or_has_another_name_is_warned_of)
{
    char *output;

    port =
        certificates_broker("DNS:localhost", "127.0.0.1", "require_certificate true\nuse_identity_as_username true\n");
    make_clients();
    certificates_make_for("long", "valley", "DNS:valley", 400);
    ck_assert_int_eq(chmod(harness_path("long.key"), 0600), 0);
    struct harness_process *gateway =
        rig_gateway(gateway_config(&(struct connection){"ca.pem", "client.pem", "client.key"}));
    harness_wait_log(gateway, ": connected");
    ck_assert(harness_log_has(gateway, "the client's certificate in "));
    ck_assert(harness_log_has(gateway, "the broker's certificate ends at 20"));
    ck_assert(harness_log_has(gateway, "/client.pem ends at 20"));
    ck_assert(harness_log_has(gateway, "/ca.pem ends at 20"));
    ck_assert(!harness_log_has(gateway, "is not the gateway's name"));
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    const char *config = gateway_config(&(struct connection){"ca.pem", "long.pem", "long.key"});
    const char *const check[] = {harness_program("selkie-gateway"), "--check-config", "--config", config, NULL};
    ck_assert_int_eq(harness_run("check", check, &output), 0);
    ck_assert_msg(!strstr(output, "long.pem ends at") && strstr(output, "the common name \"valley\" of ") &&
                      strstr(output, "is not the gateway's name \"roof\""),
                  "%s", output);
    free(output);
}
END_TEST

START_TEST(refused_user_and_common_name_are_compared_with_the_gateways_name)
{
    char lines[1500];

    certificates_authority("ca");
    certificates_make("server", "server", "DNS:localhost");
    certificates_make_for("valley", "valley", "DNS:valley", 400);
    ck_assert_int_eq(chmod(harness_path("valley.key"), 0600), 0);
    port = harness_free_port();
    (void)snprintf(lines, sizeof lines,
                   "listener %d 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n"
                   "use_identity_as_username true\n",
                   port, harness_path("ca.pem"), harness_path("server.pem"), harness_path("server.key"));
    struct harness_broker *broker = harness_broker_with_plugin(lines, "\"gateways\":\"registered\"");
    struct harness_process *gateway =
        rig_gateway(gateway_config(&(struct connection){"ca.pem", "valley.pem", "valley.key"}));
    harness_wait_log(gateway, "; the common name \"valley\" of ");
    ck_assert(harness_log_has(gateway, "/valley.pem is not the gateway's name \"roof\", which a registered"));
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    const char *password = harness_write("password", 0600, "wrong\n");
    gateway = rig_gateway(rig_config_text("\"broker\":{\"uri\":\"%s\",\"username\":\"vale\",\"password_file\":\"%s\"},"
                                          "\"serial\":[{\"device\":\"/no\"}]",
                                          broker->uri, password));
    harness_wait_log(gateway, "; the user \"vale\" is not the gateway's name \"roof\"");
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_words");
    TCase *tcase = tcase_create("tls_words");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, faults_of_files_are_found_before_anything_is_sent);
    tcase_add_test(tcase, what_is_wrong_with_the_brokers_certificate_is_said);
    tcase_add_test(tcase, brokers_certificate_that_has_expired_is_told_once);
    tcase_add_loop_test(tcase, what_the_broker_says_of_the_clients_certificate_is_told, 0, 2);
    tcase_add_test(tcase, clients_certificate_that_the_brokers_clock_does_not_know_yet_is_told);
    tcase_add_test(tcase, certificate_that_ends_soon_or_has_another_name_is_warned_of);
    tcase_add_test(tcase, refused_user_and_common_name_are_compared_with_the_gateways_name);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
