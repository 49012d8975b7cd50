/* SPDX-License-Identifier: Apache-2.0 */
/* A registry of an earlier version becomes what a new one is, each step whole or not at all. */
#include <check.h>
#include <fcntl.h>
#include <kit/kit.h>
#include <registry.h>
#include <registry_migrate.h>
#include <run_suite.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void execute(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
}

/* The text of the one column of all rows. */
static char *query(const char *path, const char *sql)
{
    char *text = NULL;
    size_t len;
    FILE *stream = open_memstream(&text, &len);
    sqlite3_stmt *statement;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    while (sqlite3_step(statement) == SQLITE_ROW)
        fprintf(stream, "%s\n", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    fclose(stream);
    return text;
}

/* A registry of version 1 in place of the one that is there, with what is in it. */
static void put_version_1(const char *dir)
{
    char sql[16384], statement[512];
    sqlite3 *db;
    int file = open(SELKIE_SOURCE_DIR "/tests/unit/registry-v1.sql", O_RDONLY);
    ssize_t len = file < 0 ? -1 : read(file, sql, sizeof sql - 1);

    ck_assert_int_gt(len, 0);
    close(file);
    sql[len] = 0;
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "old.db"), &db), SQLITE_OK);
    execute(db, sql);
    execute(db, "PRAGMA application_id = 0x534c4b52; PRAGMA user_version = 1");
    snprintf(statement, sizeof statement, "ATTACH '%s' AS new", kit_path(dir, "registry.db"));
    execute(db, statement);
    execute(db, "INSERT INTO main.about SELECT * FROM new.about; INSERT INTO main.binding SELECT * FROM new.binding;"
                "INSERT INTO main.device SELECT * FROM new.device; INSERT INTO main.stray SELECT * FROM new.stray");
    sqlite3_close(db);
    ck_assert_int_eq(rename(kit_path(dir, "old.db"), kit_path(dir, "registry.db")), 0);
}

START_TEST(a_registry_of_version_1_becomes_what_a_new_one_is)
{
    static const char schema[] = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    static const char version[] = "SELECT user_version FROM pragma_user_version";
    const char *dir = kit_dir();
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1), other = kit_device(2, 1);
    struct kit_body registration = kit_register(&other, NULL, NULL), stray = kit_session(&other, "stray");
    struct kit_body bodies[] = {kit_register(&device, NULL, NULL), stray};

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        kit_receipt(host, kit_submit(host, &bodies[i], 0));
    kit_close(host);
    const char *path = kit_path(dir, "registry.db");
    char *new_schema = query(path, schema), *new_version = query(path, version);
    put_version_1(dir);
    char *old_schema = query(path, schema);
    ck_assert_str_ne(old_schema, new_schema);
    free(old_schema);

    host = kit_open(&options);
    struct kit_body body = kit_session(&device, "known");
    kit_receipt(host, kit_submit(host, &body, 0));
    kit_expect_payload(host, &device, 1, "known");
    kit_receipt(host, kit_submit(host, &registration, 0));
    kit_expect_payload(host, &other, 1, "stray");
    kit_close(host);
    char *migrated_schema = query(path, schema), *migrated_version = query(path, version);
    ck_assert_str_eq(migrated_schema, new_schema);
    ck_assert_str_eq(migrated_version, new_version);
    free(migrated_schema);
    free(migrated_version);
    free(new_schema);
    free(new_version);
}
END_TEST

START_TEST(a_migration_is_done_whole_or_not_at_all)
{
    static const char *const steps[] = {"CREATE TABLE two (x); INSERT INTO two VALUES (2)",
                                        "CREATE TABLE three (x); INSERT INTO nowhere VALUES (3)"};
    sqlite3_stmt *statement;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(kit_path(kit_dir(), "old.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(selkie_registry_migrate(db, 1, steps, 3), SELKIE_ESTORAGE);
    ck_assert_str_eq(sqlite3_errmsg(db), "no such table: nowhere"); /* for whoever tells of it */
    execute(db, "ROLLBACK");
    const char *sql = "SELECT user_version, (SELECT x FROM two), (SELECT count(*) FROM sqlite_schema) "
                      "FROM pragma_user_version";
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sqlite3_column_int(statement, i), 2);
    ck_assert_int_eq(sqlite3_column_int(statement, 2), 1);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry_migrate");
    TCase *tcase = tcase_create("registry_migrate");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_registry_of_version_1_becomes_what_a_new_one_is);
    tcase_add_test(tcase, a_migration_is_done_whole_or_not_at_all);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
