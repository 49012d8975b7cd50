/* SPDX-License-Identifier: Apache-2.0 */
/* A clock for what is forgotten after days: it counts the time in which the receiver runs and frames arrive. It is
 * never set: a wall clock that jumps by a year must not make a whole fleet look silent. It does not count while the
 * receiver is stopped or no gateway reaches it, because then no device could have been heard: between two arrivals it
 * advances by a day at most. PROTOCOL.md, section 7. One thread, the writer. */
#ifndef SELKIE_DAY_CLOCK_H
#define SELKIE_DAY_CLOCK_H

#include "registry/registry.h"

#define SELKIE_DAY_MS 86400000

/* All zero is one that was not loaded. */
struct selkie_day_clock {
    bool loaded;
    int64_t ms;        /* the time of the last arrival */
    int64_t stored_ms; /* the same in the registry: at most an hour is lost at a restart */
    int64_t last_ms;   /* the last arrival, or the load, by the monotonic clock */
};

/* Go on from where an earlier run ended. Again after a rollback. */
SELKIE_USE_RESULT int selkie_day_clock_load(struct selkie_day_clock *clock, struct selkie_registry *registry,
                                            int64_t now_us);
/* Frames have arrived. */
SELKIE_USE_RESULT int selkie_day_clock_advance(struct selkie_day_clock *clock, struct selkie_registry *registry,
                                               int64_t now_us);
int64_t selkie_day_clock_today(const struct selkie_day_clock *clock);

#endif
