/* SPDX-License-Identifier: Apache-2.0 */
/* What was shown of devices, over restarts and crashes: shown.h. */
#define _GNU_SOURCE /* fopencookie */
#include "fake_mosquitto.h"
#include "run_suite.h"
#include "shown.h"

#include <errno.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t first[SELKIE_ADDRESS_SIZE] = {1}, second[SELKIE_ADDRESS_SIZE] = {2},
                     third[SELKIE_ADDRESS_SIZE] = {3};

static char dir[200];
static struct selkie_shown *shown;

static void start_new(bool is_new)
{
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_shown_load(shown, dir, is_new), 0);
}

static void start(void)
{
    start_new(false);
}

static void setup(void)
{
    fake_reset();
    (void)snprintf(dir, sizeof dir, "%s", kit_dir());
    start_new(true);
}

static void teardown(void)
{
    selkie_shown_close(shown);
}

static void end(void)
{
    selkie_shown_turn(shown, 1);
    selkie_shown_close(shown);
    start();
}

/* The next run finds the file as it is now, after kill -9. */
static void crash(void)
{
    char other[200];

    selkie_shown_flush(shown);
    (void)snprintf(other, sizeof other, "%s", kit_dir());
    const char *file = kit_path(dir, "shown");
    char *line = NULL, copy[400];
    size_t size = 0;
    (void)snprintf(copy, sizeof copy, "%s", kit_path(other, "shown"));
    FILE *from = fopen(file, "r"), *to = fopen(copy, "w");
    ck_assert(from && to);
    while (getline(&line, &size, from) > 0)
        ck_assert_int_ge(fputs(line, to), 0);
    free(line);
    (void)fclose(from);
    ck_assert_int_eq(fclose(to), 0);
    selkie_shown_close(shown);
    memcpy(dir, other, sizeof dir);
    start();
}

static void set(enum selkie_shown_kind kind, const uint8_t *address, const char *text)
{
    ck_assert_int_eq(selkie_shown_set(shown, kind, address, text), 0);
}

/* "now < former former", with a + behind what was told. */
static const char *record(enum selkie_shown_kind kind, const uint8_t *address)
{
    static char text[300];
    const struct selkie_shown_device *device = selkie_shown_find(shown, address);

    if (!device)
        return "none";
    const struct selkie_shown_record *of = &device->of[kind];
    int len = snprintf(text, sizeof text, "%s <", of->now ? of->now->text : "-");
    for (int i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, " %s%s", of->former[i]->text, of->told[i] ? "+" : "");
    return text;
}

#define VALUES SELKIE_SHOWN_VALUES
#define HOME   SELKIE_SHOWN_HOME

START_TEST(what_is_shown_is_known_after_a_restart_and_after_a_crash)
{
    void (*const again[])(void) = {end, crash, crash, end};

    set(VALUES, first, "a\n[]");
    set(HOME, first, "ha\nsensor x\n\"\n");
    set(VALUES, second, "a\n[]");
    for (int i = 0; i < 4; i++) {
        again[i]();
        ck_assert_str_eq(record(VALUES, first), "a\n[] <");
        ck_assert_str_eq(record(HOME, first), "ha\nsensor x\n\"\n <");
        ck_assert_str_eq(record(VALUES, second), "a\n[] <");
    }
}
END_TEST

START_TEST(what_was_shown_before_is_owed_until_it_is_told)
{
    set(VALUES, first, "a\n");
    ck_assert(!selkie_shown_is_owed(selkie_shown_find(shown, first), VALUES));
    set(VALUES, first, "a\n");
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    set(VALUES, first, "b\n");
    ck_assert_str_eq(record(VALUES, first), "b\n < a\n");
    ck_assert(selkie_shown_is_owed(selkie_shown_find(shown, first), VALUES));
    ck_assert(!selkie_shown_is_owed(selkie_shown_find(shown, first), HOME));
    selkie_shown_tell(shown, selkie_shown_find(shown, first), VALUES);
    set(VALUES, first, NULL);
    ck_assert_str_eq(record(VALUES, first), "- < b\n a\n+");
    set(VALUES, first, "a\n"); /* former and shown again: what was there between is not its */
    ck_assert_str_eq(record(VALUES, first), "a\n < b\n a\n+");
    crash();
    ck_assert_str_eq(record(VALUES, first), "a\n < b\n a\n"); /* nobody knows whether it was taken back */
}
END_TEST

START_TEST(a_clean_end_makes_cleared_values_sure_but_no_others)
{
    set(VALUES, first, "a\n");
    set(VALUES, first, "b\n");
    set(HOME, first, "p\n");
    set(HOME, first, "q\n");
    selkie_shown_tell(shown, selkie_shown_find(shown, first), VALUES);
    selkie_shown_tell(shown, selkie_shown_find(shown, first), HOME);
    set(VALUES, second, "a\n");
    set(VALUES, second, NULL);
    end();
    ck_assert_str_eq(record(VALUES, first), "b\n <");
    ck_assert_str_eq(record(HOME, first), "q\n < p\n");
    ck_assert_str_eq(record(VALUES, second), "- < a\n");
    selkie_shown_tell(shown, selkie_shown_find(shown, second), VALUES);
    selkie_shown_close(shown); /* Mosquitto has had no turn: it may have published nothing of that */
    start();
    ck_assert_str_eq(record(VALUES, second), "- < a\n");
}
END_TEST

START_TEST(what_is_sure_to_be_gone_is_forgotten)
{
    set(HOME, first, "p\n");
    set(HOME, first, "q\n");
    set(HOME, first, "r\n");
    selkie_shown_forget(shown, selkie_shown_find(shown, first), HOME, 1);
    ck_assert_str_eq(record(HOME, first), "r\n < q\n");
    crash();
    ck_assert_str_eq(record(HOME, first), "r\n < q\n");
    set(HOME, second, "p\n");
    set(HOME, second, NULL);
    selkie_shown_forget(shown, selkie_shown_find(shown, second), HOME, 0);
    crash();
    ck_assert_str_eq(record(HOME, second), "none");
    ck_assert(selkie_shown_has_line(shown, "q"));
    end();
    ck_assert(!selkie_shown_has_line(shown, "p"));
}
END_TEST

START_TEST(of_too_many_the_oldest_is_forgotten)
{
    char text[8];

    for (int i = 0; i < 10; i++) {
        (void)snprintf(text, sizeof text, "%d\n", i);
        set(VALUES, first, text);
    }
    ck_assert_str_eq(record(VALUES, first), "9\n < 8\n 7\n 6\n");
    for (uint32_t i = 0; i < 2 * SELKIE_SHOWN_GONE_MAX; i++) {
        const uint8_t address[SELKIE_ADDRESS_SIZE] = {9, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        set(VALUES, address, "x\n");
        set(VALUES, address, NULL);
        if (i % 1000 == 0)
            selkie_shown_turn(shown, 1);
    }
    selkie_shown_turn(shown, 1);
    unsigned count = 0;
    for (struct selkie_shown_device *device = selkie_shown_first(shown); device; device = device->hh.next)
        count++;
    ck_assert_uint_le(count, SELKIE_SHOWN_GONE_MAX + 1);
    ck_assert_str_eq(record(VALUES, first), "9\n < 8\n 7\n 6\n");
}
END_TEST

#define FIRST_LINE "[\"selkie-shown\",1]\n"
#define LINES                                                                                                          \
    "[\"text\",1,\"a\\n\"]\n"                                                                                          \
    "[\"device\",\"0100000000000000\",0,1]\n"

static void write_file(const char *text)
{
    selkie_shown_close(shown);
    kit_write(kit_path(dir, "shown"), text, strlen(text), 0600);
    fake_reset();
}

START_TEST(a_cut_line_costs_nothing_else)
{
    write_file(FIRST_LINE LINES "[\"device\",\"0100000000000000\",0,");
    start();
    ck_assert_uint_eq(fake_line_count, 0);
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    set(VALUES, first, "b\n"); /* not behind the cut line */
    crash();
    ck_assert_str_eq(record(VALUES, first), "b\n < a\n");
    set(VALUES, second, "b\n");
    ck_assert_str_eq(record(VALUES, second), "b\n <");
}
END_TEST

/* What was read of the lines behind a damaged one counts, and one line of the log says all of it. */
START_TEST(a_damaged_line_costs_only_itself_but_values_are_not_believed)
{
    char text[20000] = FIRST_LINE LINES;

    for (int i = 0; i < 1000; i++)
        (void)strcat(text, "nonsense\n");
    (void)strcat(text, "[\"device\",\"0200000000000000\",0,9]\n"
                       "[\"device\",\"0200000000000000\",7,1]\n"
                       "[\"device\",\"0200000000000000\",0,\"x\"]\n"
                       "[\"text\",3,\"c\\n\"]\n"
                       "[\"text\",1000000,\"d\\n\"]\n"
                       "[\"device\",\"0200000000000000\",0,2]\n"
                       "[\"device\",\"0200000000000000\",1,3]\n");
    write_file(text);
    start();
    ck_assert_str_eq(record(VALUES, first), "- < ?\n a\n");
    ck_assert_str_eq(record(HOME, second), "c\n <");
    ck_assert_str_eq(record(VALUES, second), "- < ?\n");
    ck_assert_uint_eq(fake_line_count, 1);
    ck_assert_ptr_nonnull(strstr(fake_lines[0].text,
                                 "/shown: 1005 lines are damaged; the first is line 4; it is kept as "
                                 "shown.damaged"));
}
END_TEST

static void damage_line(const char *path)
{
    static const char text[] = FIRST_LINE LINES "nonsense\n";

    kit_write(path, text, sizeof text - 1, 0600);
}

static void make_version_2(const char *path)
{
    static const char text[] = "[\"selkie-shown\",2]\n" LINES;

    kit_write(path, text, sizeof text - 1, 0600);
}

static void make_empty(const char *path)
{
    kit_write(path, "", 0, 0600);
}

static void make_pipe(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void make_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void make_link(const char *path)
{
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
}

static void make_huge(const char *path)
{
    make_empty(path);
    ck_assert_int_eq(truncate(path, 2LL << 30), 0);
}

static void make_long_line(const char *path)
{
    damage_line(path);
    ck_assert_int_eq(truncate(path, 3 << 20), 0); /* NULs without an end */
}

static void nothing(const char *path)
{
    (void)path;
}

static const struct {
    void (*make)(const char *path);
    const char *says; /* NULL = nothing, and nothing is kept aside */
} unknown[] = {{nothing, NULL},
               {damage_line, "1 lines are damaged"},
               {make_version_2, "is of another version"},
               {make_empty, "is of another version"},
               {make_pipe, "is not a regular file"},
               {make_folder, "is not a regular file"},
               {make_link, "symbolic link"},
               {make_huge, "at most 1073741824"},
               {make_long_line, "2 lines are damaged"}};

/* Then each device's values are owed once, also if the next crash comes before its state. */
START_TEST(what_is_not_known_is_kept_aside_and_doubted_until_all_devices_were_heard_of)
{
    struct stat before = {.st_ino = 0}, after;

    selkie_shown_close(shown);
    ck_assert_int_eq(unlink(kit_path(dir, "shown")), 0);
    unknown[_i].make(kit_path(dir, "shown"));
    ck_assert(!unknown[_i].says || lstat(kit_path(dir, "shown"), &before) == 0);
    fake_reset();
    start();
    ck_assert_uint_eq(fake_line_count, unknown[_i].says != NULL);
    if (unknown[_i].says) {
        ck_assert_msg(strstr(fake_lines[0].text, unknown[_i].says), "%s", fake_lines[0].text);
        ck_assert_int_eq(lstat(kit_path(dir, "shown.damaged"), &after), 0);
        ck_assert(before.st_ino == after.st_ino && before.st_size == after.st_size);
    }
    crash();
    set(HOME, second, "p\n");
    set(VALUES, second, "a\n");
    ck_assert_str_eq(record(VALUES, second), "a\n < ?\n");
    ck_assert_str_eq(record(HOME, second), "p\n <");
    selkie_shown_tell(shown, selkie_shown_find(shown, second), VALUES);
    selkie_shown_end_doubt(shown);
    end();
    ck_assert_str_eq(record(VALUES, second), "a\n <");
    set(VALUES, third, "a\n");
    ck_assert_str_eq(record(VALUES, third), "a\n <");
}
END_TEST

/* The disk gives the first 70 bytes of the file. */
static bool disk_fails;

FILE *__real_fdopen(int descriptor, const char *mode);
FILE *__wrap_fdopen(int descriptor, const char *mode);

static ssize_t read_some(void *cookie, char *buffer, size_t size)
{
    int *descriptor = cookie;
    off_t at = lseek(*descriptor, 0, SEEK_CUR);

    errno = EIO;
    return at >= 70 ? -1 : read(*descriptor, buffer, size < 70 ? size : 70);
}

static int close_it(void *cookie)
{
    int *descriptor = cookie;

    return close(*descriptor);
}

FILE *__wrap_fdopen(int descriptor, const char *mode)
{
    static int kept;
    static const cookie_io_functions_t functions = {.read = read_some, .close = close_it};

    kept = descriptor;
    return disk_fails && mode[0] == 'r' ? fopencookie(&kept, mode, functions) : __real_fdopen(descriptor, mode);
}

/* No more files can be opened (0); the disk fails in the middle (1). Neither time is what there was overwritten. */
START_TEST(what_cannot_be_read_is_never_overwritten)
{
    struct rlimit limit, none;
    struct stat before, after;

    set(VALUES, first, "a\n");
    set(VALUES, second, "b\n");
    end();
    selkie_shown_close(shown);
    ck_assert_int_eq(stat(kit_path(dir, "shown"), &before), 0);
    fake_reset();
    disk_fails = _i == 1;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = _i == 0 ? 0 : limit.rlim_cur, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_shown_load(shown, dir, false), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    disk_fails = false;
    ck_assert_ptr_nonnull(strstr(fake_lines[0].text, strerror(_i == 0 ? EMFILE : EIO)));
    ck_assert_int_eq(stat(kit_path(dir, "shown.damaged"), &after), 0);
    ck_assert(before.st_ino == after.st_ino && before.st_size == after.st_size);
    selkie_shown_turn(shown, 1);
    crash();
    set(VALUES, second, "b\n");
    ck_assert(selkie_shown_is_owed(selkie_shown_find(shown, second), VALUES));
}
END_TEST

START_TEST(a_clear_in_the_last_turn_is_not_sure)
{
    set(VALUES, first, "a\n");
    set(VALUES, first, NULL);
    selkie_shown_turn(shown, 1);
    selkie_shown_tell(shown, selkie_shown_find(shown, first), VALUES);
    selkie_shown_close(shown); /* Mosquitto ends without passing on what came in its last turn */
    start();
    ck_assert_str_eq(record(VALUES, first), "- < a\n");
}
END_TEST

#define SECOND 1000000

START_TEST(a_file_that_cannot_be_written_is_tried_again_once_a_minute_and_logged_once)
{
    selkie_shown_close(shown);
    fake_reset();
    ck_assert_int_eq(mkdir(kit_path(dir, "shown.new"), 0700), 0);
    start();
    ck_assert_int_lt(access(kit_path(dir, "shown"), F_OK), 0); /* it lacks what follows */
    set(VALUES, first, "a\n");
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    selkie_shown_turn(shown, SECOND);
    ck_assert_int_eq(rmdir(kit_path(dir, "shown.new")), 0);
    selkie_shown_turn(shown, 60LL * SECOND);
    ck_assert_int_lt(access(kit_path(dir, "shown"), F_OK), 0);
    ck_assert_uint_eq(fake_line_count, 1);
    ck_assert_ptr_nonnull(strstr(fake_lines[0].text, "/shown.new: "));
    selkie_shown_turn(shown, 61LL * SECOND);
    ck_assert_uint_eq(fake_line_count, 2);
    ck_assert_ptr_nonnull(strstr(fake_lines[1].text, "/shown: is written again"));
    crash();
    ck_assert_str_eq(record(VALUES, first), "a\n <");
}
END_TEST

START_TEST(a_file_that_lacks_a_change_is_not_believed)
{
    struct rlimit limit, none;

    set(VALUES, first, "a\n");
    selkie_shown_flush(shown);
    fake_reset();
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    set(VALUES, first, "b\n");
    selkie_shown_flush(shown);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_uint_eq(fake_line_count, 1);
    struct selkie_shown *next; /* after kill -9 */
    ck_assert_int_eq(selkie_shown_open(&next), 0);
    ck_assert_int_eq(selkie_shown_load(next, dir, false), 0);
    ck_assert_int_eq(selkie_shown_set(next, VALUES, first, "a\n"), 0);
    ck_assert(selkie_shown_is_owed(selkie_shown_find(next, first), VALUES));
    selkie_shown_close(next);
}
END_TEST

START_TEST(a_file_that_was_removed_is_written_again)
{
    set(VALUES, first, "a\n");
    selkie_shown_turn(shown, SECOND);
    ck_assert_int_eq(unlink(kit_path(dir, "shown")), 0);
    selkie_shown_turn(shown, 3LL * SECOND);
    set(VALUES, first, "b\n");
    crash();
    ck_assert_str_eq(record(VALUES, first), "b\n < a\n");
}
END_TEST

START_TEST(a_file_that_has_grown_is_written_anew)
{
    static char text[100000];
    struct stat status;

    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "%099998d", i);
        set(VALUES, first, text);
    }
    for (int i = 0; i < 4; i++) /* none of those is former any more */
        set(VALUES, first, i % 2 ? "a\n" : "b\n");
    set(VALUES, first, "c\n");
    set(VALUES, first, "d\n");
    selkie_shown_flush(shown);
    ck_assert_int_eq(stat(kit_path(dir, "shown"), &status), 0);
    ck_assert_int_gt(status.st_size, 8 << 20);
    selkie_shown_turn(shown, SECOND);
    ck_assert_int_eq(stat(kit_path(dir, "shown"), &status), 0);
    ck_assert_int_lt(status.st_size, 1000);
    crash();
    ck_assert_str_eq(record(VALUES, first), "d\n < c\n a\n b\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shown");
    TCase *tcase = tcase_create("shown");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_shown_is_known_after_a_restart_and_after_a_crash);
    tcase_add_test(tcase, what_was_shown_before_is_owed_until_it_is_told);
    tcase_add_test(tcase, a_clean_end_makes_cleared_values_sure_but_no_others);
    tcase_add_test(tcase, what_is_sure_to_be_gone_is_forgotten);
    tcase_add_test(tcase, of_too_many_the_oldest_is_forgotten);
    tcase_add_test(tcase, a_cut_line_costs_nothing_else);
    tcase_add_test(tcase, a_damaged_line_costs_only_itself_but_values_are_not_believed);
    tcase_add_loop_test(tcase, what_is_not_known_is_kept_aside_and_doubted_until_all_devices_were_heard_of, 0,
                        (int)(sizeof unknown / sizeof unknown[0]));
    tcase_add_loop_test(tcase, what_cannot_be_read_is_never_overwritten, 0, 2);
    tcase_add_test(tcase, a_clear_in_the_last_turn_is_not_sure);
    tcase_add_test(tcase, a_file_that_cannot_be_written_is_tried_again_once_a_minute_and_logged_once);
    tcase_add_test(tcase, a_file_that_lacks_a_change_is_not_believed);
    tcase_add_test(tcase, a_file_that_was_removed_is_written_again);
    tcase_add_test(tcase, a_file_that_has_grown_is_written_anew);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
