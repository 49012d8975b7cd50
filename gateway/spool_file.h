/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file: opens it, checks it, and replaces it if it is damaged. Part of spool.h. Blocks on the disk; one
 * thread. */
#ifndef SELKIE_GATEWAY_SPOOL_FILE_H
#define SELKIE_GATEWAY_SPOOL_FILE_H

#include <limits.h>
#include <selkie/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* One row beside the frames, so that no start has to count a million rows. */
struct selkie_spool_ledger {
    int64_t next_seq;
    int64_t frames;
    bool replaced; /* the opening found a damaged file and replaced it */
};

#define SELKIE_SPOOL_WHY_MAX (PATH_MAX + 200)

/* Open or create the file; try a damaged one again, and then replace it. Close the database with sqlite3_close. 0;
 * SELKIE_ESTORAGE if the disk fails; SELKIE_ENOTREADY if the file has to be replaced, and that was stopped by a signal
 * or (`rescue` is false) was not begun; SELKIE_EREFUSED if the file is not for us: another process has it, another
 * program made it, or another version. It is not changed then. The reason is in `why`. */
SELKIE_USE_RESULT int selkie_spool_file_open(const char *path, sqlite3 **db, struct selkie_spool_ledger *ledger,
                                             int64_t instance, bool rescue, char why[static SELKIE_SPOOL_WHY_MAX]);

/* Whether the result of SQLite says that what it read is damaged, or cannot be read. A full disk is no damage. */
bool selkie_spool_file_is_damage(int result);

/* Whether the file is for us, without a lock and before SQLite changes it. 0 if it is, or may become so, or cannot be
 * read; SELKIE_EREFUSED with the reason in `why` if another program or version made it. Not while it is open. */
SELKIE_USE_RESULT int selkie_spool_file_look(const char *path, char why[static SELKIE_SPOOL_WHY_MAX]);

/* Before a commit, allocate the disk space for all its pages: a committed page that finds no room in the file could
 * never leave the log. SQLITE_OK, SQLITE_FULL, or another result of SQLite. */
int selkie_spool_file_reserve(sqlite3 *db);

/* Replace a damaged file, closed before, by a fresh one with all of its frames that can be read. The damaged one and
 * its log are kept as PATH.damaged-N. The last N is used again, so that a dying card does not fill up. Goes on at the
 * next start if the process is killed. 0 after a line in the log; SELKIE_ESTORAGE with the reason in `why`: try again.
 * SELKIE_ENOTREADY: stopped by a signal. */
SELKIE_USE_RESULT int selkie_spool_file_replace(const char *path, char why[static SELKIE_SPOOL_WHY_MAX]);

#endif
