/* SPDX-License-Identifier: Apache-2.0 */
/* The registry while it is read through beside the work: what that holds up, and what it makes of a file that cannot be
 * read just now. */
#define _GNU_SOURCE /* memmem */
#include "registry/integrity_check.h"
#include "registry/registry.h"
#include <check.h>
#include <errno.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <sched.h>
#include <selkie/clock.h>
#include <selkie/thread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static void execute(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* A folder with a registry in which a device is registered. */
static const char *make_registry(struct kit_device *device)
{
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_body body = kit_register(device, NULL, NULL);

    kit_receipt(host, kit_submit(host, &body, 0));
    kit_close(host);
    return dir;
}

/* A reader that began with the integrity check and is not done: the check of a large registry. */
static sqlite3 *reader;
static bool slow, is_check;

int __real_selkie_integrity_check_start(struct selkie_integrity_check **integrity_check, const char *path);
int __wrap_selkie_integrity_check_start(struct selkie_integrity_check **integrity_check, const char *path);
int __wrap_selkie_integrity_check_start(struct selkie_integrity_check **integrity_check, const char *path)
{
    if (slow) {
        reader = open_file(path);
        execute(reader, "BEGIN; SELECT count(*) FROM binding");
    }
    is_check = true;
    int result = __real_selkie_integrity_check_start(integrity_check, path);
    is_check = false;
    return result;
}

/* Ways by which a registry comes to be in another journal's mode than the one it is used in. */
static void copy_registry(const char *dir, bool vacuum)
{
    const char *path = kit_path(dir, "registry.db"), *copy = kit_path(dir, "copy.db");
    sqlite3 *db = open_file(path);
    char sql[300];

    if (vacuum) {
        snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
        execute(db, sql);
    } else {
        execute(db, "PRAGMA journal_mode = DELETE");
    }
    sqlite3_close(db);
    if (vacuum)
        ck_assert_int_eq(rename(copy, path), 0);
}

static bool is_wal(const char *dir)
{
    sqlite3 *db = open_file(kit_path(dir, "registry.db"));
    sqlite3_stmt *statement;

    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    bool wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return wal;
}

START_TEST(a_copy_in_another_journal_mode_is_used_while_it_is_read_through)
{
    struct kit_device device = kit_device(1, 1);
    const char *dir = make_registry(&device);
    const struct selkie_unsealer_options options = {.state_dir = dir};

    copy_registry(dir, _i & 1);
    ck_assert(!is_wal(dir));
    slow = _i & 2;
    struct kit_host *host = kit_open(&options);
    struct kit_body body = kit_data(&device, "goes on");
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_payload(host, &device, 1, "goes on");
    kit_close(host);
    sqlite3_close(reader);
    ck_assert(is_wal(dir));
}
END_TEST

/* What the check's own thread is denied: all memory, or one allocation by its number. */
static atomic_bool deny_all;
static atomic_int deny_number, allocations;
static _Thread_local bool in_check;

static sqlite3_mem_methods allocator;

static bool is_denied(void)
{
    if (!in_check)
        return false;
    return atomic_fetch_add(&allocations, 1) + 1 == atomic_load(&deny_number) || atomic_load(&deny_all);
}

static void *allocate(int size)
{
    return is_denied() ? NULL : allocator.xMalloc(size);
}

static void *reallocate(void *memory, int size)
{
    return is_denied() ? NULL : allocator.xRealloc(memory, size);
}

static void install_allocator(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &allocator) != SQLITE_OK)
        abort();
    sqlite3_mem_methods methods = allocator;
    methods.xMalloc = allocate;
    methods.xRealloc = reallocate;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
        abort();
}

static void *(*run_check)(void *context);

static void *run(void *context)
{
    in_check = true;
    return run_check(context);
}

int __real_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context);
int __wrap_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context);
int __wrap_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context)
{
    if (!is_check)
        return __real_selkie_thread_start(thread, start, context);
    run_check = start;
    return __real_selkie_thread_start(thread, run, context);
}

/* The check's pauses, which are over at once, but for the last. */
enum { PAUSES = 15 };
static int64_t pauses[PAUSES];
static atomic_int paused;
static int pauses_max = INT32_MAX;

bool __real_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);
bool __wrap_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);
bool __wrap_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    if (!in_check)
        return __real_selkie_thread_wait_until(condition, lock, until_us);
    int number = atomic_fetch_add(&paused, 1);
    if (number < PAUSES)
        pauses[number] = until_us - selkie_clock_monotonic_us();
    return number + 1 >= pauses_max && __real_selkie_thread_wait_until(condition, lock, until_us);
}

/* Each index, and a change of its table that it does not follow here. */
static const struct {
    const char *index, *change;
} left_behind[] = {
    {"device_status", "DELETE FROM device"},
    {"binding_id", "DELETE FROM binding"},
    /* Part of the table: that it has too many is not looked for by each SQLite, that it has too few is. */
    {"binding_live", "CREATE TEMP TABLE copy AS SELECT * FROM binding; UPDATE copy SET number = 9, address = x'09';"
                     "INSERT INTO binding SELECT * FROM copy"},
    {"binding_pending", "CREATE TEMP TABLE copy AS SELECT * FROM binding; UPDATE copy SET number = 9, address = x'09', "
                        "status = 2; INSERT INTO binding SELECT * FROM copy"},
    {"binding_tag", "DELETE FROM binding"},
    {"parked_binding", "INSERT INTO parked VALUES (1, 1, 1, x'00', 0, 0, 'g1', 0, 1, 0, 0, NULL)"},
    {"unmatched_tag", "INSERT INTO unmatched VALUES (1, x'00', x'00', 0, 0, 0, 'g1', 0, x'00')"},
};
enum { INDEXES = sizeof left_behind / sizeof *left_behind };

static void change_without_index(const char *path, const char *index, const char *change)
{
    char sql[300];
    sqlite3 *db = open_file(path);

    execute(db, "ATTACH ':memory:' AS kept; PRAGMA writable_schema = ON");
    snprintf(sql, sizeof sql, "CREATE TABLE kept.entry AS SELECT * FROM main.sqlite_schema WHERE name = '%s'", index);
    execute(db, sql);
    snprintf(sql, sizeof sql, "DELETE FROM main.sqlite_schema WHERE name = '%s'", index);
    execute(db, sql);
    sqlite3 *other = open_file(path); /* which knows nothing of it */
    execute(other, change);
    sqlite3_close(other);
    execute(db, "INSERT INTO main.sqlite_schema SELECT * FROM kept.entry");
    sqlite3_close(db);
}

static void expect_finding(const char *path, const char *of)
{
    char finding[SELKIE_INTEGRITY_TEXT_SIZE];
    struct selkie_integrity_check *integrity_check;

    ck_assert_int_eq(selkie_integrity_check_start(&integrity_check, path), 0);
    ck_assert(selkie_integrity_check_wait(integrity_check, 30000000));
    ck_assert(selkie_integrity_check_found(integrity_check, finding));
    ck_assert_msg(strstr(finding, of) != NULL, "got \"%s\"", finding);
    selkie_integrity_check_stop(integrity_check);
}

START_TEST(each_index_is_held_against_its_table)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    sqlite3_stmt *statement;

    sqlite3 *db = open_file(path);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), INDEXES);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    change_without_index(path, left_behind[_i].index, left_behind[_i].change);
    expect_finding(path, left_behind[_i].index);
}
END_TEST

/* Tables whose rows are found by a key of their own, with no index beside them. */
START_TEST(a_key_in_the_wrong_place_is_found)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");

    sqlite3 *db = open_file(path);
    execute(db, "INSERT INTO gateway (name, auth, added) VALUES ('gate-1', 0, 0), ('gate-2', 0, 0), ('gate-3', 0, 0)");
    sqlite3_close(db); /* which empties the log */
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    char *bytes = malloc(1 << 20);
    ck_assert_ptr_nonnull(bytes);
    size_t len = fread(bytes, 1, 1 << 20, file);
    char *name = memmem(bytes, len, "gate-2", 6);
    ck_assert_ptr_nonnull(name);
    ck_assert_int_eq(fseek(file, name - bytes + 5, SEEK_SET), 0);
    ck_assert_int_eq(fputc('7', file), '7');
    ck_assert_int_eq(fclose(file), 0);
    free(bytes);
    expect_finding(path, "gateway");
}
END_TEST

/* Before each of the check's queries: whether the log can be emptied, which no reader allows. */
static const char *log_of;
static atomic_uint checks, emptied;

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    if (in_check && log_of && strstr(sqlite3_sql(statement), "_check")) {
        sqlite3 *db = open_file(log_of);
        execute(db, "INSERT INTO stale VALUES (x'00'); DELETE FROM stale");
        atomic_fetch_add(&checks, 1);
        if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
            atomic_fetch_add(&emptied, 1);
        sqlite3_close(db);
    }
    return __real_sqlite3_step(statement);
}

START_TEST(the_log_is_let_go_of_before_each_table)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    struct selkie_integrity_check *integrity_check;

    sqlite3 *writer = open_file(path); /* keeps the log, as a broker does */
    execute(writer, "SELECT count(*) FROM binding");
    log_of = path;
    ck_assert_int_eq(selkie_integrity_check_start(&integrity_check, path), 0);
    ck_assert(selkie_integrity_check_wait(integrity_check, 30000000));
    selkie_integrity_check_stop(integrity_check);
    sqlite3_close(writer);
    /* The whole file; then device, binding, parked and unmatched, which have indexes; and five more WITHOUT ROWID. */
    ck_assert_uint_eq(checks, 10);
    ck_assert_uint_eq(emptied, checks);
}
END_TEST

START_TEST(want_of_memory_is_no_damage_wherever_it_comes)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    char finding[SELKIE_INTEGRITY_TEXT_SIZE];
    bool denied = true;
    int number;

    sqlite3 *writer = open_file(path); /* keeps the log, as a broker does */
    execute(writer, "SELECT count(*) FROM binding");
    for (number = 1; denied; number++) {
        struct selkie_integrity_check *integrity_check;
        atomic_store(&allocations, 0);
        atomic_store(&deny_number, number);
        ck_assert_int_eq(selkie_integrity_check_start(&integrity_check, path), 0);
        ck_assert(selkie_integrity_check_wait(integrity_check, 30000000));
        ck_assert_msg(!selkie_integrity_check_found(integrity_check, finding), "%d: %s", number, finding);
        ck_assert(!selkie_integrity_check_delayed(integrity_check, finding));
        selkie_integrity_check_stop(integrity_check);
        denied = atomic_load(&allocations) >= number;
    }
    sqlite3_close(writer);
    ck_assert_int_gt(number, 20);
}
END_TEST

static atomic_bool disk_full;
static ssize_t (*real_pwrite)(int fd, const void *bytes, size_t len, off_t at);

static ssize_t pwrite_full(int fd, const void *bytes, size_t len, off_t at)
{
    if (!atomic_load(&disk_full))
        return real_pwrite(fd, bytes, len, at);
    errno = ENOSPC;
    return -1;
}

/* Each reader writes: the index of the log is a file. */
START_TEST(a_full_disk_is_no_damage)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const char *call = vfs->xGetSystemCall(vfs, "pwrite64") ? "pwrite64" : "pwrite";
    char text[SELKIE_INTEGRITY_TEXT_SIZE];
    struct selkie_integrity_check *integrity_check;
    sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, call);

    memcpy(&real_pwrite, &real, sizeof real);
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, call, (sqlite3_syscall_ptr)pwrite_full), SQLITE_OK);
    atomic_store(&disk_full, true);
    ck_assert_int_eq(selkie_integrity_check_start(&integrity_check, path), 0);
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (!selkie_integrity_check_delayed(integrity_check, text) && selkie_clock_monotonic_us() < until_us &&
           !selkie_integrity_check_found(integrity_check, text))
        sched_yield();
    ck_assert_msg(!selkie_integrity_check_found(integrity_check, text), "%s", text);
    ck_assert(selkie_integrity_check_delayed(integrity_check, text));
    atomic_store(&disk_full, false);
    ck_assert(selkie_integrity_check_wait(integrity_check, 30000000));
    ck_assert(!selkie_integrity_check_found(integrity_check, text));
    selkie_integrity_check_stop(integrity_check);
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, call, NULL), SQLITE_OK);
}
END_TEST

START_TEST(what_cannot_be_read_just_now_is_tried_again_ever_more_rarely)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    char check_delay[SELKIE_INTEGRITY_TEXT_SIZE];
    struct selkie_integrity_check *integrity_check;

    atomic_store(&deny_all, true);
    pauses_max = PAUSES;
    ck_assert_int_eq(selkie_integrity_check_start(&integrity_check, path), 0);
    int64_t begun_us = selkie_clock_monotonic_us();
    while (atomic_load(&paused) < PAUSES && selkie_clock_monotonic_us() < begun_us + 30000000)
        sched_yield();
    ck_assert_int_eq(atomic_load(&paused), PAUSES);
    ck_assert(!selkie_integrity_check_found(integrity_check, check_delay));
    ck_assert(selkie_integrity_check_delayed(integrity_check, check_delay));
    ck_assert_str_eq(check_delay, "out of memory");
    selkie_integrity_check_stop(integrity_check); /* in the midst of a minute's pause */
    ck_assert_int_lt(selkie_clock_monotonic_us() - begun_us, 30000000);
    for (int i = 0; i < PAUSES; i++) {
        int64_t expected = (int64_t)100000 << i;
        if (expected > 60000000)
            expected = 60000000;
        ck_assert_int_le(pauses[i], expected);
        ck_assert_int_gt(pauses[i], expected - 100000);
    }
}
END_TEST

START_TEST(a_registry_that_cannot_be_read_through_just_now_is_used_and_told_of_once)
{
    struct kit_device device = kit_device(1, 1);
    const struct selkie_unsealer_options options = {.state_dir = make_registry(&device)};
    char payload[20];

    atomic_store(&deny_all, true);
    struct kit_host *host = kit_open(&options);
    for (int i = 1; i < 4; i++) {
        snprintf(payload, sizeof payload, "number %d", i);
        struct kit_body body = kit_data(&device, payload);
        kit_receipt(host, kit_submit(host, &body, 0));
        kit_expect_payload(host, &device, (uint32_t)i, payload);
    }
    ck_assert(kit_log_has(host, "at the moment (out of memory)"));
    ck_assert_uint_eq(kit_logged(host, LOG_NOTICE), 1);
    atomic_store(&deny_all, false);
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (!kit_log_has(host, "after all") && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert(kit_log_has(host, "after all"));
    ck_assert_uint_eq(kit_logged(host, LOG_NOTICE), 2);
    kit_close(host);
}
END_TEST

int main(void)
{
    install_allocator();
    Suite *suite = suite_create("integrity_check");
    TCase *tcase = tcase_create("integrity_check");

    tcase_set_timeout(tcase, 150);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, a_copy_in_another_journal_mode_is_used_while_it_is_read_through, 0, 4);
    tcase_add_loop_test(tcase, each_index_is_held_against_its_table, 0, INDEXES);
    tcase_add_test(tcase, a_key_in_the_wrong_place_is_found);
    tcase_add_test(tcase, the_log_is_let_go_of_before_each_table);
    tcase_add_test(tcase, want_of_memory_is_no_damage_wherever_it_comes);
    tcase_add_test(tcase, a_full_disk_is_no_damage);
    tcase_add_test(tcase, what_cannot_be_read_just_now_is_tried_again_ever_more_rarely);
    tcase_add_test(tcase, a_registry_that_cannot_be_read_through_just_now_is_used_and_told_of_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
