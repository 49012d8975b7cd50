/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's transactions. Frames and commands have separate transactions, in turn: a payload of commands delays
 * frames by one part of it at most, and neither waits when the other fails. A transaction is committed as a whole, and
 * only then are its outputs published; or it is rolled back.
 *
 * After a rollback, frames wait and are decided again. Commands are answered with the error instead: the client must
 * not wait, and the command must not run later, when nobody expects it. The first failure is logged. From then on each
 * transaction of frames writes, even without frames: the first commit shows that storage works again. One thread, the
 * writer. */
#ifndef SELKIE_TRANSACTION_H
#define SELKIE_TRANSACTION_H

#include "commands/command_batch.h"
#include "pipeline/key_faults.h"
#include "pipeline/pipeline.h"
#include "pipeline/replay.h"
#include "pipeline/values.h"
#include "rules/forgetting.h"
#include "rules/refresh.h"
#include "rules/silence.h"

#define SELKIE_BATCH 1024 /* frames a transaction */

struct selkie_transaction {
    struct selkie_unsealer *unsealer;
    struct selkie_effects effects;
    struct selkie_commands commands;

    struct selkie_job *batch[SELKIE_BATCH]; /* collected and not decided yet; NULL = deferred */
    unsigned count;
    struct selkie_queued_command *command;      /* the payload that is carried out, */
    struct selkie_command_batch *command_batch; /* and its progress */
    struct selkie_silence silence;
    struct selkie_silence_count silent;
    struct selkie_replay replay; /* payloads that are not to be published yet */
    struct selkie_forgetting forgetting;
    struct selkie_refresh refresh;
    struct selkie_values values;
    struct selkie_key_faults key_faults;
    uint64_t emptied;      /* the outbox is empty up to here */
    int64_t commit_us;     /* how long the commit took; -1 = there was none */
    bool failing, damaged; /* and it has been logged */

    /* The last text of each kind that was logged; "" = none. */
    char corrupt[SELKIE_REGISTRY_ERROR_SIZE];
    char check_delay[SELKIE_REGISTRY_ERROR_SIZE];
    char log_fault[SELKIE_REGISTRY_ERROR_SIZE];
    char disk_fault[SELKIE_REGISTRY_ERROR_SIZE];
    char devices_full[SELKIE_REGISTRY_ERROR_SIZE];
};

/* *transaction is all zero. */
void selkie_transaction_init(struct selkie_transaction *transaction, struct selkie_unsealer *unsealer);
/* Frees what was not decided or carried out: gateways send their frames again. */
void selkie_transaction_wipe(struct selkie_transaction *transaction);

/* A transaction that decides the batch, then one that carries out some of the commands that wait; while frames cannot
 * be decided, all of them. The outbox is emptied up to `delivered`. 0, or an error: try again in a while. */
SELKIE_USE_RESULT int selkie_transaction_run(struct selkie_transaction *transaction, uint64_t delivered);

bool selkie_transaction_has_commands(const struct selkie_transaction *transaction);

/* Work before the first transaction failed: roll it back, log it, and answer the commands that wait. */
void selkie_transaction_undo(struct selkie_transaction *transaction, int error);

/* Give these outputs to the host, with the values of the payloads among them. */
void selkie_transaction_put(struct selkie_transaction *transaction, struct selkie_output_list *outputs);
/* Publish the outputs noted so far, but for the payloads that have to wait. */
void selkie_transaction_publish(struct selkie_transaction *transaction);
/* Log a corrupt row, once. */
void selkie_transaction_log_corrupt(struct selkie_transaction *transaction);

#endif
