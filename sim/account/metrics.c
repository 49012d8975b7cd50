/* SPDX-License-Identifier: Apache-2.0 */
#include "account/metrics.h"

#include <stdio.h>
#include <string.h>

static const struct selkie_metric *find(const struct selkie_metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->count; i++) {
        if (strcmp(metrics->list[i].name, name) == 0)
            return &metrics->list[i];
    }
    return NULL;
}

static struct selkie_metric *find_or_make(struct selkie_metrics *metrics, const char *group, const char *name)
{
    char full[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(full, sizeof full, "%s%s%s", group ? group : "", group ? "." : "", name);
    const struct selkie_metric *found = find(metrics, full);
    if (found)
        return &metrics->list[found - metrics->list];
    if (metrics->count == SELKIE_METRICS_MAX)
        return NULL;
    struct selkie_metric *made = &metrics->list[metrics->count++];
    memcpy(made->name, full, sizeof full);
    made->value = 0;
    return made;
}

void selkie_metrics_set(struct selkie_metrics *metrics, const char *group, const char *name, double value)
{
    struct selkie_metric *metric = find_or_make(metrics, group, name);

    if (metric)
        metric->value = value;
}

void selkie_metrics_add(struct selkie_metrics *metrics, const char *group, const char *name, double value)
{
    struct selkie_metric *metric = find_or_make(metrics, group, name);

    if (metric)
        metric->value += value;
}

bool selkie_metrics_has(const struct selkie_metrics *metrics, const char *name)
{
    return find(metrics, name);
}

double selkie_metrics_get(const struct selkie_metrics *metrics, const char *name)
{
    const struct selkie_metric *metric = find(metrics, name);

    return metric ? metric->value : 0;
}
