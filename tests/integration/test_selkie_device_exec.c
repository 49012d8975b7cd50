/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device --exec: payloads from a program that ends, hangs, cannot be started, or outlives the radio. */
#include "cloud.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct harness_pty *radio;
static struct cloud_frame frame;

static void set_up(void)
{
    radio = harness_pty("radio");
}

static struct harness_process *start_by(bool ignores_children, const char *command)
{
    const char *argv[] = {"/usr/bin/env",
                          "--ignore-signal=CHLD",
                          harness_program("selkie-device"),
                          "--port",
                          radio->path,
                          "--public-key",
                          harness_public_key(),
                          "--key-id",
                          "1",
                          "--address",
                          "00112233445566ab",
                          "--bit-rate",
                          "0",
                          "--repeat",
                          "1",
                          "--exec",
                          command,
                          NULL};
    return harness_spawn("device", ignores_children ? argv : argv + 2, false);
}

static struct harness_process *start(const char *command)
{
    return start_by(false, command);
}

static void expect_data(uint32_t counter, const char *payload)
{
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_DATA);
    ck_assert_uint_eq(frame.message.counter, counter);
    ck_assert_uint_eq(frame.message.data.payload_len, strlen(payload));
    ck_assert_mem_eq(frame.message.data.payload, payload, strlen(payload));
}

START_TEST(a_program_that_ends_is_started_again)
{
    char command[512];
    (void)snprintf(command, sizeof command, "echo one; echo two >> %s; wc -l < %s; exit 3", harness_path("runs"),
                   harness_path("runs"));
    struct harness_process *device = start(command);
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
    expect_data(1, "one");
    expect_data(2, "1");
    expect_data(3, "one");
    expect_data(4, "2");
    harness_wait_log(device, "ended with status 3; it is started again in 1 s");
    harness_wait_log(device, "ended with status 3; it is started again in 2 s");
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

/* Whoever closes its output and goes on is ended, also if it ignores SIGTERM. */
START_TEST(a_program_that_hangs_is_ended)
{
    struct harness_process *device = start("trap '' TERM; echo one; exec >&-; while :; do sleep 1; done");
    cloud_receive(&frame, radio);
    expect_data(1, "one");
    harness_wait_log(device, "was ended by signal 9; it is started again in 1 s");
    expect_data(2, "one");
    harness_signal(device, SIGTERM);
    ck_assert_int_eq(harness_wait_exit(device), 0);
}
END_TEST

/* A parent that ignores SIGCHLD leaves that to its children, and then nobody keeps how a program ended. */
START_TEST(a_parent_without_interest_in_its_children_changes_nothing)
{
    struct harness_process *device = start_by(true, "echo one; exit 3");
    cloud_receive(&frame, radio);
    expect_data(1, "one");
    harness_wait_log(device, "ended with status 3; it is started again in 1 s");
    expect_data(2, "one");
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named)
{
    struct harness_process *device = start("/no/such/program");
    cloud_receive(&frame, radio);
    harness_wait_log(device, "'/no/such/program' ended with status 127; it is started again in 1 s");
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

/* What it writes meanwhile waits. */
START_TEST(the_radios_absence_loses_nothing)
{
    char command[512];
    const char *go = harness_path("go");
    (void)snprintf(command, sizeof command,
                   "echo one; until [ -e %s ]; do sleep 0.05; done; echo two; echo three; sleep 1000", go);
    struct harness_process *device = start(command);
    cloud_receive(&frame, radio);
    expect_data(1, "one");
    harness_pty_unplug(radio);
    harness_wait_log(device, "the line is gone");
    (void)harness_write("go", 0600, "%s", "");
    harness_pty_plug(radio);
    harness_wait_log(device, "the line is back");
    expect_data(2, "two");
    expect_data(3, "three");
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

/* Also what the shell has started. */
START_TEST(the_program_ends_with_the_device)
{
    char command[512];
    const char *pid_file = harness_path("pid");
    (void)snprintf(command, sizeof command, "sleep 1000 & echo $! > %s.new; mv %s.new %s; echo one; wait", pid_file,
                   pid_file, pid_file);
    struct harness_process *device = start(command);
    cloud_receive(&frame, radio);
    expect_data(1, "one");
    char *text = harness_read(pid_file);
    pid_t child = (pid_t)strtol(text, NULL, 10);
    free(text);
    ck_assert_int_gt(child, 1);
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN}; /* it is not our child */
    ck_assert_int_ge(end.fd, 0);
    ck_assert_int_eq(poll(&end, 1, 0), 0);
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
    ck_assert_int_eq(poll(&end, 1, HARNESS_PATIENCE), 1);
    ck_assert_int_eq(close(end.fd), 0);
}
END_TEST

/* What is no payload is refused, named, and passed over: a line of a megabyte, without a newline at first. The rest is
 * sent, whatever bytes it has and though its last line has no end. */
START_TEST(a_long_line_is_passed_over_and_binary_ones_are_sent)
{
    static const char binary[] = "a\0\377b";
    struct harness_process *device =
        start("head -c 1000000 /dev/zero; echo; printf 'a\\000\\377b\\nlast'; exec >&-; sleep 1000");
    cloud_receive(&frame, radio);
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(frame.message.data.payload_len, sizeof binary - 1);
    ck_assert_mem_eq(frame.message.data.payload, binary, sizeof binary - 1);
    expect_data(2, "last");
    harness_wait_log(device, "line 1: a payload has at most 400 bytes\n");
    ck_assert(!harness_log_has(device, "line 2"));
    ck_assert_int_eq(harness_stop(device, SIGTERM), EXIT_FAILURE); /* a line was refused */
}
END_TEST

/* Without an end: of lines that are refused, of one line, of good ones. Neither log nor processor is flooded, and
 * SIGTERM ends the device and the program. */
START_TEST(a_flood_floods_nobody)
{
    static const char *const floods[] = {"exec yes $(printf %0500d 1)", "exec cat /dev/zero", "exec yes 21.5"};
    char command[512], path[64];
    struct harness_process *device;
    (void)snprintf(command, sizeof command, "echo $$ > %s; %s", harness_path("pid"), floods[_i]);
    device = start(command);
    cloud_receive(&frame, radio);
    if (_i == 2)
        expect_data(1, "21.5");
    else
        harness_wait_log(device, _i == 0 ? "line 10: a payload has at most 400 bytes; what is refused after it is not"
                                         : "line 1: a payload has at most 400 bytes");
    (void)snprintf(path, sizeof path, "/proc/%d/stat", device->pid);
    unsigned long user, kernel;
    usleep(2000000); /* of which it may take half */
    char *stat = harness_read(path);
    ck_assert_int_eq(
        sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel), 2);
    free(stat);
    ck_assert_uint_lt(user + kernel, (unsigned long)sysconf(_SC_CLK_TCK));
    harness_signal(device, SIGTERM);
    ck_assert_int_eq(harness_wait_exit(device), _i == 2 ? 0 : EXIT_FAILURE);
    ck_assert(!harness_log_has(device, "line 11"));
    char *text = harness_read(harness_path("pid"));
    ck_assert_int_lt(kill((pid_t)strtol(text, NULL, 10), 0), 0);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selkie_device_exec");
    TCase *tc = tcase_create("exec");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, a_program_that_ends_is_started_again);
    tcase_add_test(tc, a_program_that_hangs_is_ended);
    tcase_add_test(tc, a_parent_without_interest_in_its_children_changes_nothing);
    tcase_add_test(tc, a_program_that_is_not_there_is_named);
    tcase_add_test(tc, the_radios_absence_loses_nothing);
    tcase_add_test(tc, the_program_ends_with_the_device);
    tcase_add_test(tc, a_long_line_is_passed_over_and_binary_ones_are_sent);
    tcase_add_loop_test(tc, a_flood_floods_nobody, 0, 3);
    return harness_main(suite);
}
