/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the SQLite registry: what makes it, what is looked at before it is used, and what is refused. */
#include "registry/registry_sqlite.h"
#include "schema.h" /* schema.sql, made a string by the build */
#include <selkie/error_text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION   1
#define CHECK_US  500000 /* the start waits so long for the whole file to be checked */
#define PATH_SIZE 4200

static const char *const statement_texts[] = {
#define TEXT(name, sql) [SELKIE_SQL_##name] = (sql),
    SELKIE_STATEMENTS(TEXT)
#undef TEXT
};

static void refuse(char error[static SELKIE_REGISTRY_ERROR_SIZE], const char *path, const char *why)
{
    selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: %s", path, why);
}

static int pragma_number(sqlite3 *db, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_finalize(statement);
    }
    return code == SQLITE_ROW ? 0 : SELKIE_ESTORAGE;
}

/* A registry appears under its name only once it is whole, so an empty or half-made file of that name is always damage.
 */
static int create(const char *path, const char *temporary, const struct selkie_vault *vault,
                  char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    uint8_t check[SELKIE_VAULT_CHECK_SIZE];
    char pragmas[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    selkie_vault_check_value(vault, check);
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SELKIE_REGISTRY_APPLICATION, VERSION);
    int code = sqlite3_open_v2(temporary, &db, SQLITE_OPEN_READWRITE, NULL);
    /* Small pages: a frame changes two or three short rows, and a page goes into the log whole for each. */
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "PRAGMA page_size = 1024; PRAGMA synchronous = FULL; BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, selkie_schema_sql, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, "INSERT INTO about VALUES ('storage-key', ?1)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        selkie_sql_bind_blob(statement, 1, check, sizeof check);
        code = sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db);
    }
    sqlite3_finalize(statement);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: cannot be made: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    if (code == SQLITE_OK && rename(temporary, path) != 0) {
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: cannot be made: %s", path, strerror(errno));
        code = SQLITE_IOERR;
    }
    return code == SQLITE_OK ? 0 : SELKIE_ESTORAGE;
}

/* A small file is checked whole before anything is decided by it; a large one goes on being checked beside the work,
 * and what is found then is what selkie_registry_damage tells. */
static int check(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char finding[SELKIE_EXAMINER_FINDING_SIZE];
    int result = selkie_integrity_check_start(&registry->integrity_check, path);

    if (result < 0) {
        refuse(error, path, "cannot be checked for damage");
        return result;
    }
    (void)selkie_integrity_check_wait(registry->integrity_check, CHECK_US);
    if (!selkie_integrity_check_found(registry->integrity_check, finding))
        return 0;
    selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: is damaged (%.80s); restore it from a backup",
                             path, finding);
    return SELKIE_ESTORAGE;
}

static bool key_matches(struct selkie_registry *registry)
{
    uint8_t check[SELKIE_VAULT_CHECK_SIZE], stored[SELKIE_VAULT_CHECK_SIZE] = {0};
    sqlite3_stmt *statement;

    selkie_vault_check_value(registry->vault, check);
    if (sqlite3_prepare_v2(registry->db, "SELECT value FROM about WHERE name = 'storage-key'", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    if (sqlite3_step(statement) == SQLITE_ROW)
        selkie_sql_get_blob(statement, 0, stored, sizeof stored);
    sqlite3_finalize(statement);
    return memcmp(check, stored, sizeof check) == 0;
}

static int prepare(struct selkie_registry *registry)
{
    for (int i = 0; i < SELKIE_SQL_COUNT; i++)
        if (sqlite3_prepare_v3(registry->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &registry->statements[i], NULL) != SQLITE_OK)
            return SELKIE_ESTORAGE;
    int result = selkie_sql_number(registry, selkie_sql(registry, SELKIE_SQL_BINDING_LAST), &registry->last_binding);
    if (result == 0)
        result = selkie_sql_number(registry, selkie_sql(registry, SELKIE_SQL_PARKED_LAST), &registry->last_parked);
    if (result == 0)
        result =
            selkie_sql_number(registry, selkie_sql(registry, SELKIE_SQL_UNMATCHED_LAST), &registry->last_unmatched);
    if (result == 0)
        result = selkie_sql_number(registry, selkie_sql(registry, SELKIE_SQL_OUTBOX_LAST), &registry->last_outbox);
    return result;
}

/* SQLite's word for it. */
static int unusable(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    int code = sqlite3_errcode(registry->db) & 0xff;
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;

    selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE,
                             damaged ? "%s: is damaged (%.80s); restore it from a backup" : "%s: cannot be used: %s",
                             path, sqlite3_errmsg(registry->db));
    return SELKIE_ESTORAGE;
}

static int load(struct selkie_registry *registry, const char *path, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    int64_t application = 0, version = 0;
    const char *set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
                         "PRAGMA temp_store = MEMORY";

    if (sqlite3_open_v2(path, &registry->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(registry->db, 5000) != SQLITE_OK ||
        pragma_number(registry->db, "PRAGMA application_id", &application) < 0 ||
        pragma_number(registry->db, "PRAGMA user_version", &version) < 0) {
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: cannot be read: %s", path,
                                 sqlite3_errmsg(registry->db));
        return SELKIE_ESTORAGE;
    }
    if (application != SELKIE_REGISTRY_APPLICATION || version < 1) {
        refuse(error, path, "is damaged or not a registry; restore it from a backup");
        return SELKIE_ESTORAGE;
    }
    if (version > VERSION) {
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE,
                                 "%s: is of version %d, made by a newer Selkie; this one reads version %d", path,
                                 (int)version, VERSION);
        return SELKIE_EVERSION;
    }
    /* First of all, since a copy may come in another journal's mode: there, no change is possible beside a reader. */
    if (sqlite3_exec(registry->db, set_up, NULL, NULL, NULL) != SQLITE_OK)
        return unusable(registry, path, error);
    int result = check(registry, path, error);
    if (result < 0)
        return result;
    if (prepare(registry) < 0)
        return unusable(registry, path, error);
    if (!key_matches(registry)) {
        refuse(error, path, "storage.key beside it is not the one it was written with; restore the two together");
        return SELKIE_ECONFIG;
    }
    char fault[SELKIE_CHECKPOINTER_ERROR_SIZE];
    result = selkie_checkpointer_start(&registry->checkpointer, registry->db, path, fault);
    if (result < 0)
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: its log cannot be looked after: %s", path,
                                 fault);
    return result;
}

/* Leave a mark that the first start is under way, and nothing of one that was broken off. */
static int begin_anew(const char *temporary, char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char journal[PATH_SIZE + 16];
    snprintf(journal, sizeof journal, "%s-journal", temporary);
    unlink(journal);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: cannot be made: %s", temporary,
                                 strerror(errno));
        return SELKIE_EIO;
    }
    close(fd);
    return 0;
}

int selkie_registry_open(struct selkie_registry **opened, const char *state_dir,
                         char error[static SELKIE_REGISTRY_ERROR_SIZE])
{
    char path[PATH_SIZE], temporary[PATH_SIZE], key[PATH_SIZE];
    struct selkie_registry *registry = calloc(1, sizeof *registry);
    int result = 0;

    *opened = NULL;
    selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: out of memory", state_dir);
    if (!registry)
        return SELKIE_ENOMEM;
    snprintf(path, sizeof path, "%s/registry.db", state_dir);
    snprintf(temporary, sizeof temporary, "%s/registry.db.new", state_dir);
    snprintf(key, sizeof key, "%s/storage.key", state_dir);
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST) {
        selkie_error_text_format(error, SELKIE_REGISTRY_ERROR_SIZE, "%s: cannot be made: %s", state_dir,
                                 strerror(errno));
        result = SELKIE_EIO;
    }
    bool fresh = access(path, F_OK) != 0 && errno == ENOENT;
    /* The key is made first, so a key without a registry means that the registry was taken away: an empty one in its
     * place would let every recorded frame in again. The first start leaves `temporary` until it is through. */
    if (result == 0 && fresh && access(key, F_OK) == 0 && access(temporary, F_OK) != 0) {
        refuse(error, path, "is missing, but storage.key is there; restore it, or remove storage.key to start empty");
        result = SELKIE_ESTORAGE;
    }
    if (result == 0 && fresh)
        result = begin_anew(temporary, error);
    if (result == 0)
        result = selkie_vault_open(&registry->vault, state_dir, fresh, error);
    if (result == 0 && fresh)
        result = create(path, temporary, registry->vault, error);
    if (result == 0)
        result = load(registry, path, error);
    if (result < 0) {
        selkie_registry_close(registry);
        return result;
    }
    *opened = registry;
    return 0;
}

void selkie_registry_close(struct selkie_registry *registry)
{
    if (!registry)
        return;
    selkie_integrity_check_stop(registry->integrity_check);
    selkie_checkpointer_stop(registry->checkpointer);
    for (int i = 0; i < SELKIE_SQL_COUNT; i++)
        sqlite3_finalize(registry->statements[i]);
    sqlite3_close(registry->db);
    selkie_vault_close(registry->vault);
    free(registry);
}
