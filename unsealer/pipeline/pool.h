/* SPDX-License-Identifier: Apache-2.0 */
/* The intake and the workers that do RSA. PROTOCOL.md, section 9 (order, back-pressure).
 *
 * Each gateway has a lane. Workers serve the lanes in turn, one frame at a time, so a flood in one lane costs the
 * others no more than their share. A lane's frames become ready in the order in which they came in, whichever worker is
 * done first. SESSION frames and those that are malformed need no worker. What is ready is taken from the lanes in turn
 * as well. Bounded: a lane may hold as many places as are free (dynamic thresholds, Choudhury and Hahne 1998), so k
 * flooding lanes leave 1/(k + 1) of the intake to others.
 *
 * submit: the host's thread. collect, await_poke, defer, release: the writer's. poke: any. */
#ifndef SELKIE_POOL_H
#define SELKIE_POOL_H

#include "model/job.h"

struct selkie_pool;

/* So many frames, as many as a gateway has under way by default, need not wait for more, so that they share a commit.
 */
#define SELKIE_GATHER 16
/* The longest wait: for more seals from a gateway that has some, and from a larger group to the next one. */
#define SELKIE_GATHER_US 50000
#define SELKIE_PACE_US   10000

SELKIE_USE_RESULT int selkie_pool_open(struct selkie_pool **pool, struct selkie_keyring *keyring, unsigned workers,
                                       unsigned intake_max);
/* Stops the workers; frees the jobs in here. The writer must have ended. */
void selkie_pool_close(struct selkie_pool *pool);

/* 0, SELKIE_EFULL or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_pool_submit(struct selkie_pool *pool, const struct selkie_arrival *arrival);

/* Up to `max` jobs that are ready to be decided, of the lanes in turn, each lane's in order. Waits until there is one,
 * or a poke, or the monotonic time until_us; returns how many. A stream comes in groups: while a gateway has more seals
 * to open, SELKIE_GATHER of them gather for at most SELKIE_GATHER_US; and after a group of more frames than that, of
 * whatever form and from wherever, the next one is collected no earlier than SELKIE_PACE_US later. Without a stream
 * nothing waits, nor does it after a poke. These waits may last beyond until_us. The jobs keep their places until they
 * are released. */
unsigned selkie_pool_collect(struct selkie_pool *pool, struct selkie_job *batch[], unsigned max, int64_t until_us);
void selkie_pool_poke(struct selkie_pool *pool);
/* Wait for a poke alone, whatever is ready, or until then. */
void selkie_pool_await_poke(struct selkie_pool *pool, int64_t until_us);

/* A collected SESSION frame is of one of these devices, or (count 0) of one that is not known yet. If its lane still
 * has something that came before it, was not collected and must be decided first, put the job back behind that and
 * return true: SEALED frames of those devices, or of any; and SESSION frames of the same tag, which wait themselves. */
bool selkie_pool_defer(struct selkie_pool *pool, struct selkie_job *job, const uint8_t addresses[][SELKIE_ADDRESS_SIZE],
                       unsigned count);

/* Decided: free the job and its place. */
void selkie_pool_release(struct selkie_pool *pool, struct selkie_job *job);

/* How many frames are in here, and how many of them wait for a worker. */
void selkie_pool_depth(struct selkie_pool *pool, unsigned *frames, unsigned *unopened);

#endif
