/* SPDX-License-Identifier: Apache-2.0 */
/* A serial line on a real pseudo-terminal and a real event loop. The timer of the next try and the log are wrapped: the
 * test says when a second is over. */
#include "run_suite.h"
#include "serial.h"
#include "timer.h"

#include <kit/kit.h>
#include <poll.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PATIENCE_US (10 * UINT64_C(1000000))

void __wrap_selkie_timer_set(struct selkie_timer *timer, int64_t after_us);
void __wrap_selkie_timer_start(struct selkie_timer *timer, int64_t after_us);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_tcflush(int fd, int queue);
int __real_ioctl(int fd, unsigned long request, ...);
void __wrap_selkie_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct selkie_line_settings settings = {.tty = {.baud = 9600}};
static bool grows;      /* the wait before the next try */
static int64_t wait_us; /* how long it is */
static sd_event *event;
static struct selkie_serial *serial;
static int master;
static const char *folder, *device;
static struct selkie_timer *retry; /* NULL = none is set */
static unsigned lines;             /* of the log */
static char line[256];
static uint8_t heard[512];
static size_t heard_len;
static unsigned changes;
static bool last_change;

void __wrap_selkie_timer_set(struct selkie_timer *timer, int64_t after_us)
{
    ck_assert_ptr_eq(timer->event, event);
    if (after_us == 30000000) /* to look who else uses the line: test_serial_faults */
        return;
    wait_us = after_us;
    ck_assert(after_us == 1000000 || grows);
    retry = timer;
}

static struct selkie_timer *minute; /* the running one; NULL = none */

void __wrap_selkie_timer_start(struct selkie_timer *timer, int64_t after_us)
{
    ck_assert_int_eq(after_us, 60000000);
    minute = timer;
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

static unsigned flushes;
static int held_bytes = -1; /* what the driver says that it still has; -1: the truth */

int __wrap_tcflush(int fd, int queue)
{
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(queue, TCOFLUSH);
    flushes++;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;

    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request != TIOCOUTQ || held_bytes < 0)
        return __real_ioctl(fd, request, argument);
    *(int *)argument = held_bytes;
    return 0;
}

static void on_bytes(void *context, const uint8_t *data, size_t len)
{
    (void)context;
    ck_assert_uint_le(heard_len + len, sizeof heard);
    memcpy(heard + heard_len, data, len);
    heard_len += len;
}

static void on_changed(void *context, bool open)
{
    (void)context;
    changes++;
    last_change = open;
}

/* Plug in: the device's name leads to a new pseudo-terminal. */
static void plug(void)
{
    char name[64];
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    (void)close(slave);
    ck_assert_int_eq(symlink(name, device), 0);
}

static void unplug(void)
{
    (void)unlink(device);
    (void)close(master);
}

static void setup(void)
{
    folder = kit_dir();
    device = kit_path(folder, "tty");
    ck_assert_int_ge(sd_event_new(&event), 0);
}

static void open_serial(void)
{
    const struct selkie_serial_handler handler = {.bytes = on_bytes, .changed = on_changed};

    serial = selkie_serial_open(event, device, &settings, &handler);
    ck_assert_ptr_nonnull(serial);
}

static void teardown(void)
{
    selkie_serial_close(serial);
    (void)sd_event_unref(event);
}

static void a_second_later(void)
{
    const struct selkie_timer *timer = retry;

    ck_assert_ptr_nonnull(timer);
    retry = NULL;
    timer->handler(timer->context);
}

static void turn(void)
{
    ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
}

START_TEST(all_bytes_pass_both_ways_as_they_are)
{
    uint8_t bytes[256], seen[256];
    size_t fill = 0;

    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    plug();
    open_serial();
    ck_assert(selkie_serial_is_open(serial));
    ck_assert_uint_eq(changes, 0); /* what open finds is no change */
    ck_assert_int_eq(write(master, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    while (heard_len < sizeof bytes)
        turn();
    ck_assert_mem_eq(heard, bytes, sizeof bytes);
    ck_assert_int_eq(selkie_serial_write(serial, bytes, sizeof bytes), 0);
    while (fill < sizeof seen) {
        ssize_t got = read(master, seen + fill, sizeof seen - fill);
        ck_assert_int_gt(got, 0);
        fill += (size_t)got;
    }
    ck_assert_mem_eq(seen, bytes, sizeof bytes);
    unplug();
}
END_TEST

START_TEST(a_line_that_is_not_there_is_tried_again_and_told_of_once)
{
    open_serial();
    ck_assert(!selkie_serial_is_open(serial));
    ck_assert_int_eq(selkie_serial_write(serial, (const uint8_t *)"x", 1), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(line, "No such file"));
    for (int i = 0; i < 3; i++)
        a_second_later();
    ck_assert_uint_eq(lines, 1);
    ck_assert_uint_eq(changes, 0);
    plug();
    a_second_later();
    ck_assert(selkie_serial_is_open(serial));
    ck_assert_uint_eq(changes, 1);
    ck_assert(last_change);
    ck_assert_ptr_null(retry);
    unplug();
}
END_TEST

START_TEST(another_reason_is_told_of)
{
    open_serial();
    ck_assert_int_eq(symlink(folder, device), 0); /* a folder is no line */
    a_second_later();
    a_second_later();
    ck_assert_uint_eq(lines, 2);
    ck_assert_ptr_nonnull(strstr(line, "directory"));
}
END_TEST

START_TEST(a_line_that_is_unplugged_is_gone_until_it_is_back)
{
    plug();
    open_serial();
    for (unsigned i = 1; i <= 2; i++) {
        unplug();
        while (changes < 2 * i - 1)
            turn();
        ck_assert(!last_change);
        ck_assert(!selkie_serial_is_open(serial));
        ck_assert_ptr_nonnull(strstr(line, "gone"));
        ck_assert_int_eq(selkie_serial_write(serial, (const uint8_t *)"x", 1), SELKIE_EIO);
        unsigned before = lines;
        a_second_later();
        ck_assert_uint_eq(lines, before); /* that it is not there needs no second word */
        plug();
        a_second_later();
        ck_assert_uint_eq(changes, 2 * i);
        ck_assert(last_change);
    }
    ck_assert_int_eq(write(master, "x", 1), 1);
    turn();
    ck_assert_uint_eq(heard_len, 1);
    unplug();
}
END_TEST

static void flap(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        unsigned before = changes;
        unplug();
        while (changes == before)
            turn();
        plug();
        a_second_later();
        ck_assert(selkie_serial_is_open(serial));
    }
}

static void a_minute_later(void)
{
    const struct selkie_timer *timer = minute;

    ck_assert_ptr_nonnull(timer);
    minute = NULL;
    timer->handler(timer->context);
}

/* A loose plug, for days. */
START_TEST(a_line_that_comes_and_goes_is_told_of_with_a_count)
{
    plug();
    open_serial();
    ck_assert_uint_eq(lines, 1);
    flap(3);
    ck_assert_uint_eq(lines, 7); /* somebody who tries a plug sees each */
    flap(40);
    ck_assert_uint_eq(lines, 7);
    a_minute_later();
    ck_assert_uint_eq(lines, 8);
    ck_assert_msg(strstr(line, "gone 40 more times within a minute") && strstr(line, "It is open now"), "%s", line);
    flap(9);
    unplug();
    while (selkie_serial_is_open(serial))
        turn();
    a_minute_later();
    ck_assert_uint_eq(lines, 9);
    ck_assert_msg(strstr(line, "gone 10 more times") && strstr(line, "It is gone now"), "%s", line);
    plug();
    a_second_later();
    a_minute_later(); /* quiet */
    ck_assert_ptr_null(minute);
    flap(1);
    ck_assert_uint_eq(lines, 12); /* and the line that came back after the last count */
    unplug();
}
END_TEST

START_TEST(what_does_not_fit_whole_is_refused_and_nobody_waits_for_it)
{
    uint8_t bytes[999] = {0};
    size_t taken = 0, seen = 0;

    plug();
    open_serial();
    while (selkie_serial_write(serial, bytes, sizeof bytes) == 0) { /* nobody reads yet */
        taken += sizeof bytes;
        ck_assert_uint_lt(taken, 1 << 24);
    }
    struct pollfd input = {.fd = master, .events = POLLIN};
    while (seen < taken && poll(&input, 1, 10000) > 0)
        seen += (size_t)read(master, bytes, sizeof bytes);
    ck_assert_uint_ge(seen, taken); /* what it said to have written is there */
    unplug();
}
END_TEST

START_TEST(radio_that_takes_nothing_gets_no_bytes_that_are_late)
{
    const uint8_t bytes[5] = {0};

    settings.tty.flow = SELKIE_TTY_FLOW_RTSCTS;
    plug();
    open_serial();
    ck_assert_int_eq(selkie_serial_write(serial, bytes, sizeof bytes), 0);
    held_bytes = 5; /* CTS is off */
    ck_assert_int_eq(selkie_serial_write(serial, bytes, sizeof bytes), SELKIE_EIO);
    ck_assert_uint_eq(flushes, 1);
    held_bytes = 0;
    ck_assert_int_eq(selkie_serial_write(serial, bytes, sizeof bytes), 0);
    selkie_serial_close(serial);
    serial = NULL;
    ck_assert_uint_eq(flushes, 2); /* else the end would wait for the radio */
    unplug();
}
END_TEST

/* Both steps reach the module, in their order, once it takes bytes again. */
START_TEST(step_waits_for_the_radio_behind_the_one_before_it)
{
    struct selkie_line_step steps[2] = {{.send = "a", .send_len = 1, .wait_ms = 1},
                                        {.send = "b", .send_len = 1, .wait_ms = 1}};

    settings.tty.flow = SELKIE_TTY_FLOW_RTSCTS;
    settings.steps = steps;
    settings.step_count = 2;
    held_bytes = 1; /* CTS is off */
    plug();
    open_serial();
    while (!selkie_serial_is_open(serial))
        turn();
    ck_assert_uint_eq(flushes, 0);
    uint8_t seen[2];
    ck_assert_int_eq(read(master, seen, 2), 2);
    ck_assert_mem_eq(seen, "ab", 2);
    unplug();
}
END_TEST

/* The wait grows, so that a module whose flash is written by the first step lives on. */
START_TEST(line_that_its_first_steps_keep_closed_is_tried_less_and_less_often)
{
    struct selkie_line_step steps[2] = {{.send = "a", .send_len = 1, .wait_ms = 1},
                                        {.send = "b", .send_len = 1, .expect = "c", .expect_len = 1, .wait_ms = 1}};

    settings.steps = steps;
    settings.step_count = 2;
    grows = true;
    plug();
    open_serial();
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(!selkie_serial_is_open(serial));
        while (!retry)
            turn();
        ck_assert_int_gt(wait_us, SELKIE_SEC_US / 2 * (1 << i) - 1);
        ck_assert_int_le(wait_us, SELKIE_SEC_US * (1 << i));
        ck_assert_str_eq(selkie_serial_fault(serial), "init step 2 of 2: expected \"c\" within 1 ms, nothing came");
        a_second_later();
    }
    ck_assert_uint_eq(lines, 1);
    ck_assert_uint_eq(changes, 0);
    ck_assert_uint_eq(heard_len, 0);
    unplug();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serial");
    TCase *tcase = tcase_create("serial");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_bytes_pass_both_ways_as_they_are);
    tcase_add_test(tcase, a_line_that_is_not_there_is_tried_again_and_told_of_once);
    tcase_add_test(tcase, another_reason_is_told_of);
    tcase_add_test(tcase, a_line_that_is_unplugged_is_gone_until_it_is_back);
    tcase_add_test(tcase, a_line_that_comes_and_goes_is_told_of_with_a_count);
    tcase_add_test(tcase, what_does_not_fit_whole_is_refused_and_nobody_waits_for_it);
    tcase_add_test(tcase, radio_that_takes_nothing_gets_no_bytes_that_are_late);
    tcase_add_test(tcase, step_waits_for_the_radio_behind_the_one_before_it);
    tcase_add_test(tcase, line_that_its_first_steps_keep_closed_is_tried_less_and_less_often);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
