/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which a line does not open says what to do. */
#include "line/line_open.h"
#include "run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);

static int refusal; /* what open of the line says; 0: the kernel's own answer */
static const struct selkie_line_settings settings = {.tty = {.baud = 9600}};
static char text[SELKIE_LINE_FAULT_MAX];

int __wrap_open(const char *path, int flags, ...)
{
    if (refusal == 0 || strncmp(path, "/dev/", 5) != 0)
        return __real_open(path, flags, 0600);
    errno = refusal;
    return -1;
}

static int open_line(const char *path)
{
    int fd;
    int error = selkie_line_open(&fd, path, &settings, text);

    ck_assert_int_eq(error == 0, fd >= 0);
    if (fd >= 0)
        (void)close(fd);
    else
        selkie_line_explain(text, path, error);
    return error;
}

START_TEST(line_that_the_unit_keeps_out_is_named_with_the_line_to_add)
{
    refusal = EPERM;
    ck_assert_int_eq(open_line("/dev/tty"), EPERM); /* the kernel's name for it is in /sys */
    ck_assert_ptr_nonnull(strstr(text, "systemctl edit selkie-gateway"));
    ck_assert_ptr_nonnull(strstr(text, "DeviceAllow=char-tty rw"));
}
END_TEST

START_TEST(line_without_a_name_in_sys_is_named_by_its_number)
{
    char name[64];
    int master, slave;

    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    refusal = EPERM;
    ck_assert_int_eq(open_line(name), EPERM);
    ck_assert_ptr_nonnull(strstr(text, "DeviceAllow=char-136 rw"));
    (void)close(master);
    (void)close(slave);
}
END_TEST

START_TEST(line_of_another_group_is_named_with_it)
{
    refusal = EACCES;
    ck_assert_int_eq(open_line("/dev/tty"), EACCES);
    ck_assert_ptr_nonnull(strstr(text, "group"));
}
END_TEST

START_TEST(what_is_missing_or_no_line_is_told_in_the_kernels_words)
{
    const char *file = kit_path(kit_dir(), "file");

    ck_assert_int_eq(open_line("/dev/no-such-line"), ENOENT);
    ck_assert_str_eq(text, strerror(ENOENT));
    kit_write(file, "x", 1, 0600);
    ck_assert_int_eq(open_line(file), ENOTTY);
    ck_assert_str_eq(text, strerror(ENOTTY));
}
END_TEST

START_TEST(line_that_is_locked_is_busy_and_a_free_one_has_no_remark)
{
    char name[64];
    int master, slave;

    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    ck_assert_int_eq(flock(slave, LOCK_EX), 0);
    ck_assert_int_eq(open_line(name), EBUSY);
    ck_assert_ptr_nonnull(strstr(text, "under another name")); /* this process itself has it */
    (void)close(slave);
    ck_assert_int_eq(open_line(name), 0);
    ck_assert_str_eq(text, "");
    (void)close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line_open");
    TCase *tcase = tcase_create("line_open");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, line_that_the_unit_keeps_out_is_named_with_the_line_to_add);
    tcase_add_test(tcase, line_without_a_name_in_sys_is_named_by_its_number);
    tcase_add_test(tcase, line_of_another_group_is_named_with_it);
    tcase_add_test(tcase, what_is_missing_or_no_line_is_told_in_the_kernels_words);
    tcase_add_test(tcase, line_that_is_locked_is_busy_and_a_free_one_has_no_remark);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
