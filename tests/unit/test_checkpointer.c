/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's log: it is emptied beside the writer, and begins anew. */
#include <check.h>
#include <checkpointer.h>
#include <clock.h>
#include <kit/kit.h>
#include <poll.h>
#include <run_suite.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE         1024
#define PAGE_IN_LOG  (PAGE + 24)
#define PATIENCE_US  20000000
#define LOG_BYTES    ((off_t)SELKIE_LOG_PAGES * PAGE_IN_LOG)
#define SLACK        (LOG_BYTES / 8)
#define A_QUARTER    (SELKIE_LOG_PAGES / 4)
#define ONE_ROW_PAGE 900 /* bytes of a row that has a page to itself */

static const char *path, *log_path;
static sqlite3 *writer;
static struct selkie_checkpointer *checkpointer;

static void execute(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

static void setup(void)
{
    const char *dir = kit_dir();

    path = kit_path(dir, "registry.db");
    log_path = kit_path(dir, "registry.db-wal");
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
    execute(writer, "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
                    "CREATE TABLE filled (number INTEGER PRIMARY KEY, content BLOB)");
    ck_assert_int_eq(selkie_checkpointer_start(&checkpointer, writer, path), 0);
}

static void teardown(void)
{
    selkie_checkpointer_stop(checkpointer);
    ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
}

static off_t size_of(const char *file)
{
    struct stat status;

    ck_assert_int_eq(stat(file, &status), 0);
    return status.st_size;
}

/* Commit so many pages, at least, that were not there before. */
static void commit(int pages)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   "INSERT INTO filled (content) SELECT zeroblob(%d) FROM n",
                   pages, ONE_ROW_PAGE);
    execute(writer, sql);
}

/* What changes each time the log begins anew. */
static void read_salt(unsigned char salt[static 8])
{
    FILE *log = fopen(log_path, "rb");

    ck_assert_ptr_nonnull(log);
    ck_assert_int_eq(fseek(log, 16, SEEK_SET), 0);
    ck_assert_uint_eq(fread(salt, 1, 8, log), 8);
    (void)fclose(log);
}

/* Until the thread has moved the pages: nobody else would, as there is no other commit. */
static void await_moved(off_t bytes)
{
    int64_t until_us = selkie_clock_monotonic_us() + PATIENCE_US;

    while (size_of(path) < bytes) {
        ck_assert_msg(selkie_clock_monotonic_us() < until_us, "%lld bytes", (long long)size_of(path));
        (void)poll(NULL, 0, 5);
    }
}

/* Commit a page now and then until the log begins anew. */
static void await_anew(void)
{
    unsigned char before[8], now[8];
    int64_t until_us = selkie_clock_monotonic_us() + PATIENCE_US;

    read_salt(before);
    do {
        ck_assert_int_lt(selkie_clock_monotonic_us(), until_us);
        (void)poll(NULL, 0, 5);
        commit(1);
        read_salt(now);
    } while (memcmp(before, now, sizeof now) == 0);
}

START_TEST(a_short_log_is_left_alone)
{
    off_t before = size_of(path);

    commit(A_QUARTER);
    (void)poll(NULL, 0, 200);
    ck_assert_int_eq(size_of(path), before);
}
END_TEST

START_TEST(a_long_log_is_moved_beside_the_writer_and_begins_anew)
{
    commit(SELKIE_LOG_PAGES);
    await_moved((off_t)SELKIE_LOG_PAGES * PAGE);
    off_t before = size_of(log_path);
    await_anew();
    /* Neither did it take as many commits as make a log too long. */
    ck_assert_int_lt(size_of(log_path), before + SLACK);
    commit(A_QUARTER);
    ck_assert_int_lt(size_of(log_path), before + SLACK);
}
END_TEST

/* Whatever the thread comes to: a writer that never rests empties the log itself. */
START_TEST(the_log_of_a_writer_that_never_rests_is_bounded)
{
    for (int i = 0; i < 16; i++)
        commit(A_QUARTER);
    ck_assert_int_lt(size_of(log_path), 2 * LOG_BYTES + 2 * A_QUARTER * PAGE_IN_LOG + SLACK);
}
END_TEST

START_TEST(a_reader_that_stays_holds_up_no_commit)
{
    sqlite3 *reader;

    ck_assert_int_eq(sqlite3_open(path, &reader), SQLITE_OK);
    execute(reader, "BEGIN; SELECT count(*) FROM filled");
    for (int i = 0; i < 12; i++)
        commit(A_QUARTER);
    ck_assert_int_gt(size_of(log_path), 2 * LOG_BYTES);
    ck_assert_int_eq(sqlite3_close(reader), SQLITE_OK);
    await_anew();
}
END_TEST

START_TEST(it_ends_in_the_middle_of_its_work)
{
    commit(2 * SELKIE_LOG_PAGES - A_QUARTER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpointer");
    TCase *tcase = tcase_create("checkpointer");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_short_log_is_left_alone);
    tcase_add_test(tcase, a_long_log_is_moved_beside_the_writer_and_begins_anew);
    tcase_add_test(tcase, the_log_of_a_writer_that_never_rests_is_bounded);
    tcase_add_test(tcase, a_reader_that_stays_holds_up_no_commit);
    tcase_add_test(tcase, it_ends_in_the_middle_of_its_work);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
