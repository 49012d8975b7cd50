/* SPDX-License-Identifier: Apache-2.0 */
/* The run over time, for charts: counts in a fixed number of slots. When time goes beyond the last, two slots become
 * one and each is twice as wide, so any length of run fits. No heap, no I/O; one thread. */
#ifndef SELKIE_SIM_SERIES_H
#define SELKIE_SIM_SERIES_H

#include <stdint.h>

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
