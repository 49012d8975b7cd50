/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/writer.h"
#include "pipeline/transaction.h"
#include <selkie/clock.h>

#include <stdatomic.h>
#include <stdlib.h>

#define TICK_US  1000000 /* when nothing is due */
#define SOON_US  100000  /* when something is: states, the outbox's emptying */
#define RETRY_US 1000000

struct selkie_writer {
    pthread_t thread;

    atomic_bool stopping;
    atomic_uint_fast64_t delivered;

    /* The thread's own. */
    struct selkie_transaction transaction;
    uint64_t replayed; /* of the outbox of an earlier run */
};

/* Something failed: wait a while, or for a command. False when it is time to stop. */
static bool pause_for_retry(struct selkie_writer *writer)
{
    selkie_pool_await_poke(writer->transaction.parts.pool, selkie_clock_monotonic_us() + RETRY_US);
    return !atomic_load(&writer->stopping);
}

/* What an earlier run left in the outbox goes out first. */
static int replay_outbox(struct selkie_writer *writer)
{
    struct selkie_registry *registry = writer->transaction.effects.registry;
    struct selkie_output *output;
    int result;

    while (selkie_output_queue_wait(writer->transaction.parts.outputs) &&
           (result = selkie_registry_next_outbox(registry, &writer->replayed, &output)) != 0) {
        if (result == SELKIE_ECRYPTO) {
            selkie_transaction_report_corrupt(&writer->transaction);
            continue;
        }
        if (result < 0)
            return result;
        if (output->kind == SELKIE_OUTPUT_STATE) {
            struct selkie_output *state = selkie_state_publisher_read(registry, output->address, &result);
            selkie_output_free(output);
            if (!state) {
                writer->replayed--; /* it is still to come */
                return result;
            }
            state->outbox = writer->replayed;
            output = state;
        }
        selkie_output_list_add(&writer->transaction.effects.out, output);
        selkie_transaction_publish(&writer->transaction);
    }
    return 0;
}

/* The states that an earlier run had not put out yet are due now. */
static int recall_stale(struct selkie_writer *writer)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0};
    bool any = false;
    int result;

    while ((result = selkie_registry_next_stale(writer->transaction.effects.registry, any ? address : NULL, address)) >
           0) {
        any = true;
        result = selkie_state_publisher_recall(writer->transaction.effects.states, address);
        if (result < 0)
            break;
    }
    return result;
}

static int64_t next_tick_us(const struct selkie_writer *writer)
{
    bool soon = selkie_state_publisher_waiting(writer->transaction.effects.states) ||
                atomic_load(&writer->delivered) > writer->transaction.emptied;
    return selkie_clock_monotonic_us() + (soon ? SOON_US : TICK_US);
}

static void *run(void *context)
{
    struct selkie_writer *writer = context;
    struct selkie_transaction *transaction = &writer->transaction;
    int result;

    while ((result = replay_outbox(writer)) < 0 || (result = recall_stale(writer)) < 0) {
        selkie_transaction_undo(transaction, result);
        if (!pause_for_retry(writer))
            return NULL;
    }
    while (selkie_output_queue_wait(transaction->parts.outputs) && !atomic_load(&writer->stopping)) {
        if (selkie_transaction_has_commands(transaction))
            selkie_pool_poke(transaction->parts.pool); /* collects what there is, and waits for nothing */
        /* Those of a round that failed are to be decided before any other. */
        if (transaction->count == 0)
            transaction->count =
                selkie_pool_collect(transaction->parts.pool, transaction->batch, SELKIE_BATCH, next_tick_us(writer));
        if (atomic_load(&writer->stopping))
            break;
        if (selkie_transaction_run(transaction, atomic_load(&writer->delivered)) < 0 && !pause_for_retry(writer))
            break;
    }
    return NULL;
}

int selkie_writer_start(struct selkie_writer **started, const struct selkie_writer_parts *parts)
{
    struct selkie_writer *writer = calloc(1, sizeof *writer);

    *started = NULL;
    if (!writer)
        return SELKIE_ENOMEM;
    struct selkie_transaction *transaction = &writer->transaction;
    transaction->parts = *parts;
    transaction->effects.registry = parts->registry;
    transaction->effects.rules = parts->rules;
    transaction->commands = (struct selkie_commands){.effects = &transaction->effects,
                                                     .keyring = parts->keyring,
                                                     .stats = parts->stats_json,
                                                     .stats_context = parts->stats_context};
    transaction->walk.after_ms = (int64_t)parts->silent_after_s * 1000;
    atomic_init(&writer->stopping, false);
    atomic_init(&writer->delivered, 0);
    int result = selkie_state_publisher_open(&transaction->effects.states);
    if (result == 0)
        result = selkie_thread_start(&writer->thread, run, writer);
    if (result < 0) {
        selkie_state_publisher_close(transaction->effects.states);
        free(writer);
        return result;
    }
    *started = writer;
    return 0;
}

void selkie_writer_stop(struct selkie_writer *writer)
{
    if (!writer)
        return;
    atomic_store(&writer->stopping, true);
    selkie_output_queue_close(writer->transaction.parts.outputs);
    selkie_pool_poke(writer->transaction.parts.pool);
    pthread_join(writer->thread, NULL);
    selkie_transaction_abandon(&writer->transaction);
    selkie_state_publisher_close(writer->transaction.effects.states);
    free(writer);
}

void selkie_writer_delivered(struct selkie_writer *writer, uint64_t outbox)
{
    if (atomic_load(&writer->delivered) < outbox)
        atomic_store(&writer->delivered, outbox);
}
