/* SPDX-License-Identifier: Apache-2.0 */
#include "account/series.h"

#include <string.h>

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
