/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and closes the parts of the pipeline, and passes the host's calls to them. */
#include "pipeline/writer.h"
#include "rules/silence.h"
#include <selkie/clock.h>
#include <selkie/error_text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define INTAKE_MAX_DEFAULT 4096
#define OUTPUTS_MAX        4096
#define WORKERS_MAX        256

void selkie_pipeline_log(const struct selkie_unsealer *unsealer, int level, const char *line)
{
    if (unsealer->options.log)
        unsealer->options.log(unsealer->options.log_context, level, line);
}

json_t *selkie_pipeline_document(void *context)
{
    struct selkie_unsealer *unsealer = context;
    unsigned intake, unopened;

    selkie_pool_depth(unsealer->pool, &intake, &unopened);
    json_t *json =
        selkie_pipeline_stats_json(&unsealer->stats, intake, unopened, selkie_output_queue_depth(&unsealer->outputs));
    unsigned models = unsealer->options.models ? selkie_models_count(unsealer->options.models) : 0;
    if (json && json_object_set_new(json, "models", json_integer(models)) == 0 &&
        json_object_set_new(json, "models_refused", json_integer(unsealer->options.models_refused)) == 0)
        return json;
    json_decref(json);
    return NULL;
}

static unsigned count_workers(unsigned wanted)
{
    long processors = wanted ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > WORKERS_MAX ? WORKERS_MAX : (unsigned)processors;
}

static void log_key_warnings(const struct selkie_unsealer *unsealer)
{
    const struct selkie_keyring *keyring = unsealer->options.keyring;
    char line[256];

    for (unsigned i = 0; i < selkie_keyring_count(keyring); i++) {
        uint8_t id;
        const char *provider, *warning = selkie_keyring_warning(keyring, i);
        selkie_keyring_describe(keyring, i, &id, &provider);
        snprintf(line, sizeof line, "key %u (%s): %s", id, provider, warning ? warning : "");
        if (warning)
            selkie_pipeline_log(unsealer, LOG_WARNING, line);
    }
}

static int start(struct selkie_unsealer *unsealer)
{
    const struct selkie_unsealer_options *options = &unsealer->options;
    int result = selkie_pool_open(&unsealer->pool, options->keyring, count_workers(options->workers),
                                  options->intake_max ? options->intake_max : INTAKE_MAX_DEFAULT);

    if (result == 0)
        result = selkie_gateways_open(&unsealer->gateways);
    if (result == 0)
        result = selkie_gateways_reload(unsealer->gateways, unsealer->registry);
    return result < 0 ? result : selkie_writer_start(&unsealer->writer, unsealer);
}

int selkie_unsealer_open(struct selkie_unsealer **opened, const struct selkie_unsealer_options *options,
                         char error[static SELKIE_UNSEALER_ERROR_SIZE])
{
    struct selkie_unsealer *unsealer = calloc(1, sizeof *unsealer);

    *opened = NULL;
    selkie_error_text_format(error, SELKIE_UNSEALER_ERROR_SIZE, "cannot start the unsealer: no memory or no threads");
    if (!unsealer)
        return SELKIE_ENOMEM;
    unsealer->options = *options;
    atomic_init(&unsealer->heard_until_us, 0);
    atomic_init(&unsealer->heard_since_us, 0);
    unsealer->options.state_dir = NULL; /* the caller's text */
    selkie_output_queue_init(&unsealer->outputs, OUTPUTS_MAX);
    selkie_command_queue_init(&unsealer->commands);
    selkie_name_queue_init(&unsealer->came);
    selkie_pipeline_stats_init(&unsealer->stats);
    char fault[SELKIE_REGISTRY_ERROR_SIZE];
    int result = selkie_registry_open(&unsealer->registry, options->state_dir, options->create, fault);
    if (result < 0)
        memcpy(error, fault, sizeof fault);
    else
        result = start(unsealer);
    if (result < 0) {
        selkie_unsealer_close(unsealer);
        return result;
    }
    log_key_warnings(unsealer);
    error[0] = 0;
    *opened = unsealer;
    return 0;
}

void selkie_unsealer_close(struct selkie_unsealer *unsealer)
{
    if (!unsealer)
        return;
    selkie_registry_end_waits(unsealer->registry); /* the writer's, for which the next line waits */
    selkie_writer_stop(unsealer->writer);
    selkie_pool_close(unsealer->pool);
    selkie_registry_close(unsealer->registry);
    selkie_gateways_close(unsealer->gateways);
    selkie_pipeline_stats_destroy(&unsealer->stats);
    selkie_name_queue_destroy(&unsealer->came);
    selkie_command_queue_destroy(&unsealer->commands);
    selkie_output_queue_destroy(&unsealer->outputs);
    free(unsealer);
}

void selkie_unsealer_hear_gateway(struct selkie_unsealer *unsealer, unsigned interval_s)
{
    int64_t now_us = selkie_clock_monotonic_us(), last_us = atomic_load(&unsealer->heard_until_us);
    int64_t until_us = now_us + selkie_silence_heard_us(interval_s);

    if (last_us < now_us)
        atomic_store(&unsealer->heard_since_us, now_us);
    if (last_us < until_us)
        atomic_store(&unsealer->heard_until_us, until_us);
}

void selkie_unsealer_note_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    if (selkie_gateways_find(unsealer->gateways, name) != SELKIE_GATEWAY_UNKNOWN)
        selkie_name_queue_put(&unsealer->came, name);
}

int selkie_unsealer_submit(struct selkie_unsealer *unsealer, const struct selkie_arrival *arrival)
{
    selkie_unsealer_hear_gateway(unsealer, 0);
    int result = selkie_pool_submit(unsealer->pool, arrival);
    if (result < 0)
        selkie_pipeline_stats_intake_full(&unsealer->stats);
    return result < 0 ? SELKIE_EFULL : 0;
}

struct selkie_output *selkie_unsealer_take(struct selkie_unsealer *unsealer)
{
    return selkie_output_queue_take(&unsealer->outputs);
}

void selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox)
{
    selkie_writer_delivered(unsealer->writer, outbox);
}

void selkie_unsealer_reader(struct selkie_unsealer *unsealer)
{
    selkie_writer_reader(unsealer->writer);
}

int selkie_unsealer_command(struct selkie_unsealer *unsealer, uint64_t token, const char *json, size_t len)
{
    if (len > SELKIE_COMMAND_MAX)
        return SELKIE_ELENGTH;
    int result = selkie_command_queue_put(&unsealer->commands, token, json, len);
    if (result == 0)
        selkie_pool_poke(unsealer->pool);
    return result < 0 ? SELKIE_EFULL : 0;
}

enum selkie_gateway_auth selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    return selkie_gateways_find(unsealer->gateways, name);
}

bool selkie_unsealer_check_gateway(struct selkie_unsealer *unsealer, const char *name, const char *password)
{
    return selkie_gateways_check(unsealer->gateways, name, password);
}

char *selkie_unsealer_stats(struct selkie_unsealer *unsealer)
{
    json_t *json = selkie_pipeline_document(unsealer);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}
