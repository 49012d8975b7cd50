/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/writer.h"
#include "pipeline/transaction.h"
#include <selkie/clock.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#define TICK_US  1000000 /* when nothing is due */
#define SOON_US  100000  /* when something is: states, emptying the outbox */
#define RETRY_US 1000000

struct selkie_writer {
    pthread_t thread;
    struct selkie_unsealer *unsealer;

    atomic_bool stopping;
    atomic_bool has_reader;
    atomic_uint_fast64_t delivered;

    /* The thread's own. */
    struct selkie_transaction transaction;
    uint64_t replayed; /* how far the outbox of an earlier run has been published */
};

/* After a failure: wait for a while, or for a command. False when it is time to stop. */
static bool pause_for_retry(struct selkie_writer *writer)
{
    selkie_pool_await_poke(writer->unsealer->pool, selkie_clock_monotonic_us() + RETRY_US);
    return !atomic_load(&writer->stopping);
}

/* Publish what an earlier run left in the outbox, before anything else; payloads may have to wait. */
static int replay_outbox(struct selkie_writer *writer)
{
    struct selkie_registry *registry = writer->unsealer->registry;
    struct selkie_output *output;
    int result;

    while (selkie_output_queue_wait(&writer->unsealer->outputs) &&
           (result = selkie_registry_next_outbox(registry, &writer->replayed, &output)) != 0) {
        if (result == SELKIE_ECRYPTO) {
            selkie_transaction_log_corrupt(&writer->transaction);
            continue;
        }
        if (result < 0)
            return result;
        if (output->kind == SELKIE_OUTPUT_STATE) {
            struct selkie_output *state;
            result =
                selkie_state_publisher_read(registry, &writer->transaction.effects.models, output->address, &state);
            selkie_output_free(output);
            if (result < 0) {
                writer->replayed--; /* the next try begins with this one */
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

static void log_end_of_wait(const struct selkie_writer *writer)
{
    const struct selkie_replay *replay = &writer->transaction.replay;
    char line[160];

    snprintf(line, sizeof line, "%u payloads that waited for a reader since the start are published now%s",
             replay->count,
             atomic_load(&writer->has_reader) ? "" : "; but nobody has subscribed to the payloads of all devices");
    if (replay->count > 0)
        selkie_pipeline_log(writer->unsealer, LOG_NOTICE, line);
}

/* Publish some of the payloads that waited, if the wait is over. 1 if there may be more, or 0. */
static int release_payloads(struct selkie_writer *writer)
{
    struct selkie_transaction *transaction = &writer->transaction;
    struct selkie_output_list payloads = {0};
    struct selkie_output *output;
    bool was_over = transaction->replay.over;
    int result = 0;

    if (!selkie_replay_is_over(&transaction->replay, atomic_load(&writer->has_reader), selkie_clock_monotonic_us()))
        return 0;
    if (!was_over)
        log_end_of_wait(writer);
    for (unsigned i = 0; i < SELKIE_REPLAY_STEP; i++) {
        result = selkie_replay_next(&transaction->replay, writer->unsealer->registry, &output);
        if (result > 0)
            selkie_output_list_add(&payloads, output);
        else if (result == SELKIE_ECRYPTO)
            selkie_transaction_log_corrupt(transaction);
        else
            break;
    }
    selkie_transaction_put(transaction, &payloads);
    return result == SELKIE_ECRYPTO ? 1 : result;
}

static int64_t next_tick_us(const struct selkie_writer *writer)
{
    bool soon = selkie_effects_due(&writer->transaction.effects) || writer->transaction.refresh.states ||
                selkie_replay_delivered(&writer->transaction.replay, atomic_load(&writer->delivered)) >
                    writer->transaction.emptied;
    return selkie_clock_monotonic_us() + (soon ? SOON_US : TICK_US);
}

/* At the end: what was delivered need not come again after the next start, and the day clock goes on from here. If this
 * fails, payloads come twice, and the clock has lost an hour at most. */
static void store_end(struct selkie_writer *writer)
{
    struct selkie_transaction *transaction = &writer->transaction;
    struct selkie_registry *registry = writer->unsealer->registry;
    uint64_t delivered = selkie_replay_delivered(&transaction->replay, atomic_load(&writer->delivered));

    if (transaction->failing || !transaction->effects.loaded)
        return;
    int result = selkie_registry_put_day_clock(registry, transaction->effects.day_clock.ms);
    if (result == 0 && delivered > transaction->emptied)
        result = selkie_registry_empty_outbox(registry, delivered);
    if (result < 0 || selkie_registry_commit(registry) < 0)
        selkie_registry_rollback(registry);
}

static void *run(void *context)
{
    struct selkie_writer *writer = context;
    struct selkie_transaction *transaction = &writer->transaction;
    struct selkie_pool *pool = writer->unsealer->pool;
    int result;

    while ((result = replay_outbox(writer)) < 0) {
        selkie_transaction_undo(transaction, result);
        if (!pause_for_retry(writer))
            return NULL;
    }
    while (selkie_output_queue_wait(&writer->unsealer->outputs) && !atomic_load(&writer->stopping)) {
        result = release_payloads(writer);
        if (result < 0)
            selkie_transaction_undo(transaction, result);
        if (result > 0 || selkie_transaction_has_commands(transaction))
            selkie_pool_poke(pool); /* then collect does not wait */
        /* After a failure, the frames of the failed transaction are decided before any other. */
        if (transaction->count == 0)
            transaction->count = selkie_pool_collect(pool, transaction->batch, SELKIE_BATCH, next_tick_us(writer));
        if (atomic_load(&writer->stopping))
            break;
        uint64_t delivered = selkie_replay_delivered(&transaction->replay, atomic_load(&writer->delivered));
        if (selkie_transaction_run(transaction, delivered) < 0 && !pause_for_retry(writer))
            break;
    }
    store_end(writer);
    return NULL;
}

int selkie_writer_start(struct selkie_writer **started, struct selkie_unsealer *unsealer)
{
    struct selkie_writer *writer = calloc(1, sizeof *writer);

    *started = NULL;
    if (!writer)
        return SELKIE_ENOMEM;
    writer->unsealer = unsealer;
    atomic_init(&writer->stopping, false);
    atomic_init(&writer->has_reader, false);
    atomic_init(&writer->delivered, 0);
    selkie_transaction_init(&writer->transaction, unsealer);
    int result = selkie_thread_start(&writer->thread, run, writer);
    if (result < 0) {
        selkie_transaction_wipe(&writer->transaction);
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
    selkie_output_queue_close(&writer->unsealer->outputs);
    selkie_pool_poke(writer->unsealer->pool);
    pthread_join(writer->thread, NULL);
    selkie_transaction_wipe(&writer->transaction);
    free(writer);
}

void selkie_writer_delivered(struct selkie_writer *writer, uint64_t outbox)
{
    if (atomic_load(&writer->delivered) < outbox)
        atomic_store(&writer->delivered, outbox);
}

void selkie_writer_reader(struct selkie_writer *writer)
{
    atomic_store(&writer->has_reader, true);
    selkie_pool_poke(writer->unsealer->pool);
}
