/* SPDX-License-Identifier: Apache-2.0 */
/* The unsealer from the inside: what the parts of the pipeline share. */
#ifndef SELKIE_PIPELINE_H
#define SELKIE_PIPELINE_H

#include "commands/gateways.h"
#include "pipeline/pipeline_stats.h"
#include "pipeline/pool.h"
#include "pipeline/queues.h"

#include <stdatomic.h>

struct selkie_unsealer {
    struct selkie_unsealer_options options;
    struct selkie_registry *registry; /* used by the writer's thread alone once that has started */
    struct selkie_pool *pool;
    struct selkie_gateways *gateways; /* as the registry has them */
    struct selkie_output_queue outputs;
    struct selkie_command_queue commands;
    struct selkie_name_queue came; /* gateways that have published their state */
    struct selkie_pipeline_stats stats;
    struct selkie_writer *writer;
    /* Until when gateways count as heard, and since when without a break (rules/silence.h); monotonic, 0 = never. */
    atomic_int_fast64_t heard_until_us, heard_since_us;
};

/* One line for the host's log. From any thread. */
void selkie_pipeline_log(const struct selkie_unsealer *unsealer, int level, const char *line);

/* The document of selkie/stats; NULL without memory. `context` is the unsealer. From any thread. */
json_t *selkie_pipeline_document(void *context);

#endif
