/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on disk, from capture until they are dealt with: SQLite, WAL, synchronous FULL. PROTOCOL.md, section 9.
 *
 * A `seq` is used once and never again, whatever becomes of the file: a receipt still under way for an older frame must
 * not make the gateway forget a newer one. Inside a spool the ledger counts on, also when it is empty; a fresh spool
 * (the first, or the one after a damaged one was set aside) starts at a random place among 2^52, because the clock of a
 * machine without a battery is no help there; and each opening leaves a gap, in case a card lost writes that it had
 * confirmed.
 *
 * Bounded: at max_frames the oldest go, and so they do when the disk is full. Blocks on the disk. One thread, and one
 * process: the file is locked. */
#ifndef SELKIE_GATEWAY_SPOOL_H
#define SELKIE_GATEWAY_SPOOL_H

#include <selkie/error.h>
#include <selkie/link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_SPOOL_PORT_MAX 256

struct selkie_spool;

struct selkie_spool_frame {
    int64_t seq;                      /* given by selkie_spool_put; 1..2^53, so exact in any JSON reader */
    int64_t rx;                       /* capture time, ms since the epoch */
    char port[SELKIE_SPOOL_PORT_MAX]; /* the serial line; cut if longer */
    uint16_t len;                     /* 1..SELKIE_LINK_BODY_MAX */
    uint8_t body[SELKIE_LINK_BODY_MAX];
};

struct selkie_spool_info {
    int64_t frames;    /* waiting */
    int64_t oldest_rx; /* of the oldest waiting; 0 where none is */
    uint64_t dropped;  /* oldest frames given up for new ones, since the opening */
};

/* Open or make the spool. A damaged file is set aside as PATH.damaged-N and a fresh one begun, with a line in the log.
 * NULL after a line in the log: the folder is missing, another process has the spool, or the file is something else's.
 */
struct selkie_spool *selkie_spool_open(const char *path, int64_t max_frames);

/* Everything forgotten so far is made durable. */
void selkie_spool_close(struct selkie_spool *spool);

void selkie_spool_set_max(struct selkie_spool *spool, int64_t max_frames);

/* Store `count` frames in one transaction; on return they are on the disk, and have their seq. All or none:
 * SELKIE_ESTORAGE. What fails is logged once until it works again, also where a damaged file cannot be set aside or a
 * fresh one not be opened: each use of the spool then tries anew. */
SELKIE_USE_RESULT int selkie_spool_put(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count);

/* The first frame with a seq above `after`. 0, SELKIE_ENOTFOUND, or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame);

/* Forget frames; those that are not there do not matter. In effect at once, on the disk with the next selkie_spool_put
 * or selkie_spool_sync, and each time that 512 wait for one: a frame that a power loss brings back is sent twice, which
 * harms nobody, and a card wears with each commit. Returns how many were there, 0 where it failed; where any were, a
 * sync is owed. */
size_t selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count);
void selkie_spool_sync(struct selkie_spool *spool);

/* Another number each time that frames may have come in below those already read: a fresh file was begun after damage,
 * or a commit failed and what it forgot is back. Whoever reads on from a seq then begins again at 0. */
unsigned selkie_spool_generation(const struct selkie_spool *spool);

/* How many wait. */
int64_t selkie_spool_count(const struct selkie_spool *spool);

void selkie_spool_info(struct selkie_spool *spool, struct selkie_spool_info *info);

#endif
