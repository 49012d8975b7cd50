/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of access that an audit broke, against a real Mosquitto: other plugins, reloads, shared subscriptions,
 * client IDs. The decisions themselves are tested in unit/test_access.c. */
#include "frames.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_AUTHORIZED 135
#define DEVICE         "selkie/device/0011223344556677/"

static const struct harness_client_options app = {.username = "app", .password = "pw"};

/* A user "app" of Mosquitto's dynamic security, who may do everything there; its plugin stands behind ours. */
static struct harness_broker *broker_with_dynamic_security(const char *plugin_configuration)
{
    const char *path = harness_path("dynamic-security.json");
    const char *init[] = {"mosquitto_ctrl", "dynsec", "init", path, "app", "pw", NULL};
    char text[2000], *output;

    ck_assert_int_eq(harness_run("mosquitto_ctrl", init, &output), 0);
    free(output);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    ck_assert_ptr_nonnull(root);
    json_t *access = json_object_get(root, "defaultACLAccess");
    ck_assert_int_eq(json_object_set_new(access, "publishClientSend", json_true()), 0);
    ck_assert_int_eq(json_object_set_new(access, "publishClientReceive", json_true()), 0);
    ck_assert_int_eq(json_object_set_new(access, "subscribe", json_true()), 0);
    ck_assert_int_eq(json_dump_file(root, path, JSON_INDENT(1)), 0);
    json_decref(root);
    (void)snprintf(text, sizeof text, "plugin %s\nplugin_opt_config_file %s\n", DYNAMIC_SECURITY, path);
    return harness_broker_with_plugin(text, plugin_configuration);
}

static void expect_no_forgery(const struct harness_broker *broker)
{
    static const char *const topics[] = {DEVICE "up", DEVICE "state", "selkie/gateway/gw1/up",
                                         "selkie/gateway/gw1/receipt", "selkie/gateway/app/up"};
    struct harness_client *client = harness_connect(broker, &app);
    struct harness_client_options with_will = {
        .username = "app", .password = "pw", .will_topic = DEVICE "up", .will_payload = "forged", .will_retain = true};

    ck_assert_int_eq(harness_subscribe(client, DEVICE "#", 1), 1);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        ck_assert_msg(harness_publish(client, topics[i], "forged", 6, 1, true, NULL) == NOT_AUTHORIZED, "%s",
                      topics[i]);
    harness_drop(harness_connect(broker, &with_will));
    ck_assert_int_eq(harness_subscribe(client, "selkie/gateway/gw1/receipt", 1), NOT_AUTHORIZED);
    /* A message of its own comes behind whatever the will left. */
    ck_assert_int_eq(harness_subscribe(client, "end", 1), 1);
    ck_assert_int_ge(harness_publish(client, "end", "end", 3, 1, false, NULL), 0);
    struct harness_message *message = harness_receive(client, NULL);
    ck_assert_str_eq(message->topic, "end");
    harness_message_free(message);
    harness_disconnect(client);
}

static void expect_no_reading(const struct harness_broker *broker)
{
    struct harness_client *client = harness_connect(broker, &app);

    ck_assert_int_eq(harness_subscribe(client, DEVICE "up", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(client, "selkie/#", 1), NOT_AUTHORIZED);
    harness_disconnect(client);
}

/* A reload that succeeds, and one that fails. */
static void around_reloads(struct harness_broker *broker, void (*expect)(const struct harness_broker *broker))
{
    expect(broker);
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    expect(broker);
    (void)harness_write("plugin.json", 0600, "{\"state_dir\":");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "the previous configuration stays in force");
    expect(broker);
}

START_TEST(what_another_plugin_allows_stays_forbidden_over_reloads)
{
    around_reloads(broker_with_dynamic_security("\"readers\":[\"app\"]"), expect_no_forgery);
}
END_TEST

START_TEST(what_another_plugin_allows_stays_unread_over_reloads)
{
    around_reloads(broker_with_dynamic_security("\"readers\":[]"), expect_no_reading);
}
END_TEST

/* The real consumer of a group gets all, however many others try to be in it. */
START_TEST(a_restricted_reader_takes_nothing_from_a_group)
{
    enum { MESSAGES = 40, THIEVES = 9 };
    struct harness_broker *broker = harness_broker_with_plugin(
        "", "\"gateways\":\"any\",\"readers\":[\"billing\",{\"user\":\"one\",\"topics\":[\"" DEVICE "up\"]}]");
    struct harness_client_options billing = {.username = "billing"}, one = {.username = "one"};
    struct harness_client *consumer = harness_connect(broker, &billing), *thieves[THIEVES];
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);

    ck_assert_int_eq(harness_subscribe(consumer, "$share/billing/selkie/device/+/up", 1), 1);
    for (int i = 0; i < THIEVES; i++) {
        thieves[i] = harness_connect(broker, &one);
        ck_assert_int_eq(harness_subscribe(thieves[i], "$share/billing/selkie/device/+/up", 1), NOT_AUTHORIZED);
    }
    for (unsigned i = 0; i < MESSAGES; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        frames_send_data(gateway, "gw1", &device, text, i + 1);
    }
    for (unsigned i = 0; i < MESSAGES; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        frames_expect_payload(consumer, &device, text, i);
    }
    for (int i = 0; i < THIEVES; i++)
        harness_disconnect(thieves[i]);
    harness_disconnect(gateway);
    harness_disconnect(consumer);
}
END_TEST

/* A broker with a bridge from another one, and a frame that comes over it; then a message that is not ours. */
static struct harness_client *watch_bridge(const char *client_id, const char *user, const struct frames_device *device)
{
    struct harness_broker *far = harness_broker("");
    char configuration[300];

    (void)snprintf(configuration, sizeof configuration,
                   "connection far\naddress 127.0.0.1:%d\nlocal_clientid %s\nlocal_username %s\ntopic # in 1\n"
                   "bridge_attempt_unsubscribe false\n",
                   far->port, client_id, user);
    struct harness_broker *broker = harness_broker_with_plugin(
        configuration, "\"bridges\":[\"roof-bridge\"],\"gateways\":\"any\",\"other_topics\":\"allow\"");
    struct harness_client *watcher = frames_subscriber(broker, "#");
    struct harness_client *client = harness_connect(far, NULL);
    struct frames_device sender = *device;

    harness_wait_log(far->process, "# (QoS 1)");
    frames_send_data(client, "gw1", &sender, "over", 1);
    ck_assert_int_ge(harness_publish(client, "end", "", 0, 1, false, NULL), 0);
    harness_disconnect(client);
    return watcher;
}

START_TEST(a_bridge_that_the_operator_named_carries_frames)
{
    struct frames_device device = frames_device(2);
    struct harness_client *watcher = watch_bridge("roof-bridge", "far-user", &device);

    frames_expect_payload(watcher, &device, "over", 0);
    harness_disconnect(watcher);
}
END_TEST

/* Not even under the name of a gateway. */
START_TEST(any_other_bridge_carries_none)
{
    static const char *const users[] = {"far-user", "gw1"};
    struct frames_device device = frames_device(2);
    struct harness_client *watcher = watch_bridge("stranger", users[_i], &device);
    struct harness_message *message = harness_receive(watcher, NULL);

    while (strcmp(message->topic, "selkie/stats") == 0) {
        harness_message_free(message);
        message = harness_receive(watcher, NULL);
    }
    ck_assert_str_eq(message->topic, "end");
    harness_message_free(message);
    harness_disconnect(watcher);
}
END_TEST

START_TEST(a_bridge_gives_no_commands)
{
    static const char add[] = "{\"commands\":[{\"command\":\"addDevice\",\"address\":\"00000000000000aa\"}]}",
                      get[] = "{\"commands\":[{\"command\":\"getDevice\",\"address\":\"00000000000000aa\"}]}";
    struct harness_broker *far = harness_broker("");
    char configuration[300];

    (void)snprintf(configuration, sizeof configuration,
                   "connection far\naddress 127.0.0.1:%d\nlocal_username root\nbridge_attempt_unsubscribe false\n"
                   "topic selkie/v1 in 1 $CONTROL/ far/\ntopic end in 1\n",
                   far->port);
    struct harness_broker *broker = harness_broker_with_plugin(
        configuration, "\"admins\":[\"root\"],\"gateways\":\"any\",\"other_topics\":\"allow\"");
    struct harness_client *watcher = frames_subscriber(broker, "end"), *client = harness_connect(far, NULL);
    struct harness_client_options root = {.username = "root"};

    harness_wait_log(far->process, "end (QoS 1)");
    ck_assert_int_ge(harness_publish(client, "far/selkie/v1", add, sizeof add - 1, 1, false, NULL), 0);
    ck_assert_int_ge(harness_publish(client, "end", "", 0, 1, false, NULL), 0);
    harness_message_free(harness_receive(watcher, "end"));
    struct harness_client *admin = harness_connect(broker, &root);
    ck_assert_int_ge(harness_publish(admin, "$CONTROL/selkie/v1", get, sizeof get - 1, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, "$CONTROL/selkie/v1/response");
    ck_assert_ptr_nonnull(json_object_get(json_array_get(json_object_get(answer, "responses"), 0), "error"));
    json_decref(answer);
    harness_disconnect(admin);
    harness_disconnect(client);
    harness_disconnect(watcher);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_trust");
    TCase *tcase = tcase_create("plugin_trust");

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, what_another_plugin_allows_stays_forbidden_over_reloads);
    tcase_add_test(tcase, what_another_plugin_allows_stays_unread_over_reloads);
    tcase_add_test(tcase, a_restricted_reader_takes_nothing_from_a_group);
    tcase_add_test(tcase, a_bridge_that_the_operator_named_carries_frames);
    tcase_add_loop_test(tcase, any_other_bridge_carries_none, 0, 2);
    tcase_add_test(tcase, a_bridge_gives_no_commands);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
