/* SPDX-License-Identifier: Apache-2.0 */
/* Backup and restore by the very commands of docs/OPERATIONS.md, around a broker that is killed in between; and what
 * the manual says of a restored registry. */
#define _GNU_SOURCE /* asprintf */
#include "frames.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL "$CONTROL/selkie/v1"
#define SECTION "\n## Back up and restore\n"

static struct harness_broker *broker;
static struct harness_client *admin, *gateway, *subscriber;

/* Replace each `from` in a text (heap) by `to`. */
static char *replace(char *text, const char *from, const char *to)
{
    char *found;

    while ((found = strstr(text, from)) != NULL) {
        char *next;
        ck_assert_int_gt(asprintf(&next, "%.*s%s%s", (int)(found - text), text, to, found + strlen(from)), 0);
        free(text);
        text = next;
    }
    return text;
}

/* The commands of block `number` (from 0) in the manual's section: lines with four spaces before them. */
static char *manual_commands(unsigned number)
{
    char *manual = harness_read(SELKIE_SOURCE_DIR "/docs/OPERATIONS.md"), *commands = strdup("");
    char *line = strstr(manual, SECTION), *rest = NULL;
    unsigned block = 0;
    bool inside = false;

    ck_assert_ptr_nonnull(line);
    for (line = strtok_r(line + strlen(SECTION), "\n", &rest); line != NULL && strncmp(line, "## ", 3) != 0;
         line = strtok_r(NULL, "\n", &rest)) {
        bool code = strncmp(line, "    ", 4) == 0;
        block += inside && !code;
        inside = code;
        if (code && block == number) {
            char *more;
            ck_assert_int_gt(asprintf(&more, "%s%s\n", commands, line + 4), 0);
            free(commands);
            commands = more;
        }
    }
    free(manual);
    ck_assert_msg(commands[0] != '\0', "the manual has no block %u", number);
    return commands;
}

/* Run them as they stand, but for the places and the owner. */
static void obey_manual(unsigned number)
{
    char owner[300], place[300], *output, *commands = manual_commands(number);

    (void)snprintf(owner, sizeof owner, "-o %s -g %s", getpwuid(geteuid())->pw_name, getgrgid(getegid())->gr_name);
    (void)snprintf(place, sizeof place, " %s/", harness_path("backup"));
    commands = replace(commands, "/var/lib/selkie-plugin/", harness_path("state/"));
    commands = replace(commands, " /backup/", place);
    commands = replace(commands, "-o mosquitto -g mosquitto", owner);
    const char *argv[] = {"/bin/sh", "-ec", commands, NULL};
    ck_assert_msg(harness_run("manual", argv, &output) == 0, "%s\n%s", commands, output);
    free(output);
    free(commands);
}

static void connect_all(void)
{
    struct harness_client_options options = {.username = "root"};

    admin = harness_connect(broker, &options);
    gateway = frames_gateway(broker, "gw1", NULL);
    subscriber = frames_subscriber(broker, "selkie/#");
}

static void disconnect_all(void)
{
    harness_disconnect(subscriber);
    harness_disconnect(gateway);
    harness_disconnect(admin);
}

/* One command about a device; returns its response. */
static json_t *ask(const char *verb, const struct frames_device *device)
{
    char payload[200];
    int len = snprintf(payload, sizeof payload, "{\"commands\":[{\"command\":\"%s\",\"address\":\"%s\"}]}", verb,
                       device->text);

    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, CONTROL);
    json_t *response = json_incref(json_array_get(json_object_get(answer, "responses"), 0));
    json_decref(answer);
    return response;
}

static void expect_device(const struct frames_device *device, const char *status, json_int_t counter)
{
    json_t *response = ask("getDevice", device), *data = json_object_get(response, "data");
    json_t *binding = json_array_get(json_object_get(data, "bindings"), 0);

    ck_assert_str_eq(json_string_value(json_object_get(data, "status")), status);
    ck_assert_int_eq(json_integer_value(json_object_get(binding, "counter")), counter);
    json_decref(response);
}

/* Send a device's frames of these counters and wait for their receipts; the seq is the counter + 1. */
static void send_frames(struct frames_device *device, uint32_t first, uint32_t last)
{
    char payload[16];

    for (uint32_t i = first; i <= last; i++) {
        device->counter = i;
        (void)snprintf(payload, sizeof payload, "%u", i);
        frames_send_data(gateway, "gw1", device, payload, i + 1);
    }
    frames_await_receipts(gateway, first + 1, last + 1);
}

static void expect_payload(const struct frames_device *device, uint32_t counter)
{
    char payload[16];

    (void)snprintf(payload, sizeof payload, "%u", counter);
    frames_expect_payload(subscriber, device, payload, counter);
}

/* No payload of the device waits. What was sent is receipted by now, and receipts come behind payloads; the
 * subscriber has a connection of its own, so that it is asked for a later message first. */
static void expect_no_payload(const struct frames_device *device)
{
    harness_message_free(harness_receive(subscriber, "selkie/stats"));
    ck_assert_ptr_null(harness_receive_try(subscriber, frames_topic(device, "up"), 0));
}

/* A backup, then traffic and decisions after it, then death. */
static void back_up_go_on_and_die(struct frames_device *first, struct frames_device *late, struct frames_device *bad)
{
    char wal[300];
    struct stat log;

    send_frames(first, 0, 1);
    send_frames(bad, 0, 0);
    (void)mkdir(harness_path("backup"), 0700);
    /* Frames are under way while it is made. */
    for (uint32_t i = 0; i < 20; i++)
        frames_send_data(gateway, "gw1", late + 1, "noise", 1000 + i);
    obey_manual(0);
    frames_await_receipts(gateway, 1000, 1019);
    send_frames(first, 2, 9);
    send_frames(late, 0, 0);
    json_decref(ask("revokeDevice", bad));
    expect_device(first, "active", 9);
    expect_device(bad, "revoked", 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
    (void)snprintf(wal, sizeof wal, "%s-wal", harness_path("state/registry.db"));
    ck_assert_msg(stat(wal, &log) == 0 && log.st_size > 0, "the broker left no log, so nothing is shown here");
    disconnect_all();
}

START_TEST(a_backup_is_restored_as_the_manual_says_and_is_what_it_says)
{
    struct frames_device devices[] = {frames_device(1), frames_device(2), frames_device(3), frames_device(4)};
    struct frames_device *first = &devices[0], *bad = &devices[1], *late = &devices[2];

    broker = harness_broker_with_plugin("", "\"gateways\":\"any\",\"admins\":[\"root\"]");
    connect_all();
    back_up_go_on_and_die(first, late, bad);
    obey_manual(1);
    harness_broker_restart(broker);
    connect_all();

    /* Everything stands where it stood; what came or was decided later is unknown. */
    expect_device(first, "active", 1);
    expect_device(bad, "active", 0);
    json_t *response = ask("getDevice", late);
    ck_assert_ptr_nonnull(json_object_get(response, "error"));
    json_decref(response);

    /* What was in the outbox may have come out once more; it is done with at the first frame that is new. */
    send_frames(first, 5, 5);
    unsigned long counter = 0;
    while (counter != 5) {
        struct harness_message *message = harness_receive(subscriber, frames_topic(first, "up"));
        counter = strtoul(harness_message_property(message, "counter"), NULL, 10);
        ck_assert_msg(counter <= 1 || counter == 5, "%lu", counter);
        harness_message_free(message);
    }

    /* Older than the backup: known. Later ones count once more, and then no more. */
    send_frames(first, 1, 1);
    expect_no_payload(first);
    send_frames(first, 10, 10);
    expect_payload(first, 10);
    send_frames(first, 3, 3);
    expect_payload(first, 3);
    send_frames(first, 3, 3);
    expect_no_payload(first);
    send_frames(first, 2000, 2000);
    expect_payload(first, 2000);
    send_frames(first, 4, 4); /* below the window, but never accepted */
    expect_payload(first, 4);
    send_frames(first, 4, 4);
    harness_message_free(harness_receive(subscriber, "selkie/rejected/stale"));
    expect_no_payload(first);
    disconnect_all();
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* A state directory without a registry, as where a volume is not mounted. */
START_TEST(a_registry_is_made_when_it_is_asked_for_and_once)
{
    char *log, *output, lines[700], state[300];
    const char *config = harness_write(
        "once.json", 0600, "{\"state_dir\":\"once\",\n\"gateways\":\"any\",\"keys\":[{\"id\":1,\"file\":\"%s\"}]}",
        harness_private_key());
    (void)snprintf(lines, sizeof lines, "%s", harness_plugin_lines(config));
    (void)snprintf(state, sizeof state, "%s", harness_path("once"));
    const char *create[] = {harness_program("selkiectl"), "registry", "create", state, NULL};

    ck_assert_int_eq(harness_run("create", create, &output), 1);
    ck_assert_msg(strstr(output, "no such folder; make it for Mosquitto's user") != NULL, "%s", output);
    free(output);
    ck_assert_int_eq(mkdir(state, 0700), 0);
    ck_assert_int_ne(harness_broker_refuses(lines, &log), 0);
    ck_assert_msg(strstr(log, "once.json:1: state_dir: ") && strstr(log, "/once/registry.db: is missing") &&
                      strstr(log, "selkiectl registry create"),
                  "%s", log);
    free(log);
    ck_assert_int_eq(harness_run("create", create, &output), 0);
    free(output);
    struct harness_broker *first = harness_broker(lines);
    ck_assert_int_eq(harness_stop(first->process, SIGTERM), 0);
    harness_broker_restart(first);
    ck_assert_int_eq(harness_stop(first->process, SIGTERM), 0);
    ck_assert_int_eq(harness_run("create", create, &output), 1);
    ck_assert_msg(strstr(output, "registry.db: exists already") != NULL, "%s", output);
    free(output);

    /* The volume is gone, and the file is not there a second time. */
    ck_assert_int_eq(rename(state, harness_path("away")), 0);
    ck_assert_int_eq(mkdir(state, 0700), 0);
    ck_assert_int_ne(harness_broker_refuses(lines, &log), 0);
    free(log);
    ck_assert_int_eq(rmdir(state), 0); /* nothing was left there */
    ck_assert_int_eq(rename(harness_path("away"), state), 0);
    harness_broker_restart(first);
    ck_assert_int_eq(harness_stop(first->process, SIGTERM), 0);
}
END_TEST

int main(void)
{
    if (access("/usr/bin/sqlite3", X_OK) != 0) {
        printf("skipped: no sqlite3\n");
        return 77;
    }
    Suite *suite = suite_create("plugin_restore");
    TCase *tcase = tcase_create("plugin_restore");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_backup_is_restored_as_the_manual_says_and_is_what_it_says);
    tcase_add_test(tcase, a_registry_is_made_when_it_is_asked_for_and_once);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
