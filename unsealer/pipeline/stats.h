/* SPDX-License-Identifier: Apache-2.0 */
/* What selkie/stats tells: outcomes since the start, latencies of the last one to two minutes. Safe from any thread. */
#ifndef SELKIE_STATS_H
#define SELKIE_STATS_H

#include "rules/effects.h"

#include <pthread.h>

/* X(name, text): the stages of a frame's way, and the round that a frame is decided in */
#define SELKIE_STAGES(X)                                                                                               \
    X(UNSEAL_WAIT, "unseal_wait") /* from submit until a worker takes it */                                            \
    X(UNSEAL, "unseal")           /* RSA */                                                                            \
    X(DECIDE_WAIT, "decide_wait") /* until the writer takes it up: its lane's order, the commit before */              \
    X(DECIDE, "decide")           /* the rules and the writing, a frame */                                             \
    X(COMMIT, "commit")           /* a round's commit */                                                               \
    X(TOTAL, "total")             /* from submit to the commit */

enum selkie_stage {
#define SELKIE_STAGE_ENUM(name, text) SELKIE_STAGE_##name,
    SELKIE_STAGES(SELKIE_STAGE_ENUM)
#undef SELKIE_STAGE_ENUM
        SELKIE_STAGE_COUNT
};

/* Buckets of 1/8 of a power of two: what is read off is at most an eighth too high. */
#define SELKIE_STATS_HISTOGRAM_BUCKETS 256

struct selkie_stats_histogram {
    uint64_t count;
    uint32_t max_us;
    uint32_t buckets[SELKIE_STATS_HISTOGRAM_BUCKETS];
};

void selkie_stats_histogram_add(struct selkie_stats_histogram *histogram, int64_t us);
/* The value that a share of `per_mille` is not above. */
uint32_t selkie_stats_histogram_percentile(const struct selkie_stats_histogram *histogram, unsigned per_mille);

struct selkie_pipeline_stats {
    pthread_mutex_t lock;
    struct selkie_counts counts;
    uint64_t intake_full;
    uint64_t commits;
    int parked, unmatched;
    int64_t started_ms;
    int64_t storage_failed_ms; /* since when, 0 = it works */
    uint64_t storage_failures;
    bool storage_damaged;
    int64_t turned_us;
    struct selkie_stats_histogram stages[2][SELKIE_STAGE_COUNT]; /* this minute, the one before */
};

void selkie_stats_init(struct selkie_pipeline_stats *stats);
void selkie_stats_destroy(struct selkie_pipeline_stats *stats);
void selkie_stats_intake_full(struct selkie_pipeline_stats *stats);
void selkie_stats_storage(struct selkie_pipeline_stats *stats, bool works);
void selkie_stats_damaged(struct selkie_pipeline_stats *stats);

/* A round that was committed: its effects, and how long each stage took, frame by frame. */
struct selkie_stats_timing {
    enum selkie_stage stage;
    int64_t us;
};
void selkie_stats_round(struct selkie_pipeline_stats *stats, const struct selkie_effects *effects,
                        const struct selkie_stats_timing *timings, unsigned count);

/* Queue depths, as the one who asks found them. */
struct selkie_stats_depths {
    unsigned intake, unopened, outputs;
};
/* The document; NULL without memory. */
json_t *selkie_stats_json(struct selkie_pipeline_stats *stats, const struct selkie_stats_depths *depths);

#endif
