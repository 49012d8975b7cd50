/* SPDX-License-Identifier: Apache-2.0 */
/* A real Mosquitto whose private key is in a real token, which tests/kit/token-softhsm and token-opencryptoki set up
 * around this program. A module in between (tests/kit/p11_fault.c) lets the token fail once, or takes it away. */
#include "frames.h"
#include "rig.h"

#include <run_suite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *fault_file;

static void write_config(const char *object, const char *uri_more)
{
    (void)harness_write("pin", 0600, "%s\n", getenv("SELKIE_TEST_PIN"));
    (void)harness_write(
        "plugin.json", 0600,
        "{\"state_dir\":\"%s\",\"create\":true,\"gateways\":\"any\",\"keys\":[{\"id\":1,\"pin_file\":\"pin\",\n\"uri\":"
        "\"pkcs11:token=selkie;object=%s;type=private?module-path=" SELKIE_P11_FAULT "%s\"}]}",
        harness_path("state"), object, uri_more);
}

static const char *plugin_lines(void)
{
    static char lines[700];

    (void)snprintf(lines, sizeof lines, "plugin %s\nplugin_opt_config_file %s\n",
                   harness_program("mosquitto_selkie.so"), harness_path("plugin.json"));
    return lines;
}

static void set_faults(void)
{
    fault_file = strdup(harness_path("fault"));
    ck_assert_int_eq(setenv("P11_FAULT_MODULE", getenv("SELKIE_TEST_MODULE"), 1), 0);
    ck_assert_int_eq(setenv("P11_FAULT_FILE", fault_file, 1), 0);
}

static struct harness_broker *start(void)
{
    set_faults();
    write_config("golden", "");
    return harness_broker(plugin_lines());
}

static void break_token(const char *how)
{
    (void)harness_write("fault", 0600, "%s", how);
}

/* Frames dropped because the key was away, by the next selkie/stats. */
static json_int_t dropped_for_the_key(struct harness_client *subscriber)
{
    json_t *stats = frames_receive_json(subscriber, "selkie/stats");
    json_int_t count = json_integer_value(json_object_get(json_object_get(stats, "dropped"), "key_away"));

    json_decref(stats);
    return count;
}

START_TEST(frames_are_opened_in_the_token_and_what_does_not_open_is_rejected)
{
    struct harness_broker *broker = start();
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    uint8_t body[SELKIE_SEALED_SIZE];

    ck_assert(harness_log_has(broker->process, "raw RSA is used") == (getenv("SELKIE_TEST_RAW") != NULL));
    frames_send_data(gateway, "gw1", &device, "from the token", 1);
    frames_expect_payload(subscriber, &device, "from the token", 0);
    frames_await_receipt(gateway, 1);
    harness_seal_data(body, device.address, device.id, 1, "changed");
    body[300] ^= 1;
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 2), 0);
    harness_message_free(harness_receive(subscriber, "selkie/rejected/bad-seal"));
    frames_await_receipt(gateway, 2);
    frames_send_data(gateway, "gw1", &device, "next", 3);
    frames_expect_payload(subscriber, &device, "next", 1);
    frames_await_receipt(gateway, 3);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

START_TEST(a_failure_that_passes_costs_no_frame)
{
    struct harness_broker *broker = start();
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(2);

    for (unsigned i = 0; i < 5; i++) {
        break_token("5 once");
        frames_send_data(gateway, "gw1", &device, "x", i + 1);
        frames_expect_payload(subscriber, &device, "x", i);
        frames_await_receipt(gateway, i + 1);
        ck_assert_int_ne(access(fault_file, F_OK), 0);
    }
    ck_assert_ptr_null(harness_receive_try(subscriber, "selkie/rejected/", 0));
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

START_TEST(frames_wait_while_the_token_is_away)
{
    struct harness_broker *broker = start();
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(3);
    uint8_t body[SELKIE_SEALED_SIZE], broken[] = {0x20};
    uint64_t seq = 2;

    frames_send_data(gateway, "gw1", &device, "before", 1);
    frames_expect_payload(subscriber, &device, "before", 0);
    frames_await_receipt(gateway, 1);
    break_token("50"); /* CKR_DEVICE_REMOVED */
    harness_seal_data(body, device.address, device.id, 1, "after");
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, seq), 0);
    /* A frame that needs no key overtakes nothing: its receipt is the next. */
    ck_assert_int_ge(frames_send(gateway, "gw1", broken, sizeof broken, 1000), 0);
    json_t *receipt = frames_receive_json(gateway, "selkie/gateway/gw1/receipt");
    json_t *seqs = json_object_get(receipt, "seq");
    ck_assert_uint_eq(json_array_size(seqs), 1);
    ck_assert_int_eq(json_integer_value(json_array_get(seqs, 0)), 1000);
    json_decref(receipt);
    while (dropped_for_the_key(subscriber) == 0)
        continue;
    ck_assert_int_eq(unlink(fault_file), 0);
    /* The gateway sends it again until it has its receipt. */
    struct harness_message *message = NULL;
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    while (message == NULL && harness_now_ms() < limit) {
        ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, seq), 0);
        message = harness_receive_try(gateway, "selkie/gateway/gw1/receipt", 500);
    }
    ck_assert_ptr_nonnull(message);
    harness_message_free(message);
    frames_expect_payload(subscriber, &device, "after", 1);
    struct harness_message *rejected = harness_receive(subscriber, "selkie/rejected/");
    ck_assert_str_eq(rejected->topic, "selkie/rejected/malformed");
    harness_message_free(rejected);
    ck_assert_ptr_null(harness_receive_try(subscriber, "selkie/rejected/", 0));
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

/* A payload, after those that the outbox brings a second time. */
static void expect_in_the_end(struct harness_client *subscriber, const struct frames_device *device,
                              const char *payload)
{
    bool found = false;

    while (!found) {
        struct harness_message *message = harness_receive(subscriber, frames_topic(device, "up"));
        found = strcmp((const char *)message->payload, payload) == 0;
        harness_message_free(message);
    }
}

/* The token's module is let go and taken anew, or kept where the new configuration does not open it. */
START_TEST(a_reload_opens_the_token_again)
{
    struct harness_broker *broker = start();
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(4);

    frames_send_data(gateway, "gw1", &device, "one", 1);
    frames_expect_payload(subscriber, &device, "one", 0);
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    frames_send_data(gateway, "gw1", &device, "two", 2);
    expect_in_the_end(subscriber, &device, "two");
    write_config("absent", "");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "no RSA private key of the token matches the URI");
    frames_send_data(gateway, "gw1", &device, "three", 3);
    expect_in_the_end(subscriber, &device, "three");
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

START_TEST(mosquitto_does_not_start_with_a_pin_in_the_uri_and_does_not_log_it)
{
    char *log;

    write_config("golden", "&pin-value=87654321");
    ck_assert_int_ne(harness_broker_refuses(plugin_lines(), &log), 0);
    ck_assert_msg(strstr(log, "plugin.json:2: uri: ") != NULL && strstr(log, "pin_file") != NULL, "%s", log);
    ck_assert_msg(strstr(log, "87654321") == NULL, "%s", log);
    free(log);
}
END_TEST

/* The token's key is that of the file, and a token's key is that of the token's other entry. */
START_TEST(mosquitto_does_not_start_with_the_tokens_key_under_two_ids)
{
    char uri[300], entries[900], *log;

    (void)harness_write("pin", 0600, "%s\n", getenv("SELKIE_TEST_PIN"));
    (void)snprintf(uri, sizeof uri, "\"pin_file\":\"pin\",\"uri\":\"pkcs11:token=selkie;object=golden?module-path=%s\"",
                   getenv("SELKIE_TEST_MODULE"));
    const char *second[] = {uri, "\"file\":\"1.key.pem\"", "\"file\":\"1.key.pem\",\"provider\":\"mbedtls\""};
    (void)harness_private_key();
    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        (void)snprintf(entries, sizeof entries, "{\"id\":3,%s},{\"id\":4,%s}", uri, second[i]);
        (void)harness_write("plugin.json", 0600, "{\"state_dir\":\"%s\",\"gateways\":\"any\",\n\"keys\":[%s]}",
                            harness_path("state"), entries);
        ck_assert_int_ne(harness_broker_refuses(plugin_lines(), &log), 0);
        ck_assert_msg(strstr(log, "plugin.json:2: ") && strstr(log, "keys 3 and 4 are the same RSA key"), "%s", log);
        free(log);
    }
}
END_TEST

/* Send a device's frames over the gateway's serial line, sealed for key 1 (the token's) or 2. */
static void radio(struct harness_pty *pty, const struct frames_device *device, unsigned key, uint32_t count)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_message message = {.kind = SELKIE_DATA, .data = {.payload = (const uint8_t *)"x", .payload_len = 1}};

    memcpy(message.address, device->address, sizeof message.address);
    memcpy(message.id, device->id, sizeof message.id);
    for (; message.counter < count; message.counter++) {
        if (key == 1)
            harness_seal(body, &message);
        else
            harness_seal_second(body, &message);
        rig_send_body(pty, body, sizeof body);
    }
}

static void expect_all(struct harness_client *subscriber, const struct frames_device *device, uint32_t count)
{
    bool came[32] = {false};

    for (uint32_t seen = 0; seen < count;) {
        struct harness_message *message = harness_receive(subscriber, frames_topic(device, "up"));
        unsigned long counter = strtoul(harness_message_property(message, "counter"), NULL, 10);
        ck_assert_uint_lt(counter, count);
        seen += !came[counter];
        came[counter] = true;
        harness_message_free(message);
    }
}

/* More frames than its window, for a token that is away, are in front of those for a key in a file. */
START_TEST(a_gateway_goes_on_with_the_frames_of_other_keys)
{
    enum { AWAY = 20, THERE = 5 };
    struct frames_device away = frames_device(5), there = frames_device(6);
    struct harness_broker *broker;
    char keys[900];

    set_faults();
    (void)harness_write("pin", 0600, "%s\n", getenv("SELKIE_TEST_PIN"));
    (void)snprintf(keys, sizeof keys,
                   "[{\"id\":1,\"pin_file\":\"pin\",\"uri\":\"pkcs11:token=selkie;object=golden;type=private?module-"
                   "path=" SELKIE_P11_FAULT "\"},{\"id\":2,\"file\":\"%s\"}]",
                   harness_second_key());
    (void)harness_write("plugin.json", 0600,
                        "{\"state_dir\":\"%s\",\"create\":true,\"gateways\":\"any\",\"replay_wait\":0,\"keys\":%s}",
                        harness_path("state"), keys);
    broker = harness_broker(plugin_lines());
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(
        rig_config_text("\"broker\":{\"uri\":\"%s\",\"username\":\"" RIG_NAME "\"},\"serial\":[{\"device\":\"%s\"}]",
                        broker->uri, pty->path),
        true);

    break_token("50");
    radio(pty, &away, 1, AWAY);
    radio(pty, &there, 2, THERE);
    harness_wait_log(broker->process, "key 1 is unavailable, and its frames wait at their gateways");
    expect_all(subscriber, &there, THERE);
    harness_wait_log(gateway, "no receipt for frames of key 1 for 30 s");
    ck_assert_int_eq(unlink(fault_file), 0);
    expect_all(subscriber, &away, AWAY);
    harness_wait_log(broker->process, "all keys are available again");
    rig_stop(gateway, 0);
    harness_disconnect(subscriber);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

static unsigned count_in(const char *path, const char *text)
{
    char *content = harness_read(path);
    unsigned count = 0;

    for (const char *at = content; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(content);
    return count;
}

#define IN_TOKEN(object)                                                                                               \
    "\"pin_file\":\"pin\",\"uri\":\"pkcs11:token=selkie;object=" object ";type=private?module-path=" SELKIE_P11_FAULT  \
    "\""

/* Both keys of the configuration are in the token. */
static void write_two_keys(const char *pin)
{
    (void)harness_write("pin", 0600, "%s\n", pin);
    (void)harness_write("plugin.json", 0600,
                        "{\"state_dir\":\"%s\",\"create\":true,\"gateways\":\"any\",\"keys\":["
                        "{\"id\":1," IN_TOKEN("golden") "},{\"id\":2," IN_TOKEN("second") "}]}",
                        harness_path("state"));
}

static bool change_pin(const char *from, const char *to)
{
    const char *const argv[] = {"/usr/bin/pkcs11-tool",
                                "--module",
                                getenv("SELKIE_TEST_MODULE"),
                                "--token-label",
                                "selkie",
                                "--login",
                                "--pin",
                                from,
                                "--change-pin",
                                "--new-pin",
                                to,
                                NULL};
    char *output;
    int status = harness_run("change-pin", argv, &output);

    free(output);
    return status == 0;
}

/* Send a frame for each key, and wait until the plugin has let both go. */
static void send_for_both(struct harness_client *gateway, struct harness_client *subscriber)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    struct frames_device device = frames_device(9);
    static json_int_t let_go;

    harness_seal_data(body, device.address, device.id, 0, "x");
    for (uint8_t key = 1; key <= 2; key++) {
        body[1] = key;
        ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, key), 0);
    }
    let_go += 2;
    while (dropped_for_the_key(subscriber) < let_go)
        continue;
}

/* The token's PIN changes while the token is away. However many frames come for however many of its keys, and however
 * often Mosquitto gets a SIGHUP (as from logrotate), the old PIN costs one try, and its refusal is one line. */
START_TEST(a_wrong_pin_costs_one_try_and_one_line)
{
    const char *pin = getenv("SELKIE_TEST_PIN");
    char *logins = strdup(harness_path("logins"));

    if (access("/usr/bin/pkcs11-tool", X_OK) != 0)
        return;
    ck_assert_int_eq(setenv("P11_FAULT_LOGINS", logins, 1), 0);
    set_faults();
    write_two_keys(pin);
    struct harness_broker *broker = harness_broker(plugin_lines());
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    const char *log = broker->process->log;
    break_token("50");
    for (int i = 0; i < 2; i++) /* the second time each key lets go of the module, which ends the login */
        send_for_both(gateway, subscriber);
    ck_assert(change_pin(pin, "13572468"));
    unsigned before = count_in(logins, "x");
    ck_assert_int_eq(unlink(fault_file), 0);
    /* Each key looks for its token once a second; stats come at longer intervals. */
    for (int i = 0; i < 3; i++)
        send_for_both(gateway, subscriber);
    ck_assert_uint_eq(count_in(log, "refuses the PIN"), 1);
    for (unsigned i = 2; i <= 3; i++) {
        int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
        harness_signal(broker->process, SIGHUP);
        while (count_in(log, "refuses the PIN") < i && harness_now_ms() < limit)
            (void)harness_receive_try(subscriber, "selkie/none", 10);
        ck_assert_uint_eq(count_in(log, "refuses the PIN"), i);
    }
    ck_assert_uint_eq(count_in(logins, "x"), before + 1);
    write_two_keys("13572468");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    struct frames_device device = frames_device(10);
    frames_send_data(gateway, "gw1", &device, "opened", 9);
    frames_expect_payload(subscriber, &device, "opened", 0);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    ck_assert(change_pin("13572468", pin));
    free(logins);
}
END_TEST

int main(void)
{
    if (!getenv("SELKIE_TEST_MODULE") || !getenv("SELKIE_TEST_PIN")) {
        printf("skipped: run by tests/kit/token-softhsm or token-opencryptoki\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("plugin_token");
    TCase *tcase = tcase_create("plugin_token");

    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, frames_are_opened_in_the_token_and_what_does_not_open_is_rejected);
    tcase_add_test(tcase, a_failure_that_passes_costs_no_frame);
    tcase_add_test(tcase, frames_wait_while_the_token_is_away);
    tcase_add_test(tcase, a_reload_opens_the_token_again);
    tcase_add_test(tcase, mosquitto_does_not_start_with_a_pin_in_the_uri_and_does_not_log_it);
    tcase_add_test(tcase, mosquitto_does_not_start_with_the_tokens_key_under_two_ids);
    tcase_add_test(tcase, a_wrong_pin_costs_one_try_and_one_line);
    tcase_add_test(tcase, a_gateway_goes_on_with_the_frames_of_other_keys);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
