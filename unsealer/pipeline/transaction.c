/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/transaction.h"
#include "rules/decide.h"
#include <selkie/clock.h>

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define EXPIRE_MAX 256   /* unmatched frames a round */
#define OBEY_US    20000 /* commands, before frames have their turn again */

static void log_line(struct selkie_transaction *transaction, int level, const char *line)
{
    if (transaction->parts.log)
        transaction->parts.log(transaction->parts.log_context, level, line);
}

void selkie_transaction_report_corrupt(struct selkie_transaction *transaction)
{
    const char *corrupt = selkie_registry_corrupt(transaction->effects.registry);

    if (!corrupt || strcmp(corrupt, transaction->corrupt) == 0)
        return;
    snprintf(transaction->corrupt, sizeof transaction->corrupt, "%s", corrupt);
    log_line(transaction, LOG_ERR, corrupt);
}

static void log_check_delay(struct selkie_transaction *transaction)
{
    const char *check_delay = selkie_registry_check_delay(transaction->effects.registry);

    if ((check_delay != NULL) == transaction->check_delayed)
        return;
    transaction->check_delayed = check_delay != NULL;
    log_line(transaction, check_delay ? LOG_WARNING : LOG_NOTICE,
             check_delay ? check_delay : "registry: has been looked through after all");
}

static void log_checkpoint_fault(struct selkie_transaction *transaction)
{
    const char *fault = selkie_registry_log_fault(transaction->effects.registry);

    if (strcmp(fault ? fault : "", transaction->log_fault) == 0)
        return;
    snprintf(transaction->log_fault, sizeof transaction->log_fault, "%s", fault ? fault : "");
    log_line(transaction, fault ? LOG_WARNING : LOG_NOTICE, fault ? fault : "registry: its log is moved into it again");
}

static void time_stage(struct selkie_transaction *transaction, enum selkie_stage stage, int64_t us)
{
    if (transaction->timed < SELKIE_TIMINGS_MAX)
        transaction->timings[transaction->timed++] = (struct selkie_stats_timing){stage, us};
}

static int decide_session(struct selkie_transaction *transaction, struct selkie_job **slot)
{
    struct selkie_effects *effects = &transaction->effects;
    struct selkie_job *job = *slot;
    struct selkie_identified identified;
    uint8_t hash[32];

    if (selkie_mbedtls_sha256(job->body, job->len, hash, 0) != 0)
        return SELKIE_ECRYPTO;
    memcpy(job->digest, hash, sizeof job->digest);
    int result = selkie_session_frames_identify(effects, job, &identified);
    if (result < 0)
        goto out;
    /* What its gateway handed over before it may hold the registration of an unknown tag, or the counter that opens
     * what does not open yet. */
    if (identified.waits &&
        selkie_pool_defer(transaction->parts.pool, job, identified.addresses, identified.candidates)) {
        *slot = NULL;
        result = 0;
    } else if (result > 0) {
        result = selkie_decide_session(effects, job, &identified);
    } else {
        result = selkie_session_frames_turn_away(effects, job, &identified);
    }
out:
    mbedtls_platform_zeroize(&identified.opened, sizeof identified.opened);
    return result;
}

static int decide_batch(struct selkie_transaction *transaction)
{
    int result = 0;

    for (unsigned i = 0; i < transaction->count && result == 0; i++) {
        struct selkie_job *job = transaction->batch[i];
        if (!job)
            continue;
        int64_t start_us = selkie_clock_monotonic_us();
        if (job->result == 0 && job->frame.type == SELKIE_SESSION)
            result = decide_session(transaction, &transaction->batch[i]);
        else
            result = selkie_decide_frame(&transaction->effects, job);
        time_stage(transaction, SELKIE_STAGE_DECIDE, selkie_clock_monotonic_us() - start_us);
    }
    return result;
}

/* What each round begins and ends with. */
static int begin(struct selkie_transaction *transaction)
{
    transaction->timed = 0;
    transaction->commands.gateways_changed = false;
    if (selkie_registry_damage(transaction->effects.registry))
        return SELKIE_ESTORAGE;
    log_check_delay(transaction);
    log_checkpoint_fault(transaction);
    return selkie_effects_begin(&transaction->effects, selkie_clock_ms(), selkie_clock_monotonic_us());
}

void selkie_transaction_publish(struct selkie_transaction *transaction)
{
    if (selkie_output_queue_put(transaction->parts.outputs, &transaction->effects.out) && transaction->parts.wake)
        transaction->parts.wake(transaction->parts.wake_context);
}

static int commit(struct selkie_transaction *transaction)
{
    if (!selkie_registry_changed(transaction->effects.registry))
        return 0;
    int64_t start_us = selkie_clock_monotonic_us();
    int result = selkie_registry_commit(transaction->effects.registry);
    time_stage(transaction, SELKIE_STAGE_COMMIT, selkie_clock_monotonic_us() - start_us);
    return result;
}

static int end(struct selkie_transaction *transaction)
{
    struct selkie_effects *effects = &transaction->effects;
    int result = selkie_state_publisher_publish(effects->states, effects->registry, selkie_clock_monotonic_us() / 1000,
                                                &effects->out);

    return result < 0 ? result : commit(transaction);
}

/* The round is committed: what it noted is true. */
static void settle(struct selkie_transaction *transaction)
{
    struct selkie_effects *effects = &transaction->effects;

    selkie_state_publisher_committed(effects->states);
    selkie_transaction_report_corrupt(transaction);
    if (transaction->commands.gateways_changed &&
        selkie_gateways_reload(transaction->parts.gateways, effects->registry) < 0)
        log_line(transaction, LOG_ERR, "gateways: the change is stored, but logins follow it only after a restart");
    selkie_stats_round(transaction->parts.stats, effects, transaction->timings, transaction->timed);
    selkie_transaction_publish(transaction);
}

static void roll_back(struct selkie_transaction *transaction)
{
    struct selkie_effects *effects = &transaction->effects;

    selkie_registry_rollback(effects->registry);
    selkie_state_publisher_rolled_back(effects->states);
    selkie_output_list_free(&effects->out);
    effects->counted = false;
}

static const char *fault(const struct selkie_transaction *transaction, int error)
{
    return error == SELKIE_ESTORAGE ? selkie_registry_fault(transaction->effects.registry) : selkie_error_text(error);
}

/* A round failed, of frames or of commands: what it did is undone, and the first of a row is told. */
static void undo(struct selkie_transaction *transaction, int error)
{
    struct selkie_effects *effects = &transaction->effects;
    char line[SELKIE_REGISTRY_ERROR_SIZE + 128];

    roll_back(transaction);
    selkie_stats_storage(transaction->parts.stats, false);
    bool damaged = selkie_registry_damage(effects->registry) != NULL;
    if (damaged)
        selkie_stats_damaged(transaction->parts.stats);
    if (transaction->failing && transaction->damaged == damaged)
        return;
    transaction->failing = true;
    transaction->damaged = damaged;
    snprintf(line, sizeof line, "%s: frames wait and get no receipt, and changes are refused, until this is mended",
             fault(transaction, error));
    log_line(transaction, LOG_ERR, line);
}

static void release_batch(struct selkie_transaction *transaction, int64_t now_us)
{
    for (unsigned i = 0; i < transaction->count; i++) {
        struct selkie_job *job = transaction->batch[i];
        if (!job)
            continue;
        if (job->ordered) {
            time_stage(transaction, SELKIE_STAGE_UNSEAL_WAIT, job->opening_us - job->submitted_us);
            time_stage(transaction, SELKIE_STAGE_UNSEAL, job->opened_us - job->opening_us);
        }
        time_stage(transaction, SELKIE_STAGE_TOTAL, now_us - job->submitted_us);
        selkie_pool_release(transaction->parts.pool, job);
    }
    transaction->count = 0;
}

/* A round of frames, and of what time brings. */
static int decide(struct selkie_transaction *transaction, uint64_t delivered)
{
    struct selkie_effects *effects = &transaction->effects;
    struct selkie_silence walk = transaction->walk;
    int result = begin(transaction);

    if (result == 0)
        result = decide_batch(transaction);
    if (result == 0)
        result = selkie_session_frames_expire(effects, EXPIRE_MAX);
    if (result >= 0)
        result = selkie_silence_walk(effects, &walk, selkie_clock_monotonic_us());
    if (result == 0 && delivered > transaction->emptied)
        result = selkie_registry_empty_outbox(effects->registry, delivered);
    /* So that it is seen to work again whether frames come or not. */
    if (result == 0 && transaction->failing)
        result = selkie_registry_touch(effects->registry);
    if (result == 0)
        result = end(transaction);
    if (result < 0) {
        undo(transaction, result);
        return result;
    }
    transaction->emptied = delivered;
    transaction->walk = walk;
    if (transaction->failing) {
        transaction->failing = false;
        selkie_stats_storage(transaction->parts.stats, true);
        log_line(transaction, LOG_NOTICE, "registry: works again; waiting frames are decided");
    }
    release_batch(transaction, selkie_clock_monotonic_us());
    settle(transaction);
    return 0;
}

bool selkie_transaction_has_commands(const struct selkie_transaction *transaction)
{
    return transaction->command || selkie_command_queue_waiting(transaction->parts.commands);
}

static void dismiss(struct selkie_transaction *transaction)
{
    selkie_command_batch_close(transaction->command_batch);
    selkie_command_queue_free(transaction->parts.commands, transaction->command);
    transaction->command_batch = NULL;
    transaction->command = NULL;
}

static int answer(struct selkie_transaction *transaction)
{
    struct selkie_output *output = selkie_command_batch_answer(transaction->command_batch);

    if (!output)
        return SELKIE_ENOMEM;
    output->token = transaction->command->token;
    selkie_output_list_add(&transaction->effects.out, output);
    selkie_transaction_publish(transaction);
    dismiss(transaction);
    return 0;
}

/* Its round is undone. */
static int refuse(struct selkie_transaction *transaction, int error)
{
    char line[SELKIE_REGISTRY_ERROR_SIZE + 32];

    snprintf(line, sizeof line, "not carried out: %s", fault(transaction, error));
    int result = selkie_command_batch_refuse(transaction->command_batch, &transaction->commands, line);
    return result < 0 ? result : answer(transaction);
}

/* The next payload, where none is under way. 1, or 0 where there is none. */
static int take_up(struct selkie_transaction *transaction)
{
    if (!transaction->command)
        transaction->command = selkie_command_queue_take(transaction->parts.commands);
    if (!transaction->command)
        return 0;
    int result = transaction->command_batch
                     ? 0
                     : selkie_command_batch_open(&transaction->command_batch, transaction->command->json,
                                                 transaction->command->len);
    return result < 0 ? result : 1;
}

/* A round of commands. */
static int obey(struct selkie_transaction *transaction)
{
    int result = take_up(transaction);

    if (result <= 0)
        return result;
    result = begin(transaction);
    if (result == 0)
        result = selkie_command_batch_go_on(transaction->command_batch, &transaction->commands,
                                            selkie_clock_monotonic_us() + OBEY_US);
    bool through = result > 0;
    if (result >=
        0) /* who only looks waits for no disk: what is due to be put out comes with the next round of frames */
        result = selkie_registry_changed(transaction->effects.registry) ? end(transaction) : 0;
    if (result < 0) {
        if (result == SELKIE_ESTORAGE)
            undo(transaction, result);
        else /* want of memory, say, is the command's own affair: no frame waits for it */
            roll_back(transaction);
        return refuse(transaction, result);
    }
    selkie_command_batch_committed(transaction->command_batch);
    settle(transaction);
    return through ? answer(transaction) : 0;
}

int selkie_transaction_run(struct selkie_transaction *transaction, uint64_t delivered)
{
    int decided = decide(transaction, delivered), obeyed;

    do
        obeyed = obey(transaction);
    while (decided < 0 && obeyed == 0 && selkie_transaction_has_commands(transaction));
    return decided < 0 ? decided : obeyed;
}

void selkie_transaction_undo(struct selkie_transaction *transaction, int error)
{
    undo(transaction, error);
    while (take_up(transaction) > 0 && refuse(transaction, error) == 0)
        ;
}

void selkie_transaction_abandon(struct selkie_transaction *transaction)
{
    for (unsigned i = 0; i < transaction->count; i++)
        if (transaction->batch[i])
            selkie_pool_release(transaction->parts.pool, transaction->batch[i]);
    transaction->count = 0;
    dismiss(transaction);
    selkie_output_list_free(&transaction->effects.out);
}
