/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hears of a gateway whose disk keeps its loop waiting: this test has the service manager's socket. Times
 * are those of the shipped unit, SCALE times as fast. */
#include "rig.h"
#include "run_suite.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIT  SELKIE_SOURCE_DIR "/packaging/systemd/selkie-gateway.service"
#define SCALE 100

#define WORST_FLUSH_S 90 /* as the unit says; three of them in one turn of the loop */

/* What systemd's end of the socket has heard. Its thread reads all the time: a socket that is full stops the gateway.
 */
static struct {
    int fd;
    atomic_llong last_ms; /* the last sign of life; 0: none */
    atomic_llong gap_ms;  /* the longest time between two */
    atomic_bool rescue;   /* how far a rescue is, with a sign of life and more time for the start */
} manager;

static int64_t watchdog_ms(void)
{
    char *unit = harness_read(UNIT), *at = strstr(unit, "\nWatchdogSec=");

    ck_assert_ptr_nonnull(at);
    int64_t ms = strtol(at + 13, NULL, 10) * 1000 / SCALE;
    free(unit);
    return ms;
}

static void set_disk(const char *fault)
{
    (void)harness_write("fault", 0600, "%s", fault);
}

static void *listen_to_gateway(void *unused)
{
    char text[500];
    ssize_t len;

    while ((len = recv(manager.fd, text, sizeof text - 1, 0)) >= 0) {
        text[len] = '\0';
        if (!strstr(text, "WATCHDOG=1"))
            continue;
        long long now = harness_now_ms(), last = manager.last_ms;
        if (last > 0 && now - last > manager.gap_ms)
            manager.gap_ms = now - last;
        manager.last_ms = now;
        if (strstr(text, "STATUS=the spool is damaged; taking over its frames: ") &&
            strstr(text, "EXTEND_TIMEOUT_USEC="))
            manager.rescue = true;
    }
    return unused;
}

/* What a gateway that is started from here on finds in its environment. */
static void be_systemd(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t listener;
    char usec[24];

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", harness_path("notify"));
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager.fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(pthread_create(&listener, NULL, listen_to_gateway, NULL), 0);
    ck_assert_int_eq(pthread_detach(listener), 0);
    (void)snprintf(usec, sizeof usec, "%lld", (long long)watchdog_ms() * 1000);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", usec, 1), 0);
    set_disk("works");
    ck_assert_int_eq(setenv("SELKIE_DISK_FAULT", harness_path("fault"), 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", DISK_FAULT_LIBRARY, 1), 0);
    ck_assert_int_eq(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
}

static uint8_t *large(uint32_t number)
{
    static uint8_t body[1000] = {0x10};

    memcpy(body + 8, &number, sizeof number);
    return body;
}

/* The spool's log grows to this many bytes; then a commit copies it into the file, and has three flushes. */
static off_t fill_log(struct harness_pty *pty)
{
    enum { PAGES = 128, FEWER = 20, FRAME = 24 + 4096 };
    struct stat log = {.st_size = 0};

    for (uint32_t number = 0; log.st_size < (PAGES - FEWER) * FRAME; number++) {
        ck_assert_uint_lt(number, 2000);
        rig_send_body(pty, large(number), 1000);
        ck_assert_int_eq(stat(harness_path("spool.db-wal"), &log), 0);
    }
    return (off_t)PAGES * FRAME;
}

/* Send a frame until its ACK comes, behind those of the frames before it. */
static void send_until_acked(struct harness_pty *pty, uint32_t number)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    const uint8_t *body = large(number);
    int ack;

    do {
        rig_send_body(pty, body, 1000);
        do
            ack = rig_ack(pty, 5000);
        while (ack >= 0 && ack != selkie_crc16(body, 1000));
    } while (ack < 0 && harness_now_ms() < limit);
    ck_assert_int_ge(ack, 0);
}

static bool log_is_copied(off_t size)
{
    struct stat log;

    ck_assert_int_eq(stat(harness_path("spool.db-wal"), &log), 0);
    return log.st_size >= size;
}

/* The frames come as fast as the line takes them, for as long as the watchdog's time, and until the log is copied. */
START_TEST(flushes_of_90_s_are_no_reason_to_be_killed)
{
    struct harness_pty *pty = harness_pty("tty");
    char slow[20];

    be_systemd();
    struct harness_process *gateway =
        rig_gateway_ready(rig_config("mqtt://127.0.0.1:1", pty->path, "\"confirm\":\"broker\""), false);
    harness_wait_log(gateway, "frames waiting");
    off_t full = fill_log(pty);
    (void)snprintf(slow, sizeof slow, "slow %d", WORST_FLUSH_S * 1000 / SCALE);
    set_disk(slow);
    int64_t began = harness_now_ms();
    send_until_acked(pty, UINT32_MAX);
    ck_assert_int_ge(harness_now_ms() - began, WORST_FLUSH_S * 1000 / SCALE);
    for (uint32_t number = 1000000; harness_now_ms() < began + watchdog_ms() || !log_is_copied(full); number++)
        rig_send_body(pty, large(number), 1000);
    send_until_acked(pty, UINT32_MAX - 1); /* behind that commit */
    long long silent = harness_now_ms() - manager.last_ms, gap = manager.gap_ms;
    ck_assert_msg(gap > 0 && gap < watchdog_ms() && silent < watchdog_ms(),
                  "no sign of life for %lld ms, and %lld at the end, of %lld", gap, silent, (long long)watchdog_ms());
    set_disk("works");
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

static unsigned files_like(const char *suffix)
{
    char pattern[300];
    glob_t files;

    (void)snprintf(pattern, sizeof pattern, "%s%s", harness_path("spool.db"), suffix);
    unsigned count = glob(pattern, 0, NULL, &files) == 0 ? (unsigned)files.gl_pathc : 0;
    if (count > 0)
        globfree(&files);
    return count;
}

/* The log, which has the first page too, ended well. */
static void spoil_head(void)
{
    ck_assert_int_eq(truncate(harness_path("spool.db-wal"), 0), 0);
    int fd = open(harness_path("spool.db"), O_WRONLY | O_CLOEXEC);

    ck_assert_int_eq(pwrite(fd, "no database at all", 18, 0), 18);
    ck_assert_int_eq(close(fd), 0);
}

/* A rescue of minutes, here of half a minute: it keeps the watchdog quiet, says so, and ends with the service. */
START_TEST(a_rescue_says_how_far_it_is_and_does_not_hold_up_a_stop)
{
    enum { FRAMES = 60, PAGE_MS = 1500 };
    struct harness_pty *pty = harness_pty("tty");
    char fault[20];
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;

    be_systemd();
    const char *config = rig_config("mqtt://127.0.0.1:1", pty->path, "\"confirm\":\"broker\"");
    struct harness_process *gateway = rig_gateway_ready(config, false);
    for (uint32_t number = 0; number < FRAMES; number++)
        rig_send_body_acked(pty, large(number), 1000);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    spoil_head();
    (void)snprintf(fault, sizeof fault, "reads %d", PAGE_MS);
    gateway = rig_gateway(config);
    while (files_like(".from-1") == 0 && harness_now_ms() < limit)
        continue;
    set_disk(fault);
    harness_wait_log(gateway, "damaged; taking over its frames: page ");
    int64_t asked = harness_now_ms();
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_lt(harness_now_ms() - asked, 10000);
    ck_assert(harness_log_has(gateway, "taking over its frames was stopped at page "));
    ck_assert(manager.rescue);
    set_disk("works");
    gateway = rig_gateway(config);
    harness_wait_log(gateway, "with the 60 frames that could be read");
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_eq(rig_waiting(), FRAMES);
    ck_assert_uint_eq(files_like(".from-*"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_watchdog");
    TCase *tcase = tcase_create("gateway_watchdog");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, flushes_of_90_s_are_no_reason_to_be_killed);
    tcase_add_test(tcase, a_rescue_says_how_far_it_is_and_does_not_hold_up_a_stop);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
