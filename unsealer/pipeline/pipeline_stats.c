/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_stats.h"
#include <selkie/clock.h>

#include <string.h>

#define TURN_US 60000000

void selkie_pipeline_stats_init(struct selkie_pipeline_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    pthread_mutex_init(&stats->lock, NULL);
    stats->started_ms = selkie_clock_ms();
    stats->turned_us = selkie_clock_monotonic_us();
}

void selkie_pipeline_stats_destroy(struct selkie_pipeline_stats *stats)
{
    pthread_mutex_destroy(&stats->lock);
}

void selkie_pipeline_stats_intake_full(struct selkie_pipeline_stats *stats)
{
    pthread_mutex_lock(&stats->lock);
    stats->intake_full++;
    pthread_mutex_unlock(&stats->lock);
}

void selkie_pipeline_stats_undecoded(struct selkie_pipeline_stats *stats, uint64_t undecoded)
{
    pthread_mutex_lock(&stats->lock);
    stats->undecoded = undecoded;
    pthread_mutex_unlock(&stats->lock);
}

void selkie_pipeline_stats_storage(struct selkie_pipeline_stats *stats, bool works)
{
    pthread_mutex_lock(&stats->lock);
    stats->storage_failures += !works;
    if (works)
        stats->storage_failed_ms = 0;
    else if (stats->storage_failed_ms == 0)
        stats->storage_failed_ms = selkie_clock_ms();
    pthread_mutex_unlock(&stats->lock);
}

void selkie_pipeline_stats_disk(struct selkie_pipeline_stats *stats, bool works)
{
    pthread_mutex_lock(&stats->lock);
    if (works)
        stats->disk_failed_ms = 0;
    else if (stats->disk_failed_ms == 0)
        stats->disk_failed_ms = selkie_clock_ms();
    pthread_mutex_unlock(&stats->lock);
}

/* Since when storage fails, 0 if it works. */
static int64_t failing_since_ms(const struct selkie_pipeline_stats *stats)
{
    return stats->storage_failed_ms != 0 ? stats->storage_failed_ms : stats->disk_failed_ms;
}

void selkie_pipeline_stats_damaged(struct selkie_pipeline_stats *stats)
{
    pthread_mutex_lock(&stats->lock);
    stats->storage_damaged = true;
    pthread_mutex_unlock(&stats->lock);
}

static void add_counts(struct selkie_counts *sum, const struct selkie_counts *counts)
{
    sum->accepted[0] += counts->accepted[0];
    sum->accepted[1] += counts->accepted[1];
    sum->late += counts->late;
    sum->duplicates += counts->duplicates;
    sum->parked += counts->parked;
    sum->released += counts->released;
    sum->lost += counts->lost;
    sum->given_up += counts->given_up;
    sum->key_away += counts->key_away;
    for (int i = 0; i < SELKIE_REASON_COUNT; i++)
        sum->rejected[i] += counts->rejected[i];
    for (int i = 0; i < SELKIE_EVENT_COUNT; i++)
        sum->events[i] += counts->events[i];
}

static void turn(struct selkie_pipeline_stats *stats, int64_t now_us)
{
    int64_t passed = now_us - stats->turned_us;
    if (passed < TURN_US)
        return;
    if (passed < 2 * TURN_US)
        memcpy(stats->stages[1], stats->stages[0], sizeof stats->stages[0]);
    else
        memset(stats->stages[1], 0, sizeof stats->stages[1]);
    memset(stats->stages[0], 0, sizeof stats->stages[0]);
    stats->turned_us = now_us;
}

/* The way of one frame that is decided and committed. */
static void add_stages(struct selkie_histogram stages[static SELKIE_STAGE_COUNT], const struct selkie_job *job,
                       int64_t now_us)
{
    if (job->ordered) {
        selkie_histogram_add(&stages[SELKIE_STAGE_UNSEAL_WAIT], job->opening_us - job->submitted_us);
        selkie_histogram_add(&stages[SELKIE_STAGE_UNSEAL], job->opened_us - job->opening_us);
    }
    selkie_histogram_add(&stages[SELKIE_STAGE_DECIDE_WAIT], job->deciding_us - job->opened_us);
    selkie_histogram_add(&stages[SELKIE_STAGE_DECIDE], job->decided_us - job->deciding_us);
    selkie_histogram_add(&stages[SELKIE_STAGE_TOTAL], now_us - job->submitted_us);
}

void selkie_pipeline_stats_transaction(struct selkie_pipeline_stats *stats, const struct selkie_effects *effects,
                                       struct selkie_job *const jobs[], unsigned count, int64_t commit_us)
{
    int64_t now_us = selkie_clock_monotonic_us();

    pthread_mutex_lock(&stats->lock);
    turn(stats, now_us);
    add_counts(&stats->counts, &effects->counts);
    memcpy(stats->held, effects->held, sizeof stats->held);
    stats->pending = effects->pending;
    stats->devices = effects->devices;
    stats->active = effects->active;
    stats->silent = effects->silent;
    stats->max_devices = effects->rules.max_devices;
    stats->devices_full = effects->full_for[0] != 0;
    for (unsigned i = 0; i < count; i++)
        if (jobs[i])
            add_stages(stats->stages[0], jobs[i], now_us);
    if (commit_us >= 0) {
        stats->commits++;
        selkie_histogram_add(&stats->stages[0][SELKIE_STAGE_COMMIT], commit_us);
    }
    pthread_mutex_unlock(&stats->lock);
}

static json_t *frames_json(const struct selkie_pipeline_stats *stats)
{
    const struct selkie_counts *counts = &stats->counts;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accepted",
                     (json_int_t)(counts->accepted[0] + counts->accepted[1]), "sealed", (json_int_t)counts->accepted[0],
                     "session", (json_int_t)counts->accepted[1], "late", (json_int_t)counts->late, "duplicate",
                     (json_int_t)counts->duplicates, "parked", (json_int_t)counts->parked, "released",
                     (json_int_t)counts->released, "lost", (json_int_t)counts->lost, "given_up",
                     (json_int_t)counts->given_up, "undecoded", (json_int_t)stats->undecoded);
}

static json_t *rejected_json(const struct selkie_counts *counts)
{
    json_t *json = json_object();
    for (int i = 0; i < SELKIE_REASON_COUNT; i++)
        json_object_set_new(json, selkie_reason_text((enum selkie_reason)i),
                            json_integer((json_int_t)counts->rejected[i]));
    return json;
}

static json_t *events_json(const struct selkie_counts *counts)
{
    json_t *json = json_object();
    for (int i = 0; i < SELKIE_EVENT_COUNT; i++)
        json_object_set_new(json, selkie_event_names[i], json_integer((json_int_t)counts->events[i]));
    return json;
}

static json_t *devices_json(const struct selkie_pipeline_stats *stats)
{
    return json_pack("{s:i, s:i, s:b, s:I, s:I, s:I, s:I}", "unlisted", stats->held[SELKIE_SHARED_DEVICES], "max",
                     stats->max_devices, "full", stats->devices_full, "pending", (json_int_t)stats->pending, "total",
                     (json_int_t)stats->devices, "active", (json_int_t)stats->active, "silent",
                     (json_int_t)stats->silent);
}

static json_t *latency_json(const struct selkie_pipeline_stats *stats)
{
    static const char *const names[] = {
#define TEXT(name, text) [SELKIE_STAGE_##name] = text,
        SELKIE_STAGES(TEXT)
#undef TEXT
    };
    json_t *json = json_object();

    for (int i = 0; i < SELKIE_STAGE_COUNT; i++) {
        struct selkie_histogram both = stats->stages[0][i];
        selkie_histogram_merge(&both, &stats->stages[1][i]);
        json_object_set_new(json, names[i],
                            json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)both.count, "p50",
                                      (json_int_t)selkie_histogram_percentile(&both, 0.5), "p90",
                                      (json_int_t)selkie_histogram_percentile(&both, 0.9), "p99",
                                      (json_int_t)selkie_histogram_percentile(&both, 0.99), "max",
                                      (json_int_t)both.max));
    }
    return json;
}

json_t *selkie_pipeline_stats_json(struct selkie_pipeline_stats *stats, unsigned intake, unsigned unopened,
                                   unsigned outputs)
{
    pthread_mutex_lock(&stats->lock);
    turn(stats, selkie_clock_monotonic_us());
    const struct selkie_counts *counts = &stats->counts;
    json_t *json = json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:i, s:i}, s:o, s:o, s:{s:b, s:b, s:I, s:I, s:I}}",
        "time", (json_int_t)selkie_clock_ms(), "started", (json_int_t)stats->started_ms, "frames", frames_json(stats),
        "rejected", rejected_json(counts), "events", events_json(counts), "dropped", "intake_full",
        (json_int_t)stats->intake_full, "key_away", (json_int_t)counts->key_away, "queues", "intake",
        (json_int_t)intake, "unopened", (json_int_t)unopened, "outputs", (json_int_t)outputs, "parked",
        stats->held[SELKIE_SHARED_PARKED], "unmatched", stats->held[SELKIE_SHARED_UNMATCHED], "devices",
        devices_json(stats), "latency_us", latency_json(stats), "storage", "working", failing_since_ms(stats) == 0,
        "damaged", stats->storage_damaged, "failing_since", (json_int_t)failing_since_ms(stats), "failures",
        (json_int_t)stats->storage_failures, "commits", (json_int_t)stats->commits);
    pthread_mutex_unlock(&stats->lock);
    return json;
}
