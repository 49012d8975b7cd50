/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry_sqlite.h"
#include <selkie/error_text.h>

#include <string.h>

static void note_damage(struct selkie_registry *registry, const char *finding)
{
    selkie_error_text_format(registry->damage, sizeof registry->damage,
                             "registry: damaged (%s); stop Mosquitto and restore registry.db from a backup", finding);
}

const char *selkie_registry_damage(struct selkie_registry *registry)
{
    char finding[SELKIE_INTEGRITY_TEXT_SIZE];

    if (!registry->damage[0] && selkie_integrity_check_found(registry->integrity_check, finding))
        note_damage(registry, finding);
    return registry->damage[0] ? registry->damage : NULL;
}

const char *selkie_registry_check_delay(struct selkie_registry *registry)
{
    char reason[SELKIE_INTEGRITY_TEXT_SIZE];

    if (!selkie_integrity_check_delayed(registry->integrity_check, reason))
        return NULL;
    selkie_error_text_format(registry->check_delay, sizeof registry->check_delay,
                             "registry: cannot check registry.db for damage at the moment (%s); retrying", reason);
    return registry->check_delay;
}

const char *selkie_registry_log_fault(struct selkie_registry *registry)
{
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE];

    if (!selkie_checkpointer_failed(registry->checkpointer, error))
        return NULL;
    selkie_error_text_format(registry->log_fault, sizeof registry->log_fault,
                             "registry: the log cannot be moved into registry.db and grows: %s", error);
    return registry->log_fault;
}

int selkie_registry_contradicts(struct selkie_registry *registry, const char *finding)
{
    note_damage(registry, finding);
    return SELKIE_ESTORAGE;
}

static int fault(struct selkie_registry *registry)
{
    int code = sqlite3_errcode(registry->db) & 0xff;

    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        note_damage(registry, sqlite3_errmsg(registry->db));
    selkie_error_text_format(registry->fault, sizeof registry->fault, "registry: %s", sqlite3_errmsg(registry->db));
    return SELKIE_ESTORAGE;
}

int selkie_sql_corrupt(struct selkie_registry *registry, const char *which, ...)
{
    char name[64];
    va_list arguments;

    va_start(arguments, which);
    (void)vsnprintf(name, sizeof name, which, arguments);
    va_end(arguments);
    selkie_error_text_format(registry->corrupt, sizeof registry->corrupt,
                             "registry: %s is damaged and ignored; restore the registry from a backup", name);
    return SELKIE_ECRYPTO;
}

const char *selkie_registry_corrupt(const struct selkie_registry *registry)
{
    return registry->corrupt[0] ? registry->corrupt : NULL;
}

int selkie_sql_seal(struct selkie_registry *registry, char kind, uint64_t place, const uint8_t *plain, size_t len,
                    uint8_t *sealed, struct selkie_value *value)
{
    if (selkie_vault_seal(registry->vault, kind, place, plain, len, sealed) < 0) {
        selkie_error_text_format(registry->fault, sizeof registry->fault, "registry: cannot encrypt a secret");
        return SELKIE_ESTORAGE;
    }
    *value = SELKIE_BLOB(sealed, len + SELKIE_VAULT_OVERHEAD);
    return 0;
}

int selkie_sql_open(struct selkie_registry *registry, char kind, uint64_t place, sqlite3_stmt *row, int column,
                    uint8_t *plain, size_t size)
{
    const uint8_t *sealed = sqlite3_column_blob(row, column);
    size_t len = (size_t)sqlite3_column_bytes(row, column);

    if (!sealed || len > size + SELKIE_VAULT_OVERHEAD)
        return SELKIE_ECRYPTO;
    return selkie_vault_open_sealed(registry->vault, kind, place, sealed, len, plain);
}

static int bind(sqlite3_stmt *statement, int index, const struct selkie_value *value)
{
    switch (value->type) {
    case SQLITE_INTEGER:
        return sqlite3_bind_int64(statement, index, value->integer);
    case SQLITE_TEXT:
        return sqlite3_bind_text(statement, index, value->bytes, -1, SQLITE_STATIC);
    case SQLITE_BLOB: /* a null pointer would become NULL */
        return sqlite3_bind_blob(statement, index, value->len ? value->bytes : "", (int)value->len, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

sqlite3_stmt *selkie_sql(struct selkie_registry *registry, enum selkie_statement which,
                         const struct selkie_value values[], size_t count)
{
    sqlite3_stmt *statement = registry->statements[which];

    if (!sqlite3_stmt_readonly(statement)) {
        if (!registry->in_transaction) {
            registry->in_transaction = true;
            registry->begun = selkie_sql_step(registry, registry->statements[SELKIE_SQL_BEGIN]);
        }
        if (registry->begun < 0) /* without its transaction a change would be committed by itself */
            return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (bind(statement, (int)i + 1, &values[i]) != SQLITE_OK) {
            (void)fault(registry);
            selkie_sql_done(statement);
            return NULL;
        }
    return statement;
}

void selkie_sql_done(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* gives the last step's error once more */
    (void)sqlite3_clear_bindings(statement);
}

int selkie_sql_step(struct selkie_registry *registry, sqlite3_stmt *statement)
{
    if (!statement)
        return SELKIE_ESTORAGE;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        return 1;
    int result = code == SQLITE_DONE ? 0 : fault(registry);
    selkie_sql_done(statement);
    return result;
}

int selkie_sql_run(struct selkie_registry *registry, enum selkie_statement which, const struct selkie_value values[],
                   size_t count)
{
    sqlite3_stmt *statement = selkie_sql(registry, which, values, count);
    int result = selkie_sql_step(registry, statement);

    if (result > 0)
        selkie_sql_done(statement);
    return result < 0 ? result : 0;
}

int selkie_sql_number(struct selkie_registry *registry, int64_t *number, enum selkie_statement which,
                      const struct selkie_value values[], size_t count)
{
    sqlite3_stmt *row = selkie_sql(registry, which, values, count);
    int result = selkie_sql_step(registry, row);

    *number = 0;
    if (result <= 0)
        return result;
    *number = sqlite3_column_int64(row, 0);
    selkie_sql_done(row);
    return 1;
}

int selkie_sql_count(struct selkie_registry *registry, enum selkie_statement which, const struct selkie_value values[],
                     size_t count)
{
    int64_t number;
    int result = selkie_sql_number(registry, &number, which, values, count);

    return result < 0 ? result : (int)number;
}

void selkie_sql_get_blob(sqlite3_stmt *row, int column, void *bytes, size_t len)
{
    const void *blob = sqlite3_column_blob(row, column);

    memset(bytes, 0, len);
    if (blob && sqlite3_column_bytes(row, column) == (int)len)
        memcpy(bytes, blob, len);
}

void selkie_sql_get_text(sqlite3_stmt *row, int column, char *text, size_t size)
{
    const char *value = (const char *)sqlite3_column_text(row, column);

    (void)snprintf(text, size, "%s", value ? value : "");
}

bool selkie_registry_changed(const struct selkie_registry *registry)
{
    return registry->in_transaction;
}

int selkie_registry_commit(struct selkie_registry *registry)
{
    if (!registry->in_transaction)
        return 0;
    if (registry->begun < 0)
        return registry->begun;
    int result = selkie_sql_run(registry, SELKIE_SQL_COMMIT, SELKIE_NO_VALUES);
    if (result == 0)
        registry->in_transaction = false;
    return result;
}

void selkie_registry_rollback(struct selkie_registry *registry)
{
    char first[SELKIE_REGISTRY_ERROR_SIZE];

    /* Where SQLite has rolled back by itself, ROLLBACK fails too. The fault to report is the one before. */
    memcpy(first, registry->fault, sizeof first);
    registry->begun = 0;
    if (registry->in_transaction && !sqlite3_get_autocommit(registry->db) &&
        selkie_sql_run(registry, SELKIE_SQL_ROLLBACK, SELKIE_NO_VALUES) < 0)
        memcpy(registry->fault, first, sizeof first);
    registry->in_transaction = false;
}

const char *selkie_registry_fault(const struct selkie_registry *registry)
{
    return registry->damage[0] ? registry->damage : registry->fault;
}

int selkie_registry_touch(struct selkie_registry *registry)
{
    return selkie_sql_run(registry, SELKIE_SQL_TOUCH, SELKIE_NO_VALUES);
}
