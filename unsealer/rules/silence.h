/* SPDX-License-Identifier: Apache-2.0 */
/* The event `silent`: active bindings that were not heard for a while. PROTOCOL.md, section 8. One thread, the writer.
 *
 * An index by last_seen would have to be written with every frame. So the bindings are walked through instead, a span
 * at a time; a walk takes an eighth of the time of silence, or longer where the registry is large. */
#ifndef SELKIE_SILENCE_H
#define SELKIE_SILENCE_H

#include "rules/effects.h"

struct selkie_silence {
    int64_t after_ms; /* 0 = off */
    int64_t at;       /* binding */
    int64_t next_us;  /* when the next step is due, monotonic */
};

/* The next step, if it is due. After a rollback *silence must be what it was before. */
SELKIE_USE_RESULT int selkie_silence_walk(struct selkie_effects *effects, struct selkie_silence *silence,
                                          int64_t now_us);

#endif
