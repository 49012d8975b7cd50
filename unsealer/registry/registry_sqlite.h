/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite registry share: the statements, prepared once, and how they are run. */
#ifndef SELKIE_REGISTRY_SQLITE_H
#define SELKIE_REGISTRY_SQLITE_H

#include "registry/checkpointer.h"
#include "registry/integrity_check.h"
#include "registry/registry.h"
#include "registry/vault.h"

#include <sqlite3.h>
#include <string.h>

#define SELKIE_REGISTRY_APPLICATION 0x534c4b52 /* "SLKR" */
#define SELKIE_SQL_TEXT(value)      SELKIE_SQL_TEXT_OF(value)
#define SELKIE_SQL_TEXT_OF(value)   #value

#define SELKIE_SQL_BINDING                                                                                             \
    "SELECT number, address, id_hash, status, key_id, counter, received, session_frames, first_seen, last_seen, "      \
    "gateway, form, firmware, silent, clone_alarm, tag, session, session_bytes, revoked, row, present, entries FROM "  \
    "binding "
#define SELKIE_SQL_PARKED                                                                                              \
    "SELECT number, binding, counter, digest, rx, gateway, form, key_id, payload FROM parked WHERE binding = ?1 "
#define SELKIE_SQL_UNMATCHED "SELECT number, tag, digest, rx, arrived, gateway, body FROM unmatched "

/* X(name, SQL) */
#define SELKIE_STATEMENTS(X)                                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(TOUCH, "PRAGMA application_id = " SELKIE_SQL_TEXT(SELKIE_REGISTRY_APPLICATION)) /* writes page 1 */              \
    X(DEVICE_GET, "SELECT name, claim, listed, revoked, status, reset_alarm FROM device WHERE address = ?1")           \
    X(DEVICE_PUT, "INSERT INTO device VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET name = ?2, "       \
                  "claim = iif(?8, claim, ?3), listed = ?4, revoked = ?5, status = ?6, reset_alarm = ?7")              \
    X(DEVICE_DELETE, "DELETE FROM device WHERE address = ?1")                                                          \
    X(DEVICE_LIST, "SELECT address FROM device WHERE address > ?1 ORDER BY address LIMIT ?2 OFFSET ?3")                \
    X(DEVICE_LIST_STATUS, "SELECT address FROM device WHERE address > ?1 AND status = ?4 ORDER BY address LIMIT ?2 "   \
                          "OFFSET ?3")                                                                                 \
    X(TALLY, "SELECT sum(count) FROM tally WHERE what = ?1 AND (?2 < 0 OR which = ?2)")                                \
    X(BINDING_GET, SELKIE_SQL_BINDING "WHERE address = ?1 AND id_hash = ?2")                                           \
    X(BINDING_LIVE, SELKIE_SQL_BINDING "WHERE address = ?1 AND status <> 3 ORDER BY status, number LIMIT ?2")          \
    X(BINDING_RETIRED, SELKIE_SQL_BINDING "WHERE address = ?1 AND status = 3 ORDER BY number DESC LIMIT ?2")           \
    X(BINDING_SILENT, SELKIE_SQL_BINDING "WHERE number > ?1 AND number <= ?2 AND status = 1 AND silent = 0 AND "       \
                                         "(last_seen < ?3 OR last_seen > ?4) ORDER BY number LIMIT 1")                 \
    X(BINDING_LAST, "SELECT max(number) FROM binding")                                                                 \
    X(BINDING_TAG,                                                                                                     \
      SELKIE_SQL_BINDING "WHERE tag = ?1 AND (status, number) > (?2, ?3) ORDER BY status, number LIMIT 1")             \
    X(BINDING_TAG_COUNT, "SELECT count(*) FROM binding WHERE tag = ?1 AND status < 3")                                 \
    X(BINDING_ADD, "INSERT INTO binding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "    \
                   "?16, ?17, ?18, ?19, ?20, ?21, ?22)")                                                               \
    X(BINDING_TWINS, "SELECT count(*) FROM binding INDEXED BY binding_tag WHERE tag = ?1 AND address = ?2 AND "        \
                     "id_hash = ?3")                                                                                   \
    X(BINDING_PUT, "UPDATE binding SET counter = ?2, received = ?3, last_seen = ?4, gateway = ?5, form = ?6, "         \
                   "firmware = ?7, silent = ?8, clone_alarm = ?9, session_frames = ?10, session_bytes = ?11, row = "   \
                   "?12, present = ?13, entries = ?14 "                                                                \
                   "WHERE number = ?1")                                                                                \
    X(BINDING_STATUS,                                                                                                  \
      "UPDATE binding SET status = ?2, key_id = ?3, revoked = ?4, session = iif(?2 = 3, NULL, session) "               \
      "WHERE number = ?1")                                                                                             \
    X(HISTORY_GET, "SELECT open FROM history WHERE binding = ?1")                                                      \
    X(HISTORY_PUT, "INSERT INTO history VALUES (?1, ?2) ON CONFLICT DO UPDATE SET open = ?2")                          \
    X(HISTORY_DELETE, "DELETE FROM history WHERE binding = ?1")                                                        \
    X(SEEN_GET, "SELECT present, entries FROM seen WHERE place = ?1")                                                  \
    X(SEEN_PUT, "INSERT INTO seen VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET present = ?2, entries = ?3")           \
    X(SEEN_FORGET, "DELETE FROM seen WHERE place >= ?1 AND place < ?2")                                                \
    X(PARKED_PUT, "INSERT INTO parked VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                    \
    X(PARKED_LAST, "SELECT max(number) FROM parked")                                                                   \
    X(PARKED_NEXT, SELKIE_SQL_PARKED "AND (counter, number) > (?2, ?3) ORDER BY counter, number LIMIT 1")              \
    X(PARKED_OLDEST, SELKIE_SQL_PARKED "ORDER BY number LIMIT 1")                                                      \
    X(PARKED_FIND, "SELECT rx FROM parked WHERE binding = ?1 AND counter = ?2 AND digest = ?3")                        \
    X(PARKED_DELETE, "DELETE FROM parked WHERE number = ?1")                                                           \
    X(PARKED_COUNT, "SELECT count(*) FROM parked WHERE binding = ?1")                                                  \
    X(PARKED_COUNT_ALL, "SELECT count(*) FROM parked")                                                                 \
    X(UNMATCHED_PUT, "INSERT INTO unmatched VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                      \
    X(UNMATCHED_LAST_ARRIVED, "SELECT max(arrived) FROM unmatched")                                                    \
    X(UNMATCHED_LAST, "SELECT max(number) FROM unmatched")                                                             \
    X(UNMATCHED_NEXT, SELKIE_SQL_UNMATCHED "WHERE tag = ?1 AND number > ?2 ORDER BY number LIMIT 1")                   \
    X(UNMATCHED_OLDEST, SELKIE_SQL_UNMATCHED "ORDER BY number LIMIT 1")                                                \
    X(UNMATCHED_FIND, "SELECT rx FROM unmatched WHERE tag = ?1 AND digest = ?2")                                       \
    X(UNMATCHED_DELETE, "DELETE FROM unmatched WHERE number = ?1")                                                     \
    X(UNMATCHED_COUNT, "SELECT count(*) FROM unmatched WHERE tag = ?1")                                                \
    X(UNMATCHED_COUNT_GATEWAY, "SELECT count FROM unmatched_count WHERE gateway = ?1")                                 \
    X(UNMATCHED_COUNT_ALL, "SELECT count(*) FROM unmatched")                                                           \
    X(OUTBOX_PUT, "INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                        \
    X(OUTBOX_LAST, "SELECT max(number) FROM outbox")                                                                   \
    X(OUTBOX_NEXT, "SELECT number, kind, address, counter, rx, gateway, form, data FROM outbox WHERE number > ?1 "     \
                   "ORDER BY number LIMIT 1")                                                                          \
    X(OUTBOX_EMPTY, "DELETE FROM outbox WHERE number <= ?1")                                                           \
    X(STALE_PUT, "INSERT OR IGNORE INTO stale VALUES (?1)")                                                            \
    X(STALE_DELETE, "DELETE FROM stale WHERE address = ?1")                                                            \
    X(STALE_NEXT, "SELECT address FROM stale WHERE address > ?1 ORDER BY address LIMIT 1")                             \
    X(GATEWAY_PUT, "INSERT OR REPLACE INTO gateway VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                   \
    X(GATEWAY_NEXT, "SELECT name, auth, salt, hash, iterations, added FROM gateway WHERE name > ?1 ORDER BY name "     \
                    "LIMIT 1")                                                                                         \
    X(GATEWAY_DELETE, "DELETE FROM gateway WHERE name = ?1")

enum selkie_statement {
#define SELKIE_STATEMENT_ENUM(name, sql) SELKIE_SQL_##name,
    SELKIE_STATEMENTS(SELKIE_STATEMENT_ENUM)
#undef SELKIE_STATEMENT_ENUM
        SELKIE_SQL_COUNT
};

struct selkie_registry {
    sqlite3 *db;
    struct selkie_vault *vault;
    struct selkie_integrity_check *integrity_check;
    struct selkie_checkpointer *checkpointer;
    sqlite3_stmt *statements[SELKIE_SQL_COUNT];
    bool in_transaction;
    int begun; /* SELKIE_ESTORAGE while a transaction that was needed could not begin */
    /* The numbers given last. They only grow, also over a rollback. */
    int64_t last_binding, last_parked, last_unmatched, last_outbox;
    char fault[SELKIE_REGISTRY_ERROR_SIZE];
    char damage[SELKIE_REGISTRY_ERROR_SIZE];  /* "" = none known */
    char corrupt[SELKIE_REGISTRY_ERROR_SIZE]; /* "" = none since it was asked for */
    char check_delay[SELKIE_REGISTRY_ERROR_SIZE];
    char log_fault[SELKIE_REGISTRY_ERROR_SIZE];
};

/* What one seals in the vault. */
#define SELKIE_VAULT_CLAIM   'c'
#define SELKIE_VAULT_SESSION 's'
#define SELKIE_VAULT_PARKED  'p'
#define SELKIE_VAULT_OUTBOX  'o'

/* A statement ready to be bound; the second form begins the transaction. */
sqlite3_stmt *selkie_sql(struct selkie_registry *registry, enum selkie_statement statement);
sqlite3_stmt *selkie_sql_write(struct selkie_registry *registry, enum selkie_statement statement);

/* Step once: 1 = a row (read it, then selkie_sql_done), 0 = no (more) rows, or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_step(struct selkie_registry *registry, sqlite3_stmt *statement);
/* Run to the end: 0 or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_run(struct selkie_registry *registry, sqlite3_stmt *statement);
void selkie_sql_done(sqlite3_stmt *statement);

/* A statement with one number in its one row; NULL counts as 0. */
SELKIE_USE_RESULT int selkie_sql_number(struct selkie_registry *registry, sqlite3_stmt *statement, int64_t *number);

/* The row gave something that cannot have been stored so: note it and return SELKIE_ECRYPTO. */
SELKIE_USE_RESULT int selkie_sql_corrupt(struct selkie_registry *registry, const char *what, int64_t number);
/* The vault does not seal: note it and return SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_unsealed(struct selkie_registry *registry);

static inline void selkie_sql_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, size_t len)
{
    sqlite3_bind_blob(statement, index, bytes, (int)len, SQLITE_STATIC);
}

static inline void selkie_sql_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* Copy a blob of exactly this length; another is left as zeroes. */
static inline void selkie_sql_get_blob(sqlite3_stmt *statement, int column, void *bytes, size_t len)
{
    const void *blob = sqlite3_column_blob(statement, column);
    memset(bytes, 0, len);
    if (blob && sqlite3_column_bytes(statement, column) == (int)len)
        memcpy(bytes, blob, len);
}

static inline void selkie_sql_get_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    const char *value = (const char *)sqlite3_column_text(statement, column);
    size_t len = value ? strnlen(value, size - 1) : 0;
    if (len)
        memcpy(text, value, len);
    text[len] = 0;
}

#endif
