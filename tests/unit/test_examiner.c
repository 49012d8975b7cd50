/* SPDX-License-Identifier: Apache-2.0 */
/* The registry while it is read through beside the work: what that holds up, and what it makes of a file that cannot be
 * read just now. */
#include <check.h>
#include <examiner.h>
#include <kit/kit.h>
#include <registry.h>
#include <run_suite.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
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
static bool slow;

int __real_selkie_examiner_start(struct selkie_examiner **examiner, const char *path);
int __wrap_selkie_examiner_start(struct selkie_examiner **examiner, const char *path);
int __wrap_selkie_examiner_start(struct selkie_examiner **examiner, const char *path)
{
    if (slow) {
        reader = open_file(path);
        execute(reader, "BEGIN; SELECT count(*) FROM binding");
    }
    return __real_selkie_examiner_start(examiner, path);
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

int main(void)
{
    Suite *suite = suite_create("examiner");
    TCase *tcase = tcase_create("examiner");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, a_copy_in_another_journal_mode_is_used_while_it_is_read_through, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
