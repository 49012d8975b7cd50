/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite registry share: the tables' columns, the statements, and how values, records and rows
 * pass between SQLite and C. Internal to registry/; the thread rule of registry.h holds. */
#ifndef SELKIE_REGISTRY_SQLITE_H
#define SELKIE_REGISTRY_SQLITE_H

#include "registry/checkpointer.h"
#include "registry/integrity_check.h"
#include "registry/registry.h"
#include "registry/vault.h"

#include <sqlite3.h>
#include <sys/types.h>

#define SELKIE_REGISTRY_APPLICATION 0x534c4b52 /* "SLKR" */
#define SELKIE_SQL_TEXT(value)      SELKIE_SQL_TEXT_OF(value)
#define SELKIE_SQL_TEXT_OF(value)   #value

/* The columns that a member of a table's record holds: X(column, kind, member), the first one by FIRST. These lists
 * make the statements, and the code that binds them and reads their rows, so all have the same order. */
/* clang-format off */
#define SELKIE_DEVICE_CHANGES(X) \
    X(name, TEXT, name) X(listed, INTEGER, listed) X(revoked, INTEGER, revoked) X(status, INTEGER, status) \
    X(reset_alarm, INTEGER, reset_alarm_ms) X(gateway, TEXT, gateway) X(wrong_claims, INTEGER, wrong_claims) \
    X(wrong_claims_since, INTEGER, wrong_claims_ms) X(model, TEXT, model)
#define SELKIE_DEVICE_COLUMNS(FIRST, X) FIRST(address, BLOB, address) SELKIE_DEVICE_CHANGES(X)
/* Of a binding: what a frame changes, and the rest. */
#define SELKIE_BINDING_CHANGES(FIRST, X) \
    FIRST(counter, INTEGER, counter) X(received, INTEGER, received) X(last_seen, INTEGER, last_seen_ms) \
    X(heard, INTEGER, heard_day) X(gateway, TEXT, gateway) X(form, INTEGER, form) X(firmware, TEXT, firmware) X(silent, INTEGER, silent) \
    X(clone_alarm, INTEGER, clone_alarm_ms) X(session_frames, INTEGER, session_frames) \
    X(rssi, INTEGER, rssi) X(rssi_mean, INTEGER, rssi_mean) \
    X(session_bytes, INTEGER, session_bytes) X(row, INTEGER, newest.row) X(present, INTEGER, newest.present) \
    X(entries, BLOB, newest.entries)
#define SELKIE_BINDING_COLUMNS(FIRST, X) \
    SELKIE_BINDING_CHANGES(FIRST, X) \
    X(number, INTEGER, number) X(address, BLOB, address) X(id_hash, BLOB, id_hash) X(status, INTEGER, status) \
    X(key_id, INTEGER, key_id) X(revoked, INTEGER, revoked) X(first_seen, INTEGER, first_seen_ms) \
    X(superseded, INTEGER, superseded_ms) X(superseded_day, INTEGER, superseded_day) X(successor_rx, INTEGER, successor.rx_ms) \
    X(successor_clock, INTEGER, successor.clock) X(successor_gateway, INTEGER, successor.gateway) \
    X(ended, INTEGER, ended)
#define SELKIE_PARKED_COLUMNS(FIRST, X) \
    FIRST(number, INTEGER, number) X(binding, INTEGER, binding) X(counter, INTEGER, counter) X(digest, BLOB, digest) \
    X(rx, INTEGER, rx_ms) X(clock, INTEGER, clock) X(gateway, TEXT, gateway) X(form, INTEGER, form) \
    X(key_id, INTEGER, key_id) X(day, INTEGER, parked_day) X(rssi, INTEGER, rssi)
#define SELKIE_UNMATCHED_COLUMNS(FIRST, X) \
    FIRST(number, INTEGER, number) X(tag, BLOB, tag) X(digest, BLOB, digest) X(rx, INTEGER, rx_ms) X(clock, INTEGER, clock) \
    X(arrived, INTEGER, arrived_ms) X(gateway, TEXT, gateway) X(rssi, INTEGER, rssi)
#define SELKIE_OUTBOX_COLUMNS(FIRST, X) \
    FIRST(number, INTEGER, outbox) X(kind, INTEGER, kind) X(address, BLOB, address) X(counter, INTEGER, counter) \
    X(rx, INTEGER, rx_ms) X(clock, INTEGER, clock) X(gateway, TEXT, gateway) X(form, INTEGER, form) X(rssi, INTEGER, rssi) \
    X(late, INTEGER, late) X(firmware, TEXT, firmware)
#define SELKIE_GATEWAY_COLUMNS(FIRST, X) \
    FIRST(name, TEXT, name) X(auth, INTEGER, auth) X(salt, BLOB, salt) X(hash, BLOB, hash) \
    X(iterations, INTEGER, iterations) X(added, INTEGER, added_ms)
/* clang-format on */

/* Statements over a list and further columns, which are strings that begin with a comma. */
#define SELKIE_SQL_NAME(column, kind, member)         #column
#define SELKIE_SQL_NEXT_NAME(column, kind, member)    ", " #column
#define SELKIE_SQL_MARK(column, kind, member)         "?"
#define SELKIE_SQL_NEXT_MARK(column, kind, member)    ", ?"
#define SELKIE_SQL_SET(column, kind, member)          #column " = ?"
#define SELKIE_SQL_NEXT_SET(column, kind, member)     ", " #column " = ?"
#define SELKIE_SQL_NEXT_REPLACE(column, kind, member) ", " #column " = excluded." #column
#define SELKIE_SQL_SELECT(table, list, more)                                                                           \
    "SELECT " list(SELKIE_SQL_NAME, SELKIE_SQL_NEXT_NAME) more " FROM " table " "
#define SELKIE_SQL_INSERT(table, list, more, marks)                                                                    \
    "INTO " table " (" list(SELKIE_SQL_NAME, SELKIE_SQL_NEXT_NAME) more                                                \
        ") VALUES (" list(SELKIE_SQL_MARK, SELKIE_SQL_NEXT_MARK) marks ")"

#define SELKIE_SQL_DEVICE    SELKIE_SQL_SELECT("device", SELKIE_DEVICE_COLUMNS, ", claim")
#define SELKIE_SQL_BINDING   SELKIE_SQL_SELECT("binding", SELKIE_BINDING_COLUMNS, ", session")
#define SELKIE_SQL_PARKED    SELKIE_SQL_SELECT("parked", SELKIE_PARKED_COLUMNS, ", payload")
#define SELKIE_SQL_UNMATCHED SELKIE_SQL_SELECT("unmatched", SELKIE_UNMATCHED_COLUMNS, ", body")
#define SELKIE_SQL_OUTBOX    SELKIE_SQL_SELECT("outbox", SELKIE_OUTBOX_COLUMNS, ", data")
#define SELKIE_SQL_GATEWAY   SELKIE_SQL_SELECT("gateway", SELKIE_GATEWAY_COLUMNS, "")

/* X(name, SQL) */
#define SELKIE_STATEMENTS(X)                                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(TOUCH, "PRAGMA application_id = " SELKIE_SQL_TEXT(SELKIE_REGISTRY_APPLICATION)) /* writes page 1 */              \
    X(DEVICE_GET, SELKIE_SQL_DEVICE "WHERE address = ?")                                                               \
    X(DEVICE_PUT, "INSERT " SELKIE_SQL_INSERT("device", SELKIE_DEVICE_COLUMNS, ", claim",                              \
                                              ", ?") " ON CONFLICT DO UPDATE SET claim = iif(?, claim, "               \
                                                     "excluded.claim)" SELKIE_DEVICE_CHANGES(SELKIE_SQL_NEXT_REPLACE)) \
    X(DEVICE_LABEL, "SELECT name, model FROM device WHERE address = ?")                                                \
    X(DEVICE_DELETE, "DELETE FROM device WHERE address = ?")                                                           \
    X(DEVICE_LIST, "SELECT address FROM device WHERE address > ?1 ORDER BY address LIMIT ?2 OFFSET ?3")                \
    X(DEVICE_LIST_STATUS, "SELECT address FROM device WHERE address > ?1 AND status = ?4 ORDER BY address LIMIT ?2 "   \
                          "OFFSET ?3")                                                                                 \
    X(TALLY, "SELECT sum(count) FROM tally WHERE what = ?1 AND (?2 < 0 OR which = ?2)")                                \
    X(BINDING_GET, SELKIE_SQL_BINDING "WHERE address = ? AND id_hash = ?")                                             \
    X(BINDING_LIVE, SELKIE_SQL_BINDING "WHERE address = ? AND status <> 4 ORDER BY status, number LIMIT ?")            \
    X(BINDING_RETIRED,                                                                                                 \
      SELKIE_SQL_BINDING "WHERE address = ? AND status = 4 ORDER BY ended <> 0 DESC, number DESC LIMIT ?")             \
    X(BINDING_RETIRED_ID, SELKIE_SQL_BINDING "WHERE address = ?1 AND status = 4 AND lower(hex(substr(id_hash, 1, "     \
                                             "8))) = ?2 ORDER BY number DESC LIMIT 1")                                 \
    X(BINDING_PENDING_COUNT, "SELECT count(*) FROM binding WHERE address = ? AND status = 2")                          \
    X(BINDING_PENDING_LIST, "SELECT DISTINCT address FROM binding WHERE address > ? AND status = 2 "                   \
                            "ORDER BY address LIMIT ?")                                                                \
    X(BINDING_SILENT, SELKIE_SQL_BINDING "WHERE number > ? AND number <= ? AND status = 1 AND silent = 0 AND "         \
                                         "(last_seen < ? OR last_seen > ?) ORDER BY number LIMIT 1")                   \
    X(BINDING_SILENT_COUNT, "SELECT count(*) FROM binding WHERE number > ? AND number <= ? AND status = 1 AND "        \
                            "silent = 1 AND revoked = 0")                                                              \
    X(BINDING_MARKED, SELKIE_SQL_BINDING "WHERE number > ? AND number <= ? AND silent = 1 ORDER BY number LIMIT 1")    \
    X(BINDING_LAST, "SELECT max(number) FROM binding")                                                                 \
    X(BINDING_TAG, SELKIE_SQL_BINDING "WHERE tag = ? AND (status, number) > (?, ?) ORDER BY status, number LIMIT 1")   \
    X(BINDING_TAG_COUNT, "SELECT count(*) FROM binding WHERE tag = ? AND status < 4")                                  \
    X(BINDING_SAME_TAG, "SELECT count(*) FROM binding WHERE status < 4 AND tag = (SELECT tag FROM binding "            \
                        "WHERE number = ?)")                                                                           \
    X(BINDING_ADD, "INSERT " SELKIE_SQL_INSERT("binding", SELKIE_BINDING_COLUMNS, ", tag, session", ", ?, ?"))         \
    X(BINDING_TWINS, "SELECT count(*) FROM binding INDEXED BY binding_tag WHERE tag = ? AND address = ? AND "          \
                     "id_hash = ?")                                                                                    \
    X(BINDING_PUT,                                                                                                     \
      "UPDATE binding SET " SELKIE_BINDING_CHANGES(SELKIE_SQL_SET, SELKIE_SQL_NEXT_SET) " WHERE number = ?")           \
    X(BINDING_STATUS,                                                                                                  \
      "UPDATE binding SET status = ?1, key_id = ?2, revoked = ?3, superseded = ?5, successor_rx = ?6, "                \
      "successor_clock = ?7, successor_gateway = ?8, superseded_day = ?9, ended = ?10 WHERE number = ?4")              \
    X(BINDING_RETIRE, /* under a new number, because a row that only shrinks leaves its page as it is */               \
      "UPDATE binding SET status = ?1, key_id = ?2, revoked = ?3, session = NULL, gateway = '', firmware = '', "       \
      "rssi = 0, rssi_mean = 0, row = 0, present = 0, entries = x'', ended = 0, number = ?5 WHERE number = ?4")        \
    X(BINDING_DELETE, "DELETE FROM binding WHERE number = ?")                                                          \
    X(BINDING_REPLACED, "SELECT count(*) FROM binding WHERE address = ? AND status >= 3 AND heard > ?")                \
    X(BINDING_FORGOTTEN, SELKIE_SQL_BINDING                                                                            \
      "WHERE number > ? AND number <= ? AND (status = 2 AND heard < ? AND NOT EXISTS (SELECT 1 "                       \
      "FROM parked WHERE parked.binding = binding.number) OR status = 1 AND heard < ? AND EXISTS (SELECT 1 "           \
      "FROM device WHERE device.address = binding.address AND device.gateway <> '') "                                  \
      "OR status = 4 AND ended <> 0 AND superseded_day < ?) "                                                          \
      "ORDER BY number LIMIT 1")                                                                                       \
    X(CLOCK_GET, "SELECT value FROM about WHERE name = 'day-clock'")                                                   \
    X(CLOCK_PUT, "INSERT OR REPLACE INTO about (name, value) VALUES ('day-clock', ?)")                                 \
    X(HISTORY_GET, "SELECT open FROM history WHERE binding = ?")                                                       \
    X(HISTORY_PUT, "INSERT OR REPLACE INTO history (binding, open) VALUES (?, ?)")                                     \
    X(HISTORY_DELETE, "DELETE FROM history WHERE binding = ?")                                                         \
    X(SEEN_GET, "SELECT present, entries FROM seen WHERE place = ?")                                                   \
    X(SEEN_PUT, "INSERT OR REPLACE INTO seen (place, present, entries) VALUES (?, ?, ?)")                              \
    X(SEEN_FORGET, "DELETE FROM seen WHERE place >= ? AND place < ?")                                                  \
    X(PARKED_PUT, "INSERT " SELKIE_SQL_INSERT("parked", SELKIE_PARKED_COLUMNS, ", payload", ", ?"))                    \
    X(PARKED_LAST, "SELECT max(number) FROM parked")                                                                   \
    X(PARKED_NEXT,                                                                                                     \
      SELKIE_SQL_PARKED "WHERE binding = ? AND (counter, number) > (?, ?) ORDER BY counter, number LIMIT 1")           \
    X(PARKED_FIRST, "SELECT parked.day, parked.number, parked.rx, parked.gateway, binding.address FROM parked "        \
                    "LEFT JOIN binding ON binding.number = parked.binding ORDER BY parked.number LIMIT 1")             \
    X(PARKED_OLDEST, SELKIE_SQL_PARKED "WHERE binding = ? ORDER BY number LIMIT 1")                                    \
    X(PARKED_FIND, "SELECT rx, clock, gateway FROM parked WHERE binding = ? AND counter = ? AND digest = ?")           \
    X(PARKED_DELETE, "DELETE FROM parked WHERE number = ?")                                                            \
    X(PARKED_COUNT, "SELECT count(*) FROM parked WHERE binding = ?")                                                   \
    X(UNMATCHED_PUT, "INSERT " SELKIE_SQL_INSERT("unmatched", SELKIE_UNMATCHED_COLUMNS, ", body", ", ?"))              \
    X(UNMATCHED_LAST_ARRIVED, "SELECT max(arrived) FROM unmatched")                                                    \
    X(UNMATCHED_LAST, "SELECT max(number) FROM unmatched")                                                             \
    X(UNMATCHED_NEXT, SELKIE_SQL_UNMATCHED "WHERE tag = ? AND number > ? ORDER BY number LIMIT 1")                     \
    X(UNMATCHED_OLDEST, SELKIE_SQL_UNMATCHED "ORDER BY number LIMIT 1")                                                \
    X(UNMATCHED_FIND, "SELECT rx, clock, gateway FROM unmatched WHERE tag = ? AND digest = ?")                         \
    X(UNMATCHED_DELETE, "DELETE FROM unmatched WHERE number = ?")                                                      \
    X(UNMATCHED_COUNT, "SELECT count(*) FROM unmatched WHERE tag = ?1 AND (?2 = '' OR gateway = ?2)")                  \
    X(HELD, "SELECT count FROM held WHERE what = ? AND gateway = ?")                                                   \
    X(OUTBOX_PUT, "INSERT " SELKIE_SQL_INSERT("outbox", SELKIE_OUTBOX_COLUMNS, ", data", ", ?"))                       \
    X(OUTBOX_LAST, "SELECT max(number) FROM outbox")                                                                   \
    X(OUTBOX_NEXT, SELKIE_SQL_OUTBOX "WHERE number > ? ORDER BY number LIMIT 1")                                       \
    X(OUTBOX_EMPTY, "DELETE FROM outbox WHERE number <= ?")                                                            \
    X(STALE_PUT, "INSERT OR IGNORE INTO stale (address) VALUES (?)")                                                   \
    X(STALE_DELETE, "DELETE FROM stale WHERE address = ?")                                                             \
    X(STALE_NEXT, "SELECT address FROM stale WHERE address > ? ORDER BY address LIMIT 1")                              \
    X(GATEWAY_PUT, "INSERT OR REPLACE " SELKIE_SQL_INSERT("gateway", SELKIE_GATEWAY_COLUMNS, "", ""))                  \
    X(GATEWAY_FIND, SELKIE_SQL_GATEWAY "WHERE name = ?")                                                               \
    X(GATEWAY_NEXT, SELKIE_SQL_GATEWAY "WHERE name > ? ORDER BY name LIMIT 1")                                         \
    X(GATEWAY_DELETE, "DELETE FROM gateway WHERE name = ?")                                                            \
    X(GATEWAY_CAME_PUT, "INSERT OR IGNORE INTO about (name, value) SELECT 'came:' || name, x'' FROM gateway "          \
                        "WHERE name = ?")                                                                              \
    X(GATEWAY_CAME_NEXT, "SELECT name FROM gateway WHERE name > ? AND EXISTS (SELECT 1 FROM about WHERE about.name = " \
                         "'came:' || gateway.name) ORDER BY name LIMIT 1")                                             \
    X(GATEWAY_CAME_DELETE, "DELETE FROM about WHERE name = 'came:' || ?")                                              \
    X(REFRESH_GET, "SELECT value FROM about WHERE name = 'refresh'")                                                   \
    X(REFRESH_PUT, "INSERT OR REPLACE INTO about (name, value) VALUES ('refresh', ?)")                                 \
    X(REFRESH_DELETE, "DELETE FROM about WHERE name = 'refresh'")

/* Those numbers. */
_Static_assert(SELKIE_BINDING_ACTIVE == 1 && SELKIE_BINDING_RETIRED == 4, "statements and schema name them");

enum selkie_statement {
#define SELKIE_STATEMENT_ENUM(name, sql) SELKIE_SQL_##name,
    SELKIE_STATEMENTS(SELKIE_STATEMENT_ENUM)
#undef SELKIE_STATEMENT_ENUM
        SELKIE_SQL_COUNT
};

#define SELKIE_REGISTRY_PATH_SIZE 4200 /* above what the system opens, so a path that is cut off here does not open */
#define SELKIE_REGISTRY_FILES     2    /* registry.db and its log */

/* A file as stat(2) shows it. */
struct selkie_registry_file {
    bool there;
    dev_t device;
    ino_t inode;
    off_t size;
};

struct selkie_registry {
    sqlite3 *db;
    char state_dir[SELKIE_REGISTRY_PATH_SIZE];
    struct selkie_registry_file files[SELKIE_REGISTRY_FILES]; /* those that are open */
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
    char corrupt[SELKIE_REGISTRY_ERROR_SIZE]; /* "" = none so far */
    char check_delay[SELKIE_REGISTRY_ERROR_SIZE];
    char log_fault[SELKIE_REGISTRY_ERROR_SIZE];
    char disk_fault[SELKIE_REGISTRY_ERROR_SIZE];
};

/* Note which files are open: what selkie_registry_check_place compares with. */
void selkie_registry_note_place(struct selkie_registry *registry, const char *state_dir);

/* A value for a statement; all zero is NULL. A text or blob must live until the statement has run. */
struct selkie_value {
    int type; /* SQLITE_INTEGER … */
    int64_t integer;
    const void *bytes;
    size_t len;
};
#define SELKIE_INTEGER(value)   ((struct selkie_value){.type = SQLITE_INTEGER, .integer = (int64_t)(value)})
#define SELKIE_TEXT(text)       ((struct selkie_value){.type = SQLITE_TEXT, .bytes = (text)})
#define SELKIE_BLOB(blob, size) ((struct selkie_value){.type = SQLITE_BLOB, .bytes = (blob), .len = (size)})
/* An address, or for NULL a blob that is before all of them. */
static inline struct selkie_value selkie_sql_address(const uint8_t *address)
{
    return SELKIE_BLOB(address, address ? SELKIE_ADDRESS_SIZE : 0);
}
/* All values of a statement in order: the last two arguments of the functions below. */
#define SELKIE_VALUES(...)                                                                                             \
    (const struct selkie_value[]){__VA_ARGS__},                                                                        \
        sizeof(const struct selkie_value[]){__VA_ARGS__} / sizeof(struct selkie_value)
#define SELKIE_NO_VALUES NULL, 0

/* For the lists of columns: the values of `record`; and reading `record` from `row`, with `at` counting its columns. */
#define SELKIE_VALUE(column, kind, member) SELKIE_VALUE_##kind(record->member),
#define SELKIE_VALUE_INTEGER(member)       SELKIE_INTEGER(member)
#define SELKIE_VALUE_TEXT(member)          SELKIE_TEXT(member)
#define SELKIE_VALUE_BLOB(member)          SELKIE_BLOB(member, sizeof(member))
#define SELKIE_READ(column, kind, member)  SELKIE_READ_##kind(record->member);
#define SELKIE_READ_INTEGER(member)        member = (__typeof__(member))sqlite3_column_int64(row, at++)
#define SELKIE_READ_TEXT(member)           selkie_sql_get_text(row, at++, member, sizeof(member))
#define SELKIE_READ_BLOB(member)           selkie_sql_get_blob(row, at++, member, sizeof(member))

/* Bind a statement; the first one that writes begins the transaction. NULL after an error, which step then returns. */
sqlite3_stmt *selkie_sql(struct selkie_registry *registry, enum selkie_statement which,
                         const struct selkie_value values[], size_t count);
/* Step once: 1 = a row (read it, then selkie_sql_done), 0 = no (more) rows, or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_step(struct selkie_registry *registry, sqlite3_stmt *statement);
void selkie_sql_done(sqlite3_stmt *statement);
/* Run a statement: 0 or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_run(struct selkie_registry *registry, enum selkie_statement which,
                                     const struct selkie_value values[], size_t count);
/* The number in a statement's one row, NULL as 0: 1, 0 without a row (then *number is 0), or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_number(struct selkie_registry *registry, int64_t *number, enum selkie_statement which,
                                        const struct selkie_value values[], size_t count);
/* That number as the result. */
SELKIE_USE_RESULT int selkie_sql_count(struct selkie_registry *registry, enum selkie_statement which,
                                       const struct selkie_value values[], size_t count);
/* A column of a row: a blob of exactly this length, any other as zeroes; a text, cut to fit. */
void selkie_sql_get_blob(sqlite3_stmt *row, int column, void *bytes, size_t len);
void selkie_sql_get_text(sqlite3_stmt *row, int column, char *text, size_t size);

/* Kinds of secrets in the vault. */
#define SELKIE_VAULT_CLAIM   'c'
#define SELKIE_VAULT_SESSION 's'
#define SELKIE_VAULT_PARKED  'p'
#define SELKIE_VAULT_OUTBOX  'o'

/* Seal into `sealed`, len + SELKIE_VAULT_OVERHEAD bytes, which becomes the value. 0 or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_sql_seal(struct selkie_registry *registry, char kind, uint64_t place, const uint8_t *plain,
                                      size_t len, uint8_t *sealed, struct selkie_value *value);
/* Open the sealed blob of a column, at most `size` bytes: its length, or SELKIE_ECRYPTO if the blob is damaged. */
SELKIE_USE_RESULT int selkie_sql_open(struct selkie_registry *registry, char kind, uint64_t place, sqlite3_stmt *row,
                                      int column, uint8_t *plain, size_t size);
/* Note that this one is damaged ("parked frame 7") and return SELKIE_ECRYPTO. */
SELKIE_USE_RESULT __attribute__((format(printf, 2, 3))) int selkie_sql_corrupt(struct selkie_registry *registry,
                                                                               const char *which, ...);

#endif
