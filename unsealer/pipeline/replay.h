/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads wait after a start, until somebody who may read them is there. PROTOCOL.md, section 9.
 *
 * A payload that waits stays in the outbox alone, so it takes no memory and no place in the queue of outputs.
 * Everything else is published meanwhile. Once the wait is over, the writer reads the payloads from the outbox, some
 * after each transaction. New ones queue behind them in the outbox until none is left. One thread, the writer. */
#ifndef SELKIE_REPLAY_H
#define SELKIE_REPLAY_H

#include "model/output.h"
#include "registry/registry.h"

#define SELKIE_REPLAY_STEP 2048   /* payloads after each transaction: more than it adds */
#define SELKIE_REPLAY_MAX  100000 /* with so many payloads the wait is over: the disk is not for more */

struct selkie_replay {
    bool holding;     /* payloads stay in the outbox */
    bool over;        /* the wait is, and the outbox is read */
    int64_t until_us; /* the end of the wait; monotonic */
    unsigned count;   /* payloads held */
    uint64_t first;   /* the first payload that was held; 0 = none */
    uint64_t at;      /* the outbox has been read up to here, */
    uint64_t last;    /* and this was the last payload */
};

/* Begin to hold, for `wait_ms`; 0 = do not. `*replay` is all zero. */
void selkie_replay_init(struct selkie_replay *replay, unsigned wait_ms, int64_t now_us);

/* Before outputs that are committed are published: drop the payloads while they are held. An output that overtakes one
 * loses its number, so that nobody takes its delivery for that of the payload. */
void selkie_replay_hold(struct selkie_replay *replay, struct selkie_output_list *list);

/* Whether the wait is over: somebody reads, or it has taken long enough. Then call selkie_replay_next until it returns
 * 0. */
bool selkie_replay_is_over(struct selkie_replay *replay, bool has_reader, int64_t now_us);

/* The next payload that was held. 1; 0 once none is left: then nothing is held any more. SELKIE_ECRYPTO: it is
 * corrupt, and skipped. */
SELKIE_USE_RESULT int selkie_replay_next(struct selkie_replay *replay, struct selkie_registry *registry,
                                         struct selkie_output **output);

/* Up to where the outbox is delivered, if the host has delivered all up to `delivered`. */
uint64_t selkie_replay_delivered(const struct selkie_replay *replay, uint64_t delivered);

#endif
