/* SPDX-License-Identifier: Apache-2.0 */
/* What a damaged registry does: nothing is decided by it, whether the damage is found at the start, beside the work or
 * by a frame that meets it. */
#define _GNU_SOURCE /* memmem */
#include "registry/integrity_check.h"
#include "registry/registry.h"
#include <check.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <sched.h>
#include <selkie/clock.h>
#include <selkie/mbedtls.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static void expect_refused(const char *dir)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;

    ck_assert_int_eq(selkie_registry_open(&registry, dir, true, error), SELKIE_ESTORAGE);
    ck_assert_msg(strstr(error, "is damaged (") != NULL, "got \"%s\"", error);
}

static void execute(const char *dir, const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A folder with a registry in which a device is registered: its ID is active, or retired if the device is removed. */
static const char *make_registry(const struct kit_device *device, bool remove)
{
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_device copy = *device;
    struct kit_body body = kit_register(&copy, NULL, NULL);

    kit_receipt(host, kit_submit(host, &body, 0));
    if (remove)
        kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"0200000000000001\"}");
    kit_close(host);
    return dir;
}

/* How the file is examined at the start: as it is; as if it took longer than the start waits; or not at all. */
static enum { EXAMINED, EXAMINED_LATE, NOT_EXAMINED } examination;
static bool starting;

bool __real_selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t patience_us);
bool __wrap_selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t patience_us);
bool __wrap_selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t patience_us)
{
    starting = true; /* a test waits until it has been examined, however busy the machine is */
    return __real_selkie_integrity_check_wait(integrity_check,
                                              examination == EXAMINED ? 1000 * patience_us : patience_us);
}

bool __real_selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                         char finding[static SELKIE_INTEGRITY_TEXT_SIZE]);
bool __wrap_selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                         char finding[static SELKIE_INTEGRITY_TEXT_SIZE]);
bool __wrap_selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                         char finding[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    bool hidden = examination == NOT_EXAMINED || (examination == EXAMINED_LATE && starting);

    starting = false;
    return !hidden && __real_selkie_integrity_check_found(integrity_check, finding);
}

enum { PAGE = 1024 };

/* Where in the file the first page of an index or a table begins. In a small registry it is the only one, a leaf. */
static off_t place_of(const char *dir, const char *name)
{
    char sql[100];
    sqlite3 *db;
    sqlite3_stmt *statement;

    snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_master WHERE name = '%s'", name);
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    off_t at = (off_t)(sqlite3_column_int(statement, 0) - 1) * PAGE;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return at;
}

static void spoil_page(const char *dir, const char *name)
{
    uint8_t garbage[PAGE];
    off_t at = place_of(dir, name);
    int fd = open(kit_path(dir, "registry.db"), O_WRONLY);

    memset(garbage, 0xa5, sizeof garbage);
    ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    close(fd);
}

/* Flip one bit of a key that stands in an index: the page stays well-formed. */
static void flip_bit(const char *dir, const char *index, const uint8_t *key, size_t len)
{
    uint8_t page[PAGE];
    off_t at = place_of(dir, index);
    int fd = open(kit_path(dir, "registry.db"), O_RDWR);

    ck_assert_int_eq(pread(fd, page, sizeof page, at), sizeof page);
    uint8_t *found = memmem(page, sizeof page, key, len);
    ck_assert_ptr_nonnull(found);
    found[len - 1] ^= 1;
    ck_assert_int_eq(pwrite(fd, page, sizeof page, at), sizeof page);
    close(fd);
}

static json_t *storage_of(struct kit_host *host)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL), *storage = json_incref(json_object_get(stats, "storage"));

    json_decref(stats);
    free(text);
    return storage;
}

static bool is_damaged(struct kit_host *host)
{
    json_t *storage = storage_of(host);
    bool damaged = json_is_true(json_object_get(storage, "damaged"));

    ck_assert(!damaged || !json_is_true(json_object_get(storage, "working")));
    json_decref(storage);
    return damaged;
}

static void wait_for_damage(struct kit_host *host)
{
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;

    while (!is_damaged(host) && selkie_clock_monotonic_us() < until_us)
        sched_yield();
    ck_assert(is_damaged(host));
}

/* Wait for another round that failed. */
static void fail_again(struct kit_host *host)
{
    json_t *storage = storage_of(host);
    json_int_t before = json_integer_value(json_object_get(storage, "failures")), now = before;
    int64_t until_us = selkie_clock_monotonic_us() + 10000000;

    while (now == before && selkie_clock_monotonic_us() < until_us) {
        json_decref(storage);
        sched_yield();
        storage = storage_of(host);
        now = json_integer_value(json_object_get(storage, "failures"));
    }
    ck_assert_int_gt(now, before);
    json_decref(storage);
}

/* Damage that comes to light only while the broker works: read through beside the work, or met by it. */
START_TEST(damage_that_is_found_later_stops_all_decisions_and_is_told)
{
    struct kit_device known = kit_device(1, 1), device = kit_device(2, 1);
    const char *dir = make_registry(&known, false);
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_body body = kit_data(&device, "x");

    spoil_page(dir, "binding_id");
    expect_refused(dir);
    examination = _i == 0 ? EXAMINED_LATE : NOT_EXAMINED;
    struct kit_host *host = kit_open(&options);
    uint64_t seq = _i == 0 ? 0 : kit_submit(host, &body, 0);
    wait_for_damage(host);
    if (seq == 0)
        seq = kit_submit(host, &body, 0);
    fail_again(host);
    fail_again(host);
    ck_assert(!kit_has_receipt(host, seq));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 1);
    ck_assert(kit_log_has(host, "registry: damaged (") && kit_log_has(host, "from a backup"));
    kit_close(host);
}
END_TEST

/* One bit in an index, and an ID that was retired looks new, or an address that is bound looks free. Neither is let in:
 * where the check at the start is not through yet, the contradiction is noticed. */
START_TEST(one_flipped_bit_in_an_index_lets_nobody_in)
{
    struct kit_device known = kit_device(1, 1), other = kit_device(1, 2), *sender = _i == 0 ? &known : &other;
    const char *dir = make_registry(&known, _i == 0);
    const struct selkie_unsealer_options options = {.state_dir = dir};
    uint8_t id_hash[32];

    ck_assert_int_eq(selkie_mbedtls_sha256(known.id, sizeof known.id, id_hash, 0), 0);
    if (_i == 0)
        flip_bit(dir, "binding_id", id_hash, sizeof id_hash);
    else
        flip_bit(dir, "binding_live", known.address, sizeof known.address);
    expect_refused(dir);

    examination = NOT_EXAMINED;
    struct kit_host *host = kit_open(&options);
    unsigned payloads = kit_waiting(host, SELKIE_OUTPUT_PAYLOAD);
    struct kit_body body = kit_data(sender, "recorded long ago");
    uint64_t seq = kit_submit(host, &body, 0);
    wait_for_damage(host);
    fail_again(host);
    ck_assert(!kit_has_receipt(host, seq));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), payloads);
    ck_assert(kit_log_has(host, "registry: damaged (") && kit_log_has(host, "from a backup"));
    kit_close(host);
}
END_TEST

START_TEST(a_damaged_row_stops_nothing_but_itself)
{
    const char *dir = kit_dir();
    struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_device one = kit_device(1, 1), two = kit_device(2, 1), new = kit_device(2, 2);
    struct kit_body body;

    body = kit_data(&one, "lost in the outbox");
    kit_receipt(host, kit_submit(host, &body, 0));
    body = kit_data(&two, "not lost");
    kit_receipt(host, kit_submit(host, &body, 0));
    for (int i = 0; i < 3; i++) {
        body = kit_data(&new, "parked");
        kit_receipt(host, kit_submit(host, &body, 0));
    }
    kit_close(host);
    execute(dir, "UPDATE binding SET session = zeroblob(72) WHERE number = 1;"
                 "UPDATE outbox SET data = zeroblob(60) WHERE kind = 0 AND address = x'0200000000000001';"
                 "UPDATE parked SET payload = zeroblob(60) WHERE counter = 1");

    host = kit_open(&options);
    kit_expect_payload(host, &two, 0, "not lost");
    body = kit_session(&one, "nobody can tell");
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_rejected(host, "bad-seal");
    body = kit_session(&two, "goes on");
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_payload(host, &two, 1, "goes on");
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000002\"}");
    kit_expect_rejected(host, "bad-seal");
    kit_expect_payload(host, &new, 0, "parked");
    kit_expect_payload(host, &new, 2, "parked");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 3);
    kit_close(host);
}
END_TEST

START_TEST(a_damaged_claim_lets_nobody_in)
{
    static const int sizes[] = {45, 4000}; /* the second is longer than any claim */
    const char *dir = kit_dir();
    struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = SELKIE_ENROL_LISTED};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);

    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000001\",\"claim\":\"right\"}");
    kit_close(host);
    kit_execute(dir, "UPDATE device SET claim = zeroblob(%d)", sizes[_i]);
    host = kit_open(&options);
    struct kit_body body = kit_register(&device, "right", NULL);
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_rejected(host, "claim");
    kit_do(host, "{\"command\":\"setDevice\",\"address\":\"0200000000000001\",\"claim\":\"again\"}");
    body = kit_register(&device, "again", NULL);
    kit_receipt(host, kit_submit(host, &body, 0));
    json_decref(kit_expect_event(host, "registered"));
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damage");
    TCase *tcase = tcase_create("damage");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, damage_that_is_found_later_stops_all_decisions_and_is_told, 0, 2);
    tcase_add_loop_test(tcase, one_flipped_bit_in_an_index_lets_nobody_in, 0, 2);
    tcase_add_test(tcase, a_damaged_row_stops_nothing_but_itself);
    tcase_add_loop_test(tcase, a_damaged_claim_lets_nobody_in, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
