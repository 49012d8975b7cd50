/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are damaged, or somebody else's. */
#include "spool_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write over a part of the file, and lose the log, which would heal it. */
static void damage(off_t at, size_t len)
{
    char garbage[4096];

    (void)unlink(log_path());
    int fd = open(path, O_WRONLY);
    memset(garbage, 0x5A, sizeof garbage);
    ck_assert_int_ge(fd, 0);
    for (; len > 0; len -= sizeof garbage, at += (off_t)sizeof garbage)
        ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    (void)close(fd);
}

enum { HEADER = 0, MIDDLE = 15 * 4096 }; /* a page in the middle: both ends of the table are whole */

/* Close the spool, damage the page there, and open it again. */
static void reopen_damaged(off_t at)
{
    selkie_spool_close(spool);
    damage(at, 4096);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
}

/* 200 frames, and damage that the opening does not find. Returns the spool's generation. */
static unsigned damage_in_the_middle(void)
{
    for (uint32_t i = 0; i < 200; i++)
        put(i);
    reopen(); /* all in the file, nothing in the log */
    reopen_damaged(MIDDLE);
    return selkie_spool_generation(spool);
}

/* Read until nothing more can be read; the last seq. */
static int64_t read_on(void)
{
    int64_t after = 0;

    while (selkie_spool_next(spool, after, &frame) == 0)
        after = frame.seq;
    return after;
}

/* All frames but those on the page, and so many new ones. */
static void expect_saved(int64_t before, int64_t since)
{
    ck_assert_int_lt(selkie_spool_count(spool), before + since);
    ck_assert_int_gt(selkie_spool_count(spool), before + since - 8);
}

START_TEST(damaged_spool_is_set_aside_and_a_fresh_one_begun)
{
    int64_t first = put(1);

    reopen_damaged(HEADER);
    ck_assert_int_eq(selkie_spool_count(spool), 1); /* on another page */
    ck_assert_uint_eq(files_like(".damaged-1"), 1);
    int64_t second = put(2);
    ck_assert_int_gt(second, first);
    expect_numbers(1, 2);
}
END_TEST

START_TEST(damage_found_later_is_set_aside_then)
{
    unsigned before = damage_in_the_middle();

    ck_assert_uint_eq(files_like(".damaged-1"), 0);
    (void)read_on();
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    put(1000);
    ck_assert_uint_eq(files_like(".damaged-1"), 1);
    (void)read_on();
    ck_assert_uint_eq(number_in(&frame), 1000);
    expect_saved(200, 1);
}
END_TEST

/* Folders in the places of all names that a damaged file could have: root, too, cannot rename over them. */
static void take_names(bool take)
{
    char name[96];

    for (int i = 1; i <= 3; i++) {
        (void)snprintf(name, sizeof name, "%s.damaged-%d", path, i);
        ck_assert_int_eq(take ? mkdir(name, 0700) : rmdir(name), 0);
    }
}

START_TEST(damaged_spool_that_cannot_be_set_aside_is_told_once_and_tried_until_it_can)
{
    struct selkie_spool_frame made = frame_of(1000);
    struct selkie_spool_info info;
    unsigned before = damage_in_the_middle();

    take_names(true);
    catch_log();
    int64_t after = read_on();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), SELKIE_ESTORAGE);
        ck_assert_int_eq(selkie_spool_put(spool, &made, 1), SELKIE_ESTORAGE);
        ck_assert_uint_eq(selkie_spool_forget(spool, &after, 1), 0);
        selkie_spool_sync(spool);
        selkie_spool_info(spool, &info);
    }
    ck_assert_uint_eq(selkie_spool_generation(spool), before); /* nobody begins anew with what cannot be read */
    ck_assert_uint_eq(caught_lines("damaged, and cannot be renamed to"), 1);
    ck_assert_uint_eq(caught_lines("spool.db.damaged-3: Is a directory"), 1);
    ck_assert_uint_eq(caught_lines("a fresh one started"), 0);
    ck_assert_uint_eq(caught_lines(""), 2); /* what it could not do, and why that stays so */
    take_names(false);
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    ck_assert_uint_eq(caught_lines("a fresh one started"), 1);
    ck_assert_uint_eq(caught_lines("works again"), 1);
    expect_saved(200, 1);
}
END_TEST

START_TEST(damaged_spool_that_cannot_be_set_aside_at_the_start_is_told_with_the_reason_and_waits)
{
    selkie_spool_close(spool);
    damage(HEADER, 4096);
    take_names(true);
    catch_log();
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(!selkie_spool_works(spool));
    ck_assert_uint_eq(caught_lines("damaged, and cannot be renamed to"), 1);
    ck_assert_uint_eq(caught_lines("frames pass through memory until it works"), 1);
    ck_assert_uint_eq(caught_lines(""), 1);
    take_names(false);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(caught_lines("a fresh one started"), 1);
}
END_TEST

START_TEST(damaged_files_do_not_pile_up)
{
    for (int i = 0; i < 6; i++) {
        reopen_damaged(HEADER);
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

static void execute(const char *statements)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, statements, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Version 1 had no signal strength. Its frames are kept, and its count goes on. */
START_TEST(spool_of_version_1_is_upgraded_with_its_frames)
{
    int64_t seq = put(7);

    selkie_spool_close(spool);
    execute("ALTER TABLE frame DROP COLUMN rssi; PRAGMA user_version = 1");
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
    ck_assert_int_gt(put(8), seq);
    reopen();
    expect_numbers(7, 2);
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_int_eq(frame.seq, seq);
    ck_assert_int_eq(frame.rssi, 0);
    ck_assert_int_eq(selkie_spool_next(spool, seq, &frame), 0);
    ck_assert_int_eq(frame.rssi, -87);
    ck_assert_uint_eq(files_like(".damaged-*"), 0);
}
END_TEST

START_TEST(spool_of_a_newer_version_is_refused_and_left_alone)
{
    put(7);
    selkie_spool_close(spool);
    execute("PRAGMA user_version = 3");
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_null(spool);
    execute("PRAGMA user_version = 2");
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
    expect_numbers(7, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool_damage");
    TCase *tcase = tcase_create("spool_damage");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up_spool, tear_down_spool);
    tcase_add_test(tcase, damaged_spool_is_set_aside_and_a_fresh_one_begun);
    tcase_add_test(tcase, damage_found_later_is_set_aside_then);
    tcase_add_test(tcase, damaged_spool_that_cannot_be_set_aside_is_told_once_and_tried_until_it_can);
    tcase_add_test(tcase, damaged_spool_that_cannot_be_set_aside_at_the_start_is_told_with_the_reason_and_waits);
    tcase_add_test(tcase, damaged_files_do_not_pile_up);
    tcase_add_test(tcase, another_programs_database_is_refused_and_left_alone);
    tcase_add_test(tcase, spool_of_version_1_is_upgraded_with_its_frames);
    tcase_add_test(tcase, spool_of_a_newer_version_is_refused_and_left_alone);
    suite_add_tcase(suite, tcase);
    return run_in_folder(suite);
}
