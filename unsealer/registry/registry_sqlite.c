/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry_sqlite.h"
#include <selkie/error_text.h>

static void note_damage(struct selkie_registry *registry, const char *finding)
{
    selkie_error_text_format(registry->damage, sizeof registry->damage,
                             "registry: damaged (%s): stop Mosquitto and restore registry.db from a backup", finding);
}

const char *selkie_registry_damage(struct selkie_registry *registry)
{
    char finding[SELKIE_EXAMINER_FINDING_SIZE];

    if (!registry->damage[0] && selkie_integrity_check_found(registry->integrity_check, finding))
        note_damage(registry, finding);
    return registry->damage[0] ? registry->damage : NULL;
}

const char *selkie_registry_check_delay(struct selkie_registry *registry)
{
    char check_delay[SELKIE_EXAMINER_FINDING_SIZE];

    if (!selkie_integrity_check_delayed(registry->integrity_check, check_delay))
        return NULL;
    selkie_error_text_format(registry->check_delay, sizeof registry->check_delay,
                             "registry: cannot be looked through for damage just now (%s): it is tried again",
                             check_delay);
    return registry->check_delay;
}

const char *selkie_registry_log_fault(struct selkie_registry *registry)
{
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE];

    if (!selkie_checkpointer_failed(registry->checkpointer, error))
        return NULL;
    selkie_error_text_format(registry->log_fault, sizeof registry->log_fault,
                             "registry: its log cannot be moved into it and grows: %s", error);
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

int selkie_sql_corrupt(struct selkie_registry *registry, const char *what, int64_t number)
{
    selkie_error_text_format(
        registry->corrupt, sizeof registry->corrupt,
        "registry: %s %lld is damaged and set aside; the registry should be restored from a backup", what,
        (long long)number);
    return SELKIE_ECRYPTO;
}

const char *selkie_registry_corrupt(const struct selkie_registry *registry)
{
    return registry->corrupt[0] ? registry->corrupt : NULL;
}

int selkie_sql_unsealed(struct selkie_registry *registry)
{
    selkie_error_text_format(registry->fault, sizeof registry->fault, "registry: the storage key does not seal");
    return SELKIE_ESTORAGE;
}

sqlite3_stmt *selkie_sql(struct selkie_registry *registry, enum selkie_statement statement)
{
    return registry->statements[statement];
}

sqlite3_stmt *selkie_sql_write(struct selkie_registry *registry, enum selkie_statement statement)
{
    if (!registry->in_transaction) {
        registry->begun = selkie_sql_run(registry, selkie_sql(registry, SELKIE_SQL_BEGIN));
        registry->in_transaction = true;
    }
    return registry->statements[statement];
}

void selkie_sql_done(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

int selkie_sql_step(struct selkie_registry *registry, sqlite3_stmt *statement)
{
    /* Without its transaction a change would be committed by itself. */
    if (registry->begun < 0 && !sqlite3_stmt_readonly(statement)) {
        selkie_sql_done(statement);
        return registry->begun;
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        return 1;
    int result = code == SQLITE_DONE ? 0 : fault(registry);
    selkie_sql_done(statement);
    return result;
}

int selkie_sql_run(struct selkie_registry *registry, sqlite3_stmt *statement)
{
    int result = selkie_sql_step(registry, statement);
    if (result > 0)
        selkie_sql_done(statement);
    return result < 0 ? result : 0;
}

int selkie_sql_number(struct selkie_registry *registry, sqlite3_stmt *statement, int64_t *number)
{
    int result = selkie_sql_step(registry, statement);
    *number = 0;
    if (result <= 0)
        return result;
    *number = sqlite3_column_int64(statement, 0);
    selkie_sql_done(statement);
    return 0;
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
    int result = selkie_sql_run(registry, selkie_sql(registry, SELKIE_SQL_COMMIT));
    if (result == 0)
        registry->in_transaction = false;
    return result;
}

void selkie_registry_rollback(struct selkie_registry *registry)
{
    char kept[SELKIE_REGISTRY_ERROR_SIZE];

    /* The fault that led here is the one to tell, not that SQLite has rolled back by itself already. */
    memcpy(kept, registry->fault, sizeof kept);
    registry->begun = 0;
    if (registry->in_transaction && !sqlite3_get_autocommit(registry->db) &&
        selkie_sql_run(registry, selkie_sql(registry, SELKIE_SQL_ROLLBACK)) < 0)
        memcpy(registry->fault, kept, sizeof kept);
    registry->in_transaction = false;
}

const char *selkie_registry_fault(const struct selkie_registry *registry)
{
    return registry->damage[0] ? registry->damage : registry->fault;
}

int selkie_registry_touch(struct selkie_registry *registry)
{
    return selkie_sql_run(registry, selkie_sql_write(registry, SELKIE_SQL_TOUCH));
}
