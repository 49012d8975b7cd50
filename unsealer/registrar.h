/* SPDX-License-Identifier: Apache-2.0 */
/* The registrar: the one thread that decides and writes. It works in rounds (rounds.h): take up what is ready, decide,
 * write, commit once, and only then put out the payloads, receipts and news. A round of frames whose commit fails is
 * rolled back and done again from its start until storage works: nothing is decided on grounds that were not stored. A
 * row that is damaged is no failure of storage: it is logged and set aside, and everything else goes on. */
#ifndef SELKIE_REGISTRAR_H
#define SELKIE_REGISTRAR_H

#include "clerk.h"
#include "command_queue.h"
#include "gateways.h"
#include "outputs.h"
#include "pool.h"
#include "stats.h"

struct selkie_registrar;

struct selkie_registrar_parts {
    struct selkie_registry *registry;
    struct selkie_pool *pool;
    struct selkie_output_queue *outputs;
    struct selkie_command_queue *commands;
    struct selkie_gateways *gateways; /* kept as the registry has them */
    const struct selkie_keyring *keyring;
    struct selkie_stats *stats;
    json_t *(*stats_json)(void *context); /* for the command getStats */
    void *stats_context;
    struct selkie_rules rules;
    unsigned silent_after_s;
    void (*wake)(void *context);
    void *wake_context;
    void (*log)(void *context, int level, const char *line);
    void *log_context;
};

SELKIE_USE_RESULT int selkie_registrar_start(struct selkie_registrar **registrar,
                                             const struct selkie_registrar_parts *parts);
/* Ends the thread, after the round that it is in. */
void selkie_registrar_stop(struct selkie_registrar *registrar);

/* From the host's thread. */
void selkie_registrar_delivered(struct selkie_registrar *registrar, uint64_t outbox);

#endif
