/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry refuses to start with, what stands in its file, and that a full disk stops receipts and nothing
 * else.
 */
#define _GNU_SOURCE /* memmem */
#include "commands/command_batch.h"
#include "registry/checkpointer.h"
#include "registry/registry.h"
#include "registry/vault.h"
#include <check.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <sched.h>
#include <selkie/clock.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static void expect_refused(const char *dir, int result, const char *sentence)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;
    ck_assert_int_eq(selkie_registry_open(&registry, dir, true, error), result);
    ck_assert_ptr_null(registry);
    ck_assert_msg(strstr(error, sentence) != NULL, "expected \"%s\", got \"%s\"", sentence, error);
}

/* A folder with a registry in which a device is registered. */
static const char *make_registry(void)
{
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_register(&device, NULL, NULL);
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_close(host);
    return dir;
}

static void execute(const char *dir, const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(state_is_for_its_owner_alone)
{
    const char *dir = kit_path(kit_dir(), "state");
    static const char *const files[] = {"registry.db", "storage.key"};
    struct selkie_registry *registry;
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct stat status;

    ck_assert_msg(selkie_registry_open(&registry, dir, true, error) == 0, "%s", error);
    ck_assert_int_eq(stat(dir, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(stat(kit_path(dir, files[i]), &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0600);
    }
    ck_assert_int_eq(access(kit_path(dir, "registry.db.new"), F_OK), -1);
    expect_refused(dir, SELKIE_EBUSY, "in use");
    selkie_registry_close(registry);
}
END_TEST

START_TEST(a_newer_registry_is_refused)
{
    const char *dir = make_registry();
    execute(dir, "PRAGMA user_version = 99");
    expect_refused(dir, SELKIE_EVERSION, "version 99");
}
END_TEST

START_TEST(another_kind_of_file_is_refused)
{
    static const char text[] =
        "this is not a database, however long it is: it goes on and on and on and on and on and on";
    const char *dir = make_registry();
    kit_write(kit_path(dir, "registry.db"), text, sizeof text, 0600);
    expect_refused(dir, SELKIE_ESTORAGE, "registry.db");
    kit_write(kit_path(dir, "registry.db"), "", 0, 0600);
    expect_refused(dir, SELKIE_ESTORAGE, "damaged or not a registry");
    unlink(kit_path(dir, "registry.db"));
    execute(dir, "CREATE TABLE other (x)");
    expect_refused(dir, SELKIE_ESTORAGE, "damaged or not a registry");
}
END_TEST

START_TEST(a_damaged_registry_is_refused)
{
    const char *dir = make_registry(), *path = kit_path(dir, "registry.db");
    struct stat status;
    uint8_t garbage[4096];
    memset(garbage, 0xa5, sizeof garbage);
    ck_assert_int_eq(stat(path, &status), 0);
    int fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < status.st_size; at += 8192)
        ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    close(fd);
    expect_refused(dir, SELKIE_ESTORAGE, "damaged");
    ck_assert_int_eq(truncate(path, 5000), 0);
    expect_refused(dir, SELKIE_ESTORAGE, "registry.db");
}
END_TEST

START_TEST(a_registry_that_was_taken_away_is_not_started_empty)
{
    const char *dir = make_registry();
    ck_assert_int_eq(unlink(kit_path(dir, "registry.db")), 0);
    expect_refused(dir, SELKIE_ESTORAGE, "is missing, but storage.key exists");
}
END_TEST

/* As on a machine whose volume is not mounted. */
START_TEST(an_empty_folder_is_not_taken_for_a_first_start)
{
    const char *dir = kit_dir(), *missing = kit_path(dir, "state");
    struct selkie_registry *registry;
    char error[SELKIE_REGISTRY_ERROR_SIZE];

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(selkie_registry_open(&registry, i ? missing : dir, false, error), SELKIE_ENOTFOUND);
        ck_assert_ptr_null(registry);
        ck_assert_msg(strstr(error, "registry.db: is missing") && strstr(error, "mount its volume") &&
                          strstr(error, "selkiectl registry create"),
                      "%s", error);
    }
    ck_assert_int_eq(access(missing, F_OK), -1);
    ck_assert_int_eq(access(kit_path(dir, "storage.key"), F_OK), -1);
    kit_write(kit_path(dir, "registry.db.new"), "", 0, 0600); /* what selkiectl registry create leaves */
    ck_assert_msg(selkie_registry_open(&registry, dir, false, error) == 0, "%s", error);
    selkie_registry_close(registry);
    ck_assert_int_eq(access(kit_path(dir, "registry.db.new"), F_OK), -1);
    ck_assert_msg(selkie_registry_open(&registry, dir, false, error) == 0, "%s", error);
    selkie_registry_close(registry);
    kit_write(kit_path(dir, "registry.db.new"), "", 0, 0600); /* beside a registry it is of no use */
    ck_assert_msg(selkie_registry_open(&registry, dir, false, error) == 0, "%s", error);
    selkie_registry_close(registry);
    ck_assert_int_eq(unlink(kit_path(dir, "registry.db")), 0); /* once, not again */
    ck_assert_int_eq(selkie_registry_open(&registry, dir, false, error), SELKIE_ESTORAGE);
}
END_TEST

START_TEST(a_registry_of_zeros_and_a_lost_key_are_named)
{
    static const uint8_t zeros[8192];
    const char *dir = make_registry(), *path = kit_path(dir, "registry.db");

    kit_write(path, "", 0, 0600);
    expect_refused(dir, SELKIE_ESTORAGE, "it is empty; a registry never is; restore it and storage.key from a backup");
    kit_write(path, zeros, sizeof zeros, 0600);
    expect_refused(dir, SELKIE_ESTORAGE, "it begins with zeros");
    dir = make_registry();
    ck_assert_int_eq(unlink(kit_path(dir, "storage.key")), 0);
    expect_refused(dir, SELKIE_ECONFIG, "storage.key: is missing; it belongs to the registry.db beside it");
}
END_TEST

START_TEST(a_first_start_that_was_broken_off_is_done_again)
{
    const char *dir = make_registry(), *unfinished = kit_path(dir, "registry.db.new");
    struct selkie_registry *registry;
    char error[SELKIE_REGISTRY_ERROR_SIZE];

    ck_assert_int_eq(rename(kit_path(dir, "registry.db"), unfinished), 0);
    ck_assert_int_eq(truncate(unfinished, 4096), 0);
    ck_assert_msg(selkie_registry_open(&registry, dir, true, error) == 0, "%s", error);
    selkie_registry_close(registry);
}
END_TEST

START_TEST(a_storage_key_that_is_wrong_is_refused)
{
    const char *dir = make_registry(), *path = kit_path(dir, "storage.key");
    uint8_t key[32] = {1};

    ck_assert_int_eq(chmod(path, 0640), 0);
    expect_refused(dir, SELKIE_ECONFIG, "group or others can access");
    kit_write(path, key, 31, 0600);
    expect_refused(dir, SELKIE_ECONFIG, "must be 32 bytes, is 31; it belongs to the registry.db beside it: restore it");
    kit_write(path, key, 0, 0600);
    expect_refused(dir, SELKIE_ECONFIG, "is empty; it belongs to the registry.db beside it: restore it");
    kit_write(path, key, 32, 0600);
    expect_refused(dir, SELKIE_ECONFIG, "was written with another storage.key");
    unlink(path);
    expect_refused(dir, SELKIE_ECONFIG, "storage.key");
}
END_TEST

static size_t read_all(const char *path, uint8_t **bytes)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    *bytes = malloc(len + 1);
    ck_assert_uint_eq(fread(*bytes, 1, len, file), len);
    fclose(file);
    return len;
}

START_TEST(no_secret_stands_in_the_files)
{
    const char *dir = kit_dir();
    static const char *const files[] = {"registry.db", "registry.db-wal"};
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = SELKIE_ENROL_LISTED};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);

    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000001\",\"claim\":\"the claim is secret\"}");
    struct kit_body parked = kit_data(&device, "a parked reading"),
                    registration = kit_register(&device, "the claim is secret", NULL),
                    last = kit_data(&device, "a reading in the outbox");
    kit_receipt(host, kit_submit(host, &parked, 0));
    kit_receipt(host, kit_submit(host, &registration, 0));
    kit_receipt(host, kit_submit(host, &last, 0));
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes;
        size_t len = read_all(kit_path(dir, files[i]), &bytes);
        ck_assert_ptr_null(memmem(bytes, len, device.id, sizeof device.id));
        ck_assert_ptr_null(memmem(bytes, len, device.session.key, sizeof device.session.key));
        ck_assert_ptr_null(memmem(bytes, len, "claim is secret", 15));
        ck_assert_ptr_null(memmem(bytes, len, "reading", 7));
        free(bytes);
    }
    kit_close(host);
}
END_TEST

START_TEST(the_vault_opens_only_what_it_sealed_for_that_place)
{
    const char *dir = kit_dir();
    char error[SELKIE_VAULT_ERROR_SIZE];
    uint8_t sealed[5 + SELKIE_VAULT_OVERHEAD], again[sizeof sealed], plain[5];
    struct selkie_vault *vault;

    ck_assert_int_eq(selkie_vault_open(&vault, dir, true, error), 0);
    ck_assert_int_eq(selkie_vault_seal(vault, 'x', 7, (const uint8_t *)"hello", 5, sealed), 0);
    ck_assert_int_eq(selkie_vault_seal(vault, 'x', 7, (const uint8_t *)"hello", 5, again), 0);
    ck_assert(memcmp(sealed, again, sizeof sealed) != 0);
    selkie_vault_close(vault);

    ck_assert_int_eq(selkie_vault_open(&vault, dir, false, error), 0); /* another run */
    ck_assert_int_eq(selkie_vault_open_sealed(vault, 'x', 7, sealed, sizeof sealed, plain), 5);
    ck_assert_mem_eq(plain, "hello", 5);
    ck_assert_int_eq(selkie_vault_open_sealed(vault, 'y', 7, sealed, sizeof sealed, plain), SELKIE_ECRYPTO);
    ck_assert_int_eq(selkie_vault_open_sealed(vault, 'x', 8, sealed, sizeof sealed, plain), SELKIE_ECRYPTO);
    ck_assert_int_eq(selkie_vault_open_sealed(vault, 'x', 7, sealed, SELKIE_VAULT_OVERHEAD - 1, plain), SELKIE_ECRYPTO);
    for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(selkie_vault_open_sealed(vault, 'x', 7, sealed, sizeof sealed, plain), SELKIE_ECRYPTO);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    selkie_vault_close(vault);
}
END_TEST

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static json_t *storage_of(struct kit_host *host)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL), *storage = json_incref(json_object_get(stats, "storage"));
    json_decref(stats);
    free(text);
    return storage;
}

static bool storage_works(struct kit_host *host)
{
    json_t *storage = storage_of(host);
    bool works = json_is_true(json_object_get(storage, "working"));
    json_decref(storage);
    return works;
}

static json_int_t storage_failures(struct kit_host *host)
{
    json_t *storage = storage_of(host);
    json_int_t failures = json_integer_value(json_object_get(storage, "failures"));
    json_decref(storage);
    return failures;
}

START_TEST(a_full_disk_stops_receipts_until_there_is_room)
{
    enum { FRAMES = 200 };
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    uint64_t seqs[FRAMES];
    struct kit_body body = kit_register(&device, NULL, NULL);
    struct stat status;

    kit_receipt(host, kit_submit(host, &body, 0));
    ck_assert_int_eq(stat(kit_path(options.state_dir, "registry.db-wal"), &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)status.st_size);
    for (int i = 0; i < FRAMES; i++) {
        body = kit_session(&device, "x");
        seqs[i] = kit_submit(host, &body, 0);
    }
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (storage_works(host) && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert(!storage_works(host));
    ck_assert(!kit_has_receipt(host, seqs[FRAMES - 1]));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);

    limit_files(RLIM_INFINITY);
    for (int i = 0; i < FRAMES; i++) {
        kit_receipt(host, seqs[i]);
        kit_expect_payload(host, &device, (uint32_t)i + 1, "x");
    }
    ck_assert(storage_works(host));
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 1);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

static void expect_refusal(struct kit_host *host, const char *command)
{
    json_t *response = kit_command(host, command);
    const char *error = json_string_value(json_object_get(response, "error"));

    ck_assert_msg(error && strstr(error, "not carried out: registry: "), "got \"%s\"", error ? error : "no error");
    json_decref(response);
}

/* Whoever asks has an answer while the disk is full, and what was refused then is not done later. */
START_TEST(a_command_does_not_wait_for_a_full_disk)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_register(&device, NULL, NULL);
    char add[100];
    struct stat status;

    kit_receipt(host, kit_submit(host, &body, 0));
    body = kit_data(&device, "leaves a state to be put out in a second");
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_payload(host, &device, 1, "leaves a state to be put out in a second");
    ck_assert_int_eq(stat(kit_path(options.state_dir, "registry.db-wal"), &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)status.st_size);
    body = kit_data(&device, "waits");
    uint64_t seq = kit_submit(host, &body, 0);
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (storage_works(host) && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert(!storage_works(host));

    for (int i = 0; i < 20; i++) { /* more than may wait at a time */
        snprintf(add, sizeof add, "{\"command\":\"addDevice\",\"address\":\"03000000000000%02x\"}", i);
        expect_refusal(host, add);
    }
    /* Check notes each assertion in a file, which is limited, too. */
    bool answered = true;
    for (until_us = selkie_clock_monotonic_us() + 1500000; answered && selkie_clock_monotonic_us() < until_us;) {
        json_t *stats = kit_command(host, "{\"command\":\"getStats\"}"), *data = json_object_get(stats, "data");
        answered = json_is_false(json_object_get(json_object_get(data, "storage"), "working"));
        json_decref(stats);
    }
    ck_assert(answered);

    limit_files(RLIM_INFINITY);
    kit_receipt(host, seq);
    kit_expect_payload(host, &device, 2, "waits");
    json_t *list = kit_command(host, "{\"command\":\"listDevices\"}");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(list, "data"), "total")), 1);
    json_decref(list);
    kit_close(host);
}
END_TEST

/* A broker that no frame reaches: its operator's commands are what meets the full disk. */
START_TEST(a_full_disk_that_only_commands_meet_is_told_once_and_until_there_is_room)
{
    static const char add[] = "{\"command\":\"addDevice\",\"address\":\"0300000000000001\"}";
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);
    struct stat status;

    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0300000000000000\"}");
    ck_assert(storage_works(host));
    ck_assert_int_eq(stat(kit_path(options.state_dir, "registry.db-wal"), &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)status.st_size);
    expect_refusal(host, add);
    ck_assert(!storage_works(host));
    json_int_t failures = storage_failures(host);
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;
    while (storage_failures(host) < failures + 2 && selkie_clock_monotonic_us() < until_us) /* whether asked or not */
        sched_yield();
    ck_assert_int_ge(storage_failures(host), failures + 2);
    expect_refusal(host, add);
    ck_assert(!storage_works(host));
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 1);
    ck_assert(!kit_log_has(host, "works again"));

    limit_files(RLIM_INFINITY);
    until_us = selkie_clock_monotonic_us() + 10000000;
    while (!storage_works(host) && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert(storage_works(host));
    kit_do(host, "%s", add);
    ck_assert(kit_log_has(host, "works again"));
    ck_assert_uint_eq(kit_logged(host, LOG_NOTICE), 2);
    kit_close(host);
}
END_TEST

static const char *_Atomic log_clause = "";

bool __wrap_selkie_checkpointer_failed(struct selkie_checkpointer *checkpointer,
                                       char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);
bool __wrap_selkie_checkpointer_failed(struct selkie_checkpointer *checkpointer,
                                       char error[static SELKIE_CHECKPOINTER_ERROR_SIZE])
{
    (void)checkpointer;
    (void)snprintf(error, SELKIE_CHECKPOINTER_ERROR_SIZE, "%s", log_clause);
    return error[0] != 0;
}

START_TEST(a_log_that_cannot_be_moved_is_told_once_and_holds_up_nothing)
{
    static const char *const clauses[] = {"for a reason", "for another reason", ""};
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);

    for (int i = 0; i < 9; i++) {
        log_clause = clauses[i / 3];
        kit_do(host, "{\"command\":\"addDevice\",\"address\":\"030000000000000%d\"}", i);
        ck_assert_uint_eq(kit_logged(host, LOG_NOTICE), (unsigned)i / 3 + 1);
    }
    ck_assert(kit_log_has(host, "registry: the log cannot be moved into registry.db and grows: for a reason"));
    ck_assert(kit_log_has(host, "registry: the log cannot be moved into registry.db and grows: for another reason"));
    ck_assert(kit_log_has(host, "checkpoints work again"));
    kit_close(host);
}
END_TEST

static atomic_bool no_memory;

int __real_selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *op, int64_t until_us);
int __wrap_selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *op, int64_t until_us);
int __wrap_selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *op, int64_t until_us)
{
    return no_memory ? SELKIE_ENOMEM : __real_selkie_command_batch_run(batch, op, until_us);
}

START_TEST(a_command_that_finds_no_memory_says_nothing_of_the_storage)
{
    static const char add[] = "{\"command\":\"addDevice\",\"address\":\"0300000000000001\"}";
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);

    no_memory = true;
    json_t *response = kit_command(host, add);
    no_memory = false;
    ck_assert_str_eq(json_string_value(json_object_get(response, "error")), "not carried out: out of memory");
    json_decref(response);
    ck_assert(storage_works(host));
    ck_assert_int_eq(storage_failures(host), 0);
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 0);
    kit_do(host, "%s", add);
    kit_close(host);
}
END_TEST

START_TEST(tallies_agree_with_what_they_count)
{
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    sqlite3_stmt *statement;
    sqlite3 *db;

    for (uint32_t i = 0; i < 20; i++) {
        struct kit_device device = kit_device(i % 7, i);
        struct kit_body body = kit_data(&device, "");
        kit_receipt(host, kit_submit(host, &body, 0));
        if (i % 3 == 0)
            json_decref(kit_command(host, "{\"command\":\"removeDevice\",\"address\":\"0200000000000001\"}"));
        if (i % 4 == 0)
            json_decref(kit_command(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000002\"}"));
        if (i % 5 == 0)
            json_decref(kit_command(host, "{\"command\":\"revokeDevice\",\"address\":\"0200000000000003\"}"));
    }
    kit_close(host);
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    const char *sql =
        "SELECT (SELECT count(*) FROM device) = (SELECT sum(count) FROM tally WHERE what = 'status'), "
        "(SELECT count(*) FROM binding WHERE status = 1) = (SELECT sum(count) FROM tally WHERE what = "
        "'key'), NOT EXISTS (SELECT 1 FROM tally WHERE what = 'status' AND count <> (SELECT count(*) "
        "FROM device WHERE status = which)), (SELECT count(*) FROM device WHERE gateway = 'g1') = (SELECT "
        "count FROM held WHERE what = 'device' AND gateway = 'g1'), (SELECT count FROM held WHERE what = "
        "'device' AND gateway = '') = (SELECT count FROM held WHERE what = 'device' AND gateway = 'g1'), "
        "(SELECT count(*) FROM parked) = (SELECT count FROM held WHERE what = 'parked' AND gateway = '')";
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(sqlite3_column_int(statement, i), 1);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}
END_TEST

/* It stays for ever, so it is small; and what a listing shows of it is true. */
START_TEST(of_a_retired_id_no_more_is_kept_than_is_needed)
{
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1), reset = kit_device(1, 2);
    sqlite3_stmt *statement;
    sqlite3 *db;

    kit_submit_wait(host, kit_register(&device, NULL, "firmware 1"));
    for (int i = 0; i < 40; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_submit_wait(host, kit_register(&reset, NULL, NULL));
    json_decref(kit_command(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}"));
    json_t *response = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"0200000000000001\"}");
    json_t *retired = json_array_get(json_object_get(json_object_get(response, "data"), "bindings"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(retired, "status")), "retired");
    ck_assert_int_eq(json_integer_value(json_object_get(retired, "received")), 41);
    ck_assert_int_eq(json_integer_value(json_object_get(retired, "counter")), 40);
    ck_assert_int_gt(json_integer_value(json_object_get(retired, "last_seen")), 0);
    ck_assert_ptr_null(json_object_get(retired, "gateway"));
    ck_assert_ptr_null(json_object_get(retired, "firmware"));
    json_decref(response);
    kit_close(host);
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT length(entries) + length(gateway) + length(firmware) + "
                                        "ifnull(length(session), 0), (SELECT count(*) FROM seen WHERE place >> 27 = "
                                        "number), length(id_hash) FROM binding WHERE status = 4",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), 0);
    ck_assert_int_eq(sqlite3_column_int(statement, 1), 0);
    ck_assert_int_eq(sqlite3_column_int(statement, 2), 32);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *tcase = tcase_create("registry");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, state_is_for_its_owner_alone);
    tcase_add_test(tcase, a_newer_registry_is_refused);
    tcase_add_test(tcase, another_kind_of_file_is_refused);
    tcase_add_test(tcase, a_damaged_registry_is_refused);
    tcase_add_test(tcase, a_registry_that_was_taken_away_is_not_started_empty);
    tcase_add_test(tcase, an_empty_folder_is_not_taken_for_a_first_start);
    tcase_add_test(tcase, a_registry_of_zeros_and_a_lost_key_are_named);
    tcase_add_test(tcase, a_first_start_that_was_broken_off_is_done_again);
    tcase_add_test(tcase, a_storage_key_that_is_wrong_is_refused);
    tcase_add_test(tcase, no_secret_stands_in_the_files);
    tcase_add_test(tcase, the_vault_opens_only_what_it_sealed_for_that_place);
    tcase_add_test(tcase, a_full_disk_stops_receipts_until_there_is_room);
    tcase_add_test(tcase, a_command_does_not_wait_for_a_full_disk);
    tcase_add_test(tcase, a_full_disk_that_only_commands_meet_is_told_once_and_until_there_is_room);
    tcase_add_test(tcase, a_log_that_cannot_be_moved_is_told_once_and_holds_up_nothing);
    tcase_add_test(tcase, a_command_that_finds_no_memory_says_nothing_of_the_storage);
    tcase_add_test(tcase, tallies_agree_with_what_they_count);
    tcase_add_test(tcase, of_a_retired_id_no_more_is_kept_than_is_needed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
