/* SPDX-License-Identifier: Apache-2.0 */
#include "rounds.h"
#include "clock.h"

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define EXPIRE_MAX 256   /* stray frames a round */
#define OBEY_US    20000 /* commands, before frames have their turn again */

static void tell(struct selkie_rounds *rounds, int level, const char *line)
{
    if (rounds->parts.log)
        rounds->parts.log(rounds->parts.log_context, level, line);
}

void selkie_rounds_tell_spoilt(struct selkie_rounds *rounds)
{
    const char *spoilt = selkie_registry_spoilt(rounds->clerk.registry);

    if (!spoilt || strcmp(spoilt, rounds->spoilt) == 0)
        return;
    snprintf(rounds->spoilt, sizeof rounds->spoilt, "%s", spoilt);
    tell(rounds, LOG_ERR, spoilt);
}

static void tell_hindrance(struct selkie_rounds *rounds)
{
    const char *hindrance = selkie_registry_hindrance(rounds->clerk.registry);

    if ((hindrance != NULL) == rounds->hindered)
        return;
    rounds->hindered = hindrance != NULL;
    tell(rounds, hindrance ? LOG_WARNING : LOG_NOTICE,
         hindrance ? hindrance : "registry: has been looked through after all");
}

static void tell_log_fault(struct selkie_rounds *rounds)
{
    const char *fault = selkie_registry_log_fault(rounds->clerk.registry);

    if (strcmp(fault ? fault : "", rounds->log_fault) == 0)
        return;
    snprintf(rounds->log_fault, sizeof rounds->log_fault, "%s", fault ? fault : "");
    tell(rounds, fault ? LOG_WARNING : LOG_NOTICE, fault ? fault : "registry: its log is moved into it again");
}

static void time_stage(struct selkie_rounds *rounds, enum selkie_stage stage, int64_t us)
{
    if (rounds->timed < SELKIE_TIMINGS_MAX)
        rounds->timings[rounds->timed++] = (struct selkie_stats_timing){stage, us};
}

static int decide_session(struct selkie_rounds *rounds, struct selkie_job **slot)
{
    struct selkie_clerk *clerk = &rounds->clerk;
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
    if (identified.waits && selkie_pool_defer(rounds->parts.pool, job, identified.addresses, identified.candidates)) {
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

static int decide_batch(struct selkie_rounds *rounds)
{
    int result = 0;

    for (unsigned i = 0; i < rounds->count && result == 0; i++) {
        struct selkie_job *job = rounds->batch[i];
        if (!job)
            continue;
        int64_t start_us = selkie_clock_monotonic_us();
        if (job->result == 0 && job->frame.type == SELKIE_SESSION)
            result = decide_session(rounds, &rounds->batch[i]);
        else
            result = selkie_clerk_decide(&rounds->clerk, job);
        time_stage(rounds, SELKIE_STAGE_DECIDE, selkie_clock_monotonic_us() - start_us);
    }
    return result;
}

/* What each round begins and ends with. */
static int begin(struct selkie_rounds *rounds)
{
    rounds->timed = 0;
    rounds->op.gateways_changed = false;
    if (selkie_registry_damage(rounds->clerk.registry))
        return SELKIE_ESTORAGE;
    tell_hindrance(rounds);
    tell_log_fault(rounds);
    return selkie_clerk_begin(&rounds->clerk, selkie_clock_ms(), selkie_clock_monotonic_us());
}

void selkie_rounds_put_out(struct selkie_rounds *rounds)
{
    if (selkie_output_queue_put(rounds->parts.outputs, &rounds->clerk.out) && rounds->parts.wake)
        rounds->parts.wake(rounds->parts.wake_context);
}

static int commit(struct selkie_rounds *rounds)
{
    if (!selkie_registry_changed(rounds->clerk.registry))
        return 0;
    int64_t start_us = selkie_clock_monotonic_us();
    int result = selkie_registry_commit(rounds->clerk.registry);
    time_stage(rounds, SELKIE_STAGE_COMMIT, selkie_clock_monotonic_us() - start_us);
    return result;
}

static int end(struct selkie_rounds *rounds)
{
    struct selkie_clerk *clerk = &rounds->clerk;
    int result =
        selkie_announcer_round(clerk->announcer, clerk->registry, selkie_clock_monotonic_us() / 1000, &clerk->out);

    return result < 0 ? result : commit(rounds);
}

/* The round is committed: what it noted is true. */
static void settle(struct selkie_rounds *rounds)
{
    struct selkie_clerk *clerk = &rounds->clerk;

    selkie_announcer_committed(clerk->announcer);
    selkie_rounds_tell_spoilt(rounds);
    if (rounds->op.gateways_changed && selkie_gateways_reload(rounds->parts.gateways, clerk->registry) < 0)
        tell(rounds, LOG_ERR, "gateways: the change is stored, but logins follow it only after a restart");
    selkie_stats_round(rounds->parts.stats, clerk, rounds->timings, rounds->timed);
    selkie_rounds_put_out(rounds);
}

static void roll_back(struct selkie_rounds *rounds)
{
    struct selkie_clerk *clerk = &rounds->clerk;

    selkie_registry_rollback(clerk->registry);
    selkie_announcer_rolled_back(clerk->announcer);
    selkie_output_list_free(&clerk->out);
    clerk->counted = false;
}

static const char *fault(const struct selkie_rounds *rounds, int error)
{
    return error == SELKIE_ESTORAGE ? selkie_registry_fault(rounds->clerk.registry) : selkie_error_text(error);
}

/* A round failed, of frames or of commands: what it did is undone, and the first of a row is told. */
static void undo(struct selkie_rounds *rounds, int error)
{
    struct selkie_clerk *clerk = &rounds->clerk;
    char line[SELKIE_REGISTRY_ERROR_SIZE + 128];

    roll_back(rounds);
    selkie_stats_storage(rounds->parts.stats, false);
    bool damaged = selkie_registry_damage(clerk->registry) != NULL;
    if (damaged)
        selkie_stats_damaged(rounds->parts.stats);
    if (rounds->failing && rounds->damaged == damaged)
        return;
    rounds->failing = true;
    rounds->damaged = damaged;
    snprintf(line, sizeof line, "%s: frames wait and get no receipt, and changes are refused, until this is mended",
             fault(rounds, error));
    tell(rounds, LOG_ERR, line);
}

static void release_batch(struct selkie_rounds *rounds, int64_t now_us)
{
    for (unsigned i = 0; i < rounds->count; i++) {
        struct selkie_job *job = rounds->batch[i];
        if (!job)
            continue;
        if (job->ordered) {
            time_stage(rounds, SELKIE_STAGE_UNSEAL_WAIT, job->opening_us - job->submitted_us);
            time_stage(rounds, SELKIE_STAGE_UNSEAL, job->opened_us - job->opening_us);
        }
        time_stage(rounds, SELKIE_STAGE_TOTAL, now_us - job->submitted_us);
        selkie_pool_release(rounds->parts.pool, job);
    }
    rounds->count = 0;
}

/* A round of frames, and of what time brings. */
static int decide(struct selkie_rounds *rounds, uint64_t delivered)
{
    struct selkie_clerk *clerk = &rounds->clerk;
    struct selkie_walk walk = rounds->walk;
    int result = begin(rounds);

    if (result == 0)
        result = decide_batch(rounds);
    if (result == 0)
        result = selkie_clerk_expire_strays(clerk, EXPIRE_MAX);
    if (result >= 0)
        result = selkie_clerk_walk(clerk, &walk, selkie_clock_monotonic_us());
    if (result == 0 && delivered > rounds->emptied)
        result = selkie_registry_empty_outbox(clerk->registry, delivered);
    /* So that it is seen to work again whether frames come or not. */
    if (result == 0 && rounds->failing)
        result = selkie_registry_touch(clerk->registry);
    if (result == 0)
        result = end(rounds);
    if (result < 0) {
        undo(rounds, result);
        return result;
    }
    rounds->emptied = delivered;
    rounds->walk = walk;
    if (rounds->failing) {
        rounds->failing = false;
        selkie_stats_storage(rounds->parts.stats, true);
        tell(rounds, LOG_NOTICE, "registry: works again; waiting frames are decided");
    }
    release_batch(rounds, selkie_clock_monotonic_us());
    settle(rounds);
    return 0;
}

bool selkie_rounds_has_commands(const struct selkie_rounds *rounds)
{
    return rounds->command || selkie_command_queue_waiting(rounds->parts.commands);
}

static void dismiss(struct selkie_rounds *rounds)
{
    selkie_inquiry_close(rounds->inquiry);
    selkie_command_queue_free(rounds->parts.commands, rounds->command);
    rounds->inquiry = NULL;
    rounds->command = NULL;
}

static int answer(struct selkie_rounds *rounds)
{
    struct selkie_output *output = selkie_inquiry_answer(rounds->inquiry);

    if (!output)
        return SELKIE_ENOMEM;
    output->token = rounds->command->token;
    selkie_output_list_add(&rounds->clerk.out, output);
    selkie_rounds_put_out(rounds);
    dismiss(rounds);
    return 0;
}

/* Its round is undone. */
static int refuse(struct selkie_rounds *rounds, int error)
{
    char line[SELKIE_REGISTRY_ERROR_SIZE + 32];

    snprintf(line, sizeof line, "not carried out: %s", fault(rounds, error));
    int result = selkie_inquiry_refuse(rounds->inquiry, &rounds->op, line);
    return result < 0 ? result : answer(rounds);
}

/* The next payload, where none is under way. 1, or 0 where there is none. */
static int take_up(struct selkie_rounds *rounds)
{
    if (!rounds->command)
        rounds->command = selkie_command_queue_take(rounds->parts.commands);
    if (!rounds->command)
        return 0;
    int result =
        rounds->inquiry ? 0 : selkie_inquiry_open(&rounds->inquiry, rounds->command->json, rounds->command->len);
    return result < 0 ? result : 1;
}

/* A round of commands. */
static int obey(struct selkie_rounds *rounds)
{
    int result = take_up(rounds);

    if (result <= 0)
        return result;
    result = begin(rounds);
    if (result == 0)
        result = selkie_inquiry_go_on(rounds->inquiry, &rounds->op, selkie_clock_monotonic_us() + OBEY_US);
    bool through = result > 0;
    if (result >=
        0) /* who only looks waits for no disk: what is due to be put out comes with the next round of frames */
        result = selkie_registry_changed(rounds->clerk.registry) ? end(rounds) : 0;
    if (result < 0) {
        if (result == SELKIE_ESTORAGE)
            undo(rounds, result);
        else /* want of memory, say, is the command's own affair: no frame waits for it */
            roll_back(rounds);
        return refuse(rounds, result);
    }
    selkie_inquiry_committed(rounds->inquiry);
    settle(rounds);
    return through ? answer(rounds) : 0;
}

int selkie_rounds_turn(struct selkie_rounds *rounds, uint64_t delivered)
{
    int decided = decide(rounds, delivered), obeyed;

    do
        obeyed = obey(rounds);
    while (decided < 0 && obeyed == 0 && selkie_rounds_has_commands(rounds));
    return decided < 0 ? decided : obeyed;
}

void selkie_rounds_undo(struct selkie_rounds *rounds, int error)
{
    undo(rounds, error);
    while (take_up(rounds) > 0 && refuse(rounds, error) == 0)
        ;
}

void selkie_rounds_abandon(struct selkie_rounds *rounds)
{
    for (unsigned i = 0; i < rounds->count; i++)
        if (rounds->batch[i])
            selkie_pool_release(rounds->parts.pool, rounds->batch[i]);
    rounds->count = 0;
    dismiss(rounds);
    selkie_output_list_free(&rounds->clerk.out);
}
