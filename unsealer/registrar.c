/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"
#include "clock.h"
#include "rounds.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TICK_US  1000000 /* when nothing is due */
#define SOON_US  100000  /* when something is: states, the outbox's emptying */
#define RETRY_US 1000000

struct selkie_registrar {
    pthread_t thread;

    atomic_bool stopping;
    atomic_uint_fast64_t delivered;

    /* The thread's own. */
    struct selkie_rounds rounds;
    uint64_t replayed; /* of the outbox of an earlier run */
};

/* Something failed: wait a while, or for a command. False when it is time to stop. */
static bool pause_for_retry(struct selkie_registrar *registrar)
{
    selkie_pool_await_poke(registrar->rounds.parts.pool, selkie_clock_monotonic_us() + RETRY_US);
    return !atomic_load(&registrar->stopping);
}

/* What an earlier run left in the outbox goes out first. */
static int replay_outbox(struct selkie_registrar *registrar)
{
    struct selkie_registry *registry = registrar->rounds.clerk.registry;
    struct selkie_output *output;
    int result;

    while (selkie_output_queue_wait(registrar->rounds.parts.outputs) &&
           (result = selkie_registry_next_outbox(registry, &registrar->replayed, &output)) != 0) {
        if (result == SELKIE_ECRYPTO) {
            selkie_rounds_tell_spoilt(&registrar->rounds);
            continue;
        }
        if (result < 0)
            return result;
        if (output->kind == SELKIE_OUTPUT_STATE) {
            struct selkie_output *state = selkie_announce_from_registry(registry, output->address, &result);
            selkie_output_free(output);
            if (!state) {
                registrar->replayed--; /* it is still to come */
                return result;
            }
            state->outbox = registrar->replayed;
            output = state;
        }
        selkie_output_list_add(&registrar->rounds.clerk.out, output);
        selkie_rounds_put_out(&registrar->rounds);
    }
    return 0;
}

/* The states that an earlier run had not put out yet are due now. */
static int recall_stale(struct selkie_registrar *registrar)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0};
    bool any = false;
    int result;

    while ((result = selkie_registry_next_stale(registrar->rounds.clerk.registry, any ? address : NULL, address)) > 0) {
        any = true;
        result = selkie_announcer_recall(registrar->rounds.clerk.announcer, address);
        if (result < 0)
            break;
    }
    return result;
}

static int64_t next_tick_us(const struct selkie_registrar *registrar)
{
    bool soon = selkie_announcer_waiting(registrar->rounds.clerk.announcer) ||
                atomic_load(&registrar->delivered) > registrar->rounds.emptied;
    return selkie_clock_monotonic_us() + (soon ? SOON_US : TICK_US);
}

static void *run(void *context)
{
    struct selkie_registrar *registrar = context;
    struct selkie_rounds *rounds = &registrar->rounds;
    int result;

    while ((result = replay_outbox(registrar)) < 0 || (result = recall_stale(registrar)) < 0) {
        selkie_rounds_undo(rounds, result);
        if (!pause_for_retry(registrar))
            return NULL;
    }
    while (selkie_output_queue_wait(rounds->parts.outputs) && !atomic_load(&registrar->stopping)) {
        if (selkie_rounds_has_commands(rounds))
            selkie_pool_poke(rounds->parts.pool); /* collects what there is, and waits for nothing */
        /* Those of a round that failed are to be decided before any other. */
        if (rounds->count == 0)
            rounds->count =
                selkie_pool_collect(rounds->parts.pool, rounds->batch, SELKIE_BATCH, next_tick_us(registrar));
        if (atomic_load(&registrar->stopping))
            break;
        if (selkie_rounds_turn(rounds, atomic_load(&registrar->delivered)) < 0 && !pause_for_retry(registrar))
            break;
    }
    return NULL;
}

int selkie_registrar_start(struct selkie_registrar **started, const struct selkie_registrar_parts *parts)
{
    struct selkie_registrar *registrar = calloc(1, sizeof *registrar);

    *started = NULL;
    if (!registrar)
        return SELKIE_ENOMEM;
    struct selkie_rounds *rounds = &registrar->rounds;
    rounds->parts = *parts;
    rounds->clerk.registry = parts->registry;
    rounds->clerk.rules = parts->rules;
    rounds->op = (struct selkie_operator){.clerk = &rounds->clerk,
                                          .keyring = parts->keyring,
                                          .stats = parts->stats_json,
                                          .stats_context = parts->stats_context};
    rounds->walk.after_ms = (int64_t)parts->silent_after_s * 1000;
    atomic_init(&registrar->stopping, false);
    atomic_init(&registrar->delivered, 0);
    int result = selkie_announcer_open(&rounds->clerk.announcer);
    if (result == 0)
        result = selkie_thread_start(&registrar->thread, run, registrar);
    if (result < 0) {
        selkie_announcer_close(rounds->clerk.announcer);
        free(registrar);
        return result;
    }
    *started = registrar;
    return 0;
}

void selkie_registrar_stop(struct selkie_registrar *registrar)
{
    if (!registrar)
        return;
    atomic_store(&registrar->stopping, true);
    selkie_output_queue_close(registrar->rounds.parts.outputs);
    selkie_pool_poke(registrar->rounds.parts.pool);
    pthread_join(registrar->thread, NULL);
    selkie_rounds_abandon(&registrar->rounds);
    selkie_announcer_close(registrar->rounds.clerk.announcer);
    free(registrar);
}

void selkie_registrar_delivered(struct selkie_registrar *registrar, uint64_t outbox)
{
    if (atomic_load(&registrar->delivered) < outbox)
        atomic_store(&registrar->delivered, outbox);
}
