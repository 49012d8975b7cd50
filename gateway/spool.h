/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on disk (while it fails: in memory), from capture until the plugin has sent a receipt for them: SQLite, WAL,
 * synchronous FULL. PROTOCOL.md, section 9.
 *
 * A `seq` is used once and never again, whatever happens to the file: a late receipt for an old frame must not make the
 * gateway forget a new one. Within a spool the ledger counts on, also when the spool is empty. A fresh spool (the
 * first, or the one after a damaged one that had no frame that could be read) starts at a random place among 2^52,
 * since a machine without a battery has no clock to start from. Each opening leaves a gap, in case a card lost writes
 * that it had confirmed.
 *
 * Bounded: at max_frames, and when the disk is full, the oldest frames are dropped. Blocks on the disk. One thread, and
 * one process: the file is locked. */
#ifndef SELKIE_GATEWAY_SPOOL_H
#define SELKIE_GATEWAY_SPOOL_H

#include "spool_frame.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_spool;

#define SELKIE_SPOOL_FAULT_MAX 256

struct selkie_spool_info {
    int64_t frames;                     /* waiting, those in memory included */
    int64_t held;                       /* waiting in memory only */
    int64_t oldest_rx;                  /* of the oldest waiting; 0 if none is */
    uint64_t dropped;                   /* oldest frames dropped for new ones, since the opening */
    bool slow;                          /* a commit took a second or more, not long ago */
    char fault[SELKIE_SPOOL_FAULT_MAX]; /* why the disk fails; "": it works */
};

/* Called for each frame that was held in memory and is safe from now on: dealt with, or on the disk. */
typedef void selkie_spool_safe(void *context, const struct selkie_spool_frame *frame);

/* Open or create the spool. What looks damaged is read again; then the file is renamed to PATH.damaged-N and a fresh
 * one started with all frames that could be read, with a line in the log. A spool that was there (by its note,
 * PATH.instance) and is gone is logged too. A disk that fails, or a folder that is missing, is no reason to refuse: see
 * selkie_spool_hold and selkie_spool_mend. NULL after a line in the log: another process has the spool, or the file is
 * another program's or another version's; then nothing in it is changed. */
struct selkie_spool *selkie_spool_open(const char *path, int64_t max_frames);

/* The process is to end: a damaged spool is left to the next start, which takes minutes over it. A rescue under way
 * ends by itself when SIGTERM or SIGINT is pending, with a line in the log; it is not begun again by this process. */
void selkie_spool_end(struct selkie_spool *spool);

/* Makes durable what was forgotten, and what is in memory, if the disk works. */
void selkie_spool_close(struct selkie_spool *spool);

void selkie_spool_set_max(struct selkie_spool *spool, int64_t max_frames);

/* Store `count` frames in one transaction and set their seq; on return they are on the disk. All or none:
 * SELKIE_ESTORAGE. A failure is logged once until the spool works again. If a damaged file cannot be renamed, or a
 * fresh one not opened, each later call tries again. */
SELKIE_USE_RESULT int selkie_spool_put(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count);

/* While the disk fails: keep frames in memory, at most 256, and set their seq. They are read and forgotten like others,
 * but a power loss takes them: nobody may be told that they are stored before `safe` was called for them. */
void selkie_spool_hold(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count);
bool selkie_spool_holds(const struct selkie_spool *spool, const uint8_t *body, size_t len);
void selkie_spool_set_safe(struct selkie_spool *spool, selkie_spool_safe *safe, void *context);

/* Whether the last that was tried with the disk went well. */
bool selkie_spool_works(const struct selkie_spool *spool);

/* If the disk failed, try it: open the spool, store what is in memory. True if it works, after a line in the log. A
 * disk that dies may take long for this: do not call it for each frame. */
bool selkie_spool_mend(struct selkie_spool *spool);

/* The first frame with a seq above `after`. 0, SELKIE_ENOTFOUND, or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame);

/* Forget frames; a seq that is not in the spool is ignored. Takes effect at once, but reaches the disk with the next
 * selkie_spool_put or selkie_spool_sync, or after 512 frames: a commit for each would wear the card, and a frame that a
 * power loss brings back is only sent twice. While the disk fails, 256 can be forgotten until it works. Returns how
 * many were there, 0 on failure; if any were, call selkie_spool_sync soon. */
size_t selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count);
void selkie_spool_sync(struct selkie_spool *spool);

/* Changes when frames may have appeared below those already read: a fresh file was started after damage, the disk
 * is back, or a commit failed and the frames that it forgot are back. Then read from 0 again. */
unsigned selkie_spool_generation(const struct selkie_spool *spool);

/* A random number of this opening, 1..2^53-1: exact in any JSON reader. A `seq` means a frame only together with it: a
 * copy of the file on another card counts on from the same seq, but has another instance from its first start on. So it
 * is in no file. It stays the same as long as the spool is open, also when a damaged file is replaced. */
int64_t selkie_spool_instance(const struct selkie_spool *spool);

/* How many frames wait, in memory and on the disk. */
int64_t selkie_spool_count(const struct selkie_spool *spool);

void selkie_spool_info(struct selkie_spool *spool, struct selkie_spool_info *info);

#endif
