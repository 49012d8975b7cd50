/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_sql.h"

#include <stdio.h>
#include <string.h>

static const char *const texts[SELKIE_SPOOL_STATEMENTS] = {
    [SELKIE_SPOOL_BEGIN] = "BEGIN IMMEDIATE",
    [SELKIE_SPOOL_COMMIT] = "COMMIT",
    [SELKIE_SPOOL_ROLLBACK] = "ROLLBACK",
    [SELKIE_SPOOL_INSERT] =
        "INSERT INTO frame (seq, rx, boot, since_boot, port, body, rssi) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [SELKIE_SPOOL_NEXT] =
        "SELECT seq, rx, boot, since_boot, port, body, rssi FROM frame WHERE seq > ? ORDER BY seq LIMIT 1",
    [SELKIE_SPOOL_FORGET] = "DELETE FROM frame WHERE seq = ?",
    [SELKIE_SPOOL_DROP] = "DELETE FROM frame WHERE seq IN (SELECT seq FROM frame ORDER BY seq LIMIT ?)",
    [SELKIE_SPOOL_LEDGER] = "UPDATE ledger SET next_seq = ?, frames = ?",
    [SELKIE_SPOOL_OLDEST] = "SELECT rx FROM frame ORDER BY seq LIMIT 1",
};

int selkie_spool_sql_prepare(struct selkie_spool_sql *sql)
{
    int result = SQLITE_OK;

    for (int i = 0; i < SELKIE_SPOOL_STATEMENTS && result == SQLITE_OK; i++)
        result = sqlite3_prepare_v3(sql->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &sql->statements[i], NULL);
    return result;
}

void selkie_spool_sql_close(struct selkie_spool_sql *sql)
{
    for (int i = 0; i < SELKIE_SPOOL_STATEMENTS; i++)
        (void)sqlite3_finalize(sql->statements[i]);
    (void)sqlite3_close(sql->db);
    *sql = (struct selkie_spool_sql){.db = NULL};
}

/* A statement that returns no rows. */
static int run(struct selkie_spool_sql *sql, enum selkie_spool_statement which)
{
    int result = sqlite3_step(sql->statements[which]);

    (void)sqlite3_reset(sql->statements[which]);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* The same, with a number. */
static int run_with(struct selkie_spool_sql *sql, enum selkie_spool_statement which, int64_t number, int *changes)
{
    (void)sqlite3_bind_int64(sql->statements[which], 1, number);
    int result = run(sql, which);

    *changes = result == SQLITE_OK ? sqlite3_changes(sql->db) : 0;
    return result;
}

bool selkie_spool_sql_in_transaction(const struct selkie_spool_sql *sql)
{
    return sql->db && sqlite3_get_autocommit(sql->db) == 0;
}

int selkie_spool_sql_begin(struct selkie_spool_sql *sql)
{
    return selkie_spool_sql_in_transaction(sql) ? SQLITE_OK : run(sql, SELKIE_SPOOL_BEGIN);
}

int selkie_spool_sql_commit(struct selkie_spool_sql *sql, int64_t next_seq, int64_t frames)
{
    (void)sqlite3_bind_int64(sql->statements[SELKIE_SPOOL_LEDGER], 1, next_seq);
    (void)sqlite3_bind_int64(sql->statements[SELKIE_SPOOL_LEDGER], 2, frames);
    int result = run(sql, SELKIE_SPOOL_LEDGER);
    return result == SQLITE_OK ? run(sql, SELKIE_SPOOL_COMMIT) : result;
}

void selkie_spool_sql_roll_back(struct selkie_spool_sql *sql)
{
    if (selkie_spool_sql_in_transaction(sql))
        (void)run(sql, SELKIE_SPOOL_ROLLBACK);
}

int selkie_spool_sql_insert(struct selkie_spool_sql *sql, const struct selkie_spool_frame *frame)
{
    sqlite3_stmt *statement = sql->statements[SELKIE_SPOOL_INSERT];

    (void)sqlite3_bind_int64(statement, 1, frame->seq);
    (void)sqlite3_bind_int64(statement, 2, frame->rx);
    (void)sqlite3_bind_int64(statement, 3, frame->boot);
    (void)sqlite3_bind_int64(statement, 4, frame->since_boot);
    (void)sqlite3_bind_text(statement, 5, frame->port, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 6, frame->body, frame->len, SQLITE_STATIC);
    (void)sqlite3_bind_int(statement, 7, frame->rssi);
    int result = run(sql, SELKIE_SPOOL_INSERT);
    (void)sqlite3_clear_bindings(statement);
    return result;
}

int selkie_spool_sql_forget(struct selkie_spool_sql *sql, int64_t seq, int *changes)
{
    return run_with(sql, SELKIE_SPOOL_FORGET, seq, changes);
}

int selkie_spool_sql_drop(struct selkie_spool_sql *sql, int64_t count, int *changes)
{
    return run_with(sql, SELKIE_SPOOL_DROP, count, changes);
}

static void copy_row(struct selkie_spool_frame *frame, sqlite3_stmt *row)
{
    const char *port = (const char *)sqlite3_column_text(row, 4);
    const void *body = sqlite3_column_blob(row, 5);
    int len = sqlite3_column_bytes(row, 5);

    frame->seq = sqlite3_column_int64(row, 0);
    frame->rx = sqlite3_column_int64(row, 1);
    frame->boot = sqlite3_column_int64(row, 2);
    frame->since_boot = sqlite3_column_int64(row, 3);
    frame->rssi = (int16_t)sqlite3_column_int(row, 6);
    strncpy(frame->port, port ? port : "", sizeof frame->port - 1);
    frame->port[sizeof frame->port - 1] = '\0';
    frame->len = len > (int)sizeof frame->body ? sizeof frame->body : (uint16_t)len;
    if (body)
        memcpy(frame->body, body, frame->len);
}

int selkie_spool_sql_next(struct selkie_spool_sql *sql, int64_t after, struct selkie_spool_frame *frame)
{
    sqlite3_stmt *statement = sql->statements[SELKIE_SPOOL_NEXT];

    (void)sqlite3_bind_int64(statement, 1, after);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        copy_row(frame, statement);
    (void)sqlite3_reset(statement);
    return result;
}

int selkie_spool_sql_oldest(struct selkie_spool_sql *sql, int64_t *rx)
{
    sqlite3_stmt *statement = sql->statements[SELKIE_SPOOL_OLDEST];
    int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        *rx = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return result;
}

/* A commit that fails leaves its reason only at the log. */
static int system_error(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    int error = 0;

    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error != 0 ? error : sqlite3_system_errno(db);
}

void selkie_spool_sql_reason(sqlite3 *db, char *why, size_t why_size)
{
    int code = sqlite3_errcode(db) & 0xFF; /* of no database: no memory */
    int error = db ? system_error(db) : 0;

    if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && error != 0)
        (void)snprintf(why, why_size, "%s (%s)", sqlite3_errmsg(db), strerror(error));
    else
        (void)snprintf(why, why_size, "%s", sqlite3_errmsg(db));
}
