/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_fixture.h"
#include "stamp.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool random_is_fixed;

ssize_t __real_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    if (!random_is_fixed)
        return __real_getrandom(bytes, len, flags);
    memset(bytes, 0x7A, len);
    return (ssize_t)len;
}

START_TEST(frame_comes_back_as_it_was_put)
{
    int64_t seq = put(7);

    reopen();
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    struct selkie_spool_frame made = frame_of(7);
    ck_assert_int_eq(frame.seq, seq);
    ck_assert_int_eq(frame.rx, made.rx);
    ck_assert_int_eq(frame.boot, made.boot);
    ck_assert_int_eq(frame.since_boot, made.since_boot);
    ck_assert_int_eq(frame.rssi, made.rssi);
    ck_assert_str_eq(frame.port, made.port);
    ck_assert_uint_eq(frame.len, made.len);
    ck_assert_mem_eq(frame.body, made.body, made.len);
}
END_TEST

START_TEST(age_is_known_within_the_boot_and_only_there)
{
    struct selkie_spool_frame made = frame_of(7);

    ck_assert_int_eq(selkie_stamp_age(&made), -1); /* of another boot */
    selkie_stamp_now(&made);
    ck_assert_int_ge(selkie_stamp_age(&made), 0);
    ck_assert_int_lt(selkie_stamp_age(&made), 10000);
    made.since_boot -= 86400000;
    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    reopen();
    ck_assert_int_eq(selkie_spool_next(spool, 0, &frame), 0);
    ck_assert_int_ge(selkie_stamp_age(&frame), 86400000);
    ck_assert_int_lt(selkie_stamp_age(&frame), 86400000 + 10000);
    frame.boot ^= 1;
    ck_assert_int_eq(selkie_stamp_age(&frame), -1);
    frame.boot = 0; /* the kernel does not say */
    ck_assert_int_eq(selkie_stamp_age(&frame), -1);
}
END_TEST

START_TEST(frames_come_in_the_order_in_which_they_were_put)
{
    put(0);
    put_batch(1, 3);
    put(4);
    expect_numbers(0, 5);
}
END_TEST

/* A cloned card has the same file, with the same count in it. */
START_TEST(each_opening_of_a_spool_is_an_instance_of_its_own)
{
    int64_t first = selkie_spool_instance(spool);

    put(1);
    ck_assert_int_eq(selkie_spool_instance(spool), first);
    reopen();
    ck_assert_int_ne(selkie_spool_instance(spool), first);
    ck_assert_int_gt(first, 0);
    ck_assert_int_lt(first, INT64_C(1) << 53);
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

/* The kernel's random numbers: SQLite's are the same on machines that start without entropy. */
START_TEST(seq_of_a_fresh_spool_is_the_kernels_choice)
{
    char other[80];

    (void)snprintf(other, sizeof other, "%s.other", path);
    random_is_fixed = true;
    struct selkie_spool *fresh = selkie_spool_open(other, 10);
    random_is_fixed = false;
    ck_assert_ptr_nonnull(fresh);
    struct selkie_spool_frame first = frame_of(1);
    ck_assert_int_eq(selkie_spool_put(fresh, &first, 1), 0);
    ck_assert_int_eq(first.seq, (INT64_C(0x7A7A7A7A) << 20) + 1 + 4096); /* an opening leaves a gap */
    selkie_spool_close(fresh);
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
    selkie_spool_set_max(spool, 3);
    put(0);
    put_batch(1, 8);
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
                    write(pipes[1], &next, sizeof next) != sizeof next)
                    _exit(1);
            }
        }
        (void)close(pipes[1]);
        for (int i = 0; i < 5 + round; i++)
            ck_assert_int_eq(read(pipes[0], &number, sizeof number), sizeof number);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        while (read(pipes[0], &number, sizeof number) == sizeof number)
            ;
        (void)close(pipes[0]);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        stored = number + 1;

        spool = selkie_spool_open(path, 1000000);
        ck_assert_ptr_nonnull(spool);
        ck_assert(selkie_spool_works(spool));
        /* The one under way at the kill may be there as well. */
        ck_assert_int_ge(selkie_spool_count(spool), stored);
        stored = (uint32_t)selkie_spool_count(spool);
        expect_numbers(0, stored);
        selkie_spool_close(spool);
        spool = NULL;
    }
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

START_TEST(missing_folder_is_a_disk_that_fails)
{
    struct selkie_spool *nowhere = selkie_spool_open("/nowhere/at/all/spool.db", 10);

    ck_assert_ptr_nonnull(nowhere);
    ck_assert(!selkie_spool_works(nowhere));
    ck_assert(!selkie_spool_mend(nowhere));
    selkie_spool_close(nowhere);
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
    if (stat(log_path(), &info) == 0)
        ck_assert_int_le(info.st_size, 3 * 1024 * 1024);
}
END_TEST

static void put_large(uint32_t count)
{
    struct selkie_spool_frame frames[10];

    for (int i = 0; i < 10; i++) {
        frames[i] = frame_of(1);
        frames[i].len = sizeof(frames[i].body);
    }
    for (uint32_t i = 0; i < count; i += 10)
        ck_assert_int_eq(selkie_spool_put(spool, frames, 10), 0);
}

static int64_t log_size(void)
{
    struct stat info;

    ck_assert_int_eq(stat(log_path(), &info), 0);
    return info.st_size;
}

/* Space for the log is taken when the spool is opened: a disk that others have filled since keeps nothing back. */
START_TEST(log_stays_within_what_was_taken_for_it)
{
    enum { KEPT = 2 * 1024 * 1024, MANY = 6000, AT_ONCE = 2000 };
    int64_t seqs[AT_ONCE], seq = 0;

    put_large(MANY);
    for (int i = 0; i < MANY / 2; i++) { /* in one second of a fast link, with no sync in between */
        ck_assert_int_eq(selkie_spool_next(spool, seq, &frame), 0);
        seq = frame.seq;
        ck_assert_uint_eq(selkie_spool_forget(spool, &seq, 1), 1);
    }
    ck_assert_int_le(log_size(), KEPT);
    for (int i = 0; i < AT_ONCE; i++) /* one receipt for many */
        seqs[i] = seq + 1 + i;
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs, AT_ONCE / 2), AT_ONCE / 2);
    ck_assert_uint_eq(selkie_spool_forget(spool, seqs + AT_ONCE / 2, AT_ONCE / 2), AT_ONCE / 2);
    ck_assert_int_le(log_size(), KEPT);
    selkie_spool_set_max(spool, 10);
    put_large(100);
    ck_assert_int_eq(selkie_spool_count(spool), 10);
    ck_assert_int_le(log_size(), KEPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool");
    TCase *tcase = tcase_create("spool");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up_spool, tear_down_spool);
    tcase_add_test(tcase, frame_comes_back_as_it_was_put);
    tcase_add_test(tcase, age_is_known_within_the_boot_and_only_there);
    tcase_add_test(tcase, frames_come_in_the_order_in_which_they_were_put);
    tcase_add_test(tcase, each_opening_of_a_spool_is_an_instance_of_its_own);
    tcase_add_test(tcase, seq_is_never_used_again_when_the_spool_was_emptied);
    tcase_add_test(tcase, seq_begins_elsewhere_in_each_fresh_spool);
    tcase_add_test(tcase, seq_of_a_fresh_spool_is_the_kernels_choice);
    tcase_add_test(tcase, forgetting_is_in_effect_at_once_and_durable_after_sync);
    tcase_add_test(tcase, oldest_goes_at_max_frames);
    tcase_add_test(tcase, batch_larger_than_max_frames_leaves_its_newest);
    tcase_add_test(tcase, what_was_put_survives_kill_at_any_moment);
    tcase_add_test(tcase, generation_tells_when_forgotten_frames_are_back);
    tcase_add_test(tcase, second_process_is_refused);
    tcase_add_test(tcase, missing_folder_is_a_disk_that_fails);
    tcase_add_test(tcase, oldest_goes_when_the_disk_is_full);
    tcase_add_test(tcase, log_stays_within_what_was_taken_for_it);
    tcase_add_test(tcase, disk_that_fails_is_survived);
    tcase_add_test(tcase, size_on_disk_is_bounded);
    suite_add_tcase(suite, tcase);
    return run_in_folder(suite);
}
