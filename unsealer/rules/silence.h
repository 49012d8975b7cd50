/* SPDX-License-Identifier: Apache-2.0 */
/* The event `silent`: no frame of an active binding came for a while. PROTOCOL.md, section 8. One thread, the writer.
 *
 * An index by last_seen would change with every frame. So this walks through all bindings, some thousand a step. The
 * next walk begins an eighth of the time of silence after the last has ended. */
#ifndef SELKIE_SILENCE_H
#define SELKIE_SILENCE_H

#include "rules/effects.h"

struct selkie_silence {
    int64_t after_ms; /* 0 = off */
    int64_t at;       /* binding */
    int64_t next_us;  /* when the next step is due, monotonic */
};

/* The next step, if it is due. After a rollback the caller restores *silence. */
SELKIE_USE_RESULT int selkie_silence_walk(struct selkie_effects *effects, struct selkie_silence *silence,
                                          int64_t now_us);

#endif
