/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device's radio on a real pseudo-terminal: what passes, when it counts as busy, and how its end is noticed. The
 * clock is wrapped, and so is TIOCOUTQ: a pseudo-terminal passes bytes on at once. */
#include "device_line.h"
#include "run_suite.h"

#include <errno.h>
#include <kit/kit.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);

static struct device_line line;
static int master;
static char path[64];
static int64_t clock_ms = -1; /* what the clock shall say; -1 = the true time */

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock_ms < 0)
        return __real_clock_gettime(clock, now);
    now->tv_sec = (time_t)(clock_ms / 1000);
    now->tv_nsec = (long)(clock_ms % 1000 * 1000000);
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);

static const struct selkie_tty_settings tty = {.baud = 9600};
static int held_bytes = -1; /* what the kernel shall say that it still holds; -1 = the truth */

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

static void setup(void)
{
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, path, NULL, NULL), 0);
    ck_assert_int_eq(device_line_open(&line, path, &tty, 0), 0);
    (void)close(slave);
}

static void teardown(void)
{
    device_line_close(&line);
    if (master >= 0)
        (void)close(master);
}

static void unplug(void)
{
    (void)close(master);
    master = -1;
}

/* Bytes have passed a pseudo-terminal once its other side can be read. */
static void await(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};

    ck_assert_int_eq(poll(&input, 1, 10000), 1);
}

static void hear(const void *bytes, size_t len)
{
    uint8_t heard[16];

    ck_assert_int_eq(write(master, bytes, len), (ssize_t)len);
    await(line.fd);
    ck_assert_int_eq(device_line_read(&line, heard, sizeof heard), (int)len);
    ck_assert_mem_eq(heard, bytes, len);
}

/* Read at the far end until nothing is left of `len` bytes. */
static void drain(size_t len)
{
    uint8_t bytes[4096];

    while (len > 0) {
        await(master);
        ssize_t got = read(master, bytes, sizeof bytes);
        ck_assert_int_gt(got, 0);
        ck_assert_uint_le((size_t)got, len);
        len -= (size_t)got;
    }
}

/* Write until the line takes no more; what it took. */
static size_t fill(void)
{
    static const uint8_t bytes[999];
    size_t taken = 0;

    do {
        int count = device_line_write(&line, bytes, sizeof bytes);
        ck_assert_int_ge(count, 0);
        ck_assert_int_eq(line.full, (size_t)count < sizeof bytes);
        taken += (size_t)count;
        ck_assert_uint_lt(taken, 1 << 24);
    } while (!line.full);
    return taken;
}

START_TEST(all_bytes_pass_both_ways_as_they_are)
{
    uint8_t bytes[256], seen[256];
    size_t got = 0;

    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_int_eq(device_line_write(&line, bytes, sizeof bytes), (int)sizeof bytes);
    for (ssize_t count; got < sizeof seen; got += (size_t)count) {
        count = read(master, seen + got, sizeof seen - got);
        ck_assert_int_gt(count, 0);
    }
    ck_assert_mem_eq(seen, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += 16)
        hear(bytes + i, 16);
}
END_TEST

START_TEST(what_is_no_line_is_refused_with_the_reason)
{
    struct device_line other;
    const char *file = kit_path(kit_dir(), "file");
    const struct {
        const char *path;
        unsigned baud;
        int reason;
    } cases[] = {{"/nonexistent/tty", 9600, ENOENT}, {file, 9600, ENOTTY}, {"/dev/null", 9600, ENOTTY},
                 {kit_dir(), 9600, EISDIR},          {path, 49, EINVAL},   {path, 0, EINVAL}};

    kit_write(file, "x", 1, 0600);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        errno = 0;
        ck_assert_int_eq(
            device_line_open(&other, cases[i].path, &(struct selkie_tty_settings){.baud = cases[i].baud}, 0), -1);
        ck_assert_int_eq(errno, cases[i].reason);
        ck_assert_int_eq(other.fd, -1);
        device_line_close(&other); /* harmless */
    }
}
END_TEST

START_TEST(nothing_to_hear_is_no_error_and_no_end)
{
    uint8_t byte;

    ck_assert_int_eq(device_line_read(&line, &byte, 1), 0);
    ck_assert(!line.gone);
    hear("x", 1);
    ck_assert_int_eq(device_line_read(&line, &byte, 1), 0);
    ck_assert(!line.gone);
}
END_TEST

/* A device that has nothing to say would never know otherwise. */
START_TEST(a_line_that_is_unplugged_is_gone_for_who_only_listens)
{
    uint8_t byte;

    unplug();
    ck_assert_int_eq(device_line_read(&line, &byte, 1), -1);
    ck_assert(line.gone);
}
END_TEST

START_TEST(a_line_that_is_unplugged_is_gone_for_who_writes)
{
    ck_assert_int_ge(device_line_quiet_ms(&line), 0);
    unplug();
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), -1);
    ck_assert(line.gone);
    ck_assert(!line.locked);
}
END_TEST

START_TEST(a_full_line_takes_a_part_and_goes_on_once_there_is_room)
{
    size_t taken = fill();

    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 0); /* no error: later */
    ck_assert(line.full);
    ck_assert(!line.gone);
    drain(taken); /* what it said to have taken is there */
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 1);
    ck_assert(!line.full);
    drain(1);
}
END_TEST

START_TEST(quiet_counts_from_the_last_byte_that_was_heard)
{
    uint8_t byte;

    clock_ms = 5000;
    ck_assert_int_eq(device_line_quiet_ms(&line), INT_MAX); /* nobody ever was on the air */
    hear("x", 1);
    ck_assert_int_eq(device_line_quiet_ms(&line), 0);
    clock_ms += 1500;
    ck_assert_int_eq(device_line_read(&line, &byte, 1), 0); /* nothing heard is nobody on the air */
    ck_assert_int_eq(device_line_quiet_ms(&line), 1500);
    clock_ms += INT64_C(86400000) * 365;
    ck_assert_int_eq(device_line_quiet_ms(&line), INT_MAX);
    clock_ms = -1; /* Check's own */
}
END_TEST

START_TEST(a_line_whose_radio_restarts_is_not_quiet_before_it_is_left_alone)
{
    device_line_close(&line);
    ck_assert_int_eq(device_line_open(&line, path, &tty, 60000), 0);
    ck_assert_int_eq(device_line_quiet_ms(&line), 0);
    hear("boot loader", 11);
    ck_assert_int_eq(device_line_quiet_ms(&line), 0);
    clock_ms = device_line_now_ms() + 60100;
    ck_assert_int_ge(device_line_quiet_ms(&line), 100);
    clock_ms = -1; /* Check's own */
}
END_TEST

START_TEST(who_transmits_is_a_busy_line_to_the_others_until_its_frame_is_out)
{
    struct device_line other;

    ck_assert_int_eq(device_line_open(&other, path, &tty, 0), 0);
    ck_assert_int_ge(device_line_quiet_ms(&line), 0);
    ck_assert_int_lt(device_line_quiet_ms(&other), 0);
    size_t taken = fill(); /* a frame of which only a part went */
    ck_assert_int_ge(device_line_quiet_ms(&line), 0);
    taken += (size_t)device_line_write(&line, (const uint8_t *)"x", 1);
    ck_assert_int_lt(device_line_quiet_ms(&other), 0);
    drain(taken);
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 1); /* its end, on the line */
    ck_assert_int_lt(device_line_quiet_ms(&other), 0);
    device_line_release(&line); /* and on the air */
    ck_assert_int_ge(device_line_quiet_ms(&other), 0);
    ck_assert_int_lt(device_line_quiet_ms(&line), 0);
    drain(1);
    device_line_close(&other); /* and who ends lets go of it */
    ck_assert_int_ge(device_line_quiet_ms(&line), 0);
}
END_TEST

START_TEST(who_looked_and_does_not_send_leaves_the_line_to_the_others)
{
    struct device_line other;

    ck_assert_int_eq(device_line_open(&other, path, &tty, 0), 0);
    ck_assert_int_ge(device_line_quiet_ms(&line), 0);
    device_line_release(&line);
    ck_assert_int_ge(device_line_quiet_ms(&other), 0);
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 0); /* not into another's frame */
    device_line_release(&other);
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 1); /* also without having looked */
    ck_assert_int_lt(device_line_quiet_ms(&other), 0);
    drain(1);
    device_line_close(&other);
}
END_TEST

START_TEST(a_byte_is_out_once_the_kernel_holds_it_no_more)
{
    static const uint8_t bytes[500] = {1};

    held_bytes = 500;
    ck_assert_int_eq(device_line_write(&line, bytes, 500), 0);
    drain(500); /* handed over once, */
    ck_assert(!line.full);
    held_bytes = 480;
    ck_assert_int_eq(device_line_write(&line, bytes, 500), 20);
    held_bytes = 1;
    ck_assert_int_eq(device_line_write(&line, bytes + 20, 480), 479);
    held_bytes = 0;
    ck_assert_int_eq(device_line_write(&line, bytes + 499, 1), 1);
    held_bytes = -1;
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), 1);
    drain(1); /* and never twice */
}
END_TEST

START_TEST(the_next_frame_goes_out_whole_after_one_that_was_dropped)
{
    static const uint8_t bytes[50] = {1};

    held_bytes = 50;
    ck_assert_int_eq(device_line_write(&line, bytes, 50), 0);
    drain(50);
    held_bytes = -1;
    device_line_release(&line);
    ck_assert_int_eq(device_line_write(&line, bytes, 50), 50);
    drain(50);
}
END_TEST

START_TEST(a_line_that_is_plugged_in_again_is_opened_raw_and_counts_as_just_heard)
{
    struct termios settings;
    uint8_t byte;
    int slave;

    unplug();
    ck_assert_int_eq(device_line_read(&line, &byte, 1), -1);
    ck_assert_int_eq(device_line_reopen(&line, &tty, 0), -1);
    ck_assert(line.gone);
    ck_assert_int_lt(device_line_quiet_ms(&line), 0);
    ck_assert_int_eq(device_line_write(&line, (const uint8_t *)"x", 1), -1);
    ck_assert_int_eq(device_line_read(&line, &byte, 1), -1);
    ck_assert_int_eq(openpty(&master, &slave, path, NULL, NULL), 0); /* the path may have another name by now */
    ck_assert_int_eq(device_line_reopen(&line, &tty, 0), 0);
    (void)close(slave);
    ck_assert(!line.gone);
    ck_assert_int_eq(tcgetattr(line.fd, &settings), 0);
    ck_assert_uint_eq(settings.c_lflag & ICANON, 0);
    ck_assert_int_lt(device_line_quiet_ms(&line), 1000);
    hear("x", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_line");
    TCase *tcase = tcase_create("device_line");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_bytes_pass_both_ways_as_they_are);
    tcase_add_test(tcase, what_is_no_line_is_refused_with_the_reason);
    tcase_add_test(tcase, nothing_to_hear_is_no_error_and_no_end);
    tcase_add_test(tcase, a_line_that_is_unplugged_is_gone_for_who_only_listens);
    tcase_add_test(tcase, a_line_that_is_unplugged_is_gone_for_who_writes);
    tcase_add_test(tcase, a_full_line_takes_a_part_and_goes_on_once_there_is_room);
    tcase_add_test(tcase, quiet_counts_from_the_last_byte_that_was_heard);
    tcase_add_test(tcase, a_line_whose_radio_restarts_is_not_quiet_before_it_is_left_alone);
    tcase_add_test(tcase, who_transmits_is_a_busy_line_to_the_others_until_its_frame_is_out);
    tcase_add_test(tcase, who_looked_and_does_not_send_leaves_the_line_to_the_others);
    tcase_add_test(tcase, a_byte_is_out_once_the_kernel_holds_it_no_more);
    tcase_add_test(tcase, the_next_frame_goes_out_whole_after_one_that_was_dropped);
    tcase_add_test(tcase, a_line_that_is_plugged_in_again_is_opened_raw_and_counts_as_just_heard);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
