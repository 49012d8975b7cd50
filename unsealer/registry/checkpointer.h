/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the registry's write-ahead log short. In a large registry every frame changes another page. If the writer
 * copied tens of thousands of pages from the log into the registry at once, frames would wait for seconds. So a thread
 * with its own connection copies and fsyncs them beside the writer, pass after pass, until few are left. The writer's
 * next commit copies those, while nobody writes, and the log starts over.
 *
 * A reader that holds an old state keeps the log from starting over: the log grows until the reader is gone, and no
 * commit waits for that. Where the disk is too slow for the thread, commits wait for its pass once the log has
 * SELKIE_LOG_PAGES_MAX pages. A failed copy is retried: the log is as safe a place as the registry. But after a failed
 * fsync nothing more is copied, and the log stays for the next start to read. So it does after a stop if it is long. */
#ifndef SELKIE_CHECKPOINTER_H
#define SELKIE_CHECKPOINTER_H

#include <selkie/error.h>
#include <sqlite3.h>
#include <stdbool.h>

/* A shorter log is left alone: copying it would only take the disk from the commits. */
#define SELKIE_LOG_PAGES     32000
#define SELKIE_LOG_PAGES_MAX (2 * SELKIE_LOG_PAGES)
/* So many pages may be left to a commit. */
#define SELKIE_LOG_PAGES_FEW 500

#define SELKIE_CHECKPOINTER_ERROR_SIZE 160

struct selkie_checkpointer;

/* Start for the one connection that writes to this database, in WAL mode; uses its hook for commits. 0, SELKIE_ENOMEM
 * or SELKIE_ESTORAGE, and the reason in `error`. */
SELKIE_USE_RESULT int selkie_checkpointer_start(struct selkie_checkpointer **checkpointer, sqlite3 *writer,
                                                const char *path, char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);
/* End the pass under way, and begin no other: no commit waits for one any more. From any thread. */
void selkie_checkpointer_end_passes(struct selkie_checkpointer *checkpointer);
/* Stop before the writer is closed and while it does not commit. If more than
 * SELKIE_LOG_PAGES_FEW pages are left, closing the writer copies none of them: whoever closes it does not wait, and the
 * next start reads the log. NULL is harmless. */
void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer);

/* Whether pages cannot be copied, and why and what follows in `error`. From any thread. */
bool selkie_checkpointer_failed(struct selkie_checkpointer *checkpointer,
                                char error[static SELKIE_CHECKPOINTER_ERROR_SIZE]);

#endif
