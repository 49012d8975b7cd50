/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway as systemd runs it: what it tells the service manager, a clock that jumps, and a line at the wrong speed.
 */
#include "rig.h"
#include "uart_model.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define YEARS_10 (10LL * 365 * 86400)

static int manager; /* the socket that systemd would listen on */

static void listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", harness_path("notify"));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(manager, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
}

/* Read what the gateway tells until `text` is in it; false after so many milliseconds. */
static bool told(const char *text, int patience_ms)
{
    int64_t limit = harness_now_ms() + patience_ms;
    struct pollfd pollfd = {.fd = manager, .events = POLLIN};
    char said[1024];

    while (harness_now_ms() < limit && poll(&pollfd, 1, (int)(limit - harness_now_ms())) > 0) {
        ssize_t len = recv(manager, said, sizeof(said) - 1, 0);
        ck_assert_int_ge(len, 0);
        said[len] = '\0';
        if (strstr(said, text) != NULL)
            return true;
    }
    return false;
}

START_TEST(service_manager_is_told)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    int64_t seq;

    listen_as_manager();
    harness_pty_unplug(pty);
    struct harness_process *gateway = rig_gateway(rig_config(broker->uri, pty->path, ""));
    ck_assert(told("STATUS=serial 1 of 1 missing, storage ok, broker unavailable, 0 waiting", HARNESS_PATIENCE));
    ck_assert(told("READY=1", HARNESS_PATIENCE)); /* waits neither for the line nor for the broker */
    ck_assert(told("STATUS=serial 1 of 1 missing, storage ok, broker ok, 0 waiting", HARNESS_PATIENCE));
    harness_pty_plug(pty);
    ck_assert(told("STATUS=serial ok, storage ok, broker ok, 0 waiting", HARNESS_PATIENCE));
    rig_send_acked(pty, 1);
    ck_assert_uint_eq(rig_receive(plugin, &seq), 1);
    ck_assert(told("STATUS=serial ok, storage ok, broker ok, 1 waiting", HARNESS_PATIENCE));
    harness_signal(gateway, SIGHUP);
    ck_assert(told("RELOADING=1", HARNESS_PATIENCE));
    ck_assert(told("READY=1", HARNESS_PATIENCE));
    rig_receipt(plugin, seq);
    ck_assert(told("0 waiting", HARNESS_PATIENCE));
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    ck_assert(told("broker unavailable", HARNESS_PATIENCE));
    harness_signal(gateway, SIGTERM);
    ck_assert(told("STOPPING=1", HARNESS_PATIENCE));
    ck_assert_int_eq(harness_wait_exit(gateway), 0);
}
END_TEST

/* The loop's thread alone, the process's first one; SIGSTOP would halt Paho's with it. */
static void halt_loop(pid_t pid)
{
    int status;

    ck_assert_msg(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, "%s", strerror(errno));
    ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSTOPPED(status));
}

START_TEST(watchdog_is_fed_by_a_living_loop_only)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");

    listen_as_manager();
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "400000", 1), 0);
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, pty->path, ""), true);
    for (int i = 0; i < 5; i++)
        ck_assert(told("WATCHDOG=1", 2000));
    halt_loop(gateway->pid);
    while (told("WATCHDOG=1", 50)) /* what was under way */
        ;
    ck_assert(!told("WATCHDOG=1", 1000));
    ck_assert_int_eq(ptrace(PTRACE_DETACH, gateway->pid, NULL, NULL), 0);
    ck_assert(told("WATCHDOG=1", 2000));
}
END_TEST

static void shift_clock(long long seconds)
{
    (void)harness_write("shift", 0600, "%lld", seconds);
}

static struct harness_process *gateway_on_shifted_clock(const char *config)
{
    shift_clock(0);
    ck_assert_int_eq(setenv("SELKIE_CLOCK_SHIFT", harness_path("shift"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", CLOCK_SHIFT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
    struct harness_process *gateway = rig_gateway_ready(config, true);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    return gateway;
}

/* Send a frame; the capture time that it goes up with, in seconds from the true time. */
static long long off_by(struct harness_pty *pty, struct harness_client *plugin, uint32_t number)
{
    rig_send_acked(pty, number);
    struct harness_message *message = harness_receive(plugin, RIG_UP);
    ck_assert_uint_eq(rig_number(message->payload), number);
    long long rx = strtoll(harness_message_property(message, "rx"), NULL, 10) / 1000;
    ck_assert_int_lt(strtoll(harness_message_property(message, "age"), NULL, 10), 5000); /* whatever the clock says */
    harness_message_free(message);
    return rx - (long long)time(NULL);
}

START_TEST(clock_that_jumps_changes_nothing_but_the_capture_time)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config(broker->uri, pty->path, "\"confirm\":\"broker\"");

    struct harness_process *gateway = gateway_on_shifted_clock(config);

    ck_assert_int_le(llabs(off_by(pty, plugin, 1)), 5);
    shift_clock(YEARS_10);
    ck_assert_int_le(llabs(off_by(pty, plugin, 2) - YEARS_10), 5);
    shift_clock(-YEARS_10);
    ck_assert_int_le(llabs(off_by(pty, plugin, 3) + YEARS_10), 5);
    rig_send_acked(pty, 1); /* still a repeat of the last ten minutes */
    rig_receive_none(plugin, 300);
    shift_clock(YEARS_10);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0); /* pauses and deadlines go on as before */
    harness_wait_log(gateway, "connection lost");
    rig_send_acked(pty, 4);
    shift_clock(0);
    harness_broker_restart(broker);
    plugin = rig_plugin(broker);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 4);
    rig_stop(gateway, 0);
}
END_TEST

/* A SEALED frame that a device sends at 2400 baud, as the gateway's line at 9600 receives it. */
static void send_at_wrong_speed(struct harness_pty *pty)
{
    uint8_t body[SELKIE_SEALED_SIZE], wire[SELKIE_LINK_WIRE_MAX], heard[8 * SELKIE_LINK_WIRE_MAX];
    unsigned errors = 0;

    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * i + 1);
    int len = selkie_link_encode(wire, sizeof wire, body, sizeof body);
    ck_assert_int_gt(len, 0);
    size_t count = uart_receive(heard, sizeof heard, 9600, wire, (size_t)len, 2400, &errors);
    ck_assert_uint_gt(count, 1024);
    harness_pty_write(pty, heard, count);
}

/* The last stats of the gateway's line that the broker keeps, once there are any, for json_decref of *stats. */
static const json_t *retained_line(struct harness_broker *broker, json_t **stats)
{
    struct harness_client *reader = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(reader, RIG_STATS, 1), 1);
    struct harness_message *message = harness_receive(reader, RIG_STATS);
    *stats = json_loadb((const char *)message->payload, message->len, 0, NULL);
    ck_assert_ptr_nonnull(*stats);
    harness_message_free(message);
    harness_disconnect(reader);
    return json_array_get(json_object_get(*stats, "lines"), 0);
}

START_TEST(line_at_the_wrong_speed_is_deaf_until_a_frame_comes)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config(broker->uri, pty->path, "\"confirm\":\"broker\"");
    json_t *stats;

    listen_as_manager();
    struct harness_process *gateway = gateway_on_shifted_clock(config);
    ck_assert(told("every device, no frame yet", HARNESS_PATIENCE));
    send_at_wrong_speed(pty);
    (void)harness_write("shift", 0600, "0 120"); /* two minutes later */
    send_at_wrong_speed(pty);
    harness_wait_log(gateway, "bytes, but no frames for 12");
    ck_assert(told("every device, bytes, but no frames for 12", HARNESS_PATIENCE));
    harness_message_free(harness_receive(plugin, RIG_STATS)); /* within 30 s */
    const json_t *line = retained_line(broker, &stats);
    ck_assert_int_ge(json_integer_value(json_object_get(line, "deaf_s")), 120);
    ck_assert(json_is_null(json_object_get(line, "frame_age_s")));
    ck_assert_int_gt(json_integer_value(json_object_get(line, "bytes")), 2048);
    json_decref(stats);

    rig_send_acked(pty, 1);
    harness_wait_log(gateway, "frames again, after 1");
    ck_assert(told("last frame 0 s ago", HARNESS_PATIENCE));
    harness_message_free(harness_receive(plugin, RIG_STATS));
    line = retained_line(broker, &stats);
    ck_assert(json_is_null(json_object_get(line, "deaf_s")));
    ck_assert_int_ge(json_integer_value(json_object_get(line, "frame_age_s")), 0);
    json_decref(stats);
    (void)harness_write("shift", 0600, "0 181"); /* not yet twice the time that it was deaf */
    send_at_wrong_speed(pty);
    send_at_wrong_speed(pty);
    rig_send_acked(pty, 2);
    ck_assert_uint_eq(rig_log_count(gateway, "bytes, but no frames"), 1);
    ck_assert_uint_eq(rig_log_count(gateway, "frames again"), 1);
    rig_stop(gateway, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_service");
    TCase *tcase = tcase_create("gateway_service");

    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, service_manager_is_told);
    tcase_add_test(tcase, watchdog_is_fed_by_a_living_loop_only);
    tcase_add_test(tcase, clock_that_jumps_changes_nothing_but_the_capture_time);
    tcase_add_test(tcase, line_at_the_wrong_speed_is_deaf_until_a_frame_comes);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
