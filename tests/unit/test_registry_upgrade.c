/* SPDX-License-Identifier: Apache-2.0 */
/* A registry of an earlier version (registry-v1.sql, registry-v2.sql) becomes one of today, with all that it remembers.
 */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <sqlite3.h>
#include <stdio.h>

static const char *const schemas[] = {SELKIE_REGISTRY_V1, SELKIE_REGISTRY_V2};

/* The registry of a folder, as a plugin of an earlier version would have written it. */
static void make_version(const char *dir, int version)
{
    static const char copy[] =
        "SELECT 'INSERT INTO main.' || m.name || ' (' || group_concat('\"' || p.name || '\"') || ') SELECT ' || "
        "group_concat('\"' || p.name || '\"') || ' FROM today.' || m.name || ';' FROM main.sqlite_schema m, "
        "pragma_table_info(m.name, 'main') p WHERE m.type = 'table' AND m.name NOT IN ('held', 'tally') AND m.name NOT "
        "LIKE "
        "'sqlite%' GROUP BY m.name";
    const char *path = kit_path(dir, "registry.db"), *old = kit_path(dir, "old.db");
    char schema[16384], attach[512];
    FILE *file = fopen(schemas[version - 1], "r");
    sqlite3_stmt *row;
    sqlite3 *db;

    ck_assert_ptr_nonnull(file);
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(sqlite3_open(old, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    snprintf(attach, sizeof attach, "COMMIT; ATTACH '%s' AS today; BEGIN", path); /* the schema has begun */
    ck_assert_msg(sqlite3_exec(db, attach, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_prepare_v2(db, copy, -1, &row, NULL), SQLITE_OK);
    while (sqlite3_step(row) == SQLITE_ROW)
        ck_assert_msg(sqlite3_exec(db, (const char *)sqlite3_column_text(row, 0), NULL, NULL, NULL) == SQLITE_OK, "%s",
                      sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_finalize(row), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    ck_assert_int_eq(rename(old, path), 0);
}

static int64_t number_of(const char *dir, const char *sql)
{
    sqlite3_stmt *row;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(row, 0);
    ck_assert_int_eq(sqlite3_finalize(row), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return number;
}

START_TEST(a_registry_of_each_earlier_version_is_upgraded_and_forgets_nothing)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1), again = kit_device(1, 2), third = kit_device(1, 3);
    struct kit_host *host = kit_open_dir(dir);
    struct kit_body body = kit_register(&device, NULL, NULL), recorded = kit_data(&device, "one");

    kit_submit_wait(host, body);
    kit_submit_wait(host, recorded);
    kit_expect_payload(host, &device, 1, "one");
    kit_submit_wait(host, kit_register(&again, NULL, NULL)); /* waits for the operator, */
    kit_submit_wait(host, kit_data(&again, "parked"));
    kit_delivered(host);
    kit_close(host);
    make_version(dir, _i);
    ck_assert_int_eq(number_of(dir, "PRAGMA user_version"), _i);
    ck_assert_int_eq(number_of(dir, "SELECT count(*) FROM pragma_table_info('binding') WHERE name = 'ended'"), _i > 1);
    ck_assert_int_eq(number_of(dir, "SELECT count(*) FROM pragma_table_info('device') WHERE name = 'model'"), 0);
    for (int i = 0; i < 2; i++) { /* and once more, as what it is now */
        host = kit_open_dir(dir);
        kit_submit_wait(host, recorded); /* was accepted: not again */
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
        ck_assert_int_eq(kit_stat(host, "devices", "pending"), 1 + i);
        kit_submit_wait(host, kit_data(&device, "two"));
        kit_expect_payload(host, &device, 2 + (uint32_t)i, "two");
        if (i == 0)
            kit_submit_wait(host, kit_register(&third, NULL, NULL));
        kit_delivered(host);
        kit_close(host);
    }
    ck_assert_int_eq(number_of(dir, "PRAGMA user_version"), 3);
    ck_assert_int_eq(number_of(dir, "SELECT count(*) FROM device WHERE model = ''"), 1);
}
END_TEST

/* What waited for the broker at the upgrade. */
START_TEST(a_payload_that_waits_is_of_the_firmware_of_its_device)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1);
    struct kit_host *host = kit_open_dir(dir);

    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_submit_wait(host, kit_data(&device, "one"));
    kit_close(host);
    make_version(dir, _i);
    host = kit_open_dir(dir);
    kit_expect_payload(host, &device, 1, "one");
    kit_close(host);
    ck_assert_int_eq(number_of(dir, "SELECT count(*) FROM outbox WHERE counter = 1 AND firmware = 'th 1.0'"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry_upgrade");
    TCase *tcase = tcase_create("registry_upgrade");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, a_registry_of_each_earlier_version_is_upgraded_and_forgets_nothing, 1, 3);
    tcase_add_loop_test(tcase, a_payload_that_waits_is_of_the_firmware_of_its_device, 1, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
