/* SPDX-License-Identifier: Apache-2.0 */
/* The registry while it is read through beside the work: what that holds up, and what it makes of a file that cannot be
 * read just now. */
#include <check.h>
#include <clock.h>
#include <examiner.h>
#include <kit/kit.h>
#include <registry.h>
#include <run_suite.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <thread.h>
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

/* A reader that began with the examiner and is not through yet: an examiner of a registry that is large. */
static sqlite3 *reader;
static bool slow, is_examiner;

int __real_selkie_examiner_start(struct selkie_examiner **examiner, const char *path);
int __wrap_selkie_examiner_start(struct selkie_examiner **examiner, const char *path);
int __wrap_selkie_examiner_start(struct selkie_examiner **examiner, const char *path)
{
    if (slow) {
        reader = open_file(path);
        execute(reader, "BEGIN; SELECT count(*) FROM binding");
    }
    is_examiner = true;
    int result = __real_selkie_examiner_start(examiner, path);
    is_examiner = false;
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

/* What the examiner's own thread is denied: all memory, or one allocation by its number. */
static atomic_bool deny_all;
static atomic_int deny_number, allocations;
static _Thread_local bool in_examiner;

static sqlite3_mem_methods allocator;

static bool is_denied(void)
{
    if (!in_examiner)
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

static void *(*run_examiner)(void *context);

static void *run(void *context)
{
    in_examiner = true;
    return run_examiner(context);
}

int __real_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context);
int __wrap_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context);
int __wrap_selkie_thread_start(pthread_t *thread, void *(*start)(void *), void *context)
{
    if (!is_examiner)
        return __real_selkie_thread_start(thread, start, context);
    run_examiner = start;
    return __real_selkie_thread_start(thread, run, context);
}

/* The examiner's pauses, which are over at once, but for the last. */
enum { PAUSES = 15 };
static int64_t pauses[PAUSES];
static atomic_int paused;
static int pauses_max = INT32_MAX;

bool __real_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);
bool __wrap_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);
bool __wrap_selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    if (!in_examiner)
        return __real_selkie_thread_wait_until(condition, lock, until_us);
    int number = atomic_fetch_add(&paused, 1);
    if (number < PAUSES)
        pauses[number] = until_us - selkie_clock_monotonic_us();
    return number + 1 >= pauses_max && __real_selkie_thread_wait_until(condition, lock, until_us);
}

START_TEST(want_of_memory_is_no_damage_wherever_it_comes)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    char finding[SELKIE_EXAMINER_FINDING_SIZE];
    bool denied = true;
    int number;

    sqlite3 *registrar = open_file(path); /* keeps the log, as a broker does */
    execute(registrar, "SELECT count(*) FROM binding");
    for (number = 1; denied; number++) {
        struct selkie_examiner *examiner;
        atomic_store(&allocations, 0);
        atomic_store(&deny_number, number);
        ck_assert_int_eq(selkie_examiner_start(&examiner, path), 0);
        ck_assert(selkie_examiner_wait(examiner, 30000000));
        ck_assert_msg(!selkie_examiner_found(examiner, finding), "%d: %s", number, finding);
        ck_assert(!selkie_examiner_hindered(examiner, finding));
        selkie_examiner_stop(examiner);
        denied = atomic_load(&allocations) >= number;
    }
    sqlite3_close(registrar);
    ck_assert_int_gt(number, 20);
}
END_TEST

START_TEST(what_cannot_be_read_just_now_is_tried_again_ever_more_rarely)
{
    struct kit_device device = kit_device(1, 1);
    const char *path = kit_path(make_registry(&device), "registry.db");
    char hindrance[SELKIE_EXAMINER_FINDING_SIZE];
    struct selkie_examiner *examiner;

    atomic_store(&deny_all, true);
    pauses_max = PAUSES;
    ck_assert_int_eq(selkie_examiner_start(&examiner, path), 0);
    int64_t begun_us = selkie_clock_monotonic_us();
    while (atomic_load(&paused) < PAUSES && selkie_clock_monotonic_us() < begun_us + 30000000)
        sched_yield();
    ck_assert_int_eq(atomic_load(&paused), PAUSES);
    ck_assert(!selkie_examiner_found(examiner, hindrance));
    ck_assert(selkie_examiner_hindered(examiner, hindrance));
    ck_assert_str_eq(hindrance, "out of memory");
    selkie_examiner_stop(examiner); /* in the midst of a minute's pause */
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
    ck_assert(kit_log_has(host, "just now (out of memory)"));
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
    Suite *suite = suite_create("examiner");
    TCase *tcase = tcase_create("examiner");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, a_copy_in_another_journal_mode_is_used_while_it_is_read_through, 0, 4);
    tcase_add_test(tcase, want_of_memory_is_no_damage_wherever_it_comes);
    tcase_add_test(tcase, what_cannot_be_read_just_now_is_tried_again_ever_more_rarely);
    tcase_add_test(tcase, a_registry_that_cannot_be_read_through_just_now_is_used_and_told_of_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
