/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in memory while the disk fails: their order, their bound, and what becomes of them when the disk works. */
#include "spool_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t safe[600];
static size_t safe_count;

static void on_safe(void *context, const struct selkie_spool_frame *of)
{
    (void)context;
    safe[safe_count++] = number_in(of);
}

static void start(void)
{
    set_up_spool();
    safe_count = 0;
    selkie_spool_set_safe(spool, on_safe, NULL);
}

static int64_t hold(uint32_t number)
{
    struct selkie_spool_frame made = frame_of(number);

    selkie_spool_hold(spool, &made, 1);
    return made.seq;
}

/* The disk took nothing, when it was tried. Check needs a disk in between. */
static void fail_disk(void)
{
    struct selkie_spool_frame made = frame_of(9999);

    limit_files(4096);
    int result = selkie_spool_put(spool, &made, 1);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(result, SELKIE_ESTORAGE);
    ck_assert(!selkie_spool_works(spool));
}

static bool mend_in_vain(void)
{
    limit_files(4096);
    bool works = selkie_spool_mend(spool);
    limit_files(RLIM_INFINITY);
    return works;
}

START_TEST(frames_in_memory_come_behind_those_on_the_disk)
{
    int64_t last = put(0);

    fail_disk();
    for (uint32_t i = 1; i < 4; i++) {
        int64_t seq = hold(i);
        ck_assert_int_gt(seq, last);
        last = seq;
    }
    expect_numbers(0, 4);
    struct selkie_spool_frame held = frame_of(2);
    ck_assert(selkie_spool_holds(spool, held.body, held.len));
    ck_assert(!selkie_spool_holds(spool, held.body, held.len - 1));
    held = frame_of(4);
    ck_assert(!selkie_spool_holds(spool, held.body, held.len));
}
END_TEST

START_TEST(what_is_forgotten_while_the_disk_fails_is_not_read_again)
{
    struct selkie_spool_info info;
    int64_t seqs[] = {put(0), put(1), 0, 0};
    unsigned before;

    fail_disk();
    before = selkie_spool_generation(spool);
    seqs[2] = hold(2);
    seqs[3] = hold(3);
    ck_assert_uint_eq(selkie_spool_forget(spool, &seqs[2], 1), 1);
    ck_assert_uint_eq(safe_count, 1);
    ck_assert_uint_eq(safe[0], 2);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, 1), 1);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, 1), 0);
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_int_eq(frame.seq, seqs[1]);
    ck_assert_int_eq(selkie_spool_next(spool, frame.seq, &frame), 0);
    ck_assert_int_eq(frame.seq, seqs[3]);
    ck_assert_int_eq(selkie_spool_count(spool), 2);
    ck_assert(!mend_in_vain());
    ck_assert_uint_eq(selkie_spool_generation(spool), before); /* nobody begins anew */
    ck_assert_int_eq(selkie_spool_count(spool), 2);
    selkie_spool_info(spool, &info);
    ck_assert_int_eq(info.held, 1);
    ck_assert_str_ne(info.fault, "");
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(safe_count, 2);
    ck_assert_uint_eq(safe[1], 3);
    selkie_spool_info(spool, &info);
    ck_assert_int_eq(info.held, 0);
    ck_assert_str_eq(info.fault, "");
    reopen();
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_int_eq(frame.seq, seqs[1]);
    ck_assert_int_eq(selkie_spool_next(spool, frame.seq, &frame), 0);
    ck_assert_int_eq(frame.seq, seqs[3]);
    ck_assert_uint_eq(number_in(&frame), 3);
    ck_assert_int_eq(selkie_spool_next(spool, frame.seq, &frame), SELKIE_ENOTFOUND);
    ck_assert_int_gt(put(4), seqs[3]);
}
END_TEST

START_TEST(the_memory_is_bounded_and_the_oldest_goes)
{
    struct selkie_spool_info info;

    fail_disk();
    catch_log();
    for (uint32_t i = 0; i < 300; i++)
        (void)hold(i);
    expect_numbers(300 - 256, 256);
    selkie_spool_info(spool, &info);
    ck_assert_uint_eq(info.dropped, 300 - 256);
    ck_assert_int_eq(info.held, 256);
    ck_assert_uint_eq(caught_lines("the memory is full too"), 1);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(safe_count, 256);
    expect_numbers(300 - 256, 256);
    reopen();
    expect_numbers(300 - 256, 256);
}
END_TEST

/* What is in memory at the end goes to the disk, if it works by then; else the log says how much is lost. */
START_TEST(the_end_saves_what_it_can)
{
    fail_disk();
    (void)hold(1);
    reopen();
    expect_numbers(1, 1);
    catch_log();
    fail_disk();
    (void)hold(2);
    limit_files(4096);
    selkie_spool_close(spool);
    limit_files(RLIM_INFINITY);
    ck_assert_uint_eq(caught_lines("1 frames in memory are lost"), 1);
    spool = selkie_spool_open(path, 10);
    expect_numbers(1, 1);
}
END_TEST

/* The disk is pulled out, and another reader has gone on with what is in memory. */
START_TEST(frames_of_a_disk_that_comes_back_are_read_again)
{
    char away[96];

    (void)put(0);
    fail_disk();
    (void)hold(1);
    (void)snprintf(away, sizeof away, "%s.away", path);
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert(!selkie_spool_mend(spool));
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_uint_eq(number_in(&frame), 1);
    unsigned before = selkie_spool_generation(spool);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(rename(away, path), 0);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_ne(selkie_spool_generation(spool), before);
    expect_numbers(0, 2);
}
END_TEST

/* Somebody cleans up below a gateway that runs. What it acknowledged is only in the open file. */
START_TEST(a_spool_that_is_deleted_while_it_is_open_is_written_anew)
{
    static const char *const parts[] = {"", "-wal", ".instance"};
    char name[96];

    catch_log();
    for (uint32_t i = 0; i < 3; i++)
        (void)put(i);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, parts[i]);
        (void)unlink(name);
    }
    unsigned before = selkie_spool_generation(spool);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(selkie_spool_generation(spool), before); /* what was read and stored, is */
    ck_assert_uint_eq(caught_lines("was deleted while the gateway had it open; going on with a fresh one, and with the "
                                   "3 frames that waited"),
                      1);
    (void)put(3);
    (void)unlink(path); /* just before the end */
    selkie_spool_close(spool);
    spool = selkie_spool_open(path, 10);
    expect_numbers(0, 4);
    ck_assert_uint_eq(caught_lines(": lost"), 0);
}
END_TEST

/* A backup, with the first of the frames and one of its own. */
START_TEST(a_spool_that_is_replaced_while_it_is_open_has_the_frames_of_both)
{
    char backup[96];

    catch_log();
    (void)put(0);
    selkie_spool_close(spool);
    (void)snprintf(backup, sizeof backup, "%s.away", path);
    ck_assert_int_eq(rename(path, backup), 0);
    spool = selkie_spool_open(path, 10);
    for (uint32_t i = 1; i < 4; i++)
        (void)put(i);
    ck_assert_int_eq(rename(backup, path), 0);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(caught_lines("was replaced while the gateway had it open"), 1);
    ck_assert_int_eq(selkie_spool_count(spool), 4);
    selkie_spool_close(spool);
    spool = selkie_spool_open(path, 10);
    ck_assert_int_eq(selkie_spool_count(spool), 4);
}
END_TEST

/* What waits is read on, and nothing is acknowledged that only a deleted file would have. */
START_TEST(a_deleted_spool_that_cannot_be_written_anew_is_told_once_and_kept)
{
    catch_log();
    (void)put(0);
    (void)unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(!selkie_spool_mend(spool));
    ck_assert(!selkie_spool_works(spool));
    ck_assert_uint_eq(caught_lines("cannot go on in the file that took its place"), 1);
    (void)hold(1);
    expect_numbers(0, 2);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert(selkie_spool_mend(spool));
    ck_assert(selkie_spool_works(spool));
    selkie_spool_close(spool);
    spool = selkie_spool_open(path, 10);
    expect_numbers(0, 2);
}
END_TEST

START_TEST(a_start_without_a_disk_is_a_spool_in_memory)
{
    char gone[96];

    (void)snprintf(gone, sizeof gone, "%s/later/spool.db", folder);
    (void)put(0);
    selkie_spool_close(spool);
    catch_log();
    spool = selkie_spool_open(gone, 10);
    ck_assert_ptr_nonnull(spool);
    selkie_spool_set_safe(spool, on_safe, NULL);
    ck_assert(!selkie_spool_works(spool));
    int64_t first = hold(1);
    ck_assert_int_gt(hold(2), first);
    ck_assert_int_gt(first, 0);
    ck_assert(!selkie_spool_mend(spool));
    ck_assert(!selkie_spool_mend(spool));
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_int_eq(frame.seq, first);
    ck_assert_uint_eq(selkie_spool_forget(spool, &first, 1), 1);
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_uint_eq(number_in(&frame), 2);
    ck_assert_int_eq(selkie_spool_next(spool, frame.seq, &frame), SELKIE_ESTORAGE); /* who knows what is there */
    ck_assert_uint_eq(caught_lines(""), 1);
    ck_assert_uint_eq(caught_lines("frames pass through memory until it works"), 1);
    /* The volume is there at last, and has a spool with a frame in it. */
    char later[80];
    (void)snprintf(later, sizeof later, "%s/later", folder);
    ck_assert_int_eq(mkdir(later, 0700), 0);
    ck_assert_int_eq(rename(path, gone), 0);
    ck_assert(selkie_spool_mend(spool));
    ck_assert_uint_eq(safe_count, 2);
    ck_assert_uint_eq(caught_lines("works again"), 1);
    ck_assert_int_eq(selkie_spool_count(spool), 2);
    (void)put(3);
    selkie_spool_close(spool);
    spool = selkie_spool_open(gone, 10);
    ck_assert_int_eq(selkie_spool_count(spool), 3);
    selkie_spool_close(spool);
    spool = NULL;
    static const char *const left[] = {"", "-wal", ".instance"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        (void)snprintf(gone, sizeof gone, "%s/later/spool.db%s", folder, left[i]);
        (void)unlink(gone);
    }
    ck_assert_int_eq(rmdir(later), 0);
}
END_TEST

START_TEST(a_spool_that_is_not_ours_is_no_reason_for_memory)
{
    sqlite3 *db = NULL;

    selkie_spool_close(spool);
    spool = NULL;
    (void)unlink(path);
    (void)unlink(log_path());
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    ck_assert_ptr_null(selkie_spool_open(path, 10));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool_memory");
    TCase *tcase = tcase_create("spool_memory");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, start, tear_down_spool);
    tcase_add_test(tcase, frames_in_memory_come_behind_those_on_the_disk);
    tcase_add_test(tcase, what_is_forgotten_while_the_disk_fails_is_not_read_again);
    tcase_add_test(tcase, the_memory_is_bounded_and_the_oldest_goes);
    tcase_add_test(tcase, the_end_saves_what_it_can);
    tcase_add_test(tcase, frames_of_a_disk_that_comes_back_are_read_again);
    tcase_add_test(tcase, a_spool_that_is_deleted_while_it_is_open_is_written_anew);
    tcase_add_test(tcase, a_spool_that_is_replaced_while_it_is_open_has_the_frames_of_both);
    tcase_add_test(tcase, a_deleted_spool_that_cannot_be_written_anew_is_told_once_and_kept);
    tcase_add_test(tcase, a_start_without_a_disk_is_a_spool_in_memory);
    tcase_add_test(tcase, a_spool_that_is_not_ours_is_no_reason_for_memory);
    suite_add_tcase(suite, tcase);
    return run_in_folder(suite);
}
