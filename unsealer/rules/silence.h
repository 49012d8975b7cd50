/* SPDX-License-Identifier: Apache-2.0 */
/* The event `silent`: no frame of an active binding arrived for a while. PROTOCOL.md, section 8. One thread, the
 * writer.
 *
 * Only time counts in which a device can be heard: frames are decided, and a gateway was heard within the last minute,
 * or within twice the interval in which it says that it publishes its stats (30 s by default). Such a stretch begins at
 * the start, after an outage of all gateways or of storage, and when the clock was set; until it has lasted for the
 * time of silence, no device is silent. A gateway that empties its spool goes faster than real time, so each device is
 * heard within the stretch.
 *
 * An index by last_seen would change with every frame. So this walks through all bindings, some thousand a step. The
 * next walk begins an eighth of the time of silence after the last has ended. */
#ifndef SELKIE_SILENCE_H
#define SELKIE_SILENCE_H

#include "rules/effects.h"

/* How long a gateway counts as heard that publishes its stats at this interval (0: unknown). */
int64_t selkie_silence_heard_us(unsigned interval_s);

struct selkie_silence {
    int64_t after_ms;       /* 0 = off: whoever is marked silent ceases to be, in one walk */
    bool unmarked;          /* that walk has ended */
    int64_t at;             /* binding */
    int64_t next_us;        /* when the next step is due, monotonic */
    int64_t heard_until_us; /* monotonic; 0 = no gateway was ever heard */
    int64_t since_us;       /* since when gateways have been heard without a longer break, monotonic */
    int64_t reset_us;       /* when storage failed, monotonic */
};

/* How many active devices are silent, for the stats: a walk through all bindings each minute, whether anybody listens
 * or not. */
struct selkie_silence_count {
    int64_t at;       /* binding */
    int64_t next_us;  /* when the next step is due, monotonic */
    uint64_t counted; /* up to there */
};

/* The next step, if it is due; the caller has set heard_until_us and since_us. After a rollback the caller restores
 * *silence.
 */
SELKIE_USE_RESULT int selkie_silence_walk(struct selkie_effects *effects, struct selkie_silence *silence,
                                          int64_t now_us);

/* The next step, if it is due; at the end of a walk effects->silent is the number. After a rollback the caller restores
 * *count. */
SELKIE_USE_RESULT int selkie_silence_count(struct selkie_effects *effects, struct selkie_silence_count *count,
                                           int64_t now_us);

#endif
