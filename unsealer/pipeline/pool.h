/* SPDX-License-Identifier: Apache-2.0 */
/* The intake and the workers that do RSA. PROTOCOL.md, section 9 (order, back-pressure).
 *
 * Each gateway has a lane. Workers serve the lanes in turn, one frame at a time, so a flood in one lane costs the
 * others no more than their share. A lane's SEALED frames become ready in the order of their submission, whichever
 * worker finishes first. SESSION frames and malformed ones need no worker: they are ready at once. Ready frames are
 * collected from the lanes in turn as well. Bounded: a lane may hold as many places as are free (dynamic thresholds,
 * Choudhury and Hahne 1998), so k flooding lanes leave 1/(k + 1) of the intake to others.
 *
 * submit: the host's thread. collect, await_poke, defer, release: the writer's. poke: any. */
#ifndef SELKIE_POOL_H
#define SELKIE_POOL_H

#include "model/job.h"

struct selkie_pool;

/* Frames of a stream share a commit (docs/DESIGN.md, "Durability"). SELKIE_GATHER frames are a group: as many as a
 * gateway has in flight by default. */
#define SELKIE_GATHER    16
#define SELKIE_GATHER_US 50000 /* the longest wait for a group of opened seals */
#define SELKIE_PACE_US   10000 /* the wait after a larger group */

SELKIE_USE_RESULT int selkie_pool_open(struct selkie_pool **pool, struct selkie_keyring *keyring, unsigned workers,
                                       unsigned intake_max);
/* Stops the workers and frees all jobs. The writer must have ended. */
void selkie_pool_close(struct selkie_pool *pool);

/* 0, SELKIE_EFULL or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_pool_submit(struct selkie_pool *pool, const struct selkie_arrival *arrival);

/* Collect up to `max` ready jobs, from the lanes in turn, each lane's in order; returns how many. Waits until there is
 * one, or for a poke, or until the monotonic time until_us. The jobs keep their places until they are released.
 *
 * Frames of a stream are collected in groups. While a gateway has more seals to open, up to SELKIE_GATHER of its opened
 * ones wait for the others, at most SELKIE_GATHER_US. After a group of more than SELKIE_GATHER frames, of any form and
 * from any gateway, the next collection waits for SELKIE_PACE_US. A single frame never waits; a poke ends each wait.
 * These waits may last beyond until_us. */
unsigned selkie_pool_collect(struct selkie_pool *pool, struct selkie_job *batch[], unsigned max, int64_t until_us);
void selkie_pool_poke(struct selkie_pool *pool);
/* Wait for a poke or until then, whatever is ready. */
void selkie_pool_await_poke(struct selkie_pool *pool, int64_t until_us);

/* A collected SESSION frame is from one of these devices, or (count 0) from one that is not known yet. If frames that
 * must be decided first are still in its lane, put the job back behind them and return true. Such frames came before it
 * and are: SEALED frames of those devices (count 0: of any), and SESSION frames of the same tag, which wait
 * themselves. */
bool selkie_pool_defer(struct selkie_pool *pool, struct selkie_job *job, const uint8_t addresses[][SELKIE_ADDRESS_SIZE],
                       unsigned count);

/* Decided: free the job and its place. */
void selkie_pool_release(struct selkie_pool *pool, struct selkie_job *job);

/* How many frames the pool holds, and how many of them wait for a worker. */
void selkie_pool_depth(struct selkie_pool *pool, unsigned *frames, unsigned *unopened);

#endif
