/* SPDX-License-Identifier: Apache-2.0 */
/* Takes over all frames that can be read of a damaged spool into a fresh file. Blocks on the disk, for minutes where
 * there are a million; meanwhile it keeps systemd's watchdog quiet, and logs how far it is. It ends early if SIGTERM or
 * SIGINT is pending: the gateway blocks both, and takes them in its loop, which waits. One thread. */
#ifndef SELKIE_GATEWAY_SPOOL_SALVAGE_H
#define SELKIE_GATEWAY_SPOOL_SALVAGE_H

#include <selkie/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_spool_salvaged {
    int64_t frames;    /* taken over */
    int64_t pages_bad; /* unreadable, missing, or no page of a database */
    bool full;         /* the disk was full before the end */
};

/* Read `from` and its log, neither of which is changed, and fill `into`, a file that exists: `create` makes the tables,
 * and says their first seq. The frames keep their seq; the count goes on far enough behind them that those which were
 * lost keep theirs. `into` is closed and on the disk at the return. `name`: the spool, for the log. SELKIE_ESTORAGE
 * with SQLite's or the system's reason in `why`, or SELKIE_ENOTREADY if a signal ended it, which is logged: `into` is
 * of no use. */
SELKIE_USE_RESULT int selkie_spool_salvage(const char *name, const char *from, const char *into,
                                           int (*create)(sqlite3 *db, int64_t *first),
                                           struct selkie_spool_salvaged *found, char *why, size_t why_size);

#endif
