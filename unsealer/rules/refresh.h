/* SPDX-License-Identifier: Apache-2.0 */
/* After a start, what the broker keeps (retained) may be outdated or gone: it saves only now and then, or never. So the
 * state of every device is put out, and later which gateways had come before. PROTOCOL.md, section 8. One thread, the
 * writer.
 *
 * States go some hundred a step, so that a million devices stall neither the broker nor frames. The registry keeps
 * where the walk stands: after a stop in the middle the next start goes on there, and comes round to the rest. */
#ifndef SELKIE_REFRESH_H
#define SELKIE_REFRESH_H

#include "rules/effects.h"

struct selkie_refresh {
    bool states; /* the walk is under way */
    bool begun;
    bool wrapped;                       /* it is before `first` */
    bool has_at, has_first;             /* else: before all addresses */
    uint8_t at[SELKIE_ADDRESS_SIZE];    /* the last device that was put out */
    uint8_t first[SELKIE_ADDRESS_SIZE]; /* where it began */
    unsigned steps;
    int64_t next_us;     /* when the next step is due, monotonic */
    int64_t gateways_ms; /* when gateways are, since the boot; 0 = never */
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
};

/* `states`: put out all states. `gateways_wait_ms`: after this, the gateways; 0 = never. */
void selkie_refresh_init(struct selkie_refresh *refresh, bool states, unsigned gateways_wait_ms);

/* The next step, if it is due. After a rollback the caller restores *refresh. */
SELKIE_USE_RESULT int selkie_refresh_walk(struct selkie_effects *effects, struct selkie_refresh *refresh,
                                          int64_t now_us);

#endif
