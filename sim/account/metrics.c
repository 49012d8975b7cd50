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

void selkie_series_init(struct selkie_series *series, uint64_t slot_us)
{
    memset(series, 0, sizeof *series);
    series->slot_us = slot_us > 0 ? slot_us : 1;
}

static void fold(struct selkie_series *series)
{
    for (int line = 0; line < SELKIE_SERIES_LINES; line++) {
        double *slots = series->lines[line];
        for (unsigned i = 0; i < SELKIE_SERIES_SLOTS / 2; i++)
            slots[i] = slots[2 * i] + slots[2 * i + 1];
        memset(slots + SELKIE_SERIES_SLOTS / 2, 0, SELKIE_SERIES_SLOTS / 2 * sizeof *slots);
    }
    series->used = (series->used + 1) / 2;
    series->slot_us *= 2;
}

void selkie_series_add(struct selkie_series *series, uint64_t now_us, enum selkie_series_line line, double value)
{
    while (now_us / series->slot_us >= SELKIE_SERIES_SLOTS)
        fold(series);
    unsigned slot = (unsigned)(now_us / series->slot_us);
    series->lines[line][slot] += value;
    if (slot >= series->used)
        series->used = slot + 1;
}
