/* SPDX-License-Identifier: Apache-2.0 */
#include "account/metrics.h"

#include <stdio.h>
#include <string.h>

static size_t find(const struct selkie_metrics *metrics, const char *name)
{
    size_t i = 0;

    while (i < metrics->count && strcmp(metrics->list[i].name, name) != 0)
        i++;
    return i;
}

static double *value_of(struct selkie_metrics *metrics, const char *name)
{
    size_t i = find(metrics, name);

    if (i == SELKIE_METRICS_MAX)
        return NULL;
    if (i == metrics->count) {
        (void)snprintf(metrics->list[i].name, sizeof metrics->list[i].name, "%s", name);
        metrics->list[metrics->count++].value = 0;
    }
    return &metrics->list[i].value;
}

void selkie_metrics_set(struct selkie_metrics *metrics, const char *name, double value)
{
    double *place = value_of(metrics, name);

    if (place)
        *place = value;
}

void selkie_metrics_count(struct selkie_metrics *metrics, const char *group, const char *name)
{
    char full[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(full, sizeof full, "%s%s%s", group ? group : "", group ? "." : "", name);
    double *place = value_of(metrics, full);
    if (place)
        ++*place;
}

bool selkie_metrics_has(const struct selkie_metrics *metrics, const char *name)
{
    return find(metrics, name) < metrics->count;
}

double selkie_metrics_get(const struct selkie_metrics *metrics, const char *name)
{
    size_t i = find(metrics, name);

    return i < metrics->count ? metrics->list[i].value : 0;
}
