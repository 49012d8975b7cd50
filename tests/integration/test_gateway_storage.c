/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails, is full, read-only or slow, under a real gateway with a real broker: what is told, and which
 * frames pass. */
#define _GNU_SOURCE /* unshare */
#include "rig.h"
#include "run_suite.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void set_disk(const char *fault)
{
    (void)harness_write("fault", 0600, "%s", fault);
}

/* The next gateway's disk does what set_disk says. */
static void watch_disk(void)
{
    set_disk("works");
    ck_assert_int_eq(setenv("SELKIE_DISK_FAULT", harness_path("fault"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", DISK_FAULT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
}

static struct rig start(const char *extra)
{
    struct rig rig = {.broker = harness_broker(""), .pty = harness_pty("tty")};

    rig.plugin = rig_plugin(rig.broker);
    rig.config = rig_config(rig.broker->uri, rig.pty->path, extra);
    watch_disk();
    rig.gateway = rig_gateway_ready(rig.config, true);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    rig_expect_state(rig.plugin, "online");
    return rig;
}

static void expect_storage(struct harness_client *plugin, const char *text)
{
    struct harness_message *message = harness_receive(plugin, RIG_STATE);

    ck_assert_msg((strstr((const char *)message->payload, "\"storage\":\"failing\"") != NULL) == (text[0] != '\0'),
                  "%s", (const char *)message->payload);
    harness_message_free(message);
}

/* A frame that is not on the disk: its ACK comes after its receipt, and not before. */
static void pass_through_memory(struct rig *rig, uint32_t number)
{
    int64_t seq;

    rig_send(rig->pty, number);
    ck_assert_uint_eq(rig_receive(rig->plugin, &seq), number);
    ck_assert_int_eq(rig_ack(rig->pty, 300), -1);
    rig_send(rig->pty, number); /* a repeat: neither stored again, nor acknowledged */
    ck_assert_int_eq(rig_ack(rig->pty, 300), -1);
    rig_receipt(rig->plugin, seq);
    ck_assert_int_eq(rig_ack(rig->pty, HARNESS_PATIENCE), rig_crc(number));
    rig_send(rig->pty, number); /* and now a repeat of what arrived */
    ck_assert_int_eq(rig_ack(rig->pty, HARNESS_PATIENCE), rig_crc(number));
}

static void expect_failing_disk_is_passed_by(const char *fault, const char *says)
{
    struct rig rig = start("\"confirm\":\"receipt\"");
    int64_t seq;

    rig_send_acked(rig.pty, 1);
    ck_assert_uint_eq(rig_receive(rig.plugin, &seq), 1);
    set_disk(fault);
    pass_through_memory(&rig, 2);
    expect_storage(rig.plugin, "failing");
    rig_receipt(rig.plugin, seq); /* of a frame on the disk */
    for (uint32_t i = 3; i < 6; i++)
        pass_through_memory(&rig, i);
    rig_send(rig.pty, 6); /* has no receipt yet */
    ck_assert_uint_eq(rig_receive(rig.plugin, &seq), 6);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "cannot "), 1);
    ck_assert_uint_eq(rig_log_count(rig.gateway, says), 1);
    set_disk("works");
    rig_wait_log_count(rig.gateway, "works again", 1);
    expect_storage(rig.plugin, "");
    rig_send(rig.pty, 7);
    int ack = rig_ack(rig.pty, HARNESS_PATIENCE);
    if (ack == rig_crc(6)) /* it is on the disk now; and if that was soon enough, its device still waits */
        ack = rig_ack(rig.pty, HARNESS_PATIENCE);
    ck_assert_int_eq(ack, rig_crc(7));
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 7); /* neither 1 nor 6 again */
    ck_assert_uint_eq(rig_log_count(rig.gateway, "works again"), 1);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "damaged"), 0);
    ck_assert_int_eq(harness_stop(rig.gateway, SIGKILL), 128 + SIGKILL);
    ck_assert_int_eq(rig_waiting(), 2); /* 6 and 7 are on the disk */
}

START_TEST(frames_pass_by_a_read_only_disk)
{
    expect_failing_disk_is_passed_by("writes 30", "disk I/O error (Read-only file system)"); /* EROFS */
}
END_TEST

START_TEST(frames_pass_by_a_disk_that_fails)
{
    expect_failing_disk_is_passed_by("writes 5", "disk I/O error (Input/output error)"); /* EIO */
}
END_TEST

START_TEST(frames_pass_by_a_disk_that_is_over_quota)
{
    expect_failing_disk_is_passed_by("writes 122", "disk I/O error (Disk quota exceeded)"); /* EDQUOT */
}
END_TEST

/* The disk is full, and there is nothing old to drop. */
START_TEST(frames_pass_by_a_full_disk_and_it_is_not_called_damaged)
{
    expect_failing_disk_is_passed_by("writes 28", "database or disk is full"); /* ENOSPC */
}
END_TEST

/* 0, or an errno. In a namespace of this process alone. */
static int mount_at(const char *folder)
{
    if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", MS_RDONLY, "size=8m") != 0)
        return errno;
    return 0;
}

static bool can_mount(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(mount_at("/tmp"));
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

START_TEST(a_gateway_starts_on_a_read_only_disk_and_goes_on_when_it_is_mended)
{
    struct rig rig = {.broker = harness_broker(""), .pty = harness_pty("tty")};
    char disk[256];

    if (!can_mount()) {
        printf("skipped: no mount namespace here\n");
        return;
    }
    (void)snprintf(disk, sizeof disk, "%s", harness_path("disk"));
    ck_assert_int_eq(mkdir(disk, 0700), 0);
    ck_assert_int_eq(mount_at(disk), 0);
    rig_spool_in(disk);
    rig.plugin = rig_plugin(rig.broker);
    rig.config = rig_config(rig.broker->uri, rig.pty->path, "");
    rig.gateway = rig_gateway_ready(rig.config, true);
    expect_storage(rig.plugin, "failing");
    pass_through_memory(&rig, 1);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "frames pass through memory until it works"), 1);
    ck_assert_int_eq(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    rig_wait_log_count(rig.gateway, "works again", 1);
    expect_storage(rig.plugin, "");
    rig_send_acked(rig.pty, 2);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 2);
    rig_stop(rig.gateway, 1);
}
END_TEST

/* Each commit takes a second, and a frame comes each second: neither the ACKs nor the broker's answers starve,
 * and nobody blames the broker. */
START_TEST(a_slow_disk_starves_nobody)
{
    enum { FRAMES = 45, EACH_MS = 1000 };
    struct rig rig = start("\"confirm\":\"broker\"");
    unsigned acks = 0;
    uint32_t i = 0;

    set_disk("slow 1000");
    for (; i < FRAMES; i++) {
        int64_t next_ms = harness_now_ms() + EACH_MS, left_ms;
        rig_send(rig.pty, i);
        while ((left_ms = next_ms - harness_now_ms()) > 0)
            acks += rig_ack(rig.pty, (int)left_ms) >= 0;
    }
    while (rig_ack(rig.pty, 5000) >= 0)
        acks++;
    printf("%u of %d frames acknowledged on a slow disk\n", acks, FRAMES);
    ck_assert_uint_ge(acks, FRAMES * 8 / 10);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "no answer"), 0);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "reconnecting"), 0);
    ck_assert_uint_eq(rig_log_count(rig.gateway, "the disk is slow"), 1);
    for (uint32_t number = 0; number < FRAMES; number++)
        ck_assert_uint_eq(rig_receive(rig.plugin, NULL), number); /* in order, none twice */
    set_disk("works");
    for (; !harness_log_has(rig.gateway, "the disk is fast again"); i++) {
        ck_assert_uint_lt(i, FRAMES + 100);
        rig_send_acked(rig.pty, i);
    }
    rig_stop(rig.gateway, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_storage");
    TCase *tcase = tcase_create("gateway_storage");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, frames_pass_by_a_read_only_disk);
    tcase_add_test(tcase, frames_pass_by_a_disk_that_fails);
    tcase_add_test(tcase, frames_pass_by_a_disk_that_is_over_quota);
    tcase_add_test(tcase, frames_pass_by_a_full_disk_and_it_is_not_called_damaged);
    tcase_add_test(tcase, a_gateway_starts_on_a_read_only_disk_and_goes_on_when_it_is_mended);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("slow");
    tcase_set_timeout(tcase, 150);
    tcase_add_test(tcase, a_slow_disk_starves_nobody);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
