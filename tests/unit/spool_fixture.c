/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_fixture.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char folder[] = "/tmp/selkie-spool-XXXXXX";
char path[64];
struct selkie_spool *spool;
struct selkie_spool_frame frame;

static void empty_folder(void)
{
    char pattern[sizeof path + 4];
    glob_t files;

    (void)snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (glob(pattern, 0, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc; i++)
        (void)remove(files.gl_pathv[i]); /* also a folder */
    globfree(&files);
}

void set_up_spool(void)
{
    empty_folder();
    (void)snprintf(path, sizeof path, "%s/spool.db", folder);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
}

void tear_down_spool(void)
{
    selkie_spool_close(spool);
}

int run_in_folder(Suite *suite)
{
    if (!mkdtemp(folder))
        return 1;
    int result = run_suite(suite);
    empty_folder();
    (void)rmdir(folder);
    return result;
}

void reopen(void)
{
    selkie_spool_close(spool);
    spool = selkie_spool_open(path, 1000000);
    ck_assert_ptr_nonnull(spool);
    ck_assert(selkie_spool_works(spool));
}

struct selkie_spool_frame frame_of(uint32_t number)
{
    struct selkie_spool_frame made = {
        .rx = 1700000000000 + number, .boot = 1, .since_boot = number, .rssi = -87, .port = "/dev/ttyUSB0", .len = 522};

    memset(made.body, 0xA5, made.len);
    memcpy(made.body, &number, sizeof number);
    return made;
}

int64_t put(uint32_t number)
{
    struct selkie_spool_frame made = frame_of(number);

    ck_assert_int_eq(selkie_spool_put(spool, &made, 1), 0);
    return made.seq;
}

void put_batch(uint32_t first, uint32_t count)
{
    struct selkie_spool_frame batch[10];

    ck_assert_uint_le(count, 10);
    for (uint32_t i = 0; i < count; i++)
        batch[i] = frame_of(first + i);
    ck_assert_int_eq(selkie_spool_put(spool, batch, count), 0);
}

uint32_t number_in(const struct selkie_spool_frame *from)
{
    uint32_t number;

    memcpy(&number, from->body, sizeof number);
    return number;
}

void expect_numbers(uint32_t first, uint32_t count)
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

const char *log_path(void)
{
    static char log[sizeof path + 4];

    (void)snprintf(log, sizeof log, "%s-wal", path);
    return log;
}

size_t files_like(const char *suffix)
{
    char pattern[96];
    glob_t files;

    (void)snprintf(pattern, sizeof pattern, "%s%s", path, suffix);
    if (glob(pattern, 0, NULL, &files) != 0)
        return 0;
    size_t count = files.gl_pathc;
    globfree(&files);
    return count;
}

void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void catch_log(void)
{
    char log[80];

    (void)snprintf(log, sizeof log, "%s/log", folder);
    ck_assert_ptr_nonnull(freopen(log, "we", stderr));
}

unsigned caught_lines(const char *with)
{
    char line[1000];
    unsigned count = 0;

    (void)snprintf(line, sizeof line, "%s/log", folder);
    (void)fflush(stderr);
    FILE *log = fopen(line, "re");
    ck_assert_ptr_nonnull(log);
    while (fgets(line, sizeof line, log) != NULL)
        count += strstr(line, with) != NULL;
    (void)fclose(log);
    return count;
}
