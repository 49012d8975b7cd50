/* SPDX-License-Identifier: Apache-2.0 */
/* A real disk that is full: a small file system of its own, in a mount namespace of this test alone. */
#define _GNU_SOURCE /* unshare */
#include "rig.h"
#include "run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_BYTES "4m"

static char disk[256];

/* 0, or an errno. In a namespace of this process alone. */
static int mount_at(const char *folder)
{
    if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=" DISK_BYTES) != 0)
        return errno;
    return 0;
}

static void mount_small_disk(void)
{
    (void)snprintf(disk, sizeof(disk), "%s", harness_path("disk"));
    ck_assert_int_eq(mkdir(disk, 0700), 0);
    int error = mount_at(disk);
    ck_assert_msg(error == 0, "no small disk: %s", strerror(error));
}

/* Whether this machine lets us mount: tried in a child, for its namespace ends with it. */
static bool can_mount(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(mount_at("/tmp"));
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    printf("skipped: no mount namespace here: %s\n", strerror(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
    return false;
}

static const char *config_on_disk(const char *uri, const char *device)
{
    rig_spool_in(disk);
    return rig_config_text("\"broker\":{\"uri\":\"%s\"},\"confirm\":\"broker\","
                           "\"serial\":[{\"device\":\"%s\",\"quiet_ms\":0}]",
                           uri, device);
}

/* What others wrote: nothing is free afterwards. */
static void fill_disk(void)
{
    char path[300];
    char zeros[4096] = {0};

    (void)snprintf(path, sizeof(path), "%s/others", disk);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)close(fd);
}

START_TEST(oldest_frames_go_when_the_disk_is_full)
{
    struct harness_broker *broker = harness_broker("max_queued_messages 0\n");
    struct harness_pty *pty = harness_pty("tty");
    uint32_t number = 0;

    mount_small_disk();
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    struct harness_process *gateway = rig_gateway_ready(config_on_disk(broker->uri, pty->path), false);
    /* Large bodies, so that it does not take long. Each is acknowledged: the newest have their place. */
    uint8_t body[1000] = {0x10};
    while (!harness_log_has(gateway, "the disk is full; dropping the oldest frames")) {
        ck_assert_uint_lt(number, 10000);
        memcpy(body + 8, &number, sizeof(number));
        rig_send_body_acked(pty, body, sizeof body);
        number++;
    }
    for (int i = 0; i < 100; i++, number++) {
        memcpy(body + 8, &number, sizeof(number));
        rig_send_body_acked(pty, body, sizeof body);
    }
    harness_broker_restart(broker);
    struct harness_client *plugin = rig_plugin(broker);
    uint32_t expected = 0;
    do { /* the newest, without a hole, to the last */
        struct harness_message *message = harness_receive(plugin, RIG_UP);
        uint32_t found = rig_number(message->payload);
        ck_assert_msg(expected == 0 || found == expected, "frame %u came where %u was to come, of %u", found, expected,
                      number);
        expected = found + 1;
        harness_message_free(message);
    } while (expected < number);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

START_TEST(frames_pass_while_others_fill_the_disk)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");

    mount_small_disk();
    const char *config = config_on_disk(broker->uri, pty->path);
    struct harness_process *gateway = rig_gateway_ready(config, true);
    fill_disk();
    for (uint32_t i = 0; i < 500; i++) {
        rig_send_acked(pty, i);
        ck_assert_uint_eq(rig_receive(plugin, NULL), i);
    }
    ck_assert_int_eq(harness_stop(gateway, SIGKILL), 128 + SIGKILL);
    gateway = rig_gateway(config); /* and starts on a full disk */
    rig_send_acked(pty, 1000);
    uint32_t number;
    do
        number = rig_receive(plugin, NULL);
    while (number != 1000);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    gateway = rig_gateway(config);
    rig_send_acked(pty, 1001);
    ck_assert_uint_eq(rig_receive(plugin, NULL), 1001);
    ck_assert(!harness_log_has(gateway, "disk"));
}
END_TEST

int main(void)
{
    if (!can_mount())
        return TEST_SKIPPED;
    Suite *suite = suite_create("gateway_disk");
    TCase *tcase = tcase_create("gateway_disk");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, oldest_frames_go_when_the_disk_is_full);
    tcase_add_test(tcase, frames_pass_while_others_fill_the_disk);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
