/* SPDX-License-Identifier: Apache-2.0 */
/* The run's metrics by name: what expectations are about and reports print. A table of fixed size, in the order in
 * which names first came; a name that finds no room is not counted. No heap, no I/O, no globals; one thread. */
#ifndef SELKIE_SIM_METRICS_H
#define SELKIE_SIM_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_METRIC_NAME_MAX 48
#define SELKIE_METRICS_MAX     256

struct selkie_metric {
    char name[SELKIE_METRIC_NAME_MAX];
    double value;
};

struct selkie_metrics {
    size_t count;
    struct selkie_metric list[SELKIE_METRICS_MAX];
};

void selkie_metrics_set(struct selkie_metrics *metrics, const char *name, double value);

/* One more. A name in a group ("events", "clone") is "events.clone"; group NULL = none. */
void selkie_metrics_count(struct selkie_metrics *metrics, const char *group, const char *name);

bool selkie_metrics_has(const struct selkie_metrics *metrics, const char *name);
double selkie_metrics_get(const struct selkie_metrics *metrics, const char *name); /* 0 where there is none */

/* The run over time, for charts: counts in a fixed number of slots. When time goes beyond the last, two slots become
 * one and each is twice as wide, so any length of run fits. */
#define SELKIE_SERIES_SLOTS 240 /* even */

enum selkie_series_line {
    SELKIE_SERIES_SENT,
    SELKIE_SERIES_HEARD,
    SELKIE_SERIES_DELIVERED,
    SELKIE_SERIES_REJECTED,
    SELKIE_SERIES_ALARMS, /* events other than registered and approved */
    SELKIE_SERIES_AIR_MS, /* time on the air, all channels together */
    SELKIE_SERIES_LINES
};

struct selkie_series {
    uint64_t slot_us;
    unsigned used; /* slots */
    double lines[SELKIE_SERIES_LINES][SELKIE_SERIES_SLOTS];
};

/* `slot_us`: how wide a slot is to begin with. */
void selkie_series_init(struct selkie_series *series, uint64_t slot_us);
void selkie_series_add(struct selkie_series *series, uint64_t now_us, enum selkie_series_line line, double value);

#endif
