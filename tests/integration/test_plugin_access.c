/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets where through a real Mosquitto: the decisions themselves are tested in unit/test_access.c. */
#include "frames.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ANY            "\"gateways\":\"any\""
#define NOT_AUTHORIZED 135
#define DEVICE         "selkie/device/0011223344556677/"

static struct harness_client *connect_as(const struct harness_broker *broker, const char *name)
{
    struct harness_client_options options = {.username = name};

    return harness_connect(broker, &options);
}

/* The next message that is not the plugin's own statistics, which come when they will. */
static struct harness_message *receive_other(struct harness_client *watcher)
{
    for (;;) {
        struct harness_message *message = harness_receive(watcher, NULL);
        /* But forged ones would be noticed. */
        if (strcmp(message->topic, "selkie/stats") != 0 || strcmp((const char *)message->payload, "forged") == 0)
            return message;
        harness_message_free(message);
    }
}

static int publish(struct harness_client *client, const char *topic)
{
    return harness_publish(client, topic, "forged", 6, 1, true, NULL);
}

START_TEST(nobody_but_the_plugin_publishes_on_its_topics)
{
    static const char *const topics[] = {DEVICE "up",
                                         DEVICE "state",
                                         DEVICE "event",
                                         DEVICE "else",
                                         "selkie/device/x",
                                         "selkie/rejected/replay",
                                         "selkie/stats",
                                         "selkie/gateway/gw1/receipt",
                                         "selkie/gateway/gw2/up",
                                         "selkie/gateway/gw2/state",
                                         "selkie/new",
                                         "selkie"};
    struct harness_broker *broker =
        harness_broker_with_plugin("", ANY ",\"admins\":[\"gw1\"],\"other_topics\":\"allow\"");
    struct harness_client *watcher = frames_subscriber(broker, "#");
    struct harness_client *gateway = connect_as(broker, "gw1");

    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        ck_assert_msg(publish(gateway, topics[i]) == NOT_AUTHORIZED, "%s", topics[i]);
    ck_assert_int_eq(publish(gateway, "selkie/gateway/gw1/state"), 0);
    /* The first and only thing that anybody sees. */
    struct harness_message *message = receive_other(watcher);
    ck_assert_str_eq(message->topic, "selkie/gateway/gw1/state");
    harness_message_free(message);
    ck_assert_int_eq(publish(gateway, "end"), 0);
    message = receive_other(watcher);
    ck_assert_str_eq(message->topic, "end");
    harness_message_free(message);
    harness_disconnect(gateway);
    harness_disconnect(watcher);
}
END_TEST

static const char *const forged_wills[] = {DEVICE "up",
                                           DEVICE "state",
                                           "selkie/stats",
                                           "selkie/gateway/gw2/state",
                                           "selkie/gateway/gw1/receipt",
                                           "selkie/gateway/gw1/up"};

START_TEST(a_forged_will_is_not_published)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY ",\"other_topics\":\"allow\"");
    struct harness_client *watcher = frames_subscriber(broker, "#");
    struct harness_client_options forged = {
        .username = "gw1", .will_topic = forged_wills[_i], .will_payload = "forged", .will_retain = true};
    struct harness_client_options honest = {
        .username = "gw1", .will_topic = "selkie/gateway/gw1/state", .will_payload = "offline", .will_retain = true};

    harness_drop(harness_connect(broker, &forged));
    harness_drop(harness_connect(broker, &honest));
    struct harness_message *message = receive_other(watcher);
    ck_assert_str_eq(message->topic, "selkie/gateway/gw1/state");
    ck_assert_str_eq((const char *)message->payload, "offline");
    harness_message_free(message);
    harness_disconnect(watcher);
}
END_TEST

START_TEST(receipts_are_for_their_gateway_alone)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client *other = connect_as(broker, "gw2");
    struct harness_client *watcher = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);

    ck_assert_int_eq(harness_subscribe(other, "selkie/gateway/gw1/receipt", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(other, "selkie/gateway/+/receipt", 1), 1);
    frames_send_data(gateway, "gw1", &device, "x", 1);
    frames_await_receipt(gateway, 1);
    frames_expect_payload(watcher, &device, "x", 0);
    /* Receipts and what follows go out in order, so one that went elsewhere would be there by now. */
    ck_assert_int_ge(harness_publish(gateway, "selkie/gateway/gw1/stats", "{}", 2, 1, false, NULL), 0);
    harness_message_free(harness_receive(watcher, "selkie/gateway/gw1/stats"));
    ck_assert_ptr_null(harness_receive_try(watcher, "selkie/gateway/gw1/receipt", 0));
    struct frames_device second = frames_device(2);
    frames_send_data(other, "gw2", &second, "y", 1);
    struct harness_message *own = harness_receive(other, NULL); /* the first that it gets is its own */
    ck_assert_str_eq(own->topic, "selkie/gateway/gw2/receipt");
    harness_message_free(own);
    harness_disconnect(gateway);
    harness_disconnect(watcher);
    harness_disconnect(other);
}
END_TEST

START_TEST(without_a_user_name_there_is_no_gateway_tree)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client_options options = {.id = "gw1"};
    struct harness_client *client = harness_connect(broker, &options);

    ck_assert_int_eq(publish(client, "selkie/gateway/gw1/up"), NOT_AUTHORIZED);
    ck_assert_int_eq(publish(client, "selkie/gateway//up"), NOT_AUTHORIZED);
    harness_disconnect(client);
}
END_TEST

START_TEST(by_default_only_registered_gateways_publish)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "");
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(publish(client, "selkie/gateway/gw1/up"), NOT_AUTHORIZED);
    harness_disconnect(client);
}
END_TEST

START_TEST(other_topics_are_left_to_other_rules)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(publish(client, "other"), NOT_AUTHORIZED); /* there are no other rules */
    ck_assert_int_eq(harness_subscribe(client, "#", 1), NOT_AUTHORIZED);
    harness_disconnect(client);
}
END_TEST

START_TEST(an_acl_file_rules_other_topics_and_only_those)
{
    const char *acl = harness_write("acl", 0600, "topic readwrite other/#\ntopic readwrite selkie/#\n");
    char configuration[300] = "acl_file ";
    struct harness_broker *broker = harness_broker_with_plugin(strcat(configuration, acl), ANY);
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(client, "other/#", 1), 1);
    ck_assert_int_eq(publish(client, "other/x"), 0);
    ck_assert_int_eq(publish(client, "third"), NOT_AUTHORIZED);
    ck_assert_int_eq(publish(client, DEVICE "up"), NOT_AUTHORIZED);
    harness_disconnect(client);
}
END_TEST

START_TEST(only_readers_read)
{
    struct harness_broker *broker = harness_broker_with_plugin(
        "", ANY ",\"readers\":[\"alice\",{\"user\":\"bob\",\"topics\":[\"selkie/device/+/state\"]}]");
    struct harness_client *alice = connect_as(broker, "alice"), *bob = connect_as(broker, "bob");
    struct harness_client *carol = connect_as(broker, "carol");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(2);

    ck_assert_int_eq(harness_subscribe(alice, "selkie/device/#", 1), 1);
    ck_assert_int_eq(harness_subscribe(bob, "selkie/#", 1), 1);
    ck_assert_int_eq(harness_subscribe(bob, "selkie/models/+", 1), 1);
    ck_assert_int_eq(harness_subscribe(bob, "selkie/device/+/event", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(bob, "selkie/gateway/+/state", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(carol, "selkie/#", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_subscribe(carol, "$share/g/selkie/device/#", 1), NOT_AUTHORIZED);
    frames_send_data(gateway, "gw1", &device, "secret", 1);
    frames_expect_payload(alice, &device, "secret", 0);
    frames_send_data(gateway, "gw1", &device, "secret", 2);
    frames_expect_payload(alice, &device, "secret", 1);
    harness_message_free(harness_receive(bob, frames_topic(&device, "state")));
    ck_assert_ptr_null(harness_receive_try(bob, frames_topic(&device, "up"), 0));
    ck_assert_ptr_null(harness_receive_try(bob, frames_topic(&device, "event"), 0));
    harness_disconnect(alice);
    harness_disconnect(bob);
    harness_disconnect(carol);
    harness_disconnect(gateway);
}
END_TEST

START_TEST(only_administrators_reach_the_control_topic)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY ",\"admins\":[\"root\"]");
    struct harness_client *admin = connect_as(broker, "root"), *other = connect_as(broker, "gw1");

    ck_assert_int_eq(harness_subscribe(admin, "$CONTROL/selkie/v1/response", 1), 1);
    ck_assert_int_eq(harness_subscribe(other, "$CONTROL/selkie/v1/response", 1), NOT_AUTHORIZED);
    ck_assert_int_eq(publish(other, "$CONTROL/selkie/v1"), NOT_AUTHORIZED);
    ck_assert_int_eq(publish(admin, "$CONTROL/dynamic-security/v1"), NOT_AUTHORIZED);
    harness_disconnect(admin);
    harness_disconnect(other);
}
END_TEST

/* A bridge of this broker's own passes Mosquitto's access check unseen. */
START_TEST(a_bridge_cannot_forge_a_devices_topics)
{
    struct harness_broker *far = harness_broker("");
    char configuration[200];

    (void)snprintf(configuration, sizeof configuration,
                   "connection far\naddress 127.0.0.1:%d\ntopic # in 1\nbridge_attempt_unsubscribe false\n", far->port);
    struct harness_broker *broker = harness_broker_with_plugin(configuration, ANY ",\"other_topics\":\"allow\"");
    struct harness_client *watcher = frames_subscriber(broker, "#");
    struct harness_client *client = harness_connect(far, NULL);

    harness_wait_log(far->process, "# (QoS 1)");
    ck_assert_int_eq(publish(client, DEVICE "up"), 0);
    ck_assert_int_eq(publish(client, "honest"), 0);
    struct harness_message *message = receive_other(watcher);
    ck_assert_str_eq(message->topic, "honest");
    harness_message_free(message);
    harness_disconnect(client);
    harness_disconnect(watcher);
}
END_TEST

/* Mosquitto 2.0.11 has no tick for plugins then, so that nothing would ever come out: that must be said. Later ones
 * have (2.0.21 was tried), and everything works. */
START_TEST(settings_per_listener_are_noticed)
{
    int port = harness_free_port();
    const char *plugin = harness_write("plugin.json", 0600,
                                       "{\"state_dir\":\"state\",\"create\":true,\"gateways\":\"any\",\"keys\":"
                                       "[{\"id\":1,\"file\":\"%s\"}]}",
                                       harness_private_key());
    struct harness_broker *broker = harness_broker_from(
        harness_write("listener.conf", 0600,
                      "per_listener_settings true\nuser root\nlog_dest stderr\nlistener %d 127.0.0.1\nallow_anonymous "
                      "true\nplugin %s\nplugin_opt_config_file %s\n",
                      port, harness_program("mosquitto_selkie.so"), plugin),
        port);
    struct harness_client *gateway = connect_as(broker, "gw1");
    struct harness_client *watcher = connect_as(broker, "watcher");
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    struct harness_message *verdict = NULL;

    harness_subscribe(watcher, "selkie/rejected/#", 0);
    while (verdict == NULL &&
           harness_publish(gateway, "selkie/gateway/gw1/up", "x", 1, 1, false, NULL) != NOT_AUTHORIZED) {
        ck_assert_int_lt(harness_now_ms(), limit);
        verdict = harness_receive_try(watcher, "selkie/rejected/", 0);
    }
    ck_assert(verdict != NULL || harness_log_has(broker->process, "per_listener_settings"));
    if (verdict != NULL)
        harness_message_free(verdict);
    harness_disconnect(watcher);
    harness_disconnect(gateway);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_access");
    TCase *tcase = tcase_create("plugin_access");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nobody_but_the_plugin_publishes_on_its_topics);
    tcase_add_loop_test(tcase, a_forged_will_is_not_published, 0, (int)(sizeof forged_wills / sizeof forged_wills[0]));
    tcase_add_test(tcase, receipts_are_for_their_gateway_alone);
    tcase_add_test(tcase, without_a_user_name_there_is_no_gateway_tree);
    tcase_add_test(tcase, by_default_only_registered_gateways_publish);
    tcase_add_test(tcase, other_topics_are_left_to_other_rules);
    tcase_add_test(tcase, an_acl_file_rules_other_topics_and_only_those);
    tcase_add_test(tcase, only_readers_read);
    tcase_add_test(tcase, only_administrators_reach_the_control_topic);
    tcase_add_test(tcase, a_bridge_cannot_forge_a_devices_topics);
    tcase_add_test(tcase, settings_per_listener_are_noticed);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
