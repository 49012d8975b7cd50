/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the SQLite registry: the first start, the checks before use, and closing. */
#include "registry/registry_sqlite.h"
#include "schema.h" /* schema.sql as a string, made by the build */
#include <selkie/error_text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION   3
#define CHECK_US  500000 /* how long the start waits for the check of the whole file */
#define PATH_SIZE SELKIE_REGISTRY_PATH_SIZE

static const char *const statement_texts[] = {
#define TEXT(name, sql) [SELKIE_SQL_##name] = (sql),
    SELKIE_STATEMENTS(TEXT)
#undef TEXT
};

/* Set the error's text and return `result`. */
__attribute__((format(printf, 3, 4))) static int refuse(char error[static SELKIE_REGISTRY_ERROR_SIZE], int result,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(error, SELKIE_REGISTRY_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return result;
}

/* The number, or the bytes if `len` is not 0, in a statement's one row. */
static int read_value(sqlite3 *db, const char *sql, int64_t *number, uint8_t *bytes, size_t len)
{
    sqlite3_stmt *row;
    int code = sqlite3_prepare_v2(db, sql, -1, &row, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW && len)
        selkie_sql_get_blob(row, 0, bytes, len);
    else if (code == SQLITE_ROW)
        *number = sqlite3_column_int64(row, 0);
    (void)sqlite3_finalize(row); /* gives the error of the step once more */
    return code == SQLITE_ROW ? 0 : SELKIE_ESTORAGE;
}

/* A registry gets its name only when it is complete, so an empty or partial file of that name is always damage. */
static int create_registry(const char *path, const char *temporary, const struct selkie_vault *vault,
                           char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    uint8_t check[SELKIE_VAULT_CHECK_SIZE];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int result = 0;

    selkie_vault_check_value(vault, check);
    if (sqlite3_open_v2(temporary, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, selkie_schema_sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO about (name, value) VALUES ('storage-key', ?)", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_bind_blob(statement, 1, check, sizeof check, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_DONE || sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        result = refuse(error, SELKIE_ESTORAGE, "%s: cannot create the registry: %s", path, sqlite3_errmsg(db));
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    if (result == 0 && rename(temporary, path) != 0)
        result = refuse(error, SELKIE_ESTORAGE, "%s: cannot create the registry: %s", path, strerror(errno));
    return result;
}

/* Start the check of the whole file. A small file is checked before any decision; a large one beside the work, and
 * selkie_registry_damage returns what is found then. */
static int check(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char finding[SELKIE_INTEGRITY_TEXT_SIZE];
    int result = selkie_integrity_check_start(&registry->integrity_check, path);

    if (result < 0)
        return refuse(error, result, "%s: cannot start the check for damage: %s", path, selkie_error_text(result));
    (void)selkie_integrity_check_wait(registry->integrity_check, CHECK_US);
    if (!selkie_integrity_check_found(registry->integrity_check, finding))
        return 0;
    return refuse(error, SELKIE_ESTORAGE, "%s: is damaged (%.80s); restore it from a backup", path, finding);
}

static int prepare(struct selkie_registry *registry)
{
    const struct {
        enum selkie_statement statement;
        int64_t *last;
    } numbers[] = {{SELKIE_SQL_BINDING_LAST, &registry->last_binding},
                   {SELKIE_SQL_PARKED_LAST, &registry->last_parked},
                   {SELKIE_SQL_UNMATCHED_LAST, &registry->last_unmatched},
                   {SELKIE_SQL_OUTBOX_LAST, &registry->last_outbox}};

    for (int i = 0; i < SELKIE_SQL_COUNT; i++)
        if (sqlite3_prepare_v3(registry->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &registry->statements[i], NULL) != SQLITE_OK)
            return SELKIE_ESTORAGE;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (selkie_sql_number(registry, numbers[i].last, numbers[i].statement, SELKIE_NO_VALUES) < 0)
            return SELKIE_ESTORAGE;
    return 0;
}

/* SQLite's last error as the reason. */
static int unusable(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    int code = sqlite3_errcode(registry->db) & 0xff;
    const char *reason = sqlite3_errmsg(registry->db);

    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return refuse(error, SELKIE_ESTORAGE, "%s: is damaged (%.80s); restore it from a backup", path, reason);
    return refuse(error, SELKIE_ESTORAGE, "%s: cannot use the registry: %s", path, reason);
}

/* A registry of an earlier version becomes one of today, a version in each transaction. Its columns are named wherever
 * they are used. */
static int upgrade(struct selkie_registry *registry, int64_t version, const char *path,
                   char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    static const char from_1[] =
        "BEGIN IMMEDIATE;"
        "ALTER TABLE binding ADD COLUMN rssi INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE binding ADD COLUMN rssi_mean INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE binding ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE parked ADD COLUMN rssi INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE unmatched ADD COLUMN rssi INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE outbox ADD COLUMN rssi INTEGER NOT NULL DEFAULT 0;"
        "CREATE INDEX binding_pending ON binding (address) WHERE status = 2;"
        "CREATE TRIGGER pending_added AFTER INSERT ON binding WHEN new.status = 2 BEGIN"
        " INSERT INTO tally VALUES ('pending', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;"
        "CREATE TRIGGER pending_decided AFTER UPDATE OF status ON binding WHEN old.status = 2 AND new.status <> 2 BEGIN"
        " UPDATE tally SET count = count - 1 WHERE what = 'pending'; END;"
        "CREATE TRIGGER pending_gone AFTER DELETE ON binding WHEN old.status = 2 BEGIN"
        " UPDATE tally SET count = count - 1 WHERE what = 'pending'; END;"
        "INSERT INTO tally SELECT 'pending', 0, count(*) FROM binding WHERE status = 2;"
        "PRAGMA user_version = 2;"
        "COMMIT";
    static const char from_2[] = "BEGIN IMMEDIATE;"
                                 "ALTER TABLE device ADD COLUMN model TEXT NOT NULL DEFAULT '';"
                                 "ALTER TABLE outbox ADD COLUMN late INTEGER NOT NULL DEFAULT 0;"
                                 "ALTER TABLE outbox ADD COLUMN firmware TEXT NOT NULL DEFAULT '';"
                                 "UPDATE outbox SET firmware = coalesce((SELECT firmware FROM binding "
                                 "WHERE binding.address = outbox.address AND binding.status = 1), '');"
                                 "PRAGMA user_version = 3;"
                                 "COMMIT";
    static const char *const steps[VERSION] = {[1] = from_1, [2] = from_2};

    for (; version < VERSION; version++)
        if (sqlite3_exec(registry->db, steps[version], NULL, NULL, NULL) != SQLITE_OK)
            return unusable(registry, path, error);
    return 0;
}

static int load(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    static const char set_up[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
                                 "PRAGMA temp_store = MEMORY";
    uint8_t expected[SELKIE_VAULT_CHECK_SIZE], stored[SELKIE_VAULT_CHECK_SIZE];
    char fault[SELKIE_CHECKPOINTER_ERROR_SIZE];
    int64_t application = 0, version = 0;

    if (sqlite3_open_v2(path, &registry->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(registry->db, 5000) != SQLITE_OK ||
        read_value(registry->db, "PRAGMA application_id", &application, NULL, 0) < 0 ||
        read_value(registry->db, "PRAGMA user_version", &version, NULL, 0) < 0)
        return unusable(registry, path, error);
    if (application != SELKIE_REGISTRY_APPLICATION || version < 1)
        return refuse(error, SELKIE_ESTORAGE,
                      "%s: is damaged or not a registry; restore it and storage.key from a backup", path);
    if (version > VERSION)
        return refuse(error, SELKIE_EVERSION, "%s: has version %d, of a newer Selkie; this one reads version %d", path,
                      (int)version, VERSION);
    /* Before the check: a restored copy may have another journal mode, in which a reader blocks all changes. */
    if (sqlite3_exec(registry->db, set_up, NULL, NULL, NULL) != SQLITE_OK)
        return unusable(registry, path, error);
    int result = check(registry, path, error);
    if (result == 0)
        result = upgrade(registry, version, path, error);
    if (result < 0)
        return result;
    if (prepare(registry) < 0)
        return unusable(registry, path, error);
    selkie_vault_check_value(registry->vault, expected);
    if (read_value(registry->db, "SELECT value FROM about WHERE name = 'storage-key'", NULL, stored, sizeof stored) <
            0 ||
        memcmp(expected, stored, sizeof expected) != 0)
        return refuse(error, SELKIE_ECONFIG,
                      "%s: was written with another storage.key than the one beside it; restore both together", path);
    result = selkie_checkpointer_start(&registry->checkpointer, registry->db, path, fault);
    if (result < 0)
        return refuse(error, result, "%s: cannot start the checkpointer: %s", path, fault);
    return 0;
}

/* What a disk that failed, or a copy that was broken off, leaves: an empty file, or zeros. SQLite calls the one new,
 * and the other no database. */
static int check_head(const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    static const uint8_t zeros[16];
    uint8_t head[16];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -1 : read(fd, head, sizeof head);

    if (fd >= 0)
        (void)close(fd);
    if (len == 0 || (len == (ssize_t)sizeof head && memcmp(head, zeros, sizeof head) == 0))
        return refuse(error, SELKIE_ESTORAGE,
                      "%s: is damaged or not a registry: %s; a registry never is; restore it and storage.key from a "
                      "backup",
                      path, len == 0 ? "it is empty" : "it begins with zeros");
    return 0; /* SQLite tells what else there is */
}

/* Create the empty file that says that the first start is under way. Remove what an interrupted one left. */
static int begin_first_start(const char *temporary, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char journal[PATH_SIZE + 16];

    (void)snprintf(journal, sizeof journal, "%s-journal", temporary);
    int fd =
        unlink(journal) != 0 && errno != ENOENT ? -1 : open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(error, SELKIE_EIO, "%s: cannot create the file: %s", temporary, strerror(errno));
    (void)close(fd);
    return 0;
}

/* Whether this start may make a registry: 1 or 0; an error if there is none and it may not. A registry that is gone
 * must not be replaced by an empty one, which accepts every recorded frame again: its file may have been removed, or
 * its volume not mounted. The first start creates the storage key first, and `temporary` exists until it is done. */
static int may_create(const char *state_dir, const char *path, const char *temporary, const char *key, bool create,
                      char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    if (access(path, F_OK) != 0 && errno == ENOTDIR)
        return refuse(error, SELKIE_EIO, "%s: cannot create the folder: %s", state_dir, strerror(ENOTDIR));
    if (access(path, F_OK) == 0 || errno != ENOENT)
        return 0;
    if (access(temporary, F_OK) == 0)
        return 1;
    if (access(key, F_OK) == 0)
        return refuse(
            error, SELKIE_ESTORAGE,
            "%s: is missing, but storage.key exists, which belongs to it; restore it from a backup, or remove "
            "storage.key to start empty",
            path);
    if (create)
        return 1;
    return refuse(error, SELKIE_ENOTFOUND,
                  "%s: is missing; if this is no first start, mount its volume or restore a backup; else: selkiectl "
                  "registry create %s",
                  path, state_dir);
}

static int open_vault(struct selkie_registry *registry, const char *state_dir, const char *key, bool fresh,
                      char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    if (!fresh && access(key, F_OK) != 0 && errno == ENOENT)
        return refuse(
            error, SELKIE_ECONFIG,
            "%s: is missing; it belongs to the registry.db beside it, which does not open without it: restore "
            "it from the same backup",
            key);
    return selkie_vault_open(&registry->vault, state_dir, fresh, error);
}

static int open_files(struct selkie_registry *registry, const char *state_dir, bool create,
                      char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char path[PATH_SIZE], temporary[PATH_SIZE], key[PATH_SIZE];

    /* PATH_SIZE is above what the system opens, so a path that is cut off here does not open either. */
    (void)snprintf(path, sizeof path, "%s/registry.db", state_dir);
    (void)snprintf(temporary, sizeof temporary, "%s/registry.db.new", state_dir);
    (void)snprintf(key, sizeof key, "%s/storage.key", state_dir);
    int fresh = may_create(state_dir, path, temporary, key, create, error), result = fresh;
    if (fresh > 0 && mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        result = refuse(error, SELKIE_EIO, "%s: cannot create the folder: %s", state_dir, strerror(errno));
    if (fresh > 0 && result > 0)
        result = begin_first_start(temporary, error);
    if (result == 0)
        result = open_vault(registry, state_dir, key, fresh > 0, error);
    if (result == 0 && fresh > 0)
        result = create_registry(path, temporary, registry->vault, error);
    if (result == 0)
        result = check_head(path, error);
    if (result == 0)
        result = load(registry, path, error);
    if (result == 0)
        selkie_registry_note_place(registry, state_dir);
    if (result == 0)
        (void)unlink(temporary); /* left where a registry was restored: it must not excuse that one's loss later */
    return result;
}

int selkie_registry_open(struct selkie_registry **opened, const char *state_dir, bool create,
                         char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    struct selkie_registry *registry = calloc(1, sizeof *registry);

    *opened = NULL;
    if (!registry)
        return refuse(error, SELKIE_ENOMEM, "%s: out of memory", state_dir);
    int result = open_files(registry, state_dir, create, error);
    if (result < 0) {
        selkie_registry_close(registry);
        return result;
    }
    *opened = registry;
    return 0;
}

void selkie_registry_end_waits(struct selkie_registry *registry)
{
    if (registry)
        selkie_checkpointer_end_passes(registry->checkpointer);
}

void selkie_registry_close(struct selkie_registry *registry)
{
    if (!registry)
        return;
    selkie_integrity_check_stop(registry->integrity_check);
    selkie_checkpointer_stop(registry->checkpointer);
    for (int i = 0; i < SELKIE_SQL_COUNT; i++)
        (void)sqlite3_finalize(registry->statements[i]);
    (void)sqlite3_close(registry->db); /* fails only for a statement that is left */
    selkie_vault_close(registry->vault);
    free(registry);
}
