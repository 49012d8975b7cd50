/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of an open spool. All results are SQLite's. Blocks on the disk; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_SQL_H
#define SELKIE_GATEWAY_SPOOL_SQL_H

#include "spool_frame.h"

#include <sqlite3.h>
#include <stdbool.h>

enum selkie_spool_statement {
    SELKIE_SPOOL_BEGIN,
    SELKIE_SPOOL_COMMIT,
    SELKIE_SPOOL_ROLLBACK,
    SELKIE_SPOOL_INSERT,
    SELKIE_SPOOL_NEXT,
    SELKIE_SPOOL_FORGET,
    SELKIE_SPOOL_DROP,
    SELKIE_SPOOL_LEDGER,
    SELKIE_SPOOL_OLDEST,
    SELKIE_SPOOL_STATEMENTS
};

struct selkie_spool_sql {
    sqlite3 *db; /* NULL: the spool is not open */
    sqlite3_stmt *statements[SELKIE_SPOOL_STATEMENTS];
};

/* Prepare the statements of `db`. */
int selkie_spool_sql_prepare(struct selkie_spool_sql *sql);

/* Close the database too. */
void selkie_spool_sql_close(struct selkie_spool_sql *sql);

bool selkie_spool_sql_in_transaction(const struct selkie_spool_sql *sql);

/* Why the last call failed, with the system's reason if it was the disk's fault: "disk I/O error (Read-only file
 * system)". */
void selkie_spool_sql_reason(sqlite3 *db, char *why, size_t why_size);

/* Begin a transaction, unless one is open. */
int selkie_spool_sql_begin(struct selkie_spool_sql *sql);

/* Write the ledger, and commit. */
int selkie_spool_sql_commit(struct selkie_spool_sql *sql, int64_t next_seq, int64_t frames);

/* SQLite rolls back by itself after some failures, but not after others. */
void selkie_spool_sql_roll_back(struct selkie_spool_sql *sql);

int selkie_spool_sql_insert(struct selkie_spool_sql *sql, const struct selkie_spool_frame *frame);

/* Delete one frame, or the oldest; `changes`: how many there were. */
int selkie_spool_sql_forget(struct selkie_spool_sql *sql, int64_t seq, int *changes);
int selkie_spool_sql_drop(struct selkie_spool_sql *sql, int64_t count, int *changes);

/* SQLITE_ROW, or SQLITE_DONE if there is none. */
int selkie_spool_sql_next(struct selkie_spool_sql *sql, int64_t after, struct selkie_spool_frame *frame);
int selkie_spool_sql_oldest(struct selkie_spool_sql *sql, int64_t *rx);

#endif
