/* SPDX-License-Identifier: Apache-2.0 */
/* What a serial line reports of its faults, again and again: real pseudo-terminals with real processes on them, a real
 * serial server on loopback, a real event loop. The line's timer is the test's, and it can set the clock forward. */
#include "run_suite.h"
#include "serial.h"
#include "timer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <poll.h>
#include <pty.h>
#include <selkie/tty_user.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US (10 * UINT64_C(1000000))

void __wrap_selkie_timer_set(struct selkie_timer *timer, int64_t after_us);
void __wrap_selkie_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __real_clock_gettime(clockid_t id, struct timespec *now);
enum selkie_tty_use __wrap_selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device);
enum selkie_tty_use __real_selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device);

static struct selkie_line_settings settings = {.tty = {.baud = 9600}};
static sd_event *event;
static struct selkie_serial *serial;
static struct selkie_timer *timer; /* NULL: not set */
static int64_t wait_us;            /* for how long it is */
static time_t forward_s;           /* the clock is */
static unsigned lines;             /* of the log */
static char line[512];
static unsigned looks; /* through /proc */
static size_t heard;
static unsigned changes;
static const char *device;
static int master = -1;
static pid_t other;

void __wrap_selkie_timer_set(struct selkie_timer *set, int64_t after_us)
{
    timer = set;
    wait_us = after_us;
}

void __wrap_selkie_log(int level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lines++;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    int result = __real_clock_gettime(id, now);

    now->tv_sec += forward_s;
    return result;
}

enum selkie_tty_use __wrap_selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t number)
{
    looks++;
    return __real_selkie_tty_find_user(text, number);
}

static void on_bytes(void *context, const uint8_t *data, size_t len)
{
    (void)context;
    (void)data;
    heard += len;
}

static void on_changed(void *context, bool open)
{
    (void)context;
    ck_assert_int_eq(open, selkie_serial_is_open(serial));
    changes++;
}

static void plug(void)
{
    char name[64];
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    (void)close(slave);
    (void)unlink(device);
    ck_assert_int_eq(symlink(name, device), 0);
}

static void setup(void)
{
    device = kit_path(kit_dir(), "tty");
    ck_assert_int_ge(sd_event_new(&event), 0);
}

static void end_other(void)
{
    if (other > 0) {
        (void)kill(other, SIGKILL);
        (void)waitpid(other, NULL, 0);
    }
    other = 0;
}

static void teardown(void)
{
    end_other();
    selkie_serial_close(serial);
    (void)sd_event_unref(event);
}

static void open_serial(void)
{
    const struct selkie_serial_handler handler = {.bytes = on_bytes, .changed = on_changed};

    serial = selkie_serial_open(event, device, &settings, &handler);
    ck_assert_ptr_nonnull(serial);
}

static void turn(void)
{
    ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
}

static void turn_until_timer(void)
{
    while (!timer)
        turn();
}

/* What was waited for is over. */
static void time_is_up(void)
{
    const struct selkie_timer *set = timer;

    ck_assert_ptr_nonnull(set);
    timer = NULL;
    set->handler(set->context);
}

/* Another process on the line, with its lock or without, once this returns. */
static void start_other(bool with_lock)
{
    int ready[2];
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    other = fork();
    if (other == 0) {
        (void)close(master);
        int fd = open(device, O_RDWR | O_NOCTTY);
        if (fd < 0 || (with_lock && flock(fd, LOCK_EX) != 0))
            _exit(1);
        (void)close(ready[1]);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 0);
    (void)close(ready[0]);
}

static void expect_fault_of_other(const char *before)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%s(process %d) ", before, (int)other);
    ck_assert_msg(strstr(selkie_serial_fault(serial), strchr(text, '(')), "\"%s\"", selkie_serial_fault(serial));
    ck_assert_int_eq(strncmp(selkie_serial_fault(serial), before, strlen(before)), 0);
}

/* 1 s, 2 s, success, 1 s. */
START_TEST(wait_grows_with_failures_in_a_row_and_success_ends_the_row)
{
    static const unsigned answers[] = {0, 0, 1, 0, 0};
    struct selkie_line_step step = {.send = "a", .send_len = 1, .expect = "OK", .expect_len = 2, .wait_ms = 50};
    unsigned row = 0;

    settings.steps = &step;
    settings.step_count = 1;
    plug();
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct pollfd told = {.fd = master, .events = POLLIN};
        char byte;
        step.wait_ms = answers[i] ? 10000 : 50;
        if (i == 0)
            open_serial();
        else
            time_is_up();
        told.fd = master;
        while (poll(&told, 1, 0) == 0)
            turn();
        ck_assert_int_eq(read(master, &byte, 1), 1);
        if (answers[i]) {
            ck_assert_int_eq(write(master, "OK", 2), 2);
            while (!selkie_serial_is_open(serial))
                turn();
            timer = NULL;        /* of the look for other users */
            (void)close(master); /* unplugged */
            turn_until_timer();
            ck_assert_int_eq(wait_us, SELKIE_SEC_US);
            plug();
            row = 0;
        } else {
            turn_until_timer();
            ck_assert_int_ge(wait_us, SELKIE_SEC_US / 2 << row);
            ck_assert_int_le(wait_us, SELKIE_SEC_US << row);
            row++;
        }
    }
}
END_TEST

START_TEST(who_uses_the_line_too_is_named_until_it_ends)
{
    static const char refused[] = "not as configured: parity even: the driver runs without";

    settings.tty.parity = _i == 0 ? SELKIE_TTY_PARITY_NONE : SELKIE_TTY_PARITY_EVEN;
    plug();
    start_other(false);
    open_serial();
    ck_assert(selkie_serial_is_open(serial));
    expect_fault_of_other(_i == 0 ? "" : refused);
    unsigned before = lines;
    time_is_up(); /* it is still there */
    expect_fault_of_other(_i == 0 ? "" : refused);
    ck_assert_uint_eq(lines, before);
    end_other();
    time_is_up();
    ck_assert_str_eq(selkie_serial_fault(serial), _i == 0 ? "" : refused);
    ck_assert_uint_eq(lines, before + 1);
    ck_assert_ptr_nonnull(strstr(line, "no other process uses it any more"));
    time_is_up();
    ck_assert_uint_eq(lines, before + 1);
    start_other(false); /* one that comes later, and takes all bytes */
    time_is_up();
    expect_fault_of_other(_i == 0 ? "" : refused);
    ck_assert_uint_eq(lines, before + 2);
    end_other();
    ck_assert_uint_eq(changes, 0);
    (void)close(master);
}
END_TEST

START_TEST(holder_of_a_busy_line_is_not_looked_for_each_second)
{
    plug();
    start_other(true);
    open_serial();
    for (int i = 0; i < 20; i++) {
        expect_fault_of_other("Device or resource busy: ");
        ck_assert_int_eq(wait_us, SELKIE_SEC_US);
        time_is_up();
    }
    ck_assert_uint_eq(looks, 1);
    end_other();
    start_other(true); /* and another one, which is found out in time */
    forward_s += 31;
    time_is_up();
    ck_assert_uint_eq(looks, 2);
    ck_assert_uint_eq(lines, 2);
    expect_fault_of_other("Device or resource busy: ");
    end_other();
    time_is_up();
    ck_assert(selkie_serial_is_open(serial));
    ck_assert_str_eq(selkie_serial_fault(serial), "");
    (void)close(master);
}
END_TEST

/* A serial server. */

static int listen_here(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    static char text[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    (void)snprintf(text, sizeof text, "tcp://127.0.0.1:%d", ntohs(name.sin_port));
    device = text;
    return fd;
}

static int accept_line(int listener)
{
    struct pollfd incoming = {.fd = listener, .events = POLLIN};

    while (poll(&incoming, 1, 0) == 0)
        turn();
    int fd = accept(listener, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(server_that_closes_at_once_is_a_fault_until_a_connection_lives)
{
    int listener = listen_here();

    open_serial();
    for (int i = 0; i < 3; i++) {
        int fd = accept_line(listener);
        ck_assert_int_eq(write(fd, "Port already in use\r\n", 21), 21);
        (void)close(fd);
        do { /* the wait until the next try, which is not yet as long as a trial is */
            timer = NULL;
            turn_until_timer();
        } while (wait_us > SELKIE_SEC_US << i);
        ck_assert_uint_eq(heard, 21 * ((size_t)i + 1));
        ck_assert(!selkie_serial_is_open(serial));
        ck_assert_ptr_nonnull(strstr(selkie_serial_fault(serial), "closes the connection at once"));
        ck_assert_uint_eq(lines, 2); /* open, and that it was closed */
        ck_assert_uint_eq(changes, 2);
        time_is_up();
    }
    int fd = accept_line(listener);
    turn_until_timer();
    ck_assert_int_gt(wait_us, 4 * SELKIE_SEC_US);
    ck_assert_int_eq(write(fd, "x", 1), 1); /* a frame, perhaps */
    while (heard < 21 * 3 + 1)
        turn();
    ck_assert_ptr_nonnull(strstr(selkie_serial_fault(serial), "closes the connection at once"));
    forward_s += 5;
    time_is_up();
    ck_assert(selkie_serial_is_open(serial));
    ck_assert_str_eq(selkie_serial_fault(serial), "");
    ck_assert_uint_eq(lines, 3);
    ck_assert_uint_eq(changes, 3);
    (void)close(fd); /* of old age: the waits begin anew */
    turn_until_timer();
    ck_assert_int_eq(wait_us, SELKIE_SEC_US);
    ck_assert_ptr_nonnull(strstr(line, "gone"));
    (void)close(listener);
}
END_TEST

START_TEST(server_that_sends_for_ever_does_not_hold_up_the_end)
{
    int listener = listen_here();

    open_serial();
    int fd = accept_line(listener);
    while (!selkie_serial_is_open(serial))
        turn();
    other = fork();
    while (other == 0) {
        static const uint8_t noise[65536];
        if (write(fd, noise, sizeof noise) < 0)
            _exit(1);
    }
    turn();
    heard = 0;
    selkie_serial_read_rest(serial);
    ck_assert_uint_le(heard, 65536 + 1024);
    (void)close(fd);
    (void)close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serial_faults");
    TCase *tcase = tcase_create("serial_faults");

    tcase_set_timeout(tcase, 30);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, wait_grows_with_failures_in_a_row_and_success_ends_the_row);
    tcase_add_loop_test(tcase, who_uses_the_line_too_is_named_until_it_ends, 0, 2);
    tcase_add_test(tcase, holder_of_a_busy_line_is_not_looked_for_each_second);
    tcase_add_test(tcase, server_that_closes_at_once_is_a_fault_until_a_connection_lives);
    tcase_add_test(tcase, server_that_sends_for_ever_does_not_hold_up_the_end);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
