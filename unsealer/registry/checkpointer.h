/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the registry's log short. With a large registry every frame changes another page, and a writer that moved
 * tens of thousands of them from the log into the registry at once would keep frames waiting. So a thread with a
 * connection of its own moves them, beside the writer, and sees them on the disk, again and again until few are
 * left; those are moved at the end of the writer's next commit, while nobody writes, and the log begins anew.
 *
 * A reader that holds an old state keeps the log from beginning anew, and it grows until the reader is gone; no commit
 * waits for that. Where the disk is too slow for the thread to keep up, commits wait for the pass under way once the
 * log is SELKIE_LOG_PAGES_MAX long. What fails is tried again, since the log is as safe a place as the registry; but
 * once pages could not be seen on the disk, nothing more is moved, and the log stays for the next start to read. */
#ifndef SELKIE_CHECKPOINTER_H
#define SELKIE_CHECKPOINTER_H

#include <selkie/error.h>
#include <sqlite3.h>
#include <stdbool.h>

/* A log of fewer pages is left alone: moving them would only take the disk from the commits. */
#define SELKIE_LOG_PAGES     32000
#define SELKIE_LOG_PAGES_MAX (2 * SELKIE_LOG_PAGES)
/* So many may be left to a commit, which moves them with what has come meanwhile. */
#define SELKIE_LOG_PAGES_FEW 500

#define SELKIE_CHECKPOINTER_ERROR_SIZE 160

struct selkie_checkpointer;

/* Start for the one connection that writes to this database, whose journal is a write-ahead log; takes its hook for
 * commits. 0, SELKIE_ENOMEM, or SELKIE_ESTORAGE and what SQLite says. */
SELKIE_USE_RESULT int selkie_checkpointer_start(struct selkie_checkpointer **checkpointer, sqlite3 *writer,
                                                const char *path, char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);
/* Before the writer is closed, with no commit under way. Waits for the thread's pass. NULL is harmless. */
void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer);

/* Whether pages cannot be moved, and a clause that says why and what follows. From any thread. */
bool selkie_checkpointer_failed(struct selkie_checkpointer *checkpointer,
                                char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);

#endif
