/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_file.h"

#include "log.h"
#include "spool/spool_note.h"
#include "spool/spool_pages.h"
#include "spool/spool_salvage.h"
#include "spool/spool_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 0x53454C4B /* "SELK" */
#define SCHEMA_VERSION 2
#define DAMAGED_KEPT   3
#define GROW_BYTES     (256 * 1024)
#define OPEN_TRIES     3
#define AGAIN_NS       50000000
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
static int create(sqlite3 *db, int64_t *first)
{
    uint32_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return SQLITE_IOERR;
    *first = ((int64_t)random << 20) + 1;
    char *text = sqlite3_mprintf(schema, (long long)*first);
    int result = text ? sqlite3_exec(db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(text);
    return result;
}

/* Make an empty file into a spool, or an older one into one of today. Damage to other pages is found when they are
 * read: a complete check would take minutes on a card. */
static int check(sqlite3 *db, struct selkie_spool_ledger *ledger)
{
    enum { VERSION, TABLES, COUNT };
    int64_t found[COUNT] = {0};
    int result = sqlite3_exec(db, prepare, NULL, NULL, NULL);

    if (result == SQLITE_OK)
        result = query(db, "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version", found,
                       COUNT);
    if (result == SQLITE_OK && found[TABLES] == 0)
        result = create(db, &(int64_t){0});
    else if (result == SQLITE_OK && found[VERSION] == 1)
        result = sqlite3_exec(db, upgrade, NULL, NULL, NULL);
    return result == SQLITE_OK ? read_ledger(db, ledger) : result;
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

bool selkie_spool_file_is_damage(int result)
{
    return (result & 0xFF) == SQLITE_CORRUPT || (result & 0xFF) == SQLITE_NOTADB || result == SQLITE_IOERR_CORRUPTFS;
}

/* SQLite's result. */
static int open_once(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                     char why[static SELKIE_SPOOL_WHY_MAX])
{
    int on = 1;
    int chunk = GROW_BYTES;
    int result = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(*db, 1);
        (void)sqlite3_file_control(*db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
        (void)sqlite3_file_control(*db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
        result = check(*db, ledger);
    } else if (*db) {
        result = sqlite3_extended_errcode(*db);
    }
    if (result == SQLITE_OK) {
        reserve_log(path);
        return SQLITE_OK;
    }
    if ((result & 0xFF) == SQLITE_BUSY || (result & 0xFF) == SQLITE_LOCKED)
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "another process uses the file, perhaps a second gateway");
    else if (*db)
        selkie_spool_sql_reason(*db, why, SELKIE_SPOOL_WHY_MAX);
    else
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s", sqlite3_errstr(result));
    (void)sqlite3_close(*db);
    *db = NULL;
    return result;
}

#define DAMAGED "damaged"
#define FRESH   "from" /* made of the damaged one with its number; there from before the renaming to the end */

static void make_name(char name[static PATH_MAX], const char *path, const char *kind, int number)
{
    (void)snprintf(name, PATH_MAX, "%s.%s-%d", path, kind, number);
}

/* The first number whose file exists, or does not; DAMAGED_KEPT + 1 if there is none. */
static int number_of(const char *path, const char *kind, bool exists)
{
    char name[PATH_MAX];
    int number = 1;

    for (; number <= DAMAGED_KEPT; number++) {
        make_name(name, path, kind, number);
        if ((access(name, F_OK) == 0) == exists)
            break;
    }
    return number;
}

static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');

    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

/* Take the file and its log out of the way. The database goes first: if the log remains, SQLite removes it when it
 * creates the next database. */
static int set_aside(const char *path, int number, char why[static SELKIE_SPOOL_WHY_MAX])
{
    static const char *const parts[] = {"", "-wal", "-journal"};
    char from[PATH_MAX];
    char to[PATH_MAX];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(from, sizeof from, "%s%s", path, parts[i]);
        (void)snprintf(to, sizeof to, "%s." DAMAGED "-%d%s", path, number, parts[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "damaged, and cannot be renamed to %s: %s", to, strerror(errno));
            return SELKIE_ESTORAGE;
        }
    }
    return 0;
}

/* Each spool has a log, so that one that is gone or empty is noticed; SQLite takes zeros for none. Not before the
 * spool: an interrupted rescue would take it for the damaged one's. */
static int make_log(const char *path)
{
    char log[PATH_MAX];

    (void)snprintf(log, sizeof log, "%s-wal", path);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int result = fd < 0 ? -1 : ftruncate(fd, SELKIE_SPOOL_NOTE_LOG_MIN);
    return fd < 0 || close(fd) != 0 ? -1 : result;
}

/* Make the fresh file of the damaged one, and put it in its place. */
static int make_fresh(const char *path, int number, char why[static SELKIE_SPOOL_WHY_MAX])
{
    struct selkie_spool_salvaged found;
    char damaged[PATH_MAX], fresh[PATH_MAX];

    make_name(damaged, path, DAMAGED, number);
    make_name(fresh, path, FRESH, number);
    int result = selkie_spool_salvage(path, damaged, fresh, create, &found, why, SELKIE_SPOOL_WHY_MAX);
    if (result < 0)
        return result;
    if (rename(fresh, path) != 0 || make_log(path) != 0 || sync_folder(path) != 0) {
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s: %s", fresh, strerror(errno));
        return SELKIE_ESTORAGE;
    }
    selkie_log(LOG_ERR,
               "spool %s: damaged; renamed to %s, and a fresh one started with the %lld frames that could be read "
               "(unreadable pages: %lld%s)",
               path, damaged, (long long)found.frames, (long long)found.pages_bad,
               found.full ? "; the disk was full before the end" : "");
    return 0;
}

/* The file that is made of the damaged one, locked: a second gateway must not do the same. Its descriptor, or an error.
 */
static int lock_fresh(const char *path, int number, char why[static SELKIE_SPOOL_WHY_MAX])
{
    char fresh[PATH_MAX];

    make_name(fresh, path, FRESH, number);
    int fd = open(fresh, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    bool busy = fd >= 0 && errno == EWOULDBLOCK;
    (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "damaged, and cannot be replaced: %s: %s", fresh,
                   busy ? "another process is about it, perhaps a second gateway" : strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return busy ? SELKIE_EREFUSED : SELKIE_ESTORAGE;
}

/* No file has been renamed yet. */
static int give_up_fresh(const char *path, int number)
{
    char fresh[PATH_MAX];

    make_name(fresh, path, FRESH, number);
    return unlink(fresh) == 0 || errno == ENOENT ? 0 : SELKIE_ESTORAGE;
}

static int put_off_rescue(char why[static SELKIE_SPOOL_WHY_MAX])
{
    (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "damaged; the next start takes over its frames");
    return SELKIE_ENOTREADY;
}

/* Finish what was begun, perhaps by a process that was killed. */
static int finish(const char *path, bool rescue, char why[static SELKIE_SPOOL_WHY_MAX])
{
    int number = number_of(path, FRESH, true);

    if (number > DAMAGED_KEPT)
        return 0;
    if (!rescue)
        return put_off_rescue(why);
    int fd = lock_fresh(path, number, why);
    if (fd < 0)
        return fd;
    int result;
    if (access(path, F_OK) == 0) {
        result = give_up_fresh(path, number);
        if (result < 0)
            (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s." FRESH "-%d: %s", path, number, strerror(errno));
    } else {
        result = set_aside(path, number, why);
        if (result == 0)
            result = make_fresh(path, number, why);
    }
    (void)close(fd);
    return result;
}

/* What an older damaged file of this number left must not be taken for the log of the next. */
static void clear_number(const char *path, int number)
{
    char log[PATH_MAX];

    (void)snprintf(log, sizeof log, "%s." DAMAGED "-%d-wal", path, number);
    (void)unlink(log);
    (void)snprintf(log, sizeof log, "%s." DAMAGED "-%d-journal", path, number);
    (void)unlink(log);
}

int selkie_spool_file_replace(const char *path, char why[static SELKIE_SPOOL_WHY_MAX])
{
    int number = number_of(path, DAMAGED, false);

    /* Tried before, and the file was renamed then. */
    if (number_of(path, FRESH, true) <= DAMAGED_KEPT && access(path, F_OK) != 0)
        return finish(path, true, why);
    if (number > DAMAGED_KEPT)
        number = DAMAGED_KEPT;
    int fd = lock_fresh(path, number, why);
    if (fd < 0)
        return fd;
    clear_number(path, number);
    int result = set_aside(path, number, why);
    if (result == 0)
        result = make_fresh(path, number, why);
    else if (access(path, F_OK) == 0)
        (void)give_up_fresh(path, number); /* it is in the way of nothing */
    (void)close(fd);
    return result;
}

/* Look at the files before SQLite does, which changes what it opens, and removes the log of a file that is empty. 0,
 * `damaged`: to be replaced, `fresh`: there is nothing. */
static int judge(const char *path, bool *damaged, bool *fresh, char why[static SELKIE_SPOOL_WHY_MAX])
{
    struct selkie_spool_pages *pages;
    int result = selkie_spool_pages_open(&pages, path);

    if (result < 0) {
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s",
                       result == SELKIE_EIO ? strerror(errno) : selkie_error_text(result));
        return SELKIE_ESTORAGE;
    }
    struct selkie_spool_head head = selkie_spool_pages_head(pages);
    bool empty = selkie_spool_pages_file_is_empty(pages);
    bool made = head.made || head.application_id != 0 || head.user_version != 0;
    *damaged = empty && selkie_spool_pages_in_log(pages) > 0;
    *fresh = (empty || (head.sqlite && !made)) && !*damaged;
    selkie_spool_pages_close(pages);
    if (made && head.application_id != APPLICATION_ID)
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "the file is another program's database");
    else if (made && (head.user_version < 1 || head.user_version > SCHEMA_VERSION))
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "the file was made by another version");
    else
        return 0;
    return SELKIE_EREFUSED;
}

/* Open a file that SQLite may open. Damage may be a hiccup of the disk: try again first. */
static int open_sound(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger, bool damaged, bool rescue,
                      char why[static SELKIE_SPOOL_WHY_MAX])
{
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    int result = damaged ? SQLITE_CORRUPT : open_once(path, db, ledger, why);

    for (int i = 1; i < OPEN_TRIES && !damaged && selkie_spool_file_is_damage(result); i++) {
        (void)nanosleep(&pause, NULL);
        result = open_once(path, db, ledger, why);
    }
    if (selkie_spool_file_is_damage(result)) {
        if (!rescue)
            return put_off_rescue(why);
        int replaced = selkie_spool_file_replace(path, why);
        if (replaced < 0)
            return replaced;
        result = open_once(path, db, ledger, why);
        ledger->replaced = true;
    }
    return result == SQLITE_OK ? 0 : (result & 0xFF) == SQLITE_BUSY ? SELKIE_EREFUSED : SELKIE_ESTORAGE;
}

int selkie_spool_file_open(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger, int64_t instance,
                           bool rescue, char why[static SELKIE_SPOOL_WHY_MAX])
{
    struct selkie_spool_note note;
    bool damaged = false, fresh = false;
    int result = finish(path, rescue, why);

    *db = NULL;
    selkie_spool_note_read(&note, path);
    if (result == 0)
        result = judge(path, &damaged, &fresh, why);
    if (result == 0)
        result = open_sound(path, db, ledger, damaged, rescue, why);
    if (result == 0)
        selkie_spool_note_compare(&note, path, fresh, instance);
    return result;
}

int selkie_spool_file_look(const char *path, char why[static SELKIE_SPOOL_WHY_MAX])
{
    bool damaged, fresh;

    return judge(path, &damaged, &fresh, why) == SELKIE_EREFUSED ? SELKIE_EREFUSED : 0;
}
