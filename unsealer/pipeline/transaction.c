/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/transaction.h"
#include "rules/decide.h"
#include <selkie/clock.h>

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define EXPIRE_MAX  256   /* unmatched frames a transaction */
#define COMMANDS_US 20000 /* for commands, before frames have their turn again */

#define CAME_MAX 64 /* names of gateways a transaction */

#define MAX_DEVICES_DEFAULT 100000

void selkie_transaction_init(struct selkie_transaction *transaction, struct selkie_unsealer *unsealer)
{
    const struct selkie_unsealer_options *options = &unsealer->options;

    transaction->unsealer = unsealer;
    transaction->effects.registry = unsealer->registry;
    transaction->effects.rules =
        (struct selkie_rules){.enrolment = options->enrolment,
                              .rebind = options->rebind,
                              .max_devices = (int)(options->max_devices ? options->max_devices : MAX_DEVICES_DEFAULT)};
    transaction->effects.models.models = options->models;
    transaction->values.models = &transaction->effects.models;
    transaction->commands = (struct selkie_commands){.effects = &transaction->effects,
                                                     .keyring = options->keyring,
                                                     .stats = selkie_pipeline_document,
                                                     .stats_context = unsealer};
    transaction->silence.after_ms = transaction->effects.silent_after_ms = (int64_t)options->silent_after_s * 1000;
    selkie_replay_init(&transaction->replay, options->replay_wait_ms, selkie_clock_monotonic_us());
    transaction->forgetting.after_days = options->forget_after_days;
    selkie_refresh_init(&transaction->refresh, options->refresh, options->gateways_wait_ms);
}

/* Log a condition when its text changes, and (unless `ended` is NULL) when it has ended. */
static void log_change(const struct selkie_transaction *transaction, char last[static SELKIE_REGISTRY_ERROR_SIZE],
                       int level, const char *text, const char *ended)
{
    if (strcmp(text ? text : "", last) == 0)
        return;
    snprintf(last, SELKIE_REGISTRY_ERROR_SIZE, "%s", text ? text : "");
    if (text)
        selkie_pipeline_log(transaction->unsealer, level, text);
    else if (ended)
        selkie_pipeline_log(transaction->unsealer, LOG_NOTICE, ended);
}

void selkie_transaction_log_corrupt(struct selkie_transaction *transaction)
{
    log_change(transaction, transaction->corrupt, LOG_ERR, selkie_registry_corrupt(transaction->effects.registry),
               NULL);
}

/* Log that a gateway has no room for new devices, once, and that it has again. */
static void log_devices_full(struct selkie_transaction *transaction)
{
    const char *gateway = transaction->effects.full_for;
    char line[SELKIE_REGISTRY_ERROR_SIZE];

    (void)snprintf(
        line, sizeof line,
        "registry: no room for new devices of gateway %s (max_devices %d), which are rejected registry-full; "
        "list yours, and remove those that nobody knows",
        gateway, transaction->effects.rules.max_devices);
    log_change(transaction, transaction->devices_full, LOG_WARNING, gateway[0] ? line : NULL,
               "registry: there is room for new devices again");
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
    /* What its gateway handed over before it may hold the registration of an unknown tag, or the counter without which
     * the frame does not open. */
    if (identified.waits &&
        selkie_pool_defer(transaction->unsealer->pool, job, identified.addresses, identified.candidates)) {
        *slot = NULL;
        result = 0;
    } else if (result > 0) {
        result = selkie_decide_session(effects, job, &identified);
    } else {
        result = selkie_session_frames_unidentified(effects, job, &identified);
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
        job->deciding_us = selkie_clock_monotonic_us();
        if (job->result == 0 && job->frame.type == SELKIE_SESSION)
            result = decide_session(transaction, &transaction->batch[i]);
        else
            result = selkie_decide_frame(&transaction->effects, job);
        if (transaction->batch[i])
            job->decided_us = selkie_clock_monotonic_us();
    }
    return result;
}

static int begin(struct selkie_transaction *transaction)
{
    struct selkie_registry *registry = transaction->effects.registry;

    transaction->commit_us = -1;
    json_decref(transaction->commands.changed_gateways);
    transaction->commands.changed_gateways = NULL;
    selkie_key_faults_log(&transaction->key_faults, transaction->unsealer);
    if (selkie_registry_damage(registry) || selkie_registry_check_place(registry) < 0)
        return SELKIE_ESTORAGE;
    const char *disk_fault = selkie_registry_disk_fault(registry);
    selkie_pipeline_stats_disk(&transaction->unsealer->stats, !disk_fault);
    log_change(transaction, transaction->disk_fault, LOG_ERR, disk_fault, "registry: the disk has room again");
    log_change(transaction, transaction->check_delay, LOG_WARNING, selkie_registry_check_delay(registry),
               "registry: the integrity check has run after all");
    log_change(transaction, transaction->log_fault, LOG_WARNING, selkie_registry_log_fault(registry),
               "registry: checkpoints work again");
    return selkie_effects_begin(&transaction->effects, selkie_clock_ms(), selkie_clock_monotonic_us());
}

void selkie_transaction_put(struct selkie_transaction *transaction, struct selkie_output_list *outputs)
{
    const struct selkie_unsealer_options *options = &transaction->unsealer->options;

    selkie_values_add(&transaction->values, transaction->effects.registry, outputs);
    selkie_pipeline_stats_undecoded(&transaction->unsealer->stats, transaction->values.undecoded);
    if (selkie_output_queue_put(&transaction->unsealer->outputs, outputs) && options->wake)
        options->wake(options->wake_context);
}

void selkie_transaction_publish(struct selkie_transaction *transaction)
{
    selkie_replay_hold(&transaction->replay, &transaction->effects.out);
    selkie_transaction_put(transaction, &transaction->effects.out);
}

static int commit(struct selkie_transaction *transaction)
{
    int result = selkie_effects_end(&transaction->effects, selkie_clock_monotonic_us());

    if (result < 0 || !selkie_registry_changed(transaction->effects.registry))
        return result;
    int64_t start_us = selkie_clock_monotonic_us();
    result = selkie_registry_commit(transaction->effects.registry);
    transaction->commit_us = selkie_clock_monotonic_us() - start_us;
    return result;
}

static void release_batch(struct selkie_transaction *transaction)
{
    for (unsigned i = 0; i < transaction->count; i++)
        if (transaction->batch[i])
            selkie_pool_release(transaction->unsealer->pool, transaction->batch[i]);
    transaction->count = 0;
}

static void refresh_gateways(struct selkie_transaction *transaction)
{
    struct selkie_unsealer *unsealer = transaction->unsealer;
    const char *name;
    json_t *value;
    int result = 0;

    json_object_foreach (transaction->commands.changed_gateways, name, value) {
        if (result == 0)
            result = selkie_gateways_refresh(unsealer->gateways, transaction->effects.registry, name);
    }
    if (result < 0)
        selkie_pipeline_log(unsealer, LOG_ERR,
                            "gateways: the change is stored, but cannot be loaded for logins; restart Mosquitto");
}

/* After the commit: the effects are true now. `frames`: the transaction decided the batch. */
static void finish(struct selkie_transaction *transaction, bool frames)
{
    struct selkie_unsealer *unsealer = transaction->unsealer;

    selkie_transaction_log_corrupt(transaction);
    log_devices_full(transaction);
    refresh_gateways(transaction);
    selkie_pipeline_stats_transaction(&unsealer->stats, &transaction->effects, transaction->batch,
                                      frames ? transaction->count : 0, transaction->commit_us);
    if (frames)
        release_batch(transaction);
    selkie_transaction_publish(transaction);
}

static const char *fault_text(const struct selkie_transaction *transaction, int error)
{
    return error == SELKIE_ESTORAGE ? selkie_registry_fault(transaction->effects.registry) : selkie_error_text(error);
}

/* Storage failed: roll back, and log the first failure of a series. */
static void undo(struct selkie_transaction *transaction, int error)
{
    struct selkie_unsealer *unsealer = transaction->unsealer;
    char line[SELKIE_REGISTRY_ERROR_SIZE + 128];

    selkie_effects_undo(&transaction->effects);
    selkie_pipeline_stats_storage(&unsealer->stats, false);
    bool damaged = selkie_registry_damage(unsealer->registry) != NULL;
    if (damaged)
        selkie_pipeline_stats_damaged(&unsealer->stats);
    if (transaction->failing && transaction->damaged == damaged)
        return;
    transaction->failing = true;
    transaction->damaged = damaged;
    snprintf(line, sizeof line, "%s; until this is repaired, frames wait without a receipt and commands are refused",
             fault_text(transaction, error));
    selkie_pipeline_log(unsealer, LOG_ERR, line);
}

/* Store which gateways have come. Returns how many names leave the queue after the commit. */
static int note_gateways(struct selkie_transaction *transaction)
{
    char names[CAME_MAX][SELKIE_GATEWAY_NAME_MAX + 1];
    unsigned count = selkie_name_queue_peek(&transaction->unsealer->came, names, CAME_MAX);
    int result = 0;

    for (unsigned i = 0; i < count && result == 0; i++)
        result = selkie_registry_put_came(transaction->effects.registry, names[i]);
    return result < 0 ? result : (int)count;
}

/* What is due by time, whether frames come or not. */
static int run_walks(struct selkie_transaction *transaction, struct selkie_silence *silence,
                     struct selkie_silence_count *silent, struct selkie_forgetting *forgetting,
                     struct selkie_refresh *refresh)
{
    struct selkie_effects *effects = &transaction->effects;
    int result = selkie_session_frames_expire(effects, EXPIRE_MAX);

    /* Before the time is taken: no gateway was heard later than now. */
    silence->heard_until_us = atomic_load(&transaction->unsealer->heard_until_us);
    silence->since_us = atomic_load(&transaction->unsealer->heard_since_us);
    int64_t now_us = selkie_clock_monotonic_us();
    if (result >= 0)
        result = selkie_silence_walk(effects, silence, now_us);
    if (result == 0)
        result = selkie_silence_count(effects, silent, now_us);
    if (result == 0)
        result = selkie_forgetting_walk(effects, forgetting, now_us);
    return result < 0 ? result : selkie_refresh_walk(effects, refresh, now_us);
}

/* A transaction of frames, and of what is due by time. */
static int run_frames(struct selkie_transaction *transaction, uint64_t delivered)
{
    struct selkie_effects *effects = &transaction->effects;
    struct selkie_silence silence = transaction->silence;
    struct selkie_silence_count silent = transaction->silent;
    struct selkie_forgetting forgetting = transaction->forgetting;
    struct selkie_refresh refresh = transaction->refresh;
    int result = begin(transaction), came = 0;

    if (result == 0 && transaction->count > 0)
        result = selkie_day_clock_advance(&effects->day_clock, effects->registry, selkie_clock_monotonic_us());
    if (result == 0)
        result = decide_batch(transaction);
    if (result == 0)
        result = run_walks(transaction, &silence, &silent, &forgetting, &refresh);
    if (result == 0)
        came = result = note_gateways(transaction);
    result = result > 0 ? 0 : result;
    if (result == 0 && delivered > transaction->emptied)
        result = selkie_registry_empty_outbox(effects->registry, delivered);
    /* Shows that storage works again, even if no frame comes. */
    if (result == 0 && transaction->failing)
        result = selkie_registry_touch(effects->registry);
    if (result == 0)
        result = commit(transaction);
    if (result < 0) {
        undo(transaction, result);
        transaction->silence.reset_us = selkie_clock_monotonic_us(); /* nobody is heard while frames wait */
        return result;
    }
    transaction->emptied = delivered;
    transaction->silence = silence;
    transaction->silent = silent;
    transaction->forgetting = forgetting;
    transaction->refresh = refresh;
    selkie_name_queue_drop(&transaction->unsealer->came, (unsigned)came);
    if (transaction->failing) {
        transaction->failing = false;
        selkie_pipeline_stats_storage(&transaction->unsealer->stats, true);
        selkie_pipeline_log(transaction->unsealer, LOG_NOTICE, "registry: works again; waiting frames are decided");
    }
    finish(transaction, true);
    return 0;
}

bool selkie_transaction_has_commands(const struct selkie_transaction *transaction)
{
    return transaction->command || selkie_command_queue_waiting(&transaction->unsealer->commands);
}

static void close_command(struct selkie_transaction *transaction)
{
    selkie_command_batch_close(transaction->command_batch);
    selkie_command_queue_free(&transaction->unsealer->commands, transaction->command);
    transaction->command_batch = NULL;
    transaction->command = NULL;
}

static int answer_command(struct selkie_transaction *transaction)
{
    struct selkie_output *output = selkie_command_batch_answer(transaction->command_batch);

    if (!output)
        return SELKIE_ENOMEM;
    output->token = transaction->command->token;
    selkie_output_list_add(&transaction->effects.out, output);
    selkie_transaction_publish(transaction);
    close_command(transaction);
    return 0;
}

/* After a rollback. */
static int refuse_command(struct selkie_transaction *transaction, int error)
{
    char line[SELKIE_REGISTRY_ERROR_SIZE + 32];

    snprintf(line, sizeof line, "not carried out: %s", fault_text(transaction, error));
    int result = selkie_command_batch_refuse(transaction->command_batch, &transaction->commands, line);
    return result < 0 ? result : answer_command(transaction);
}

/* Open the next payload, unless one is open already. 1, or 0 if none waits. */
static int open_command(struct selkie_transaction *transaction)
{
    if (!transaction->command)
        transaction->command = selkie_command_queue_take(&transaction->unsealer->commands);
    if (!transaction->command)
        return 0;
    int result = transaction->command_batch
                     ? 0
                     : selkie_command_batch_open(&transaction->command_batch, transaction->command->json,
                                                 transaction->command->len);
    return result < 0 ? result : 1;
}

/* A transaction of commands. */
static int run_commands(struct selkie_transaction *transaction)
{
    int result = open_command(transaction);

    if (result <= 0)
        return result;
    result = begin(transaction);
    if (result == 0)
        result = selkie_command_batch_run(transaction->command_batch, &transaction->commands,
                                          selkie_clock_monotonic_us() + COMMANDS_US);
    bool complete = result > 0;
    /* Commands that only read do not wait for the disk. States that are due come with the next frames' transaction. */
    if (result >= 0)
        result = selkie_registry_changed(transaction->effects.registry) ? commit(transaction) : 0;
    if (result < 0) {
        if (result == SELKIE_ESTORAGE)
            undo(transaction, result);
        else /* lack of memory, for example, concerns the command alone: no frame waits for it */
            selkie_effects_undo(&transaction->effects);
        return refuse_command(transaction, result);
    }
    selkie_command_batch_committed(transaction->command_batch);
    finish(transaction, false);
    return complete ? answer_command(transaction) : 0;
}

int selkie_transaction_run(struct selkie_transaction *transaction, uint64_t delivered)
{
    int frames = run_frames(transaction, delivered), commands;

    do
        commands = run_commands(transaction);
    while (frames < 0 && commands == 0 && selkie_transaction_has_commands(transaction));
    return frames < 0 ? frames : commands;
}

void selkie_transaction_undo(struct selkie_transaction *transaction, int error)
{
    undo(transaction, error);
    while (open_command(transaction) > 0 && refuse_command(transaction, error) == 0)
        ;
}

void selkie_transaction_wipe(struct selkie_transaction *transaction)
{
    release_batch(transaction);
    close_command(transaction);
    json_decref(transaction->commands.changed_gateways);
    selkie_effects_wipe(&transaction->effects);
    selkie_values_wipe(&transaction->values);
}
