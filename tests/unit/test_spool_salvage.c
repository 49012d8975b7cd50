/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a spool when a page cannot be read, a file was truncated, or a log is gone. The disk's errors are
 * made below SQLite and below us: this program's pread is the one that both call. */
#define _GNU_SOURCE
#include "spool_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096
#define FRAMES 75
#define ROWS   7 /* at most so many of our frames are on a page */

static struct {
    ino_t file;
    off_t page;     /* from 1; 0: none */
    unsigned times; /* that its reading fails */
} fault;

static struct {
    unsigned reads;     /* so far */
    unsigned signal_at; /* the read at which SIGTERM comes; 0: never */
    time_t seconds;     /* that each read takes, by the monotonic clock */
} disk;

static bool is_at_fault(int fd)
{
    struct stat file;

    return fstat(fd, &file) == 0 && file.st_ino == fault.file;
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    if (++disk.reads == disk.signal_at)
        (void)kill(getpid(), SIGTERM);
    if (fault.page > 0 && fault.times > 0 && at < fault.page * PAGE && at + (off64_t)len > (fault.page - 1) * PAGE &&
        is_at_fault(fd)) {
        fault.times--;
        errno = EIO;
        return -1;
    }
    return real(fd, bytes, len, at);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
    return pread64(fd, bytes, len, at);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (id == CLOCK_MONOTONIC)
        now->tv_sec += (time_t)disk.reads * disk.seconds;
    return result;
}

static void fail_page(off_t page, unsigned times)
{
    struct stat file = {.st_ino = 0};

    ck_assert(page == 0 || stat(path, &file) == 0);
    fault.file = file.st_ino;
    fault.page = page;
    fault.times = times;
}

static void start(void)
{
    fail_page(0, 0);
    set_up_spool();
    catch_log();
}

/* Frames in the file, none in its log. */
static void fill(void)
{
    for (uint32_t i = 0; i < FRAMES; i++)
        put(i);
    selkie_spool_close(spool);
    spool = NULL;
}

static void open_again(void)
{
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
}

/* Read all; how many there are. Each is whole, and none comes twice. */
static uint32_t count_frames(void)
{
    struct selkie_spool_frame made;
    int64_t after = 0;
    uint32_t count = 0;

    for (; selkie_spool_next(spool, after, &frame) == 0; count++) {
        made = frame_of(number_in(&frame));
        ck_assert_int_gt(frame.seq, after);
        ck_assert_int_eq(frame.rx, made.rx);
        ck_assert_int_eq(frame.rssi, made.rssi);
        ck_assert_str_eq(frame.port, made.port);
        ck_assert_uint_eq(frame.len, made.len);
        ck_assert_mem_eq(frame.body, made.body, made.len);
        after = frame.seq;
    }
    ck_assert_int_eq(selkie_spool_count(spool), count);
    return count;
}

static off_t pages_of_spool(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    off_t pages = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return pages;
}

START_TEST(one_unreadable_page_costs_the_frames_on_it_and_no_other)
{
    fill();
    off_t pages = pages_of_spool();
    ck_assert_int_gt(pages, FRAMES / ROWS);
    for (off_t page = 1; page <= pages; page++) {
        start();
        fill();
        fail_page(page, UINT_MAX);
        open_again();
        int64_t last = put(1000); /* may find the damage, or not */
        uint32_t count = count_frames();
        ck_assert_msg(count + ROWS >= FRAMES + 1, "page %d: %u frames", (int)page, count);
        ck_assert_uint_eq(number_in(&frame), 1000);
        fail_page(0, 0);
        ck_assert_int_gt(put(1001), last);
        ck_assert_uint_eq(count_frames(), count + 1);
        if (count < FRAMES + 1)
            ck_assert_uint_eq(files_like(".damaged-1"), 1);
        selkie_spool_close(spool);
        spool = NULL;
    }
}
END_TEST

START_TEST(a_passing_error_of_the_disk_costs_nothing)
{
    fill();
    for (unsigned times = 1; times <= 2; times++) {
        fail_page(8, times);
        open_again();
        ck_assert_uint_eq(count_frames(), FRAMES);
        ck_assert_uint_eq(fault.times, 0);
        ck_assert_uint_eq(files_like(".damaged-*"), 0);
        ck_assert_uint_eq(caught_lines("only after reading again"), times);
        selkie_spool_close(spool);
        spool = NULL;
    }
}
END_TEST

START_TEST(damage_under_way_is_told_with_how_many_frames_are_saved)
{
    int64_t first = put(0);

    for (uint32_t i = 1; i < FRAMES; i++)
        put(i);
    reopen();
    fail_page(8, UINT_MAX);
    unsigned before = selkie_spool_generation(spool);
    uint32_t count = count_frames();
    ck_assert_uint_lt(count, FRAMES);
    ck_assert_uint_ge(count + ROWS, FRAMES);
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    char told[80];
    (void)snprintf(told, sizeof told, "a fresh one started with the %u frames that could be read (unreadable pages: 1)",
                   count);
    ck_assert_uint_eq(caught_lines(told), 1);
    ck_assert_uint_eq(caught_lines(""), 2); /* what could not be read, and what became of it */
    /* A receipt for one of them is a receipt still. */
    ck_assert_uint_eq(selkie_spool_forget(spool, &first, 1), 1);
}
END_TEST

/* Frames that are only in the log, as a kill leaves them. */
static void fill_and_die(uint32_t count)
{
    int status;
    pid_t child;

    selkie_spool_close(spool);
    spool = NULL;
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        open_again();
        for (uint32_t i = 0; i < count; i++)
            put(i);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_truncated_spool_gets_back_what_its_log_has)
{
    for (int gone = 0; gone < 2; gone++) {
        selkie_spool_close(spool);
        start();
        selkie_spool_close(spool);
        spool = NULL;
        (void)unlink(path); /* the first spool of all, so that its log has each page */
        (void)unlink(log_path());
        fill_and_die(20);
        ck_assert_int_eq(gone ? unlink(path) : truncate(path, 0), 0);
        open_again();
        ck_assert_uint_eq(count_frames(), 20);
        ck_assert_uint_eq(files_like(".damaged-1-wal"), 1);
        ck_assert_uint_eq(caught_lines("with the 20 frames that could be read"), 1);
        ck_assert_uint_eq(caught_lines(": lost"), 0);
        selkie_spool_close(spool);
        spool = NULL;
    }
}
END_TEST

START_TEST(a_spool_that_was_there_is_told_to_be_lost)
{
    char note[80];

    (void)snprintf(note, sizeof note, "%s.instance", path);
    ck_assert_uint_eq(caught_lines(""), 0); /* the first of all is no loss */
    fill();
    ck_assert_int_eq(truncate(path, 0), 0);
    (void)unlink(log_path());
    open_again();
    ck_assert_uint_eq(caught_lines(": lost: by "), 1);
    fill();
    (void)unlink(path);
    (void)unlink(log_path());
    open_again();
    ck_assert_uint_eq(caught_lines(": lost: by "), 2);
    reopen();
    ck_assert_uint_eq(caught_lines(""), 2);
}
END_TEST

/* A young spool's tables are in its log too. */
START_TEST(a_spool_whose_log_is_gone_is_told)
{
    selkie_spool_close(spool);
    (void)unlink(path);
    (void)unlink(log_path());
    spool = NULL;
    catch_log();
    open_again();
    fill_and_die(20);
    (void)unlink(log_path());
    open_again();
    ck_assert_uint_eq(caught_lines("is gone; the frames stored last are lost") + caught_lines(": lost: by "), 2);
    put(1);
    ck_assert_uint_eq(count_frames(), 1);
}
END_TEST

/* What is missing at the end counts as unreadable. */
START_TEST(pages_that_a_truncated_spool_lacks_are_told)
{
    struct stat file;
    char text[60];

    fill();
    ck_assert_int_eq(stat(path, &file), 0);
    sqlite3 *db;
    sqlite3_stmt *count;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &count, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(count), SQLITE_ROW);
    (void)snprintf(text, sizeof text, "(unreadable pages: %d)", sqlite3_column_int(count, 0) - 2);
    (void)sqlite3_finalize(count);
    (void)sqlite3_close(db); /* takes its log along */
    ck_assert_int_eq(truncate(path, 2 * PAGE), 0);
    open_again();
    ck_assert_uint_eq(caught_lines(text), 1);
}
END_TEST

/* Cut to nothing, or to less than a page. */
START_TEST(a_spool_whose_log_is_empty_is_told)
{
    for (off_t left = 0; left <= 40; left += 40) {
        fill(); /* the tables are in the file */
        open_again();
        fill_and_die(20);
        ck_assert_int_eq(truncate(log_path(), left), 0);
        open_again();
        ck_assert_uint_eq(caught_lines("is empty; the frames stored last are lost"), left == 0 ? 1 : 2);
        reopen();
        ck_assert_uint_eq(caught_lines("stored last are lost"), left == 0 ? 1 : 2);
    }
}
END_TEST

/* Killed between the renaming and the end of the rescue. */
START_TEST(a_rescue_that_was_killed_goes_on)
{
    char name[2][96];

    fill();
    (void)snprintf(name[0], sizeof name[0], "%s.damaged-1", path);
    (void)snprintf(name[1], sizeof name[1], "%s.from-1", path);
    ck_assert_int_eq(rename(path, name[0]), 0);
    int fd = open(name[1], O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, "half of it", 10), 10);
    (void)close(fd);
    open_again(); /* its log is still where it was */
    ck_assert_uint_eq(count_frames(), FRAMES);
    ck_assert_uint_eq(files_like(".from-*"), 0);
    ck_assert_uint_eq(files_like(".damaged-1-wal"), 1);
    ck_assert_uint_eq(caught_lines(": lost"), 0);
    /* Killed before the renaming. */
    selkie_spool_close(spool);
    fd = open(name[1], O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    open_again();
    ck_assert_uint_eq(count_frames(), FRAMES);
    ck_assert_uint_eq(files_like(".from-*"), 0);
}
END_TEST

/* The last number is used again. What the one before left there is another spool's. */
START_TEST(the_log_of_an_older_damaged_spool_is_not_taken_for_this_ones)
{
    char name[4][96];

    fill();
    (void)snprintf(name[3], sizeof name[3], "%s.damaged-3-wal", path);
    ck_assert_int_eq(rename(log_path(), name[3]), 0);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name[i], sizeof name[i], "%s.damaged-%d", path, i + 1);
        int fd = open(name[i], O_WRONLY | O_CREAT, 0600);
        (void)close(fd);
    }
    (void)unlink(path);
    open_again();
    for (uint32_t i = 1000; i < 1000 + FRAMES; i++)
        put(i);
    selkie_spool_close(spool);
    (void)unlink(log_path());
    fail_page(1, UINT_MAX);
    open_again();
    expect_numbers(1000, FRAMES);
}
END_TEST

/* Renamed, and then the disk was full: the next try goes on with that, and not with the next number. */
START_TEST(a_rescue_that_failed_goes_on)
{
    char name[96];

    fill();
    (void)snprintf(name, sizeof name, "%s.from-1", path);
    for (off_t len = 4096; len < 65536; len += 20480) {
        fail_page(1, UINT_MAX);
        limit_files((rlim_t)len);
        spool = selkie_spool_open(path, 1000000);
        limit_files(RLIM_INFINITY);
        ck_assert_ptr_nonnull(spool);
        if (!selkie_spool_works(spool))
            ck_assert_uint_eq(files_like(".damaged-1"), 1);
        fail_page(0, 0);
        ck_assert(selkie_spool_mend(spool));
        ck_assert_uint_eq(files_like(".damaged-2"), 0);
        selkie_spool_close(spool);
        spool = NULL;
        start();
        fill();
    }
}
END_TEST

/* Block SIGTERM, as the gateway does; it takes the signal in its loop. */
static void block_end(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static bool take_end(void)
{
    const struct timespec none = {.tv_sec = 0};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    return sigtimedwait(&set, NULL, &none) == SIGTERM;
}

/* A rescue of a million frames takes minutes, and the gateway's loop waits for it. */
START_TEST(a_rescue_ends_when_the_gateway_is_to_end_and_begins_again_at_the_next_start)
{
    fill();
    off_t pages = pages_of_spool();
    block_end();
    fail_page(1, UINT_MAX);
    disk.signal_at = disk.reads + 3 * 15; /* a few pages into the rescue; each opening reads the first one nine times */
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert_uint_lt(disk.reads, disk.signal_at + 3);
    ck_assert_int_lt(disk.reads, (unsigned)pages * 10);
    ck_assert(!selkie_spool_works(spool));
    ck_assert_uint_eq(caught_lines("stopped at page"), 1);
    ck_assert_uint_eq(files_like(".from-1"), 1);
    ck_assert(take_end());
    /* Not again in this process, not at its end either: what is in memory waits no minutes. */
    unsigned reads = disk.reads;
    frame = frame_of(500);
    selkie_spool_hold(spool, &frame, 1);
    ck_assert(!selkie_spool_mend(spool));
    selkie_spool_close(spool);
    ck_assert_uint_eq(disk.reads, reads);
    fail_page(0, 0);
    open_again();
    ck_assert_uint_eq(count_frames(), FRAMES);
    ck_assert_uint_eq(files_like(".from-*"), 0);
    ck_assert_uint_eq(files_like(".damaged-2"), 0);
}
END_TEST

START_TEST(no_rescue_begins_once_the_gateway_is_ending)
{
    fill();
    open_again();
    selkie_spool_end(spool);
    fail_page(8, UINT_MAX);
    while (selkie_spool_next(spool, frame.seq, &frame) == 0)
        continue;
    ck_assert_uint_eq(files_like(".from-*") + files_like(".damaged-*"), 0);
    selkie_spool_close(spool);
    fail_page(0, 0);
    open_again();
    ck_assert_uint_eq(count_frames(), FRAMES);
}
END_TEST

START_TEST(a_long_rescue_says_how_far_it_is)
{
    fill();
    fail_page(8, UINT_MAX);
    disk.seconds = 1;
    open_again();
    (void)count_frames();
    ck_assert_uint_eq(caught_lines("frames that could be read"), 1);
    unsigned lines = caught_lines("taking over its frames: page ");
    ck_assert_msg(lines >= 1 && lines <= disk.reads / 10, "%u lines", lines);
    ck_assert_uint_ge(caught_lines("frames so far"), 1);
}
END_TEST

START_TEST(two_gateways_do_not_rescue_the_same_spool)
{
    char name[2][96];

    fill();
    (void)snprintf(name[0], sizeof name[0], "%s.damaged-1", path);
    (void)snprintf(name[1], sizeof name[1], "%s.from-1", path);
    ck_assert_int_eq(rename(path, name[0]), 0);
    int fd = open(name[1], O_RDWR | O_CREAT, 0600); /* the other gateway's */
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_assert_ptr_null(selkie_spool_open(path, 10));
    ck_assert_uint_eq(caught_lines("another process is about it, perhaps a second gateway"), 1);
    ck_assert_uint_eq(files_like(".from-1"), 1);
    (void)close(fd);
    open_again();
    ck_assert_uint_eq(count_frames(), FRAMES);
}
END_TEST

static void make_foreign(const char *statements)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, statements, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static size_t read_whole(char bytes[static 1 << 16])
{
    FILE *file = fopen(path, "re");
    size_t len = fread(bytes, 1, 1 << 16, file);

    (void)fclose(file);
    return len;
}

START_TEST(a_database_that_is_not_for_us_is_not_changed_by_a_byte)
{
    static const char *const foreign[] = {
        "CREATE TABLE mine (x)", "CREATE TABLE mine (x); PRAGMA application_id = 7",
        "CREATE TABLE frame (x); PRAGMA application_id = 0x53454C4B; PRAGMA user_version = 9"};
    static char before[1 << 16], after[1 << 16];

    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        selkie_spool_close(spool);
        start();
        selkie_spool_close(spool);
        (void)unlink(path);
        (void)unlink(log_path());
        make_foreign(foreign[i]);
        size_t len = read_whole(before);
        spool = selkie_spool_open(path, 10);
        ck_assert_ptr_null(spool);
        ck_assert_uint_eq(read_whole(after), len);
        ck_assert_mem_eq(before, after, len);
        ck_assert_uint_eq(files_like("-*"), 0);
        ck_assert_uint_eq(files_like(".damaged*"), 0);
        ck_assert_uint_eq(caught_lines(i < 2 ? "another program's database" : "made by another version"), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool_salvage");
    TCase *tcase = tcase_create("spool_salvage");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, tear_down_spool);
    tcase_add_test(tcase, one_unreadable_page_costs_the_frames_on_it_and_no_other);
    tcase_add_test(tcase, a_passing_error_of_the_disk_costs_nothing);
    tcase_add_test(tcase, damage_under_way_is_told_with_how_many_frames_are_saved);
    tcase_add_test(tcase, a_truncated_spool_gets_back_what_its_log_has);
    tcase_add_test(tcase, a_spool_that_was_there_is_told_to_be_lost);
    tcase_add_test(tcase, a_spool_whose_log_is_gone_is_told);
    tcase_add_test(tcase, pages_that_a_truncated_spool_lacks_are_told);
    tcase_add_test(tcase, a_spool_whose_log_is_empty_is_told);
    tcase_add_test(tcase, a_rescue_that_was_killed_goes_on);
    tcase_add_test(tcase, the_log_of_an_older_damaged_spool_is_not_taken_for_this_ones);
    tcase_add_test(tcase, a_rescue_that_failed_goes_on);
    tcase_add_test(tcase, a_rescue_ends_when_the_gateway_is_to_end_and_begins_again_at_the_next_start);
    tcase_add_test(tcase, no_rescue_begins_once_the_gateway_is_ending);
    tcase_add_test(tcase, a_long_rescue_says_how_far_it_is);
    tcase_add_test(tcase, two_gateways_do_not_rescue_the_same_spool);
    tcase_add_test(tcase, a_database_that_is_not_for_us_is_not_changed_by_a_byte);
    suite_add_tcase(suite, tcase);
    return run_in_folder(suite);
}
