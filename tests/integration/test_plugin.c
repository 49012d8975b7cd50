/* SPDX-License-Identifier: Apache-2.0 */
/* Frames go into a real Mosquitto as a gateway sends them; what comes out is what PROTOCOL.md, section 8, promises. */
#include "frames.h"

#include <mbedtls/version.h>
#include <selkie/fragment.h>
#include <selkie/topic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vectors/vectors.h>

#define ANY "\"gateways\":\"any\""

static struct harness_broker *broker;
static struct harness_client *gateway, *subscriber;
static struct frames_device device;

static void start(const char *plugin_configuration)
{
    broker = harness_broker_with_plugin("", plugin_configuration);
    gateway = frames_gateway(broker, "gw1", NULL);
    device = frames_device(1);
}

static void set_up(void)
{
    start(ANY);
}

/* At a test's end, and before it stops the broker. */
static void disconnect_all(void)
{
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    gateway = subscriber = NULL;
}

static void send_data(const char *payload, uint64_t seq)
{
    frames_send_data(gateway, "gw1", &device, payload, seq);
}

START_TEST(a_payload_comes_out_with_its_properties)
{
    subscriber = frames_subscriber(broker, "selkie/device/#");

    send_data("21.5", 77);
    struct harness_message *message = harness_receive(subscriber, frames_topic(&device, "up"));
    ck_assert_str_eq((const char *)message->payload, "21.5");
    ck_assert_int_eq(message->qos, 1);
    ck_assert(!message->retained);
    ck_assert_uint_eq(message->property_count, 5);
    ck_assert_str_eq(harness_message_property(message, "counter"), "0");
    ck_assert_str_eq(harness_message_property(message, "gateway"), "gw1");
    ck_assert_str_eq(harness_message_property(message, "form"), "sealed");
    ck_assert_ptr_nonnull(harness_message_property(message, "rx"));
    ck_assert_str_eq(harness_message_property(message, "clock"), "gateway");
    harness_message_free(message);
    frames_await_receipt(gateway, 77);

    send_data("", 78);
    frames_expect_payload(subscriber, &device, "", 1);
    frames_await_receipt(gateway, 78);
    disconnect_all();
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* The next message below a prefix says that it is JSON, and is. */
static void expect_json(struct harness_client *client, const char *prefix)
{
    struct harness_message *message = harness_receive(client, prefix);
    json_t *json = json_loadb((const char *)message->payload, message->len, 0, NULL);

    ck_assert_msg(json_is_object(json), "%s", message->topic);
    ck_assert_msg(message->format == 1 && strcmp(message->content_type, "application/json") == 0,
                  "%s: format %d, type \"%s\"", message->topic, message->format, message->content_type);
    json_decref(json);
    harness_message_free(message);
}

START_TEST(what_is_json_says_so_and_what_a_device_sends_does_not)
{
    static const char list[] = "{\"commands\":[{\"command\":\"listDevices\"}]}";
    const struct harness_client_options ops = {.username = "ops"};

    start(ANY ",\"admins\":[\"ops\"]");
    subscriber = harness_connect(broker, &ops);
    ck_assert_int_eq(harness_subscribe(subscriber, "selkie/#", 1), 1);
    send_data("{}", 1); /* as JSON as it looks: what the device means by it is not known */
    struct harness_message *payload = harness_receive(subscriber, frames_topic(&device, "up"));
    ck_assert_int_eq(payload->format, -1);
    ck_assert_str_eq(payload->content_type, "");
    harness_message_free(payload);
    expect_json(gateway, "selkie/gateway/gw1/receipt");
    expect_json(subscriber, frames_topic(&device, "event"));
    expect_json(subscriber, frames_topic(&device, "state"));
    expect_json(subscriber, "selkie/stats");
    ck_assert_int_ge(frames_send(gateway, "gw1", (const uint8_t *)"x", 1, 2), 0);
    expect_json(subscriber, "selkie/rejected/malformed");
    ck_assert_int_ge(harness_publish(subscriber, SELKIE_TOPIC_CONTROL, list, sizeof list - 1, 1, false, NULL), 0);
    expect_json(subscriber, SELKIE_TOPIC_CONTROL "/response");
    ck_assert_int_ge(harness_publish(subscriber, SELKIE_TOPIC_CONTROL, "x", 1, 1, false, NULL), 0);
    expect_json(subscriber, SELKIE_TOPIC_CONTROL "/response");
    disconnect_all();
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

START_TEST(the_state_is_retained_and_the_event_tells_of_the_registration)
{
    subscriber = frames_subscriber(broker, "selkie/device/+/event");

    send_data("a", 1);
    json_t *event = frames_receive_json(subscriber, frames_topic(&device, "event"));
    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), "registered");
    json_decref(event);
    frames_await_receipt(gateway, 1);

    struct harness_client *late = frames_subscriber(broker, "selkie/device/+/state");
    struct harness_message *message = harness_receive(late, frames_topic(&device, "state"));
    ck_assert(message->retained);
    json_t *state = json_loadb((const char *)message->payload, message->len, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(state, "status")), "active");
    ck_assert_int_eq(json_integer_value(json_object_get(state, "counter")), 0);
    ck_assert_str_eq(json_string_value(json_object_get(state, "gateway")), "gw1");
    ck_assert_str_eq(json_string_value(json_object_get(state, "form")), "sealed");
    ck_assert_int_eq(json_integer_value(json_object_get(state, "key_id")), 1);
    json_decref(state);
    harness_message_free(message);
    harness_disconnect(late);
}
END_TEST

START_TEST(every_frame_has_a_receipt_and_payloads_keep_their_order)
{
    enum { FRAMES = 60 };
    subscriber = frames_subscriber(broker, "selkie/device/+/up");
    char payload[16];

    for (unsigned i = 0; i < FRAMES; i++) {
        (void)snprintf(payload, sizeof payload, "%u", i);
        send_data(payload, 1000 + i);
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        (void)snprintf(payload, sizeof payload, "%u", i);
        frames_expect_payload(subscriber, &device, payload, i);
    }
    frames_await_receipts(gateway, 1000, 1000 + FRAMES - 1);
}
END_TEST

START_TEST(what_is_wrong_is_rejected_and_receipted_and_the_next_frame_passes)
{
    subscriber = frames_subscriber(broker, "selkie/#");
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    size_t index, len;
    uint64_t seq = 0;

    json_array_foreach (vectors_list(vectors, "rejected"), index, vector) {
        const char *reason = vectors_text(vector, "reason");
        uint8_t *body = vectors_bytes(vector, "body", &len);
        char prefix[64], payload[24];

        ck_assert_int_ge(frames_send(gateway, "gw1", body, len, ++seq), 0);
        free(body);
        (void)snprintf(prefix, sizeof prefix, "selkie/rejected/%s", reason);
        struct harness_message *message = harness_receive_try(subscriber, "selkie/rejected/", HARNESS_PATIENCE);
        ck_assert_msg(message != NULL && strcmp(message->topic, prefix) == 0, "%s: %s, not %s",
                      vectors_text(vector, "name"), message != NULL ? message->topic : "nothing", prefix);
        json_t *rejected = json_loadb((const char *)message->payload, message->len, 0, NULL);
        ck_assert_str_eq(json_string_value(json_object_get(rejected, "reason")), reason);
        ck_assert_str_eq(json_string_value(json_object_get(rejected, "gateway")), "gw1");
        json_decref(rejected);
        harness_message_free(message);
        frames_await_receipt(gateway, seq);

        (void)snprintf(payload, sizeof payload, "%zu", index);
        uint32_t counter = device.counter;
        send_data(payload, ++seq);
        frames_expect_payload(subscriber, &device, payload, counter);
        frames_await_receipt(gateway, seq);
    }
    ck_assert_uint_gt(seq, 20);
    json_decref(vectors);
}
END_TEST

START_TEST(lengths_without_sense_are_malformed)
{
    subscriber = frames_subscriber(broker, "selkie/rejected/+");
    const size_t lens[] = {0, 1, 521, 523, 1024, 1025, 1000000};
    uint8_t *body = calloc(1, 1000000);

    ck_assert_ptr_nonnull(body);
    body[0] = 0x10;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        ck_assert_int_ge(frames_send(gateway, "gw1", body, lens[i], i + 1), 0);
        harness_message_free(harness_receive(subscriber, "selkie/rejected/malformed"));
        frames_await_receipt(gateway, i + 1);
    }
    free(body);
}
END_TEST

/* Gateways put them together; whoever hands one on is no such gateway. Their length makes no difference. */
START_TEST(a_fragment_is_malformed)
{
    struct selkie_fragment_plan plan;
    uint8_t body[SELKIE_SEALED_SIZE] = {0x10, 1}, fragment[SELKIE_SEALED_SIZE] = {0};

    subscriber = frames_subscriber(broker, "selkie/rejected/+");
    ck_assert_int_eq(selkie_fragment_make_plan(&plan, body, sizeof body, 58), 0);
    const size_t lens[] = {selkie_fragment_write(fragment, &plan, body, sizeof body, 0), SELKIE_SEALED_SIZE};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        ck_assert_int_ge(frames_send(gateway, "gw1", fragment, lens[i], i + 1), 0);
        harness_message_free(harness_receive(subscriber, "selkie/rejected/malformed"));
        frames_await_receipt(gateway, i + 1);
    }
}
END_TEST

START_TEST(a_frame_without_seq_has_no_receipt_and_is_dealt_with_all_the_same)
{
    subscriber = frames_subscriber(broker, "selkie/device/+/up");
    const struct harness_property nonsense[] = {
        {"seq", "-1"}, {"seq", "1x"}, {"seq", ""}, {"rx", "later"}, {"seq", "99999999999999999999"}, {NULL, NULL}};
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_seal_data(body, device.address, device.id, 0, "plain");
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 0), 0);
    struct harness_message *message = harness_receive(subscriber, frames_topic(&device, "up"));
    ck_assert_ptr_nonnull(harness_message_property(message, "rx")); /* the time of arrival, then */
    harness_message_free(message);

    harness_seal_data(body, device.address, device.id, 1, "nonsense");
    ck_assert_int_ge(harness_publish(gateway, "selkie/gateway/gw1/up", body, sizeof body, 1, false, nonsense), 0);
    frames_expect_payload(subscriber, &device, "nonsense", 1);
    device.counter = 2;
    send_data("last", 3);
    json_t *receipt = frames_receive_json(gateway, "selkie/gateway/gw1/receipt");
    ck_assert_uint_eq(json_array_size(json_object_get(receipt, "seq")), 1); /* nothing came before it */
    json_decref(receipt);
}
END_TEST

START_TEST(frames_are_seen_by_subscribers_but_never_retained)
{
    subscriber = frames_subscriber(broker, "selkie/gateway/+/up");
    uint8_t body[SELKIE_SEALED_SIZE];

    harness_seal_data(body, device.address, device.id, 0, "plain");
    ck_assert_int_eq(harness_publish(gateway, "selkie/gateway/gw1/up", body, sizeof body, 1, true, NULL), 0x87);
    ck_assert_int_eq(harness_publish(gateway, "selkie/gateway/gw1/up", body, sizeof body, 1, false, NULL), 0);
    struct harness_message *message = harness_receive(subscriber, "selkie/gateway/gw1/up");
    ck_assert_uint_eq(message->len, sizeof body);
    ck_assert_mem_eq(message->payload, body, sizeof body);
    harness_message_free(message);
    struct harness_client *late = frames_subscriber(broker, "selkie/#");
    harness_message_free(harness_receive(late, frames_topic(&device, "state")));
    /* What is retained comes before what is published after the subscription. */
    ck_assert_int_ge(harness_publish(gateway, "selkie/gateway/gw1/stats", "{}", 2, 1, false, NULL), 0);
    struct harness_message *first = harness_receive(late, "selkie/gateway/");
    ck_assert_str_eq(first->topic, "selkie/gateway/gw1/stats");
    harness_message_free(first);
    harness_disconnect(late);
}
END_TEST

START_TEST(a_provider_with_a_known_weakness_is_warned_of)
{
    start(ANY ",\"provider\":\"mbedtls\"");
    /* 3.6 and 2.28.10 have the fixes; then there is nothing to say. */
    if (MBEDTLS_VERSION_NUMBER < 0x021C0A00 || (MBEDTLS_VERSION_MAJOR == 3 && MBEDTLS_VERSION_MINOR < 6))
        harness_wait_log(broker->process, "key 1 (mbedtls): ");
    disconnect_all();
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

START_TEST(a_device_that_falls_silent_is_reported)
{
    start(ANY ",\"silent_after\":1");
    subscriber = frames_subscriber(broker, "selkie/device/+/event");
    const char *expected[] = {"registered", "silent"};

    send_data("x", 1);
    for (size_t i = 0; i < 2; i++) {
        json_t *event = frames_receive_json(subscriber, frames_topic(&device, "event"));
        ck_assert_str_eq(json_string_value(json_object_get(event, "event")), expected[i]);
        json_decref(event);
    }
}
END_TEST

/* A publisher and a subscriber that know nothing of properties. */
START_TEST(clients_of_mqtt_3_are_served)
{
    broker = harness_broker_with_plugin("", ANY);
    device = frames_device(1);
    uint8_t body[SELKIE_SEALED_SIZE];
    char port[8];
    const char *body_path = harness_path("body");
    const char *sub[] = {"mosquitto_sub",
                         "-V",
                         "mqttv311",
                         "-h",
                         "127.0.0.1",
                         "-p",
                         port,
                         "-q",
                         "1",
                         "-C",
                         "1",
                         "-d",
                         "-t",
                         frames_topic(&device, "up"),
                         NULL};
    const char *pub[] = {
        "mosquitto_pub",         "-V", "mqttv311", "-h", "127.0.0.1", "-p", port, "-q", "1", "-u", "gw1", "-t",
        "selkie/gateway/gw1/up", "-f", body_path,  NULL};

    (void)snprintf(port, sizeof port, "%d", broker->port);
    harness_seal_data(body, device.address, device.id, 0, "three");
    FILE *file = fopen(body_path, "we");
    ck_assert(file != NULL && fwrite(body, sizeof body, 1, file) == 1 && fclose(file) == 0);
    struct harness_process *receiver = harness_spawn("mosquitto_sub", sub, false);
    harness_wait_log(broker->process, "Sending SUBACK");
    ck_assert_int_eq(harness_run("mosquitto_pub", pub, NULL), 0);
    ck_assert_int_eq(harness_wait_exit(receiver), 0);
    ck_assert(harness_log_has(receiver, "three"));
}
END_TEST

START_TEST(a_result_does_not_wait_for_mosquittos_next_tick)
{
    ck_assert_int_eq(setenv("LD_PRELOAD", NO_TICK_LIBRARY, 1), 0); /* there is none */
    start(ANY);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    subscriber = frames_subscriber(broker, "selkie/device/+/up");

    for (unsigned i = 0; i < 10; i++) {
        send_data("x", i + 1);
        frames_expect_payload(subscriber, &device, "x", i);
        frames_await_receipts(gateway, i + 1, i + 1);
    }
    disconnect_all();
    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL); /* it blocks other signals as it waits */
}
END_TEST

/* %s in a text stands for the path of the key file, %d for nothing else. */
static const struct {
    const char *config; /* of the plugin; NULL = no config_file at all */
    const char *says;
} refused[] = {
    {NULL, "plugin_opt_config_file is required"},
    {"{\n\"state_dir\":\"state\",\n\"colour\":1,\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}",
     "bad.json:3: colour: unknown key"},
    {"{\n\"state_dir\":\"state\",\n\n\"keys\":[{\"id\":1,\"file\":\"missing.pem\"}]}", "bad.json:4: file: "},
    {"{\n\"state_dir\":\"state\",\n\"keys\":[{\"id\":1,\n\"file\":\"open.pem\"}]}", "bad.json:4: file: "},
    {"{\n\"state_dir\":\"state\",\n\"keys\":[{\"id\":0,\n\"file\":\"1.key.pem\"}]}",
     "bad.json:3: id: must be 1 to 255"},
    {"{\n\"state_dir\":\"state\",\n\"keys\":[]}", "bad.json:3: keys: must name at least one key"},
    {"{\n\"state_dir\":\"state\"}", "bad.json:1: keys: is required"},
    {"{\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}", "bad.json:1: state_dir: is required"},
    {"{\"root\":\"a/#\",\n\"state_dir\":\"state\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}", "bad.json:1: root: "},
    {"{\"state_dir\":\"state\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}],\n\"enrolment\":\"shut\"}",
     "bad.json:2: enrolment: must be one of \"open\", \"approve\", \"listed\""},
    {"{\"state_dir\":\"state\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}],\n\"readers\":[3]}",
     "bad.json:2: readers: entry 1 must be an object"},
    {"{\"state_dir\":\"state\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}],\n\"readers\":[{\"user\":\"a\",\"topics\":"
     "[\"a/#/b\"]}]}",
     "bad.json:2: topics: \"a/#/b\" is not a topic filter"},
    {"{\"state_dir\":\"state\",\n\"keys\":[{\"id\":2,\n\"uri\":\"nonsense\"}]}", "bad.json:3: uri: "},
    {"{\"state_dir\":\"state\",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"},{\"id\":1,\n\"file\":\"1.key.pem\"}]}",
     "bad.json:3: file: "},
    {"not json", "bad.json:1: not JSON"},
    {"{\n\"state_dir\":\"1.key.pem/x\",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}",
     "1.key.pem/x: cannot create the folder: Not a directory"},
    {"{\n\"state_dir\":\"1.key.pem/x\",\n\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}", "bad.json:2: state_dir: "},
};

START_TEST(mosquitto_does_not_start_without_a_good_configuration)
{
    char configuration[1024], *log;
    char *key = harness_read(harness_private_key());
    int len = snprintf(configuration, sizeof configuration, "plugin %s\n", harness_program("mosquitto_selkie.so"));

    (void)harness_write("open.pem", 0644, "%s", key);
    free(key);
    if (refused[_i].config != NULL)
        (void)snprintf(configuration + len, sizeof configuration - (size_t)len, "plugin_opt_config_file %s\n",
                       harness_write("bad.json", 0600, "%s", refused[_i].config));
    ck_assert_int_ne(harness_broker_refuses(configuration, &log), 0);
    ck_assert_msg(strstr(log, refused[_i].says) != NULL, "does not say '%s':\n%s", refused[_i].says, log);
    free(log);
}
END_TEST

/* Whoever may write the configuration decides who reads the readings; the folder, which devices there are. And a file
 * that is none must not keep the broker from its work. */
START_TEST(who_else_may_write_is_told_and_a_fifo_is_refused)
{
    char config[256];

    (void)snprintf(config, sizeof config, "%s", harness_path("plugin.json"));

    ck_assert_int_eq(chmod(config, 0602), 0);
    ck_assert_int_eq(chmod(harness_path("state"), 0720), 0);
    bool is_root = chown(harness_path("state"), (uid_t)-1, 1) == 0;
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: everybody may write it; chmod o-w it");
    if (is_root) /* root's own group is nobody else */
        harness_wait_log(broker->process, "/state: group daemon may write it; chmod g-w it");
    harness_wait_log(broker->process, "plugin.json: reloaded");
    ck_assert_int_eq(harness_subscribe(gateway, "selkie/gateway/gw1/receipt", 1), 1); /* it takes signals again */
    ck_assert_int_eq(unlink(config), 0);
    ck_assert_int_eq(mkfifo(config, 0600), 0);
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: is a FIFO, not a file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *tcase = tcase_create("plugin");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, disconnect_all);
    tcase_add_test(tcase, a_payload_comes_out_with_its_properties);
    tcase_add_test(tcase, who_else_may_write_is_told_and_a_fifo_is_refused);
    tcase_add_test(tcase, the_state_is_retained_and_the_event_tells_of_the_registration);
    tcase_add_test(tcase, every_frame_has_a_receipt_and_payloads_keep_their_order);
    tcase_add_test(tcase, what_is_wrong_is_rejected_and_receipted_and_the_next_frame_passes);
    tcase_add_test(tcase, lengths_without_sense_are_malformed);
    tcase_add_test(tcase, a_fragment_is_malformed);
    tcase_add_test(tcase, a_frame_without_seq_has_no_receipt_and_is_dealt_with_all_the_same);
    tcase_add_test(tcase, frames_are_seen_by_subscribers_but_never_retained);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("started otherwise");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, disconnect_all);
    tcase_add_test(tcase, a_provider_with_a_known_weakness_is_warned_of);
    tcase_add_test(tcase, a_device_that_falls_silent_is_reported);
    tcase_add_test(tcase, clients_of_mqtt_3_are_served);
    tcase_add_test(tcase, what_is_json_says_so_and_what_a_device_sends_does_not);
    tcase_add_test(tcase, a_result_does_not_wait_for_mosquittos_next_tick);
    tcase_add_loop_test(tcase, mosquitto_does_not_start_without_a_good_configuration, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
