/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_file.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define APPLICATION_ID 0x53454C4B /* "SELK" */
#define SCHEMA_VERSION 2
#define DAMAGED_KEPT   3
#define GROW_BYTES     (256 * 1024)
#define LOG_RESERVE    (2 * 1024 * 1024) /* more than wal_autocheckpoint pages and the largest transaction */
/* EXCLUSIVE keeps a second gateway out, and needs no shared-memory file. The small cache keeps a gateway with a million
 * frames as small as one with none. */
static const char prepare[] = "PRAGMA locking_mode = EXCLUSIVE;"
                              "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA cache_size = -256;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA wal_autocheckpoint = 128;";

/* With the first seq of a fresh spool. */
static const char schema[] = "BEGIN IMMEDIATE;"
                             "CREATE TABLE frame (seq INTEGER PRIMARY KEY, rx INTEGER NOT NULL, boot INTEGER NOT NULL,"
                             " since_boot INTEGER NOT NULL, port TEXT NOT NULL, body BLOB NOT NULL,"
                             " rssi INTEGER NOT NULL DEFAULT 0);"
                             "CREATE TABLE ledger (next_seq INTEGER NOT NULL, frames INTEGER NOT NULL);"
                             "INSERT INTO ledger VALUES (%lld, 0);"
                             "PRAGMA application_id = 0x53454C4B;"
                             "PRAGMA user_version = 2;"
                             "COMMIT;";

/* A spool of version 1 has frames that must not be lost. It does not take longer for a million of them. */
static const char upgrade[] = "BEGIN IMMEDIATE;"
                              "ALTER TABLE frame ADD COLUMN rssi INTEGER NOT NULL DEFAULT 0;"
                              "PRAGMA user_version = 2;"
                              "COMMIT;";

/* A gap of more frames than a card may have confirmed and lost, unless the ledger is wrong. */
static const char leave_gap[] = "UPDATE ledger SET next_seq = next_seq + 4096 "
                                "WHERE frames >= 0 AND next_seq > (SELECT coalesce(max(seq), 0) FROM frame)";

/* The numbers in the only row of a query. SQLite's result; SQLITE_CORRUPT if there is no row. */
static int query(sqlite3 *db, const char *text, int64_t *values, int count)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    for (int i = 0; i < count && result == SQLITE_ROW; i++)
        values[i] = sqlite3_column_int64(statement, i);
    (void)sqlite3_finalize(statement);
    return result == SQLITE_ROW ? SQLITE_OK : result == SQLITE_DONE ? SQLITE_CORRUPT : result;
}

static int read_ledger(sqlite3 *db, struct selkie_spool_ledger *ledger)
{
    int64_t values[2];
    int result = sqlite3_exec(db, leave_gap, NULL, NULL, NULL);

    if (result == SQLITE_OK && sqlite3_changes(db) != 1)
        result = SQLITE_CORRUPT;
    if (result == SQLITE_OK)
        result = query(db, "SELECT next_seq, frames FROM ledger", values, 2);
    if (result == SQLITE_OK)
        *ledger = (struct selkie_spool_ledger){.next_seq = values[0], .frames = values[1]};
    return result;
}

/* The first seq has 32 random bits, and 20 below them to count. The kernel's, which waits until it has entropy:
 * SQLite's would be the same for all machines that start without. */
static int create(sqlite3 *db)
{
    uint32_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return SQLITE_IOERR;
    char *text = sqlite3_mprintf(schema, ((long long)random << 20) + 1);
    int result = text ? sqlite3_exec(db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(text);
    return result;
}

/* Check that the file is a spool, or make an empty one into a spool. Damage to other pages is found when they are read:
 * a complete check would take minutes on a card. */
static int check(sqlite3 *db, struct selkie_spool_ledger *ledger, const char **why)
{
    enum { APPLICATION, VERSION, TABLES, COUNT };
    int64_t found[COUNT];
    int result = sqlite3_exec(db, prepare, NULL, NULL, NULL);

    if (result == SQLITE_OK)
        result = query(db,
                       "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
                       "FROM pragma_application_id, pragma_user_version",
                       found, COUNT);
    if (result != SQLITE_OK)
        return result;
    if (found[TABLES] == 0 && found[APPLICATION] == 0 && found[VERSION] == 0)
        result = create(db);
    else if (found[APPLICATION] != APPLICATION_ID)
        *why = "the file is another program's database";
    else if (found[VERSION] == 1)
        result = sqlite3_exec(db, upgrade, NULL, NULL, NULL);
    else if (found[VERSION] != SCHEMA_VERSION)
        *why = "the file was made by another version";
    if (result == SQLITE_OK && !*why)
        result = read_ledger(db, ledger);
    return result;
}

/* Allocate disk space for the log, kept from one start to the next: frames must pass through a nearly empty spool even
 * when others have filled the disk. A file system that cannot allocate does without. */
static void reserve_log(const char *path)
{
    char log[PATH_MAX];

    (void)snprintf(log, sizeof log, "%s-wal", path);
    int fd = open(log, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_RESERVE) != 0 && errno == ENOSPC)
        selkie_log(LOG_WARNING, "spool %s: the disk is nearly full", path);
    (void)close(fd);
}

int selkie_spool_file_reserve(sqlite3 *db)
{
    int64_t size;
    int result = query(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &size, 1);

    if (result != SQLITE_OK)
        return result;
    sqlite3_int64 bytes = size;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_HINT, &bytes) == SQLITE_OK ? SQLITE_OK : SQLITE_FULL;
}

static int open_once(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                     char why[static SELKIE_SPOOL_WHY_MAX])
{
    const char *reason = NULL;
    int on = 1;
    int chunk = GROW_BYTES;
    int result = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(*db, 1);
        (void)sqlite3_file_control(*db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
        (void)sqlite3_file_control(*db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
        result = check(*db, ledger, &reason);
    }
    if (result == SQLITE_OK && !reason) {
        reserve_log(path);
        return SQLITE_OK;
    }
    if ((result & 0xFF) == SQLITE_BUSY || (result & 0xFF) == SQLITE_LOCKED)
        reason = "another process uses the file, perhaps a second gateway";
    if (!reason)
        reason = *db ? sqlite3_errmsg(*db) : sqlite3_errstr(result);
    (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s", reason);
    (void)sqlite3_close(*db);
    *db = NULL;
    return result == SQLITE_OK ? SQLITE_ERROR : result;
}

int selkie_spool_file_open(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                           char why[static SELKIE_SPOOL_WHY_MAX])
{
    int result = open_once(path, db, ledger, why);

    if ((result & 0xFF) == SQLITE_CORRUPT || (result & 0xFF) == SQLITE_NOTADB) {
        if (selkie_spool_file_set_aside(path, why) < 0)
            return SELKIE_ESTORAGE;
        result = open_once(path, db, ledger, why);
    }
    return result == SQLITE_OK ? 0 : SELKIE_ESTORAGE;
}

/* The database goes first: if the log remains, SQLite removes it when it creates the next database. */
int selkie_spool_file_set_aside(const char *path, char why[static SELKIE_SPOOL_WHY_MAX])
{
    static const char *const parts[] = {"", "-wal", "-journal"};
    char from[PATH_MAX];
    char to[PATH_MAX];
    int number_free = 1;

    for (; number_free < DAMAGED_KEPT; number_free++) {
        (void)snprintf(to, sizeof to, "%s.damaged-%d", path, number_free);
        if (access(to, F_OK) != 0)
            break;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(from, sizeof from, "%s%s", path, parts[i]);
        (void)snprintf(to, sizeof to, "%s.damaged-%d%s", path, number_free, parts[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "damaged, and cannot be renamed to %s: %s", to, strerror(errno));
            return SELKIE_ESTORAGE;
        }
    }
    selkie_log(LOG_ERR, "spool %s: damaged; renamed to %s.damaged-%d, and a fresh one started", path, path,
               number_free);
    return 0;
}
