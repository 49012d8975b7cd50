/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file: opened, checked and set aside when damaged. Part of spool.h; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_FILE_H
#define SELKIE_GATEWAY_SPOOL_FILE_H

#include <limits.h>
#include <selkie/error.h>
#include <sqlite3.h>
#include <stdint.h>

/* The one row that goes with the frames: kept, so that no start has to count a million rows. */
struct selkie_spool_ledger {
    int64_t next_seq;
    int64_t frames;
};

#define SELKIE_SPOOL_WHY_MAX (PATH_MAX + 200)

/* Open, make or, where it is damaged, replace the file. 0, or SELKIE_ESTORAGE with the reason in `why`. */
SELKIE_USE_RESULT int selkie_spool_file_open(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                                             char why[static SELKIE_SPOOL_WHY_MAX]);
void selkie_spool_file_close(sqlite3 *db);

/* Take the disk space for all pages of the transaction under way, before its commit: once committed, a page that finds
 * no room in the file could never leave the log. SQLITE_OK, or SQLITE_FULL (or what else SQLite says). */
int selkie_spool_file_reserve(sqlite3 *db);

/* Rename a damaged file, closed before, and its log to PATH.damaged-N; the last N is used again, so that a dying card
 * does not fill up with them. 0 after a line in the log, or SELKIE_ESTORAGE with the reason in `why`: it is still
 * there.
 */
SELKIE_USE_RESULT int selkie_spool_file_set_aside(const char *path, char why[static SELKIE_SPOOL_WHY_MAX]);

#endif
