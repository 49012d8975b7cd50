/* SPDX-License-Identifier: Apache-2.0 */
/* What selkie/stats reports (selkie_pipeline_stats_json): outcomes since the start, latencies of the last one to two
 * minutes. PROTOCOL.md, section 8. Safe from any thread. */
#ifndef SELKIE_PIPELINE_STATS_H
#define SELKIE_PIPELINE_STATS_H

#include "rules/effects.h"

#include <pthread.h>
#include <selkie/histogram.h>

/* X(name, text): the stages of a frame's way, and the commit of its transaction */
#define SELKIE_STAGES(X)                                                                                               \
    X(UNSEAL_WAIT, "unseal_wait") /* from submit until a worker starts with it */                                      \
    X(UNSEAL, "unseal")           /* RSA */                                                                            \
    X(DECIDE_WAIT, "decide_wait") /* until the writer starts with it: its lane's order, the commit before */           \
    X(DECIDE, "decide")           /* the rules and the writes of one frame */                                          \
    X(COMMIT, "commit")           /* of a transaction */                                                               \
    X(TOTAL, "total")             /* from submit to the end of the commit */

enum selkie_stage {
#define SELKIE_STAGE_ENUM(name, text) SELKIE_STAGE_##name,
    SELKIE_STAGES(SELKIE_STAGE_ENUM)
#undef SELKIE_STAGE_ENUM
        SELKIE_STAGE_COUNT
};

struct selkie_pipeline_stats {
    pthread_mutex_t lock;
    struct selkie_counts counts;
    uint64_t intake_full;
    uint64_t undecoded;
    uint64_t commits;
    int held[SELKIE_SHARED_COUNT], max_devices;
    uint64_t pending; /* IDs */
    uint64_t devices, active, silent;
    bool devices_full; /* for a gateway */
    int64_t started_ms;
    int64_t storage_failed_ms; /* since when; 0 = storage works */
    int64_t disk_failed_ms;    /* since when the disk is full or read-only; 0 = it is not */
    uint64_t storage_failures;
    bool storage_damaged;
    int64_t turned_us;
    struct selkie_histogram stages[2][SELKIE_STAGE_COUNT]; /* microseconds: this minute, the one before */
};

void selkie_pipeline_stats_init(struct selkie_pipeline_stats *stats);
void selkie_pipeline_stats_destroy(struct selkie_pipeline_stats *stats);
void selkie_pipeline_stats_intake_full(struct selkie_pipeline_stats *stats);
/* How many payloads did not fit their model since the start. */
void selkie_pipeline_stats_undecoded(struct selkie_pipeline_stats *stats, uint64_t undecoded);
void selkie_pipeline_stats_storage(struct selkie_pipeline_stats *stats, bool works);
void selkie_pipeline_stats_disk(struct selkie_pipeline_stats *stats, bool works);
void selkie_pipeline_stats_damaged(struct selkie_pipeline_stats *stats);

/* A transaction has ended: its effects, the jobs that it decided (NULL entries are skipped), and how long its commit
 * took (negative = it had nothing to commit). */
void selkie_pipeline_stats_transaction(struct selkie_pipeline_stats *stats, const struct selkie_effects *effects,
                                       struct selkie_job *const jobs[], unsigned count, int64_t commit_us);

/* The document; NULL without memory. The depths of the queues are as the caller found them. */
json_t *selkie_pipeline_stats_json(struct selkie_pipeline_stats *stats, unsigned intake, unsigned unopened,
                                   unsigned outputs);

#endif
