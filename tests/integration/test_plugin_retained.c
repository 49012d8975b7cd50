/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker says of devices and gateways after kill -9, from a database that it saved before the news, or without
 * any. PROTOCOL.md, section 8. */
#include "frames.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL "$CONTROL/selkie/v1"
#define CONFIG  "\"enrolment\":\"open\",\"admins\":[\"ops\"]"

enum { REVOKED, REMOVED, SAME, DEVICES };

static struct harness_broker *broker;
static struct harness_client *admin;
static const struct harness_client_options ops = {.username = "ops", .password = "pw"};

/* The time since the boot that the next broker sees, and the one that runs. */
static void set_boot_shift(unsigned seconds)
{
    (void)harness_write("shift", 0600, "0 %u", seconds);
}

static void connect_admin(void)
{
    admin = harness_connect(broker, &ops);
}

static void start_with(const char *persistence, const char *config)
{
    char text[800], *output;
    const char *passwords = harness_write("passwords", 0600, "%s", "");
    const char *argv[] = {"mosquitto_passwd", "-b", passwords, "ops", "pw", NULL};

    ck_assert_int_eq(harness_run("mosquitto_passwd", argv, &output), 0);
    free(output);
    (void)snprintf(text, sizeof text, "password_file %s\n%s", passwords, persistence);
    set_boot_shift(0);
    ck_assert_int_eq(setenv("SELKIE_CLOCK_SHIFT", harness_path("shift"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", CLOCK_SHIFT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
    broker = harness_broker_with_plugin(text, config);
    connect_admin();
}

static void start(const char *persistence)
{
    start_with(persistence, CONFIG);
}

static void kill_and_restart(void)
{
    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
    harness_broker_restart(broker);
}

static json_t *command(const char *json)
{
    char payload[300];
    int len = snprintf(payload, sizeof payload, "{\"commands\":[%s]}", json);

    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, CONTROL);
    json_t *response = json_incref(json_array_get(json_object_get(answer, "responses"), 0));
    ck_assert_ptr_null(json_object_get(response, "error"));
    json_decref(answer);
    return response;
}

static void change(const char *verb, const char *address)
{
    char json[200];

    (void)snprintf(json, sizeof json, "{\"command\":\"%s\",\"address\":\"%s\"}", verb, address);
    json_decref(command(json));
}

/* Register a gateway; its password (heap). */
static char *add_gateway(const char *name)
{
    char json[200];

    (void)snprintf(json, sizeof json, "{\"command\":\"addGateway\",\"gateway\":\"%s\"}", name);
    json_t *response = command(json);
    char *password = strdup(json_string_value(json_object_get(json_object_get(response, "data"), "password")));
    json_decref(response);
    return password;
}

static struct harness_client *online(const char *name, const char *password)
{
    char topic[100];
    struct harness_client *gateway = frames_gateway(broker, name, password);

    (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/state", name);
    ck_assert_int_ge(harness_publish(gateway, topic, "{\"state\":\"online\"}", 18, 1, true, NULL), 0);
    return gateway;
}

/* The value of `member` in the next message on a topic; static. */
static const char *next(struct harness_client *reader, const char *topic, const char *member)
{
    static char text[64];
    json_t *json = frames_receive_json(reader, topic);

    (void)snprintf(text, sizeof text, "%s", json_string_value(json_object_get(json, member)));
    json_decref(json);
    return text;
}

static void expect_status(struct harness_client *reader, const struct frames_device *device, const char *status)
{
    ck_assert_str_eq(next(reader, frames_topic(device, "state"), "status"), status);
}

/* Nothing but that it is cleared has come on this topic, before the answer to a command. */
static void expect_nothing(struct harness_client *reader, const char *topic)
{
    static const char ping[] = "{\"commands\":[{\"command\":\"getStats\"}]}";
    struct harness_message *message;

    ck_assert_int_ge(harness_publish(reader, CONTROL, ping, sizeof ping - 1, 1, false, NULL), 0);
    harness_message_free(harness_receive(reader, CONTROL));
    while ((message = harness_receive_try(reader, topic, 0)) != NULL) {
        ck_assert_msg(message->len == 0, "%s: %s", message->topic, (const char *)message->payload);
        harness_message_free(message);
    }
}

static struct harness_client *reader_of_all(void)
{
    struct harness_client *reader = harness_connect(broker, &ops);

    ck_assert_int_eq(harness_subscribe(reader, "selkie/#", 1), 1);
    return reader;
}

/* The outbox is empty: whatever is published again after a crash does not come from there. */
static void await_empty_outbox(void)
{
    sqlite3 *db;
    sqlite3_stmt *count;
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE, left = 1;

    ck_assert_int_eq(sqlite3_open_v2(harness_path("state/registry.db"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM stale) + "
                                        "(SELECT count(*) = 0 FROM about WHERE name = 'came:gw1')",
                                        -1, &count, NULL),
                     SQLITE_OK);
    while (left > 0) {
        ck_assert_int_lt(harness_now_ms(), limit);
        ck_assert_int_eq(sqlite3_step(count), SQLITE_ROW);
        left = sqlite3_column_int64(count, 0);
        ck_assert_int_eq(sqlite3_reset(count), SQLITE_OK);
    }
    ck_assert_int_eq(sqlite3_finalize(count), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Three devices that are active, one that is listed, and two gateways: one is there, one never was. */
static void fill(struct frames_device *devices, const struct frames_device *listed, char *passwords[static 3],
                 struct harness_client **gateway)
{
    passwords[0] = add_gateway("gw1");
    passwords[1] = add_gateway("gw2");
    passwords[2] = add_gateway("never");
    *gateway = online("gw1", passwords[0]);
    struct harness_client *reader = reader_of_all();
    for (int i = 0; i < DEVICES; i++) {
        devices[i] = frames_device((uint64_t)i + 1);
        frames_send_data(*gateway, "gw1", &devices[i], "x", (uint64_t)i + 1);
        expect_status(reader, &devices[i], "active");
    }
    change("addDevice", listed->text);
    expect_status(reader, listed, "listed");
    harness_disconnect(reader);
}

START_TEST(an_old_database_of_the_broker_tells_nobody_what_is_over)
{
    char persistence[400];
    struct frames_device devices[DEVICES], listed = frames_device(9);
    char *passwords[3];
    struct harness_client *first, *second;

    (void)snprintf(persistence, sizeof persistence, "persistence true\nautosave_interval 0\npersistence_location %s/\n",
                   harness_path(""));
    start(persistence);
    fill(devices, &listed, passwords, &first);
    second = online("gw2", passwords[1]);
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    change("revokeDevice", devices[REVOKED].text);
    change("removeDevice", devices[REMOVED].text);
    change("removeDevice", listed.text);
    json_decref(command("{\"command\":\"removeGateway\",\"gateway\":\"gw2\"}"));
    await_empty_outbox();
    kill_and_restart();
    harness_disconnect(first);
    harness_disconnect(second);
    harness_disconnect(admin);

    struct harness_client *reader = reader_of_all(); /* at once, and again when all states are out */
    expect_status(reader, &devices[REVOKED], "revoked");
    expect_status(reader, &devices[SAME], "active");
    for (int again = 0; again < 2; again++) {
        expect_nothing(reader, frames_topic(&devices[REMOVED], "state"));
        expect_nothing(reader, frames_topic(&listed, "state"));
        expect_nothing(reader, "selkie/gateway/gw2/");
        harness_disconnect(reader);
        reader = reader_of_all();
        expect_status(reader, &devices[REVOKED], "revoked");
        expect_status(reader, &devices[SAME], "active");
    }
    /* A gateway that does not come back is offline, a minute after the start; one that never came says nothing. */
    ck_assert_str_eq(next(reader, "selkie/gateway/gw1/state", "state"), "online");
    set_boot_shift(100);
    ck_assert_str_eq(next(reader, "selkie/gateway/gw1/state", "state"), "offline");
    expect_nothing(reader, "selkie/gateway/never/");
    harness_disconnect(reader);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    for (int i = 0; i < 3; i++)
        free(passwords[i]);
}
END_TEST

START_TEST(a_broker_that_saves_nothing_has_all_states_again)
{
    struct frames_device devices[DEVICES], listed = frames_device(9);
    char *passwords[3];
    struct harness_client *gateway;

    start("persistence false\n");
    fill(devices, &listed, passwords, &gateway);
    await_empty_outbox();
    kill_and_restart();
    harness_disconnect(gateway);
    harness_disconnect(admin);
    struct harness_client *reader = reader_of_all();
    for (int i = 0; i < DEVICES; i++)
        expect_status(reader, &devices[i], "active");
    expect_status(reader, &listed, "listed");
    harness_disconnect(reader);
    reader = reader_of_all(); /* retained, too */
    for (int i = 0; i < DEVICES; i++)
        expect_status(reader, &devices[i], "active");

    /* The gateway is back in time, and nobody says otherwise. */
    gateway = online("gw1", passwords[0]);
    ck_assert_str_eq(next(reader, "selkie/gateway/gw1/state", "state"), "online");
    set_boot_shift(100);
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    set_boot_shift(200);
    for (int i = 0; i < 2; i++) /* so the writer has looked at the clock, which it does each second */
        harness_message_free(harness_receive(reader, "selkie/stats"));
    expect_nothing(reader, "selkie/gateway/gw1/state");
    harness_disconnect(gateway);
    harness_disconnect(reader);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    for (int i = 0; i < 3; i++)
        free(passwords[i]);
}
END_TEST

/* A trial, where nobody registers gateways. */
START_TEST(a_gateway_that_nobody_registered_is_offline_too)
{
    char persistence[400];

    (void)snprintf(persistence, sizeof persistence, "persistence true\nautosave_interval 0\npersistence_location %s/\n",
                   harness_path(""));
    start_with(persistence, CONFIG ",\"gateways\":\"any\"");
    struct harness_client *dead = online("ops", "pw");
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    json_decref(command("{\"command\":\"getStats\"}")); /* it is saved before the answer */
    kill_and_restart();
    harness_disconnect(dead);
    harness_disconnect(admin);
    struct harness_client *reader = reader_of_all();
    ck_assert_str_eq(next(reader, "selkie/gateway/ops/state", "state"), "online");
    harness_disconnect(reader);
    set_boot_shift(100);
    for (int again = 0; again < 2; again++) {
        reader = reader_of_all();
        ck_assert_str_eq(next(reader, "selkie/gateway/ops/state", "state"), "offline");
        harness_disconnect(reader);
    }
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* The lines of a file in packaging/ that bound what waits for a reader. */
static void limits_of(const char *file, char *lines, size_t size)
{
    char *text = harness_read(file), *rest = NULL;

    lines[0] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        line += line[0] == '#'; /* selkie.conf.in has them as comments, which the operator removes */
        if (strncmp(line, "max_queued_messages ", 20) == 0 || strncmp(line, "max_inflight_messages ", 22) == 0)
            (void)snprintf(lines + strlen(lines), size - strlen(lines), "%s\n", line);
    }
    free(text);
}

static const char *const shipped[] = {SELKIE_SOURCE_DIR "/packaging/docker/mosquitto.conf",
                                      SELKIE_SOURCE_DIR "/packaging/examples/mosquitto.conf",
                                      SELKIE_SOURCE_DIR "/packaging/examples/selkie.conf.in"};

START_TEST(a_reader_gets_3000_states_with_the_limits_that_are_shipped)
{
    enum { COUNT = 3000 };
    char limits[300];
    json_t *commands = json_array();

    limits_of(shipped[_i], limits, sizeof limits);
    start(limits);
    for (unsigned i = 0; i < COUNT; i++) {
        char address[SELKIE_ADDRESS_TEXT_SIZE];
        (void)snprintf(address, sizeof address, "%016x", i);
        json_array_append_new(commands, json_pack("{s:s, s:s}", "command", "addDevice", "address", address));
    }
    json_t *payload = json_pack("{s:o}", "commands", commands);
    char *text = json_dumps(payload, JSON_COMPACT);
    ck_assert_int_ge(harness_publish(admin, CONTROL, text, strlen(text), 1, false, NULL), 0);
    harness_message_free(harness_receive(admin, CONTROL));
    free(text);
    json_decref(payload);
    struct harness_client *reader = harness_connect(broker, &ops);
    ck_assert_int_eq(harness_subscribe(reader, "selkie/device/+/state", 1), 1);
    for (unsigned i = 0; i < COUNT; i++)
        harness_message_free(harness_receive(reader, "selkie/device/"));
    harness_disconnect(reader);
    harness_disconnect(admin);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_retained");
    TCase *tcase = tcase_create("plugin_retained");

    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, an_old_database_of_the_broker_tells_nobody_what_is_over);
    tcase_add_test(tcase, a_broker_that_saves_nothing_has_all_states_again);
    tcase_add_test(tcase, a_gateway_that_nobody_registered_is_offline_too);
    tcase_add_loop_test(tcase, a_reader_gets_3000_states_with_the_limits_that_are_shipped, 0,
                        (int)(sizeof shipped / sizeof shipped[0]));
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
