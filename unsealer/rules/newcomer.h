/* SPDX-License-Identifier: Apache-2.0 */
/* An ID that is not active at its address: new there, or pending. PROTOCOL.md, section 7, rules 4, 6 and 7. One thread,
 * the writer. */
#ifndef SELKIE_NEWCOMER_H
#define SELKIE_NEWCOMER_H

#include "rules/effects.h"

struct selkie_newcomer {
    struct selkie_device_record *device;
    struct selkie_binding *own;    /* status NONE where it is new */
    struct selkie_binding *bound;  /* the active binding of the address, or NULL */
    const uint8_t *id;             /* NULL where it is not new */
    struct selkie_session session; /* a new one's: wipe it */
};

/* Find the address's active binding (in `live`), and give admission that, the number of pending IDs, and the number of
 * IDs that a new one would share its session tag with. */
SELKIE_USE_RESULT int selkie_newcomer_look_around(struct selkie_effects *effects, const struct selkie_binding *own,
                                                  struct selkie_binding live[static SELKIE_LIVE_MAX],
                                                  struct selkie_newcomer *newcomer, struct selkie_case *facts);
/* Apply a decision on its frame. */
SELKIE_USE_RESULT int selkie_newcomer_decide(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                                             struct selkie_opened *opened, const struct selkie_decision *decision);

#endif
