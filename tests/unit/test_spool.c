/* SPDX-License-Identifier: Apache-2.0 */
#include "run_suite.h"
#include "spool.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/selkie-spool-XXXXXX"; /* made and removed by main, so also after a test that fails */
static char path[64];
static struct selkie_spool *spool;
static struct selkie_spool_frame frame;

static void empty_folder(void)
{
    char pattern[sizeof(path) + 4];
    glob_t files;

    (void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
    if (glob(pattern, 0, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc; i++)
        (void)remove(files.gl_pathv[i]); /* also a folder */
    globfree(&files);
}

static void setup(void)
{
    empty_folder();
    (void)snprintf(path, sizeof(path), "%s/spool.db", folder);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
}

static void teardown(void)
{
    selkie_spool_close(spool);
}

static void reopen(void)
{
    selkie_spool_close(spool);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
}

static struct selkie_spool_frame frame_of(uint32_t number)
{
    struct selkie_spool_frame made = {.rx = 1700000000000 + number, .port = "/dev/ttyUSB0", .len = 522};

    memset(made.body, 0xA5, made.len);
    memcpy(made.body, &number, sizeof(number));
    return made;
}

static int64_t put(uint32_t number)
{
    struct selkie_spool_frame made = frame_of(number);

    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    return made.seq;
}

static uint32_t number_in(const struct selkie_spool_frame *from)
{
    uint32_t number;

    memcpy(&number, from->body, sizeof(number));
    return number;
}

/* The numbers in the spool, in order, from `first`. */
static void expect_numbers(uint32_t first, uint32_t count)
{
    int64_t after = 0;

    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(selkie_spool_next(spool, after, &frame), 0);
        ck_assert_uint_eq(number_in(&frame), first + i);
        after = frame.seq;
    }
    ck_assert_int_eq(selkie_spool_next(spool, after, &frame), SELKIE_ENOTFOUND);
    ck_assert_int_eq(selkie_spool_count(spool), count);
}

static size_t files_like(const char *suffix)
{
    char pattern[96];
    glob_t files;

    (void)snprintf(pattern, sizeof(pattern), "%s%s", path, suffix);
    if (glob(pattern, 0, NULL, &files) != 0)
        return 0;
    size_t count = files.gl_pathc;
    globfree(&files);
    return count;
}

START_TEST(frame_comes_back_as_it_was_put)
{
    int64_t seq = put(7);

    reopen();
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    struct selkie_spool_frame made = frame_of(7);
    ck_assert_int_eq(frame.seq, seq);
    ck_assert_int_eq(frame.rx, made.rx);
    ck_assert_str_eq(frame.port, made.port);
    ck_assert_uint_eq(frame.len, made.len);
    ck_assert_mem_eq(frame.body, made.body, made.len);
}
END_TEST

START_TEST(frames_come_in_the_order_in_which_they_were_put)
{
    struct selkie_spool_frame batch[3];

    put(0);
    for (uint32_t i = 0; i < 3; i++)
        batch[i] = frame_of(i + 1);
    ck_assert_int_eq(selkie_spool_put(spool, batch, 3), 0);
    put(4);
    expect_numbers(0, 5);
}
END_TEST

START_TEST(seq_is_never_used_again_when_the_spool_was_emptied)
{
    int64_t seqs[] = {put(1), put(2)};

    ck_assert_int_gt(seqs[1], seqs[0]);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, 2), 2);
    ck_assert_int_eq(selkie_spool_count(spool), 0);
    ck_assert_int_gt(put(3), seqs[1]);
    int64_t last = put(4);
    reopen();
    ck_assert_int_gt(put(5), last + 1000); /* a gap, for what a lying card may have lost */
}
END_TEST

START_TEST(seq_begins_elsewhere_in_each_fresh_spool)
{
    int64_t first = put(1);

    selkie_spool_close(spool);
    ck_assert_int_eq(unlink(path), 0);
    spool = selkie_spool_open(path, 10);
    int64_t second = put(1);
    ck_assert_int_gt(second > first ? second - first : first - second, 1 << 20);
    ck_assert_int_lt(second, INT64_C(1) << 53);
}
END_TEST

START_TEST(forgetting_is_in_effect_at_once_and_durable_after_sync)
{
    int64_t seqs[] = {put(1), put(2), 12345};

    ck_assert_uint_eq(selkie_spool_forget(spool, &seqs[0], 1), 1);
    expect_numbers(2, 1);
    ck_assert_uint_eq(selkie_spool_forget(spool, &seqs[2], 1), 0);
    selkie_spool_sync(spool);
    reopen();
    expect_numbers(2, 1);
}
END_TEST

START_TEST(oldest_goes_at_max_frames)
{
    struct selkie_spool_info info;

    selkie_spool_set_max(spool, 10);
    for (uint32_t i = 0; i < 25; i++)
        put(i);
    expect_numbers(15, 10);
    selkie_spool_info(spool, &info);
    ck_assert_uint_eq(info.dropped, 15);
    ck_assert_int_eq(info.frames, 10);
    ck_assert_int_eq(info.oldest_rx, frame_of(15).rx);
}
END_TEST

START_TEST(batch_larger_than_max_frames_leaves_its_newest)
{
    struct selkie_spool_frame batch[8];

    selkie_spool_set_max(spool, 3);
    put(0);
    for (uint32_t i = 0; i < 8; i++)
        batch[i] = frame_of(i + 1);
    ck_assert_int_eq(selkie_spool_put(spool, batch, 8), 0);
    expect_numbers(6, 3);
}
END_TEST

START_TEST(what_was_put_survives_kill_at_any_moment)
{
    int pipes[2];
    uint32_t stored = 0;
    uint32_t number = 0;

    selkie_spool_close(spool);
    spool = NULL;
    for (int round = 0; round < 20; round++) {
        ck_assert_int_eq(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            struct selkie_spool *mine = selkie_spool_open(path, 1000000);
            for (uint32_t next = stored;; next++) {
                struct selkie_spool_frame made = frame_of(next);
                if (mine == NULL || selkie_spool_put(mine, &made, 1) < 0 ||
                    write(pipes[1], &next, sizeof(next)) != sizeof(next))
                    _exit(1);
            }
        }
        (void)close(pipes[1]);
        for (int i = 0; i < 5 + round; i++)
            ck_assert_int_eq(read(pipes[0], &number, sizeof(number)), sizeof(number));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        while (read(pipes[0], &number, sizeof(number)) == sizeof(number))
            ;
        (void)close(pipes[0]);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        stored = number + 1;

        spool = selkie_spool_open(path, 1000000);
        ck_assert_ptr_nonnull(spool);
        /* The one under way at the kill may be there as well. */
        ck_assert_int_ge(selkie_spool_count(spool), stored);
        stored = (uint32_t)selkie_spool_count(spool);
        expect_numbers(0, stored);
        selkie_spool_close(spool);
        spool = NULL;
    }
}
END_TEST

/* Write over a part of the file, and lose the log, which would heal it. */
static void damage(off_t at, size_t len)
{
    char garbage[4096];
    char log[80];

    (void)snprintf(log, sizeof(log), "%s-wal", path);
    (void)unlink(log);
    int fd = open(path, O_WRONLY);
    memset(garbage, 0x5A, sizeof(garbage));
    ck_assert_int_ge(fd, 0);
    for (; len > 0; len -= sizeof(garbage), at += (off_t)sizeof(garbage))
        ck_assert_int_eq(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
    (void)close(fd);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(damaged_spool_is_set_aside_and_a_fresh_one_begun)
{
    int64_t first = put(1);

    selkie_spool_close(spool);
    damage(0, 4096);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert_int_eq(selkie_spool_count(spool), 0);
    ck_assert_uint_eq(files_like(".damaged-1"), 1);
    int64_t second = put(2);
    ck_assert_int_ne(first, second);
    expect_numbers(2, 1);
}
END_TEST

START_TEST(damage_found_later_is_set_aside_then)
{
    for (uint32_t i = 0; i < 200; i++)
        put(i);
    reopen(); /* all in the file, nothing in the log */
    selkie_spool_close(spool);
    damage((off_t)15 * 4096, 4096); /* a page in the middle; both ends of the table are whole */
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert_uint_eq(files_like(".damaged-1"), 0);
    unsigned before = selkie_spool_generation(spool);
    int64_t after = 0;
    while (selkie_spool_next(spool, after, &frame) == 0)
        after = frame.seq;
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    put(1000);
    ck_assert_uint_eq(files_like(".damaged-1"), 1);
    expect_numbers(1000, 1);
}
END_TEST

/* What the log says from here on goes into a file. */
static void catch_log(void)
{
    char log[80];

    (void)snprintf(log, sizeof(log), "%s/log", folder);
    ck_assert_ptr_nonnull(freopen(log, "we", stderr));
}

static unsigned caught_lines(const char *with)
{
    char line[1000];
    unsigned count = 0;

    (void)snprintf(line, sizeof(line), "%s/log", folder);
    (void)fflush(stderr);
    FILE *log = fopen(line, "re");
    ck_assert_ptr_nonnull(log);
    while (fgets(line, sizeof(line), log) != NULL)
        count += strstr(line, with) != NULL;
    (void)fclose(log);
    return count;
}

/* Folders in the places of all names that a damaged file could have: root, too, cannot rename over them. */
static void take_names(bool take)
{
    char name[96];

    for (int i = 1; i <= 3; i++) {
        (void)snprintf(name, sizeof(name), "%s.damaged-%d", path, i);
        ck_assert_int_eq(take ? mkdir(name, 0700) : rmdir(name), 0);
    }
}

START_TEST(damaged_spool_that_cannot_be_set_aside_is_told_once_and_tried_until_it_can)
{
    struct selkie_spool_frame made = frame_of(1000);
    struct selkie_spool_info info;

    for (uint32_t i = 0; i < 200; i++)
        put(i);
    reopen();
    selkie_spool_close(spool);
    damage((off_t)15 * 4096, 4096);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    unsigned before = selkie_spool_generation(spool);
    take_names(true);
    catch_log();
    int64_t after = 0;
    while (selkie_spool_next(spool, after, &frame) == 0)
        after = frame.seq;
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), SELKIE_ESTORAGE);
        ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE);
        ck_assert_uint_eq(selkie_spool_forget(spool, &after, 1), 0);
        selkie_spool_sync(spool);
        selkie_spool_info(spool, &info);
    }
    ck_assert_uint_eq(selkie_spool_generation(spool), before); /* nobody begins anew with what cannot be read */
    ck_assert_uint_eq(caught_lines("damaged, and cannot be set aside as"), 1);
    ck_assert_uint_eq(caught_lines("spool.db.damaged-3: Is a directory"), 1);
    ck_assert_uint_eq(caught_lines("a fresh one is begun"), 0);
    ck_assert_uint_eq(caught_lines(""), 2); /* what it could not do, and why that stays so */
    take_names(false);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    ck_assert_uint_eq(caught_lines("a fresh one is begun"), 1);
    ck_assert_uint_eq(caught_lines("works again"), 1);
    expect_numbers(1000, 1);
}
END_TEST

START_TEST(damaged_spool_that_cannot_be_set_aside_at_the_start_is_refused_with_the_reason)
{
    selkie_spool_close(spool);
    damage(0, 4096);
    take_names(true);
    catch_log();
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_null(spool);
    ck_assert_uint_eq(caught_lines("damaged, and cannot be set aside as"), 1);
    ck_assert_uint_eq(caught_lines(""), 1);
}
END_TEST

START_TEST(generation_tells_when_forgotten_frames_are_back)
{
    int64_t seqs[] = {put(0), put(1)};
    struct selkie_spool_frame made = frame_of(2);
    unsigned before = selkie_spool_generation(spool);

    limit_files(4096);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE); /* with nothing forgotten, nothing is back */
    ck_assert_uint_eq(selkie_spool_generation(spool), before);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, 2), 2);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE);
    expect_numbers(0, 2);
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    limit_files(RLIM_INFINITY);
    before = selkie_spool_generation(spool);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, 2), 2);
    selkie_spool_sync(spool);
    ck_assert_uint_eq(selkie_spool_generation(spool), before);
}
END_TEST

START_TEST(damaged_files_do_not_pile_up)
{
    for (int i = 0; i < 6; i++) {
        selkie_spool_close(spool);
        damage(0, 4096);
        spool = selkie_spool_open(path, 1000000);
        ck_assert_ptr_nonnull(spool);
    }
    ck_assert_uint_eq(files_like(".damaged-[0-9]"), 3);
}
END_TEST

START_TEST(another_programs_database_is_refused_and_left_alone)
{
    sqlite3 *db = NULL;

    selkie_spool_close(spool);
    spool = NULL;
    (void)unlink(path);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    ck_assert_ptr_null(selkie_spool_open(path, 10));
    ck_assert_uint_eq(files_like(".damaged-*"), 0);
}
END_TEST

START_TEST(second_process_is_refused)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(selkie_spool_open(path, 10) == NULL ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(files_like(".damaged-*"), 0);
    put(1);
}
END_TEST

START_TEST(missing_folder_is_refused)
{
    ck_assert_ptr_null(selkie_spool_open("/nowhere/at/all/spool.db", 10));
}
END_TEST

START_TEST(oldest_goes_when_the_disk_is_full)
{
    struct selkie_spool_info info;
    uint32_t next = 0;

    limit_files(1024 * 1024);
    do {
        ck_assert_uint_lt(next, 100000);
        put(next++);
        selkie_spool_info(spool, &info);
    } while (info.dropped == 0);
    ck_assert_uint_gt(next, 1000);
    for (int i = 0; i < 500; i++)
        put(next++);
    selkie_spool_info(spool, &info);
    expect_numbers((uint32_t)info.dropped, next - (uint32_t)info.dropped);
    reopen();
    expect_numbers((uint32_t)info.dropped, next - (uint32_t)info.dropped);
    limit_files(RLIM_INFINITY);
    put(next++);
    expect_numbers((uint32_t)info.dropped, next - (uint32_t)info.dropped);
}
END_TEST

/* The log cannot be written at all: nothing is stored, and nothing that was is lost. */
START_TEST(disk_that_fails_is_survived)
{
    struct selkie_spool_frame made = frame_of(2);

    put(0);
    put(1);
    limit_files(4096);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE);
    expect_numbers(0, 2);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    expect_numbers(0, 3);
}
END_TEST

START_TEST(size_on_disk_is_bounded)
{
    struct stat info;

    selkie_spool_set_max(spool, 100);
    for (uint32_t i = 0; i < 2000; i++)
        put(i);
    selkie_spool_close(spool);
    spool = NULL;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_lt(info.st_size, 1024 * 1024);
    char wal[80];
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    if (stat(wal, &info) == 0)
        ck_assert_int_le(info.st_size, 3 * 1024 * 1024);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool");
    TCase *tcase = tcase_create("spool");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, frame_comes_back_as_it_was_put);
    tcase_add_test(tcase, frames_come_in_the_order_in_which_they_were_put);
    tcase_add_test(tcase, seq_is_never_used_again_when_the_spool_was_emptied);
    tcase_add_test(tcase, seq_begins_elsewhere_in_each_fresh_spool);
    tcase_add_test(tcase, forgetting_is_in_effect_at_once_and_durable_after_sync);
    tcase_add_test(tcase, oldest_goes_at_max_frames);
    tcase_add_test(tcase, batch_larger_than_max_frames_leaves_its_newest);
    tcase_add_test(tcase, what_was_put_survives_kill_at_any_moment);
    tcase_add_test(tcase, damaged_spool_is_set_aside_and_a_fresh_one_begun);
    tcase_add_test(tcase, damage_found_later_is_set_aside_then);
    tcase_add_test(tcase, damaged_spool_that_cannot_be_set_aside_is_told_once_and_tried_until_it_can);
    tcase_add_test(tcase, damaged_spool_that_cannot_be_set_aside_at_the_start_is_refused_with_the_reason);
    tcase_add_test(tcase, damaged_files_do_not_pile_up);
    tcase_add_test(tcase, another_programs_database_is_refused_and_left_alone);
    tcase_add_test(tcase, second_process_is_refused);
    tcase_add_test(tcase, missing_folder_is_refused);
    tcase_add_test(tcase, oldest_goes_when_the_disk_is_full);
    tcase_add_test(tcase, disk_that_fails_is_survived);
    tcase_add_test(tcase, generation_tells_when_forgotten_frames_are_back);
    tcase_add_test(tcase, size_on_disk_is_bounded);
    suite_add_tcase(suite, tcase);
    if (mkdtemp(folder) == NULL)
        return 1;
    int result = run_suite(suite);
    empty_folder();
    (void)rmdir(folder);
    return result;
}
