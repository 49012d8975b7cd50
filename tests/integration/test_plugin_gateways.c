/* SPDX-License-Identifier: Apache-2.0 */
/* Registered gateways: with a password, and over TLS with a client certificate, through real listeners. */
#include "frames.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL        "$CONTROL/selkie/v1"
#define NOT_AUTHORIZED 135

static struct harness_broker *broker;
static struct harness_client *admin;

/* A broker whose administrator is in its password file. */
static void start(const char *configuration)
{
    char text[2000], *output;
    const char *passwords = harness_write("passwords", 0600, "%s", "");
    const char *argv[] = {"mosquitto_passwd", "-b", passwords, "root", "pw", NULL};
    struct harness_client_options options = {.username = "root", .password = "pw"};

    ck_assert_int_eq(harness_run("mosquitto_passwd", argv, &output), 0);
    free(output);
    (void)snprintf(text, sizeof text, "password_file %s\n%s", passwords, configuration);
    broker = harness_broker_with_plugin(text, "\"admins\":[\"root\"]");
    admin = harness_connect(broker, &options);
}

static void stop(void)
{
    harness_disconnect(admin);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}

/* One command that must succeed. Returns the password in its data, or NULL; static. */
static const char *command(const char *verb, const char *gateway, const char *auth)
{
    static char password[128];
    char payload[300];
    int len = snprintf(payload, sizeof payload, "{\"commands\":[{\"command\":\"%s\",\"gateway\":\"%s\"%s%s%s}]}", verb,
                       gateway, auth != NULL ? ",\"auth\":\"" : "", auth != NULL ? auth : "", auth != NULL ? "\"" : "");

    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, CONTROL);
    json_t *response = json_array_get(json_object_get(answer, "responses"), 0);
    ck_assert_ptr_nonnull(response);
    ck_assert_ptr_null(json_object_get(response, "error"));
    const char *told = json_string_value(json_object_get(json_object_get(response, "data"), "password"));
    (void)snprintf(password, sizeof password, "%s", told != NULL ? told : "");
    json_decref(answer);
    return told != NULL ? password : NULL;
}

static void expect_refused(const struct harness_client_options *options)
{
    int reason = 0;

    ck_assert_ptr_null(harness_connect_try(broker, options, &reason));
    ck_assert_int_eq(reason, NOT_AUTHORIZED);
}

START_TEST(a_gateway_gets_in_with_its_password_and_no_other)
{
    start("");
    char *first = strdup(command("addGateway", "gw1", NULL)), *second = strdup(command("addGateway", "gw2", NULL));
    struct frames_device device = frames_device(1);

    expect_refused(&(struct harness_client_options){.username = "gw1", .password = "wrong"});
    expect_refused(&(struct harness_client_options){.username = "gw1", .password = second});
    expect_refused(&(struct harness_client_options){.username = "gw1", .password = ""});
    expect_refused(&(struct harness_client_options){.username = "gw1"});
    expect_refused(&(struct harness_client_options){.username = "gw3", .password = first});
    expect_refused(&(struct harness_client_options){.username = "root", .password = first});

    struct harness_client *gateway = frames_gateway(broker, "gw1", first);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    frames_send_data(gateway, "gw1", &device, "in", 1);
    frames_expect_payload(subscriber, &device, "in", 0);
    frames_await_receipt(gateway, 1);
    ck_assert_int_eq(harness_publish(gateway, "selkie/gateway/gw2/up", "x", 1, 1, false, NULL), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_publish(admin, "selkie/gateway/root/up", "x", 1, 1, false, NULL), NOT_AUTHORIZED);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    free(first);
    free(second);
    stop();
}
END_TEST

START_TEST(a_gateways_client_id_is_refused_to_everybody_else)
{
    static const char *const ids[] = {"gw1", "selkie-gateway-gw1"};

    start("allow_anonymous true\n");
    char *password = strdup(command("addGateway", "gw1", NULL)), *other = strdup(command("addGateway", "gw2", NULL));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct harness_client_options own = {.id = ids[i], .username = "gw1", .password = password};
        struct harness_client *gateway = harness_connect(broker, &own);
        expect_refused(&(struct harness_client_options){.id = ids[i], .username = "root", .password = "pw"});
        expect_refused(&(struct harness_client_options){.id = ids[i], .username = "gw2", .password = other});
        expect_refused(&(struct harness_client_options){.id = ids[i]});
        ck_assert(harness_connected(gateway));
        harness_disconnect(harness_connect(broker, &own)); /* its own user takes it over, as after a broken line */
        harness_disconnect(gateway);
    }
    free(password);
    free(other);
    stop();
}
END_TEST

START_TEST(a_registered_gateway_reads_its_own_tree_alone)
{
    start("");
    char *password = strdup(command("addGateway", "gw1", NULL));
    struct harness_client *gateway = frames_gateway(broker, "gw1", password);
    struct frames_device device = frames_device(4);

    ck_assert_int_eq(harness_subscribe(gateway, "selkie/device/+/up", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(gateway, "selkie/#", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(gateway, "selkie/gateway/gw1/state", 1), 1);
    ck_assert_int_eq(harness_subscribe(gateway, "#", 1), NOT_AUTHORIZED);
    struct harness_client *reader = frames_subscriber(broker, "selkie/device/+/up");
    frames_send_data(gateway, "gw1", &device, "private", 1);
    frames_expect_payload(reader, &device, "private", 0);
    frames_await_receipt(gateway, 1);
    ck_assert_ptr_null(harness_receive_try(gateway, "selkie/device/", 0));
    harness_disconnect(gateway);
    harness_disconnect(reader);
    free(password);
    stop();
}
END_TEST

START_TEST(a_gateway_survives_a_restart_and_not_its_removal)
{
    start("");
    char *password = strdup(command("addGateway", "gw1", NULL));
    struct harness_client_options options = {.username = "gw1", .password = password};
    struct harness_client_options root = {.username = "root", .password = "pw"};

    harness_disconnect(admin);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_broker_restart(broker);
    admin = harness_connect(broker, &root);
    struct harness_client *gateway = frames_gateway(broker, "gw1", password);
    static const char online[] = "{\"state\":\"online\"}";
    ck_assert_int_ge(harness_publish(gateway, "selkie/gateway/gw1/state", online, sizeof online - 1, 1, true, NULL), 0);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/gateway/+/state");
    harness_message_free(harness_receive(subscriber, "selkie/gateway/gw1/state"));
    ck_assert_ptr_null(command("removeGateway", "gw1", NULL));
    struct harness_message *message = harness_receive(subscriber, "selkie/gateway/gw1/state");
    ck_assert_uint_eq(message->len, 0); /* its retained state is taken back */
    harness_message_free(message);
    harness_disconnect(subscriber);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    while (harness_connected(gateway)) { /* it is put out at once, */
        ck_assert_int_lt(harness_now_ms(), limit);
        (void)harness_receive_try(gateway, "nothing", 5);
    }
    expect_refused(&options); /* and stays out */
    harness_disconnect(gateway);
    free(password);
    stop();
}
END_TEST

/* Ask for a removal, and for as much after it in the same payload as one may hold. */
static void remove_and_go_on(const char *gateway)
{
    enum { DEVICES = 9999, EACH = 64 };
    char *payload = malloc((DEVICES + 2) * EACH);
    static unsigned device;

    ck_assert_ptr_nonnull(payload);
    int len = snprintf(payload, 2 * EACH, "{\"commands\":[{\"command\":\"removeGateway\",\"gateway\":\"%s\"}", gateway);
    for (int i = 0; i < DEVICES; i++)
        len += snprintf(payload + len, EACH, ",{\"command\":\"addDevice\",\"address\":\"%016x\"}", device++);
    len += snprintf(payload + len, EACH, "]}");
    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    free(payload);
}

/* A reload between a removal and its answer. False if the answer was faster. */
static bool reload_within_removal(const char *topic)
{
    static const char online[] = "{\"state\":\"online\"}";
    char *password = strdup(command("addGateway", "gw1", NULL));
    struct harness_client *gateway = frames_gateway(broker, "gw1", password);
    int result = harness_publish(gateway, topic, online, sizeof online - 1, 1, true, NULL);

    ck_assert_int_eq(result, 0);
    remove_and_go_on("gw1");
    while (result == 0) /* until it is removed, or disconnected because it was */
        result = harness_publish(gateway, topic, online, sizeof online - 1, 1, true, NULL);
    harness_signal(broker->process, SIGHUP);
    json_t *answer = frames_receive_json(admin, CONTROL);
    json_t *response = json_array_get(json_object_get(answer, "responses"), 0);
    const char *error = json_string_value(json_object_get(response, "error"));
    ck_assert(!error || strstr(error, "reloaded its configuration"));
    json_decref(answer);
    harness_disconnect(gateway);
    free(password);
    return error;
}

START_TEST(a_reload_before_the_answer_keeps_no_state_of_a_removed_gateway)
{
    static const char topic[] = "selkie/gateway/gw1/state";
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;

    start("");
    while (!reload_within_removal(topic))
        ck_assert_int_lt(harness_now_ms(), limit);
    struct harness_client *subscriber = frames_subscriber(broker, topic);
    ck_assert_ptr_null(harness_receive_try(subscriber, topic, 500));
    harness_disconnect(subscriber);
    stop();
}
END_TEST

START_TEST(a_gateway_with_an_administrators_name_gets_nowhere)
{
    start("");
    char *password = strdup(command("addGateway", "root", NULL));

    expect_refused(&(struct harness_client_options){.username = "root", .password = password});
    harness_disconnect(harness_connect(broker, &(struct harness_client_options){.username = "root", .password = "pw"}));
    ck_assert_int_eq(harness_publish(admin, "selkie/gateway/root/up", "x", 1, 1, false, NULL), NOT_AUTHORIZED);
    free(password);
    stop();
}
END_TEST

START_TEST(the_password_is_nowhere_in_the_state_directory)
{
    start("");
    char *password = strdup(command("addGateway", "gw1", NULL));
    const char *argv[] = {"grep", "-raqF", password, harness_path("state"), NULL};

    harness_disconnect(frames_gateway(broker, "gw1", password));
    ck_assert_int_eq(harness_run("grep", argv, NULL), 1);
    free(password);
    stop();
}
END_TEST

START_TEST(a_reload_keeps_gateways_connected)
{
    start("");
    char *password = strdup(command("addGateway", "gw1", NULL));
    struct harness_client *gateway = frames_gateway(broker, "gw1", password);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct frames_device device = frames_device(2);

    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    frames_send_data(gateway, "gw1", &device, "still", 1);
    frames_expect_payload(subscriber, &device, "still", 0);
    ck_assert(harness_connected(gateway));
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    free(password);
    stop();
}
END_TEST

/* ---- TLS ---- */

static void openssl(const char *arguments)
{
    char line[1200], *output;
    const char *argv[] = {"sh", "-c", line, NULL};

    (void)snprintf(line, sizeof line, "cd '%s' && openssl %s", harness_path(""), arguments);
    int status = harness_run("openssl", argv, &output);
    ck_assert_msg(status == 0, "%s:\n%s", line, output);
    free(output);
}

/* <name>.crt and .key with this subject, signed by <ca>. */
static void make_certificate(const char *ca, const char *name, const char *subject)
{
    char line[900];

    (void)snprintf(line, sizeof line,
                   "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -subj '%s' -out %s.csr", name,
                   subject, name);
    openssl(line);
    (void)snprintf(line, sizeof line,
                   "x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -CAcreateserial -days 2 -out %s.crt", name, ca, ca,
                   name);
    openssl(line);
}

static void make_ca(const char *name)
{
    char line[300];

    (void)snprintf(line, sizeof line,
                   "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout %s.key -subj '/CN=%s' "
                   "-out %s.crt",
                   name, name, name);
    openssl(line);
}

/* A listener that wants certificates of "ca"; `more` lines for it. */
static int add_listener(char *text, size_t size, const char *more)
{
    int port = harness_free_port();
    size_t len = strlen(text);

    (void)snprintf(text + len, size - len,
                   "listener %d 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n%s", port,
                   harness_path("ca.crt"), harness_path("server.crt"), harness_path("server.key"), more);
    return port;
}

static struct harness_client_options tls_options(int port, const char *user, const char *certificate)
{
    static char paths[2][256];
    struct harness_client_options options = {.username = user, .ca = harness_path("ca.crt"), .port = port};

    (void)snprintf(paths[0], sizeof paths[0], "%s/%s.crt", harness_path(""), certificate);
    (void)snprintf(paths[1], sizeof paths[1], "%s/%s.key", harness_path(""), certificate);
    options.cert = paths[0];
    options.key = paths[1];
    return options;
}

static void start_with_tls(int *named, int *identity)
{
    char configuration[2000] = "";

    make_ca("ca");
    make_ca("stranger");
    make_certificate("ca", "server", "/CN=localhost");
    make_certificate("ca", "gw1", "/O=x/CN=gw1");
    make_certificate("ca", "gw2", "/CN=gw2");
    make_certificate("ca", "two", "/CN=gw1/CN=gw2");
    make_certificate("ca", "longer", "/CN=gw11");
    make_certificate("stranger", "fake", "/CN=gw1");
    *named = add_listener(configuration, sizeof configuration, "");
    *identity = add_listener(configuration, sizeof configuration, "use_identity_as_username true\n");
    start(configuration);
    ck_assert_ptr_null(command("addGateway", "gw1", "certificate"));
}

static void expect_frame_passes(const struct harness_client_options *options, uint64_t number)
{
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = harness_connect(broker, options);
    struct frames_device device = frames_device(number);

    ck_assert_int_eq(harness_subscribe(gateway, "selkie/gateway/gw1/receipt", 1), 1);
    frames_send_data(gateway, "gw1", &device, "tls", 1);
    frames_expect_payload(subscriber, &device, "tls", 0);
    frames_await_receipt(gateway, 1);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}

START_TEST(a_certificate_stands_for_the_gateway_in_its_common_name)
{
    int named, identity;
    start_with_tls(&named, &identity);
    struct harness_client_options options = tls_options(named, "gw1", "gw1");
    expect_frame_passes(&options, 3);

    const char *others[] = {"gw2", "two", "longer"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        options = tls_options(named, "gw1", others[i]);
        expect_refused(&options);
    }
    options = tls_options(named, "gw2", "gw2"); /* a good certificate, but nobody has registered it */
    expect_refused(&options);
    /* Without TLS there is no certificate, whatever password is given. */
    expect_refused(&(struct harness_client_options){.username = "gw1", .password = "x"});
    expect_refused(&(struct harness_client_options){.username = "gw1"});
    int reason;
    options = tls_options(named, "gw1", "fake");
    ck_assert_ptr_null(harness_connect_try(broker, &options, &reason));
    stop();
}
END_TEST

START_TEST(mosquitto_may_take_the_user_name_from_the_certificate)
{
    int named, identity;
    start_with_tls(&named, &identity);
    struct harness_client_options options = tls_options(identity, NULL, "gw1");
    expect_frame_passes(&options, 4);

    options = tls_options(identity, "gw1", "gw2"); /* says gw1, is gw2 */
    struct harness_client *other = harness_connect(broker, &options);
    ck_assert_int_eq(harness_publish(other, "selkie/gateway/gw1/up", "x", 1, 1, false, NULL), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_publish(other, "selkie/gateway/gw2/up", "x", 1, 1, false, NULL), NOT_AUTHORIZED);
    harness_disconnect(other);
    stop();
}
END_TEST

START_TEST(the_retained_state_of_a_gateway_outlives_its_connection)
{
    int named, identity;
    start_with_tls(&named, &identity);
    struct harness_client_options options = tls_options(named, "gw1", "gw1");

    options.will_topic = "selkie/gateway/gw1/state";
    options.will_payload = "{\"state\":\"offline\"}";
    options.will_retain = true;
    harness_drop(harness_connect(broker, &options));
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/gateway/+/state");
    struct harness_message *message = harness_receive(subscriber, "selkie/gateway/gw1/state");
    ck_assert_str_eq((const char *)message->payload, "{\"state\":\"offline\"}");
    harness_message_free(message);
    harness_disconnect(subscriber);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_gateways");
    TCase *tcase = tcase_create("plugin_gateways");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_gateway_gets_in_with_its_password_and_no_other);
    tcase_add_test(tcase, a_gateways_client_id_is_refused_to_everybody_else);
    tcase_add_test(tcase, a_registered_gateway_reads_its_own_tree_alone);
    tcase_add_test(tcase, a_gateway_survives_a_restart_and_not_its_removal);
    tcase_add_test(tcase, a_reload_before_the_answer_keeps_no_state_of_a_removed_gateway);
    tcase_add_test(tcase, a_gateway_with_an_administrators_name_gets_nowhere);
    tcase_add_test(tcase, the_password_is_nowhere_in_the_state_directory);
    tcase_add_test(tcase, a_reload_keeps_gateways_connected);
    tcase_add_test(tcase, a_certificate_stands_for_the_gateway_in_its_common_name);
    tcase_add_test(tcase, mosquitto_may_take_the_user_name_from_the_certificate);
    tcase_add_test(tcase, the_retained_state_of_a_gateway_outlives_its_connection);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
