/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's log: it is moved beside the writer, begins anew, and does not grow without bound. */
#include "registry/checkpointer.h"
#include <check.h>
#include <kit/kit.h>
#include <poll.h>
#include <pthread.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_US (60 * 1000000)
#define A_QUARTER   (SELKIE_LOG_PAGES / 4)
#define ROW_BYTES   900 /* of a row that has a page to itself */

static const char *path, *log_path;
static sqlite3 *writer;
static struct selkie_checkpointer *checkpointer;

/* The calls of either side, and what they moved in all. */
static atomic_int passes, by_writer, moved_by_thread, syncs;
/* Where the thread's next pass waits until it may go on. */
static _Atomic enum { NOWHERE, BEFORE, AFTER } held;
static sem_t entered, go_on;
static atomic_bool failing;
/* What a call came to, of the thread's last pass. */
static atomic_int outcome;

static void hold(void)
{
    held = NOWHERE;
    sem_post(&entered);
    sem_wait(&go_on);
}

int __real_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *pages, int *moved);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *pages, int *moved);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *pages, int *moved)
{
    int all = 0, done = 0;

    ck_assert_int_eq(mode, SQLITE_CHECKPOINT_PASSIVE);
    if (db != writer && held == BEFORE)
        hold();
    int code = db != writer && failing ? SQLITE_IOERR : __real_sqlite3_wal_checkpoint_v2(db, name, mode, &all, &done);
    if (db != writer && held == AFTER)
        hold();
    if (pages != NULL)
        *pages = all;
    *moved = done;
    if (db == writer) {
        by_writer++;
    } else {
        moved_by_thread = done;
        outcome = code;
        passes++;
    }
    return code;
}

static atomic_bool sync_fails;

static int sync_file(sqlite3_file *file, int flags)
{
    (void)file;
    ck_assert_int_eq(flags, SQLITE_SYNC_NORMAL);
    syncs++;
    return sync_fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

/* The file that the thread sees its pages on the disk by. */
int __wrap_sqlite3_file_control(sqlite3 *db, const char *name, int op, void *result);
int __wrap_sqlite3_file_control(sqlite3 *db, const char *name, int op, void *result)
{
    static const sqlite3_io_methods methods = {.xSync = sync_file};
    static sqlite3_file file = {.pMethods = &methods};

    ck_assert_ptr_ne(db, writer);
    ck_assert_str_eq(name, "main");
    ck_assert_int_eq(op, SQLITE_FCNTL_FILE_POINTER);
    *(sqlite3_file **)result = &file;
    return SQLITE_OK;
}

/* Posted when a pass has been interrupted. */
static sem_t interrupted;

void __real_sqlite3_interrupt(sqlite3 *db);
void __wrap_sqlite3_interrupt(sqlite3 *db);
void __wrap_sqlite3_interrupt(sqlite3 *db)
{
    __real_sqlite3_interrupt(db);
    sem_post(&interrupted);
}

static void execute(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

static void setup(void)
{
    const char *dir = kit_dir();
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE];

    sem_init(&entered, 0, 0);
    sem_init(&go_on, 0, 0);
    sem_init(&interrupted, 0, 0);
    path = kit_path(dir, "registry.db");
    log_path = kit_path(dir, "registry.db-wal");
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
    execute(writer, "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
                    "CREATE TABLE filled (number INTEGER PRIMARY KEY, content BLOB)");
    ck_assert_int_eq(selkie_checkpointer_start(&checkpointer, writer, path, error), 0);
}

static void stop(void)
{
    selkie_checkpointer_stop(checkpointer);
    checkpointer = NULL;
}

static void teardown(void)
{
    stop();
    ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
}

/* Commit so many pages, at least, that were not there before. */
static void commit(int pages)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   "INSERT INTO filled (content) SELECT zeroblob(%d) FROM n",
                   pages, ROW_BYTES);
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

/* Commit a page now and then until the log has begun anew since `before` was read. */
static void await_anew_since(const unsigned char before[static 8])
{
    unsigned char now[8];
    int64_t until_us = selkie_clock_monotonic_us() + PATIENCE_US;

    for (read_salt(now); memcmp(before, now, sizeof now) == 0; read_salt(now)) {
        ck_assert_int_lt(selkie_clock_monotonic_us(), until_us);
        (void)poll(NULL, 0, 5);
        commit(1);
    }
}

static void await_anew(void)
{
    unsigned char before[8];

    read_salt(before);
    await_anew_since(before);
}

START_TEST(a_short_log_is_left_alone)
{
    commit(A_QUARTER);
    stop();
    ck_assert_int_eq(passes, 0);
    ck_assert_int_eq(by_writer, 0);
}
END_TEST

START_TEST(a_long_log_is_moved_beside_the_writer_and_begins_anew)
{
    commit(SELKIE_LOG_PAGES);
    await_anew();
    ck_assert_int_ge(moved_by_thread, SELKIE_LOG_PAGES);
    ck_assert_int_ge(syncs, 1);
    ck_assert_int_eq(by_writer, 1);
    commit(A_QUARTER);
    stop();
    ck_assert_int_eq(by_writer, 1);
}
END_TEST

/* Commit more pages than a commit may move while the thread is in its first pass. A reader of the log's end keeps what
 * is committed from beginning the log anew, as a pass that is not through would. */
static void commit_during_a_pass(void)
{
    sqlite3 *reader;

    held = BEFORE;
    commit(SELKIE_LOG_PAGES);
    sem_wait(&entered);
    ck_assert_int_eq(sqlite3_open(path, &reader), SQLITE_OK);
    execute(reader, "BEGIN; SELECT count(*) FROM filled");
    held = AFTER;
    sem_post(&go_on);
    sem_wait(&entered);
    commit(8 * SELKIE_LOG_PAGES_FEW);
    ck_assert_int_eq(sqlite3_close(reader), SQLITE_OK);
    sem_post(&go_on);
}

START_TEST(what_is_committed_during_a_pass_is_moved_by_another)
{
    commit_during_a_pass();
    await_anew();
    ck_assert_int_ge(passes, 2);
    ck_assert_int_eq(by_writer, 1);
    ck_assert_int_ge(moved_by_thread, SELKIE_LOG_PAGES + 8 * SELKIE_LOG_PAGES_FEW);
}
END_TEST

START_TEST(nobody_waits_for_a_reader_that_stays)
{
    sqlite3 *reader;

    ck_assert_int_eq(sqlite3_open(path, &reader), SQLITE_OK);
    execute(reader, "BEGIN; SELECT count(*) FROM filled");
    for (int i = 0; i < 12; i++)
        commit(A_QUARTER);
    ck_assert_int_eq(by_writer, 0);
    /* Nor for the pass that moves all that has come meanwhile. */
    held = BEFORE;
    sem_wait(&entered);
    ck_assert_int_eq(sqlite3_close(reader), SQLITE_OK);
    commit(1);
    sem_post(&go_on);
    await_anew();
    ck_assert_int_ge(moved_by_thread, 3 * SELKIE_LOG_PAGES);
}
END_TEST

static atomic_int commits;

static void *commit_on_and_on(void *context)
{
    (void)context;
    for (; commits < 6; commits++)
        commit(A_QUARTER);
    return NULL;
}

/* Commit beside a pass that lasts until this test lets go of it, until a commit waits. */
static void commit_until_one_waits(pthread_t *thread)
{
    int before = -1;

    ck_assert_int_eq(pthread_create(thread, NULL, commit_on_and_on, NULL), 0);
    while (before != commits) { /* until it gets no further */
        before = commits;
        (void)poll(NULL, 0, 1000);
    }
    ck_assert_int_lt(commits, 4);
}

START_TEST(commits_wait_for_a_pass_once_the_log_is_too_long)
{
    pthread_t thread;
    unsigned char salt[8];

    held = BEFORE;
    commit(SELKIE_LOG_PAGES);
    read_salt(salt);
    sem_wait(&entered);
    commit_until_one_waits(&thread);
    sem_post(&go_on);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(commits, 6);
    await_anew_since(salt);
}
END_TEST

/* Until it says this; "" = that nothing is wrong. */
static void await_clause(const char *clause)
{
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE];
    int64_t until_us = selkie_clock_monotonic_us() + PATIENCE_US;

    while (selkie_checkpointer_failed(checkpointer, error) != (clause[0] != 0)) {
        ck_assert_int_lt(selkie_clock_monotonic_us(), until_us);
        (void)poll(NULL, 0, 5);
    }
    ck_assert_str_eq(error, clause);
}

START_TEST(a_failure_is_told_and_tried_again)
{
    failing = true;
    commit(SELKIE_LOG_PAGES);
    await_clause("disk I/O error; retrying");
    commit(1);
    ck_assert_int_eq(by_writer, 0);
    failing = false;
    await_clause("");
    await_anew();
}
END_TEST

/* SQLite would take them for moved, and the log would be begun anew over what may be nowhere else. */
START_TEST(pages_that_could_not_be_seen_on_the_disk_stay_in_the_log)
{
    unsigned char before[8], after[8];
    struct stat log;

    sync_fails = true;
    commit_during_a_pass();
    await_clause("disk I/O error; check the disk, then restart Mosquitto, which reads the log again");
    sync_fails = false;
    int passed = passes;
    read_salt(before);
    for (int i = 0; i < 4; i++)
        commit(A_QUARTER);
    await_clause("disk I/O error; check the disk, then restart Mosquitto, which reads the log again");
    stop();
    ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
    ck_assert_int_eq(passes, passed);
    ck_assert_int_eq(by_writer, 0);
    read_salt(after);
    ck_assert_mem_eq(before, after, sizeof after);
    ck_assert_int_eq(stat(log_path, &log), 0);
    ck_assert_int_ge(log.st_size, 2 * (off_t)SELKIE_LOG_PAGES * 1024);
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
}
END_TEST

/* Of the database's file and of the log. */
static off_t size_of(const char *file)
{
    struct stat state;

    ck_assert_int_eq(stat(file, &state), 0);
    return state.st_size;
}

static void expect_rows(int count)
{
    char sql[120];

    (void)snprintf(sql, sizeof sql,
                   "CREATE TEMP TABLE rows (count CHECK (count = %d));"
                   "INSERT INTO rows SELECT count(*) FROM filled",
                   count);
    execute(writer, sql);
}

/* How long it takes to stop and close, in microseconds. Opens it again. */
static int64_t close_and_open(void)
{
    int64_t from_us = selkie_clock_monotonic_us();

    stop();
    ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
    int64_t took_us = selkie_clock_monotonic_us() - from_us;
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
    return took_us;
}

START_TEST(a_stop_waits_for_no_long_log)
{
    enum { PAGES = 100 * 1024 };

    failing = true; /* the thread copies nothing */
    commit(PAGES);
    off_t before = size_of(log_path);
    ck_assert_int_ge(before, (off_t)PAGES * 1024);
    int64_t stop_us = close_and_open();
    ck_assert_int_eq(size_of(log_path), before);
    int64_t from_us = selkie_clock_monotonic_us();
    execute(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    int64_t copy_us = selkie_clock_monotonic_us() - from_us;
    printf("a log of %d pages: %d us to close, %d us to copy it\n", PAGES, (int)stop_us, (int)copy_us);
    ck_assert_int_lt(stop_us, copy_us / 4);
    expect_rows(PAGES);
}
END_TEST

static void *stop_beside(void *context)
{
    (void)context;
    stop();
    return NULL;
}

START_TEST(a_stop_ends_the_pass_under_way)
{
    pthread_t thread;

    held = BEFORE;
    commit(SELKIE_LOG_PAGES);
    sem_wait(&entered);
    off_t before = size_of(path);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_beside, NULL), 0);
    sem_wait(&interrupted);
    sem_post(&go_on);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(outcome, SQLITE_INTERRUPT);
    ck_assert_int_eq(size_of(path), before);
    (void)close_and_open();
    expect_rows(SELKIE_LOG_PAGES);
}
END_TEST

START_TEST(no_commit_waits_during_a_stop)
{
    pthread_t thread;

    held = BEFORE;
    commit(SELKIE_LOG_PAGES);
    sem_wait(&entered);
    commit_until_one_waits(&thread);
    selkie_checkpointer_end_passes(checkpointer);
    sem_wait(&interrupted);
    sem_post(&go_on);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(commits, 6);
    ck_assert_int_eq(passes, 1);
    ck_assert_int_eq(outcome, SQLITE_INTERRUPT);
}
END_TEST

START_TEST(a_stop_leaves_no_short_log)
{
    commit(SELKIE_LOG_PAGES_FEW / 4);
    (void)close_and_open();
    ck_assert_int_ne(access(log_path, F_OK), 0);
    expect_rows(SELKIE_LOG_PAGES_FEW / 4);
}
END_TEST

START_TEST(it_does_not_start_where_it_cannot_read)
{
    struct selkie_checkpointer *other;
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE];

    ck_assert_int_eq(selkie_checkpointer_start(&other, writer, kit_path(kit_dir(), "nowhere/registry.db"), error),
                     SELKIE_ESTORAGE);
    ck_assert_ptr_null(other);
    ck_assert_str_eq(error, "unable to open database file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpointer");
    TCase *tcase = tcase_create("checkpointer");

    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_short_log_is_left_alone);
    tcase_add_test(tcase, a_long_log_is_moved_beside_the_writer_and_begins_anew);
    tcase_add_test(tcase, what_is_committed_during_a_pass_is_moved_by_another);
    tcase_add_test(tcase, nobody_waits_for_a_reader_that_stays);
    tcase_add_test(tcase, commits_wait_for_a_pass_once_the_log_is_too_long);
    tcase_add_test(tcase, a_failure_is_told_and_tried_again);
    tcase_add_test(tcase, pages_that_could_not_be_seen_on_the_disk_stay_in_the_log);
    tcase_add_test(tcase, a_stop_waits_for_no_long_log);
    tcase_add_test(tcase, a_stop_ends_the_pass_under_way);
    tcase_add_test(tcase, no_commit_waits_during_a_stop);
    tcase_add_test(tcase, a_stop_leaves_no_short_log);
    tcase_add_test(tcase, it_does_not_start_where_it_cannot_read);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
