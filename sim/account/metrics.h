/* SPDX-License-Identifier: Apache-2.0 */
/* The run's metrics by name: what expectations are about and reports print. A table of fixed size, in the order in
 * which names first came; a name that finds no room is not counted. No heap, no I/O, no globals; one thread. */
#ifndef SELKIE_SIM_METRICS_H
#define SELKIE_SIM_METRICS_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
