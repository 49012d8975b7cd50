/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the registry's log short. With a large registry every frame changes another page, and a registrar that moved
 * tens of thousands of them from the log into the registry at once would keep frames waiting. So a thread with a
 * connection of its own moves them, beside the registrar, again and again until few are left; those are moved at the
 * end of the registrar's next commit, while nobody writes, and the log begins anew.
 *
 * Where the thread does not get through (a disk that is too slow, a reader that holds an old state), each commit tries
 * it once the log is twice as long. What fails now is done later: the log is as safe a place as the registry. */
#ifndef SELKIE_CHECKPOINTER_H
#define SELKIE_CHECKPOINTER_H

#include <selkie/error.h>
#include <sqlite3.h>

/* A log of fewer pages is left alone: moving them would only take the disk from the commits. */
#define SELKIE_LOG_PAGES 32000

struct selkie_checkpointer;

/* Start for the one connection that writes to this database, whose journal is a write-ahead log; takes its hook for
 * commits. 0, SELKIE_ENOMEM or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_checkpointer_start(struct selkie_checkpointer **checkpointer, sqlite3 *writer,
                                                const char *path);
/* Before the connection is closed. NULL is harmless. */
void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer);

#endif
