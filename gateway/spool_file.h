/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file: opens it, checks it, and renames it if it is damaged. Part of spool.h. Blocks on the disk; one
 * thread. */
#ifndef SELKIE_GATEWAY_SPOOL_FILE_H
#define SELKIE_GATEWAY_SPOOL_FILE_H

#include <limits.h>
#include <selkie/error.h>
#include <sqlite3.h>
#include <stdint.h>

/* One row beside the frames, so that no start has to count a million rows. */
struct selkie_spool_ledger {
    int64_t next_seq;
    int64_t frames;
};

#define SELKIE_SPOOL_WHY_MAX (PATH_MAX + 200)

/* Open or create the file, or replace a damaged one. Close the database with sqlite3_close. 0, or SELKIE_ESTORAGE with
 * the reason in `why`. */
SELKIE_USE_RESULT int selkie_spool_file_open(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                                             char why[static SELKIE_SPOOL_WHY_MAX]);

/* Before a commit, allocate the disk space for all its pages: a committed page that finds no room in the file could
 * never leave the log. SQLITE_OK, SQLITE_FULL, or another result of SQLite. */
int selkie_spool_file_reserve(sqlite3 *db);

/* Rename a damaged file, closed before, and its log to PATH.damaged-N. The last N is used again, so that a dying card
 * does not fill up. 0 after a line in the log; SELKIE_ESTORAGE with the reason in `why` if the file is still there. */
SELKIE_USE_RESULT int selkie_spool_file_set_aside(const char *path, char why[static SELKIE_SPOOL_WHY_MAX]);

#endif
