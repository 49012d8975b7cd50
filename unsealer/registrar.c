/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"
#include "clock.h"
#include "operator.h"

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define BATCH       1024
#define TICK_US     1000000 /* when nothing is due */
#define SOON_US     100000  /* when something is: states, the outbox's emptying */
#define RETRY_US    1000000
#define EXPIRE_MAX  256 /* stray frames a round */
#define TIMINGS_MAX (BATCH * 5 + 1)

struct selkie_registrar {
    struct selkie_registrar_parts parts;
    struct selkie_clerk clerk;
    struct selkie_operator op;
    pthread_t thread;

    atomic_bool stopping;
    atomic_uint_fast64_t delivered;
    pthread_mutex_t lock; /* for `stop` alone */
    pthread_cond_t stop;

    /* The thread's own. */
    struct selkie_job *batch[BATCH];
    unsigned count;
    struct selkie_queued_command *commands;
    struct selkie_walk walk;
    uint64_t replayed;                       /* of the outbox of an earlier run */
    char spoilt[SELKIE_REGISTRY_ERROR_SIZE]; /* the last that was told */
    uint64_t emptied;                        /* up to here the outbox has been emptied */
    bool failing, damaged;                   /* and told so */
    struct selkie_stats_timing timings[TIMINGS_MAX];
    unsigned timed;
};

static void tell(struct selkie_registrar *registrar, int level, const char *line)
{
    if (registrar->parts.log)
        registrar->parts.log(registrar->parts.log_context, level, line);
}

/* A damaged row is told of once, however often it is met. */
static void tell_spoilt(struct selkie_registrar *registrar)
{
    const char *spoilt = selkie_registry_spoilt(registrar->clerk.registry);

    if (!spoilt || strcmp(spoilt, registrar->spoilt) == 0)
        return;
    snprintf(registrar->spoilt, sizeof registrar->spoilt, "%s", spoilt);
    tell(registrar, LOG_ERR, spoilt);
}

static void time_stage(struct selkie_registrar *registrar, enum selkie_stage stage, int64_t us)
{
    if (registrar->timed < TIMINGS_MAX)
        registrar->timings[registrar->timed++] = (struct selkie_stats_timing){stage, us};
}

static int decide_session(struct selkie_registrar *registrar, struct selkie_job **slot)
{
    struct selkie_clerk *clerk = &registrar->clerk;
    struct selkie_job *job = *slot;
    struct selkie_identified identified;
    uint8_t hash[32];

    if (selkie_mbedtls_sha256(job->body, job->len, hash, 0) != 0)
        return SELKIE_ECRYPTO;
    memcpy(job->digest, hash, sizeof job->digest);
    int result = selkie_clerk_identify(clerk, job, &identified);
    if (result < 0)
        goto out;
    /* What its gateway handed over before it may hold the registration of an unknown tag, or the counter that opens
     * what does not open yet. */
    if (identified.waits &&
        selkie_pool_defer(registrar->parts.pool, job, identified.addresses, identified.candidates)) {
        *slot = NULL;
        result = 0;
    } else if (result > 0) {
        result = selkie_clerk_decide_session(clerk, job, &identified);
    } else {
        result = selkie_clerk_turn_away(clerk, job, &identified);
    }
out:
    mbedtls_platform_zeroize(&identified.opened, sizeof identified.opened);
    return result;
}

static int decide_batch(struct selkie_registrar *registrar)
{
    int result = 0;

    for (unsigned i = 0; i < registrar->count && result == 0; i++) {
        struct selkie_job *job = registrar->batch[i];
        if (!job)
            continue;
        int64_t start_us = selkie_clock_monotonic_us();
        if (job->result == 0 && job->frame.type == SELKIE_SESSION)
            result = decide_session(registrar, &registrar->batch[i]);
        else
            result = selkie_clerk_decide(&registrar->clerk, job);
        time_stage(registrar, SELKIE_STAGE_DECIDE, selkie_clock_monotonic_us() - start_us);
    }
    return result;
}

static int obey(struct selkie_registrar *registrar)
{
    for (struct selkie_queued_command *command = registrar->commands; command; command = command->next) {
        json_t *answer;
        int result = selkie_operator_execute(&registrar->op, command->json, command->len, &answer);
        if (result < 0)
            return result;
        struct selkie_output *output = selkie_report_output(SELKIE_OUTPUT_ANSWER, answer);
        if (!output)
            return SELKIE_ENOMEM;
        output->token = command->token;
        selkie_output_list_add(&registrar->clerk.out, output);
    }
    return 0;
}

/* What a round does, up to its commit. */
static int work(struct selkie_registrar *registrar, uint64_t delivered, struct selkie_walk *walk)
{
    struct selkie_clerk *clerk = &registrar->clerk;
    if (selkie_registry_damage(clerk->registry))
        return SELKIE_ESTORAGE;
    int result = selkie_clerk_begin(clerk, selkie_clock_ms(), selkie_clock_monotonic_us());

    registrar->op.gateways_changed = false;
    if (result == 0)
        result = obey(registrar);
    if (result == 0)
        result = decide_batch(registrar);
    if (result == 0)
        result = selkie_clerk_expire_strays(clerk, EXPIRE_MAX);
    if (result >= 0)
        result = selkie_clerk_walk(clerk, walk, selkie_clock_monotonic_us());
    if (result == 0 && delivered > registrar->emptied)
        result = selkie_registry_empty_outbox(clerk->registry, delivered);
    if (result == 0)
        result =
            selkie_announcer_round(clerk->announcer, clerk->registry, selkie_clock_monotonic_us() / 1000, &clerk->out);
    return result;
}

static int commit(struct selkie_registrar *registrar)
{
    if (!selkie_registry_changed(registrar->clerk.registry))
        return 0;
    int64_t start_us = selkie_clock_monotonic_us();
    int result = selkie_registry_commit(registrar->clerk.registry);
    time_stage(registrar, SELKIE_STAGE_COMMIT, selkie_clock_monotonic_us() - start_us);
    return result;
}

static void undo(struct selkie_registrar *registrar, int error)
{
    struct selkie_clerk *clerk = &registrar->clerk;
    char line[SELKIE_REGISTRY_ERROR_SIZE + 128];

    selkie_registry_rollback(clerk->registry);
    selkie_announcer_rolled_back(clerk->announcer);
    selkie_output_list_free(&clerk->out);
    clerk->counted = false;
    selkie_stats_storage(registrar->parts.stats, false);
    bool damaged = selkie_registry_damage(clerk->registry) != NULL;
    if (damaged)
        selkie_stats_damaged(registrar->parts.stats);
    if (registrar->failing && registrar->damaged == damaged)
        return;
    registrar->failing = true;
    registrar->damaged = damaged;
    snprintf(line, sizeof line, "%s: frames wait and get no receipt until this is mended",
             error == SELKIE_ESTORAGE ? selkie_registry_fault(clerk->registry) : selkie_error_text(error));
    tell(registrar, LOG_ERR, line);
}

static void release_batch(struct selkie_registrar *registrar, int64_t now_us)
{
    for (unsigned i = 0; i < registrar->count; i++) {
        struct selkie_job *job = registrar->batch[i];
        if (!job)
            continue;
        if (job->ordered) {
            time_stage(registrar, SELKIE_STAGE_UNSEAL_WAIT, job->opening_us - job->submitted_us);
            time_stage(registrar, SELKIE_STAGE_UNSEAL, job->opened_us - job->opening_us);
        }
        time_stage(registrar, SELKIE_STAGE_TOTAL, now_us - job->submitted_us);
        selkie_pool_release(registrar->parts.pool, job);
    }
    registrar->count = 0;
    selkie_command_queue_free(registrar->parts.commands, registrar->commands);
    registrar->commands = NULL;
}

/* The round is committed: what it noted is true. */
static void settle(struct selkie_registrar *registrar, uint64_t delivered, const struct selkie_walk *walk)
{
    struct selkie_clerk *clerk = &registrar->clerk;
    int64_t now_us = selkie_clock_monotonic_us();

    selkie_announcer_committed(clerk->announcer);
    tell_spoilt(registrar);
    registrar->emptied = delivered;
    registrar->walk = *walk;
    if (registrar->op.gateways_changed && selkie_gateways_reload(registrar->parts.gateways, clerk->registry) < 0)
        tell(registrar, LOG_ERR, "gateways: the change is stored, but logins follow it only after a restart");
    if (registrar->failing) {
        registrar->failing = false;
        selkie_stats_storage(registrar->parts.stats, true);
        tell(registrar, LOG_NOTICE, "registry: works again; waiting frames are decided");
    }
    release_batch(registrar, now_us);
    selkie_stats_round(registrar->parts.stats, clerk, registrar->timings, registrar->timed);
    if (selkie_output_queue_put(registrar->parts.outputs, &clerk->out) && registrar->parts.wake)
        registrar->parts.wake(registrar->parts.wake_context);
}

static int round_of(struct selkie_registrar *registrar)
{
    uint64_t delivered = atomic_load(&registrar->delivered);

    struct selkie_walk walk = registrar->walk;

    registrar->timed = 0;
    int result = work(registrar, delivered, &walk);
    if (result == 0)
        result = commit(registrar);
    if (result < 0) {
        undo(registrar, result);
        return result;
    }
    settle(registrar, delivered, &walk);
    return 0;
}

/* False when it is time to stop. */
static bool pause_until(struct selkie_registrar *registrar, int64_t until_us)
{
    pthread_mutex_lock(&registrar->lock);
    while (!atomic_load(&registrar->stopping) && selkie_thread_wait_until(&registrar->stop, &registrar->lock, until_us))
        ;
    pthread_mutex_unlock(&registrar->lock);
    return !atomic_load(&registrar->stopping);
}

/* What an earlier run left in the outbox goes out first. */
static int replay_outbox(struct selkie_registrar *registrar)
{
    struct selkie_registry *registry = registrar->clerk.registry;
    struct selkie_output *output;
    struct selkie_output_list one = {0};
    int result;

    while (selkie_output_queue_wait(registrar->parts.outputs) &&
           (result = selkie_registry_next_outbox(registry, &registrar->replayed, &output)) != 0) {
        if (result == SELKIE_ECRYPTO) {
            tell_spoilt(registrar);
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
        selkie_output_list_add(&one, output);
        if (selkie_output_queue_put(registrar->parts.outputs, &one) && registrar->parts.wake)
            registrar->parts.wake(registrar->parts.wake_context);
    }
    return 0;
}

/* The states that an earlier run had not put out yet are due now. */
static int recall_stale(struct selkie_registrar *registrar)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0};
    bool any = false;
    int result;

    while ((result = selkie_registry_next_stale(registrar->clerk.registry, any ? address : NULL, address)) > 0) {
        any = true;
        result = selkie_announcer_recall(registrar->clerk.announcer, address);
        if (result < 0)
            break;
    }
    return result;
}

static int64_t next_tick_us(const struct selkie_registrar *registrar)
{
    bool soon =
        selkie_announcer_waiting(registrar->clerk.announcer) || atomic_load(&registrar->delivered) > registrar->emptied;
    return selkie_clock_monotonic_us() + (soon ? SOON_US : TICK_US);
}

static void *run(void *context)
{
    struct selkie_registrar *registrar = context;
    int result;

    while ((result = replay_outbox(registrar)) < 0 || (result = recall_stale(registrar)) < 0) {
        undo(registrar, result);
        if (!pause_until(registrar, selkie_clock_monotonic_us() + RETRY_US))
            return NULL;
    }
    while (selkie_output_queue_wait(registrar->parts.outputs) && !atomic_load(&registrar->stopping)) {
        registrar->count = selkie_pool_collect(registrar->parts.pool, registrar->batch, BATCH, next_tick_us(registrar));
        registrar->commands = selkie_command_queue_take(registrar->parts.commands);
        if (atomic_load(&registrar->stopping))
            break;
        while (round_of(registrar) < 0)
            if (!pause_until(registrar, selkie_clock_monotonic_us() + RETRY_US))
                break;
    }
    /* Undecided: their gateways send them again. */
    for (unsigned i = 0; i < registrar->count; i++)
        if (registrar->batch[i])
            selkie_pool_release(registrar->parts.pool, registrar->batch[i]);
    selkie_command_queue_free(registrar->parts.commands, registrar->commands);
    return NULL;
}

int selkie_registrar_start(struct selkie_registrar **started, const struct selkie_registrar_parts *parts)
{
    struct selkie_registrar *registrar = calloc(1, sizeof *registrar);

    *started = NULL;
    if (!registrar)
        return SELKIE_ENOMEM;
    registrar->parts = *parts;
    registrar->clerk.registry = parts->registry;
    registrar->clerk.rules = parts->rules;
    registrar->op = (struct selkie_operator){.clerk = &registrar->clerk,
                                             .keyring = parts->keyring,
                                             .stats = parts->stats_json,
                                             .stats_context = parts->stats_context};
    registrar->walk.after_ms = (int64_t)parts->silent_after_s * 1000;
    atomic_init(&registrar->stopping, false);
    atomic_init(&registrar->delivered, 0);
    pthread_mutex_init(&registrar->lock, NULL);
    selkie_thread_cond_init(&registrar->stop);
    int result = selkie_announcer_open(&registrar->clerk.announcer);
    if (result == 0)
        result = selkie_thread_start(&registrar->thread, run, registrar);
    if (result < 0) {
        selkie_announcer_close(registrar->clerk.announcer);
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
    pthread_mutex_lock(&registrar->lock);
    atomic_store(&registrar->stopping, true);
    pthread_cond_signal(&registrar->stop);
    pthread_mutex_unlock(&registrar->lock);
    selkie_output_queue_close(registrar->parts.outputs);
    selkie_pool_poke(registrar->parts.pool);
    pthread_join(registrar->thread, NULL);
    selkie_output_list_free(&registrar->clerk.out);
    selkie_announcer_close(registrar->clerk.announcer);
    pthread_cond_destroy(&registrar->stop);
    pthread_mutex_destroy(&registrar->lock);
    free(registrar);
}

void selkie_registrar_delivered(struct selkie_registrar *registrar, uint64_t outbox)
{
    if (atomic_load(&registrar->delivered) < outbox)
        atomic_store(&registrar->delivered, outbox);
}
