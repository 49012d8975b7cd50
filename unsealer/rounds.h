/* SPDX-License-Identifier: Apache-2.0 */
/* The registrar's rounds. Frames and commands have rounds of their own, in turn: so a payload of commands holds up no
 * frame for longer than a part of it takes, and neither waits for the other's failure. A round is committed as a whole,
 * and only then what it noted is put out; or it is rolled back. Then frames wait and are decided anew, and commands are
 * answered with the error: who asked must not wait, nor have it done when storage works again and nobody expects it.
 * Whichever failed, it is told once, and from then on each round of frames writes, though there be none: one that is
 * committed tells that it works again. One thread, the registrar's. */
#ifndef SELKIE_ROUNDS_H
#define SELKIE_ROUNDS_H

#include "inquiry.h"
#include "registrar.h"

#define SELKIE_BATCH       1024 /* frames a round */
#define SELKIE_TIMINGS_MAX (SELKIE_BATCH * 5 + 1)

struct selkie_rounds {
    struct selkie_registrar_parts parts;
    struct selkie_clerk clerk;
    struct selkie_operator op;

    struct selkie_job *batch[SELKIE_BATCH]; /* collected and not decided yet */
    unsigned count;
    struct selkie_queued_command *command; /* being carried out, */
    struct selkie_inquiry *inquiry;        /* and how far that is */
    struct selkie_walk walk;
    uint64_t emptied;                           /* up to here the outbox has been emptied */
    bool failing, damaged, hindered;            /* and told so */
    char spoilt[SELKIE_REGISTRY_ERROR_SIZE];    /* the last that was told */
    char log_fault[SELKIE_REGISTRY_ERROR_SIZE]; /* likewise */
    struct selkie_stats_timing timings[SELKIE_TIMINGS_MAX];
    unsigned timed;
};

/* A round that decides the batch, then one that carries out some of the commands that wait; while frames cannot be
 * decided, all of them. The outbox is emptied up to `delivered`. 0, or an error: try again in a while. */
SELKIE_USE_RESULT int selkie_rounds_turn(struct selkie_rounds *rounds, uint64_t delivered);

bool selkie_rounds_has_commands(const struct selkie_rounds *rounds);

/* What was tried before the first round failed: undo it, tell of it, and answer the commands that wait. */
void selkie_rounds_undo(struct selkie_rounds *rounds, int error);

/* Put out what is noted; tell, once, of a row that turned out to be damaged. */
void selkie_rounds_put_out(struct selkie_rounds *rounds);
void selkie_rounds_tell_spoilt(struct selkie_rounds *rounds);

/* Let go of what was not decided or carried out: gateways send their frames again. */
void selkie_rounds_abandon(struct selkie_rounds *rounds);

#endif
