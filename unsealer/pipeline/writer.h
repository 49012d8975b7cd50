/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: the one thread that decides and writes. It works in rounds (transaction.h): take up what is ready,
 * decide, write, commit once, and only then put out the payloads, receipts and news. A round of frames whose commit
 * fails is rolled back and done again from its start until storage works: nothing is decided on grounds that were not
 * stored. A row that is damaged is no failure of storage: it is logged and set aside, and everything else goes on. */
#ifndef SELKIE_WRITER_H
#define SELKIE_WRITER_H

#include "commands/commands.h"
#include "commands/gateways.h"
#include "pipeline/command_queue.h"
#include "pipeline/output_queue.h"
#include "pipeline/pool.h"
#include "pipeline/stats.h"

struct selkie_writer;

struct selkie_writer_parts {
    struct selkie_registry *registry;
    struct selkie_pool *pool;
    struct selkie_output_queue *outputs;
    struct selkie_command_queue *commands;
    struct selkie_gateways *gateways; /* kept as the registry has them */
    const struct selkie_keyring *keyring;
    struct selkie_pipeline_stats *stats;
    json_t *(*stats_json)(void *context); /* for the command getStats */
    void *stats_context;
    struct selkie_rules rules;
    unsigned silent_after_s;
    void (*wake)(void *context);
    void *wake_context;
    void (*log)(void *context, int level, const char *line);
    void *log_context;
};

SELKIE_USE_RESULT int selkie_writer_start(struct selkie_writer **writer, const struct selkie_writer_parts *parts);
/* Ends the thread, after the round that it is in. */
void selkie_writer_stop(struct selkie_writer *writer);

/* From the host's thread. */
void selkie_writer_delivered(struct selkie_writer *writer, uint64_t outbox);

#endif
