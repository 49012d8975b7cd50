/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's transactions. Frames and commands have transactions of their own, in turn: a payload of commands delays
 * frames by one part of it at most, and neither waits when the other fails. A transaction is committed as a whole, and
 * its outputs are published only then; or it is rolled back. After a rollback frames wait and are decided again, and
 * commands are answered with the error: whoever asked must not wait, nor have the command carried out later, when
 * nobody expects it. The first failure is logged. From then on each transaction of frames writes, even without frames:
 * the first commit shows that storage works again. One thread, the writer. */
#ifndef SELKIE_TRANSACTION_H
#define SELKIE_TRANSACTION_H

#include "commands/command_batch.h"
#include "pipeline/writer.h"
#include "rules/silence.h"

#define SELKIE_BATCH       1024 /* frames a transaction */
#define SELKIE_TIMINGS_MAX (SELKIE_BATCH * 5 + 1)

struct selkie_transaction {
    struct selkie_writer_parts parts;
    struct selkie_effects effects;
    struct selkie_commands commands;

    struct selkie_job *batch[SELKIE_BATCH]; /* collected and not decided yet */
    unsigned count;
    struct selkie_queued_command *command;      /* being carried out, */
    struct selkie_command_batch *command_batch; /* and how far that is */
    struct selkie_silence walk;
    uint64_t emptied;                           /* up to here the outbox has been emptied */
    bool failing, damaged, check_delayed;       /* and told so */
    char corrupt[SELKIE_REGISTRY_ERROR_SIZE];   /* the last that was told */
    char log_fault[SELKIE_REGISTRY_ERROR_SIZE]; /* likewise */
    struct selkie_stats_timing timings[SELKIE_TIMINGS_MAX];
    unsigned timed;
};

/* A transaction that decides the batch, then one that carries out some of the commands that wait; while frames cannot
 * be decided, all of them. The outbox is emptied up to `delivered`. 0, or an error: try again in a while. */
SELKIE_USE_RESULT int selkie_transaction_run(struct selkie_transaction *transaction, uint64_t delivered);

bool selkie_transaction_has_commands(const struct selkie_transaction *transaction);

/* Work before the first transaction failed: roll it back, log it, and answer the commands that wait. */
void selkie_transaction_undo(struct selkie_transaction *transaction, int error);

/* Publish what is noted; log, once, a row that turned out to be corrupt. */
void selkie_transaction_publish(struct selkie_transaction *transaction);
void selkie_transaction_report_corrupt(struct selkie_transaction *transaction);

/* Let go of what was not decided or carried out: gateways send their frames again. */
void selkie_transaction_abandon(struct selkie_transaction *transaction);

#endif
