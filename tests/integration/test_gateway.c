/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway on real parts: a line, a spool on disk, a Mosquitto; the test plays device and plugin. */
#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

START_TEST(frame_goes_up_with_its_properties_and_is_forgotten_on_its_receipt)
{
    struct rig rig = rig_start("", "");
    int64_t before = (int64_t)time(NULL) * 1000;
    uint8_t body[522] = {0x10, 1};

    rig_expect_state(rig.plugin, "online");
    rig_send_body_acked(rig.pty, body, sizeof body);
    struct harness_message *message = harness_receive(rig.plugin, RIG_UP);
    ck_assert_uint_eq(message->len, sizeof(body));
    ck_assert_mem_eq(message->payload, body, sizeof(body));
    ck_assert_int_eq(message->qos, 1);
    ck_assert(!message->retained);
    ck_assert_str_eq(harness_message_property(message, "port"), rig.pty->path);
    int64_t rx = strtoll(harness_message_property(message, "rx"), NULL, 10);
    ck_assert_int_ge(rx, before);
    ck_assert_int_lt(rx, before + 60000);
    ck_assert_int_lt(strtoll(harness_message_property(message, "age"), NULL, 10), 60000);
    rig_receipt(rig.plugin, strtoll(harness_message_property(message, "seq"), NULL, 10));
    harness_message_free(message);
    ck_assert_int_eq(harness_stop(rig.gateway, SIGTERM), 0);
    rig_expect_state(rig.plugin, "offline");
    ck_assert_int_eq(rig_waiting(), 0);
}
END_TEST

/* rig_expect_state checks it of each state, the will included. */
START_TEST(stats_say_that_they_are_json_and_frames_do_not)
{
    struct rig rig = rig_start("", "");
    struct harness_message *message = harness_receive(rig.plugin, RIG_STATS);

    ck_assert_int_eq(message->format, 1);
    ck_assert_str_eq(message->content_type, "application/json");
    harness_message_free(message);
    rig_send_acked(rig.pty, 1);
    message = harness_receive(rig.plugin, RIG_UP);
    ck_assert_int_eq(message->format, -1);
    ck_assert_str_eq(message->content_type, "");
    harness_message_free(message);
    rig_stop(rig.gateway, 1);
}
END_TEST

START_TEST(frame_without_a_receipt_is_kept_and_sent_again_after_the_next_start)
{
    struct rig rig = rig_start("", "");
    int64_t first, second;

    rig_send_acked(rig.pty, 1);
    ck_assert_uint_eq(rig_receive(rig.plugin, &first), 1);
    ck_assert_int_eq(harness_stop(rig.gateway, SIGKILL), 128 + SIGKILL);
    rig_expect_state(rig.plugin, "online");
    rig_expect_state(rig.plugin, "offline"); /* the will */
    ck_assert_int_eq(rig_waiting(), 1);
    rig.gateway = rig_gateway(rig.config);
    ck_assert_uint_eq(rig_receive(rig.plugin, &second), 1);
    ck_assert_int_eq(first, second);
    rig_receipt(rig.plugin, second);
    rig_stop(rig.gateway, 0);
}
END_TEST

/* The age of the next frame, and in *seq its number. */
static int64_t receive_age(struct harness_client *plugin, int64_t *seq)
{
    struct harness_message *message = harness_receive(plugin, RIG_UP);
    int64_t age = strtoll(harness_message_property(message, "age"), NULL, 10);

    *seq = strtoll(harness_message_property(message, "seq"), NULL, 10);
    harness_message_free(message);
    return age;
}

START_TEST(age_grows_over_a_restart_of_the_program)
{
    struct rig rig = rig_start("", "");
    int64_t first, second;

    rig_send_acked(rig.pty, 1);
    int64_t age = receive_age(rig.plugin, &first);
    int64_t received = harness_now_ms();
    ck_assert_int_eq(harness_stop(rig.gateway, SIGKILL), 128 + SIGKILL);
    rig_expect_state(rig.plugin, "online");
    rig_expect_state(rig.plugin, "offline");
    rig.gateway = rig_gateway(rig.config);
    int64_t later = receive_age(rig.plugin, &second);
    ck_assert_int_eq(first, second);
    /* Exact but for the two ways through the broker. */
    int64_t waited = harness_now_ms() - received;
    ck_assert_int_ge(later, age + 1);
    ck_assert_int_le(later, age + waited + 2000);
    ck_assert_int_ge(later, age + waited - 2000);
    rig_receipt(rig.plugin, second);
    rig_stop(rig.gateway, 0);
}
END_TEST

START_TEST(repeat_is_acknowledged_again_and_spooled_once)
{
    struct rig rig = rig_start("", "");

    rig_send_acked(rig.pty, 1);
    rig_send_acked(rig.pty, 1);
    rig_send(rig.pty, 2); /* twice in one piece */
    rig_send_acked(rig.pty, 2);
    rig_send_acked(rig.pty, 3);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 1);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 2);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 3);
}
END_TEST

START_TEST(broker_confirms_where_there_is_no_plugin)
{
    struct rig rig = rig_start("", "\"confirm\":\"broker\",\"window\":2");

    for (uint32_t i = 0; i < 10; i++)
        rig_send(rig.pty, i);
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_uint_eq(rig_receive(rig.plugin, NULL), i);
    rig_stop(rig.gateway, 0);
}
END_TEST

START_TEST(no_more_than_the_window_is_under_way)
{
    struct rig rig = rig_start("", "\"window\":3");
    int64_t seqs[8];

    for (uint32_t i = 0; i < 8; i++)
        rig_send_acked(rig.pty, i);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_uint_eq(rig_receive(rig.plugin, &seqs[i]), i);
    rig_receive_none(rig.plugin, 500);
    rig_receipt(rig.plugin, seqs[1]); /* in whatever order */
    ck_assert_uint_eq(rig_receive(rig.plugin, &seqs[3]), 3);
    rig_receive_none(rig.plugin, 500);
    rig_receipt(rig.plugin, seqs[3]);
    ck_assert_uint_eq(rig_receive(rig.plugin, &seqs[4]), 4);
}
END_TEST

START_TEST(broker_that_takes_few_at_a_time_is_not_overrun)
{
    struct rig rig = rig_start("max_inflight_messages 2\n", "\"window\":50"); /* its Receive Maximum */

    for (uint32_t i = 0; i < 30; i++)
        rig_send(rig.pty, i);
    for (uint32_t i = 0; i < 30; i++)
        ck_assert_uint_eq(rig_receive(rig.plugin, NULL), i);
    ck_assert_uint_eq(rig_log_count(rig.gateway, ": connected"), 1);
    ck_assert(!harness_log_has(rig.gateway, "connection lost"));
}
END_TEST

START_TEST(frame_is_sent_again_after_a_reconnect_and_after_30_seconds)
{
    struct rig rig = rig_start("", "");
    int64_t seqs[3];

    rig_send_acked(rig.pty, 7);
    ck_assert_uint_eq(rig_receive(rig.plugin, &seqs[0]), 7);
    harness_disconnect(rig.plugin);
    ck_assert_int_eq(harness_stop(rig.broker->process, SIGTERM), 0);
    harness_wait_log(rig.gateway, "connection lost");
    harness_broker_restart(rig.broker);
    rig.plugin = rig_plugin(rig.broker);
    ck_assert_uint_eq(rig_receive(rig.plugin, &seqs[1]), 7);
    ck_assert_int_eq(seqs[1], seqs[0]);
    int64_t sent = harness_now_ms();
    struct harness_message *stats = harness_receive_try(rig.plugin, RIG_STATS, 40000); /* every 30 s, too */
    ck_assert_ptr_nonnull(stats);
    ck_assert_int_eq(stats->qos, 0);
    ck_assert_ptr_nonnull(strstr((const char *)stats->payload, "\"queue\":1"));
    ck_assert_ptr_nonnull(strstr((const char *)stats->payload, "\"received\":1"));
    harness_message_free(stats);
    struct harness_message *message = harness_receive_try(rig.plugin, RIG_UP, 40000);
    ck_assert_ptr_nonnull(message);
    ck_assert_int_ge(harness_now_ms() - sent, 29000);
    ck_assert_uint_eq(rig_number(message->payload), 7);
    harness_message_free(message);
    rig_receipt(rig.plugin, seqs[0]);
    rig_stop(rig.gateway, 0);
}
END_TEST

START_TEST(only_allowed_devices_are_forwarded)
{
    struct rig rig = rig_start("", "\"allow\":[\"00\"]");
    uint8_t body[522] = {0x10, 1, 0xAA};

    rig_send_body(rig.pty, body, sizeof(body));
    ck_assert_int_eq(rig_ack(rig.pty, 300), -1);
    body[2] = 0;
    rig_send_body(rig.pty, body, sizeof(body));
    struct harness_message *message = harness_receive(rig.plugin, RIG_UP);
    ck_assert_mem_eq(message->payload, body, sizeof(body));
    harness_message_free(message);
}
END_TEST

START_TEST(several_lines_work_at_once)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *one = harness_pty("one");
    struct harness_pty *two = harness_pty("two");
    const char *config = rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[{\"device\":\"%s\"},"
                                         "{\"device\":\"%s\",\"baud\":115200,\"ack\":false}]",
                                         broker->uri, one->path, two->path);
    struct harness_process *gateway = rig_gateway(config);

    harness_wait_log(gateway, "115200 baud");
    rig_send_acked(one, 1);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 1);
    rig_send(two, 2);
    struct harness_message *message = harness_receive(plugin, RIG_UP);
    ck_assert_str_eq(harness_message_property(message, "port"), two->path);
    harness_message_free(message);
    ck_assert_int_eq(rig_ack(two, 200), -1); /* this one only listens */
}
END_TEST

START_TEST(line_that_is_unplugged_and_plugged_in_works_again)
{
    struct rig rig = rig_start("", "");

    for (uint32_t i = 0; i < 3; i++) {
        rig_send_acked(rig.pty, i);
        ck_assert_uint_eq(rig_receive(rig.plugin, NULL), i);
        harness_pty_unplug(rig.pty);
        rig_wait_log_count(rig.gateway, "gone", i + 1);
        rig_receive_none(rig.plugin, 1500); /* longer than the pause between two tries, which say nothing */
        harness_pty_plug(rig.pty);
    }
    rig_send_acked(rig.pty, 9);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "serial line"), 1 + 3 * 2); /* open; gone and open each time */
}
END_TEST

START_TEST(line_that_is_not_there_yet_is_waited_for)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");

    harness_pty_unplug(pty);
    struct harness_process *gateway = rig_gateway(rig_config(broker->uri, pty->path, ""));
    harness_wait_log(gateway, "No such file or directory; retrying until it works");
    harness_wait_log(gateway, ": connected");
    harness_pty_plug(pty);
    harness_wait_log(gateway, "9600 baud");
    rig_send_acked(pty, 1);
    ck_assert_uint_eq(rig_log_count(gateway, "No such file"), 1);
}
END_TEST

START_TEST(sigterm_drains_what_it_can)
{
    struct rig rig = rig_start("", "\"window\":1");
    int64_t seq;

    for (uint32_t i = 0; i < 5; i++)
        rig_send_acked(rig.pty, i);
    ck_assert_uint_eq(rig_receive(rig.plugin, &seq), 0);
    harness_signal(rig.gateway, SIGTERM);
    harness_wait_log(rig.gateway, "stopping, 5 frames waiting");
    for (uint32_t i = 1; i < 4; i++) {
        rig_receipt(rig.plugin, seq);
        ck_assert_uint_eq(rig_receive(rig.plugin, &seq), i);
    }
    rig_receipt(rig.plugin, seq);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 4);
    ck_assert_int_eq(harness_wait_exit(rig.gateway), 0); /* without the last receipt: that frame stays */
    ck_assert_int_eq(rig_waiting(), 1);
}
END_TEST

#define STREAM_MS  10
#define STREAM_MAX 3000

static bool arrived[STREAM_MAX];

static void note_waiting(const uint8_t *body, size_t len)
{
    ck_assert_uint_eq(len, RIG_BODY_SIZE);
    ck_assert_uint_lt(rig_number(body), STREAM_MAX);
    arrived[rig_number(body)] = true;
}

/* Frames one after the other, from a process of its own, until it is killed. */
static pid_t stream(struct harness_pty *pty)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    for (uint32_t number = 0; pid == 0 && number < STREAM_MAX; number++) {
        rig_send(pty, number);
        (void)poll(NULL, 0, STREAM_MS);
    }
    if (pid == 0)
        _exit(0);
    return pid;
}

/* While the first process waits for receipts that do not come, it goes on receiving. */
START_TEST(a_restart_is_deaf_for_a_moment_only)
{
    struct rig rig = rig_start("", "\"window\":1");
    pid_t pid = stream(rig.pty);
    uint32_t last = 0, lost = 0;

    (void)poll(NULL, 0, 300);
    int64_t stop_ms = harness_now_ms();
    harness_signal(rig.gateway, SIGTERM);
    ck_assert_int_eq(harness_wait_exit(rig.gateway), 0);
    struct harness_process *next = rig_gateway_ready(rig.config, false);
    int64_t deaf_before_ms = harness_now_ms() - stop_ms; /* what it was: from the signal to the next process */
    (void)poll(NULL, 0, 300);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    harness_signal(next, SIGKILL);
    (void)harness_wait_exit(next);
    rig_each_waiting(note_waiting);
    for (uint32_t i = 0; i < STREAM_MAX; i++)
        last = arrived[i] ? i : last;
    ck_assert_int_gt((int64_t)last * STREAM_MS, deaf_before_ms / 2); /* the stream went on */
    for (uint32_t i = 0; i < last; i++)
        lost += !arrived[i];
    ck_assert_msg(lost <= 200 / STREAM_MS, "%u of %u frames are lost", lost, last);
}
END_TEST

START_TEST(sighup_rereads_the_configuration)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *one = harness_pty("one");
    struct harness_pty *two = harness_pty("two");
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, one->path, ""), true);

    rig_expect_state(plugin, "online");
    (void)rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":7", broker->uri);
    harness_signal(gateway, SIGHUP);
    harness_wait_log(gateway, "serial: must be a list");
    harness_wait_log(gateway, "the configuration stays as it was");
    rig_send_acked(one, 1);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 1);

    (void)rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[{\"device\":\"%s\"}],\"confirm\":\"broker\"",
                          broker->uri, two->path);
    harness_signal(gateway, SIGHUP);
    harness_wait_log(gateway, "configuration read again");
    rig_expect_state(plugin, "offline"); /* the way of confirming is part of the connection */
    rig_expect_state(plugin, "online");
    ck_assert_uint_eq(rig_receive(plugin, NULL), 1); /* had no receipt */
    rig_send_acked(two, 2);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 2);
    rig_send(one, 3);
    rig_receive_none(plugin, 200);
    rig_stop(gateway, 0);
}
END_TEST

START_TEST(each_sighup_names_the_spool_that_is_open)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, pty->path, ""), true);
    char elsewhere[256], told[320];

    (void)snprintf(elsewhere, sizeof elsewhere, "%s", harness_path("elsewhere"));
    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
    (void)snprintf(told, sizeof told, "the spool stays %s until the next start", harness_path("./spool.db"));
    rig_spool_in(elsewhere);
    (void)rig_config(broker->uri, pty->path, "");
    for (unsigned i = 1; i <= 2; i++) {
        harness_signal(gateway, SIGHUP);
        rig_wait_log_count(gateway, "configuration read again", i);
        ck_assert_uint_eq(rig_log_count(gateway, told), i);
    }
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

/* Write over a page in the middle of the spool, and empty the log that would heal it. */
static void damage_spool(void)
{
    char garbage[4096];
    int log = open(harness_path("spool.db-wal"), O_WRONLY | O_CLOEXEC);
    int file = open(harness_path("spool.db"), O_WRONLY | O_CLOEXEC);

    memset(garbage, 0x5A, sizeof(garbage));
    if (log >= 0) {
        ck_assert_int_eq(ftruncate(log, 0), 0);
        (void)close(log);
    }
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pwrite(file, garbage, sizeof(garbage), (off_t)15 * 4096), sizeof(garbage));
    (void)close(file);
}

/* The damage is found while the backlog drains. All frames go up that are not on the page, in the same connection, and
 * one that was on it is taken again from the device that repeats it. */
START_TEST(spool_that_is_damaged_on_the_way_loses_the_frames_on_one_page)
{
    enum { FRAMES = 80, ROWS = 3 }; /* on a page */
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config(broker->uri, pty->path, "\"window\":200");
    uint8_t body[1000] = {0x11};
    bool seen[FRAMES] = {false};
    unsigned count = 0, lost = 0;

    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL); /* it may not have its handlers yet */
    struct harness_process *gateway = rig_gateway_ready(config, false);
    for (uint8_t i = 0; i < FRAMES; i++) {
        body[1] = i;
        rig_send_body_acked(pty, body, sizeof body);
    }
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    damage_spool();

    gateway = rig_gateway(config);
    rig_send_acked(pty, 1);
    ck_assert(!harness_log_has(gateway, "damaged"));
    harness_broker_restart(broker);
    struct harness_client *plugin = rig_plugin(broker);
    harness_wait_log(gateway, "a fresh one started with the 78 frames that could be read (unreadable pages: 1)");
    while (count < FRAMES - ROWS) { /* those that came before the plugin come again: they had no receipt */
        struct harness_message *message = harness_receive(plugin, RIG_UP);
        if (message->len == sizeof body && !seen[message->payload[1]]) {
            seen[message->payload[1]] = true;
            count++;
        }
        harness_message_free(message);
    }
    while (seen[lost])
        lost++;
    body[1] = (uint8_t)lost;
    rig_send_body_acked(pty, body, sizeof body); /* stored anew, not taken for a repeat */
    bool stored = false;
    while (!stored) {
        struct harness_message *message = harness_receive(plugin, RIG_UP);
        stored = message->len == sizeof body && message->payload[1] == lost;
        harness_message_free(message);
    }
    ck_assert_uint_eq(rig_log_count(gateway, ": connected"), 1);
    harness_disconnect(plugin);
    rig_stop(gateway, FRAMES - ROWS + 2);
}
END_TEST

START_TEST(only_one_gateway_has_the_spool)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config(broker->uri, pty->path, "");
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    char *output;

    (void)rig_gateway_ready(config, true);
    ck_assert_int_eq(harness_run("second", argv, &output), 1);
    ck_assert_ptr_nonnull(strstr(output, "another process uses the file"));
    free(output);
}
END_TEST

/* A restart would not mend it, so the unit must not try every two seconds. */
START_TEST(another_programs_database_ends_as_a_bad_configuration_does)
{
    char text[600];
    sqlite3 *db;
    const char *file = harness_path("other.db");
    const char *argv[] = {harness_program("selkie-gateway"), "--config", NULL, NULL};
    char *output;

    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    (void)snprintf(text, sizeof text,
                   "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"mqtt://h\"},\"spool\":{\"path\":\"%s\"},"
                   "\"serial\":[{\"device\":\"/dev/ttyS9\"}]}",
                   file);
    argv[2] = harness_write("other.json", 0600, "%s", text);
    ck_assert_int_eq(harness_run("other", argv, &output), 78);
    ck_assert_msg(strstr(output, "other.db: the file is another program's database"), "%s", output);
    free(output);
}
END_TEST

START_TEST(command_line_does_what_it_says)
{
    const char *broken = harness_write("broken.json", 0600, "{\n\"gatewax\":\"x\"}");
    const char *check[] = {harness_program("selkie-gateway"), "--check-config", "--config", broken, NULL};
    const char *good[] = {harness_program("selkie-gateway"), "--check-config", "--config",
                          rig_config("mqtt://h", "/dev/ttyS9", ""), NULL};
    const char *print[] = {harness_program("selkie-gateway"), "--print-config", NULL};
    const char *list[] = {harness_program("selkie-gateway"), "--list-ports", NULL};
    const char *wrong[] = {harness_program("selkie-gateway"), "--sing", NULL};
    const char *extra[] = {harness_program("selkie-gateway"), "loudly", NULL};
    const char *help[] = {harness_program("selkie-gateway"), "--help", NULL};
    const char *version[] = {harness_program("selkie-gateway"), "--version", NULL};
    char *output;

    ck_assert_int_eq(harness_run("check", check, &output), 78);
    ck_assert_msg(strstr(output, "broken.json:") != NULL && strstr(output, "gateway") != NULL, "%s", output);
    free(output);
    ck_assert_int_eq(harness_run("good", good, &output), 0);
    ck_assert_msg(strstr(output, "/dev/ttyS9, 9600 baud") != NULL, "%s", output);
    free(output);
    ck_assert_int_eq(harness_run("print", print, &output), 0);
    char *example = harness_read(SELKIE_SOURCE_DIR "/packaging/examples/gateway.json");
    ck_assert_str_eq(output, example);
    free(example);
    free(output);
    ck_assert_int_eq(harness_run("list", list, NULL), 0);
    ck_assert_int_eq(harness_run("wrong", wrong, NULL), 2);
    ck_assert_int_eq(harness_run("extra", extra, NULL), 2);
    ck_assert_int_eq(harness_run("help", help, NULL), 0);
    ck_assert_int_eq(harness_run("version", version, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway");
    TCase *tcase = tcase_create("gateway");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, frame_goes_up_with_its_properties_and_is_forgotten_on_its_receipt);
    tcase_add_test(tcase, stats_say_that_they_are_json_and_frames_do_not);
    tcase_add_test(tcase, frame_without_a_receipt_is_kept_and_sent_again_after_the_next_start);
    tcase_add_test(tcase, age_grows_over_a_restart_of_the_program);
    tcase_add_test(tcase, repeat_is_acknowledged_again_and_spooled_once);
    tcase_add_test(tcase, broker_confirms_where_there_is_no_plugin);
    tcase_add_test(tcase, no_more_than_the_window_is_under_way);
    tcase_add_test(tcase, broker_that_takes_few_at_a_time_is_not_overrun);
    tcase_add_test(tcase, frame_is_sent_again_after_a_reconnect_and_after_30_seconds);
    tcase_add_test(tcase, only_allowed_devices_are_forwarded);
    tcase_add_test(tcase, several_lines_work_at_once);
    tcase_add_test(tcase, line_that_is_unplugged_and_plugged_in_works_again);
    tcase_add_test(tcase, line_that_is_not_there_yet_is_waited_for);
    tcase_add_test(tcase, sigterm_drains_what_it_can);
    tcase_add_test(tcase, a_restart_is_deaf_for_a_moment_only);
    tcase_add_test(tcase, sighup_rereads_the_configuration);
    tcase_add_test(tcase, each_sighup_names_the_spool_that_is_open);
    tcase_add_test(tcase, spool_that_is_damaged_on_the_way_loses_the_frames_on_one_page);
    tcase_add_test(tcase, only_one_gateway_has_the_spool);
    tcase_add_test(tcase, another_programs_database_ends_as_a_bad_configuration_does);
    tcase_add_test(tcase, command_line_does_what_it_says);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
