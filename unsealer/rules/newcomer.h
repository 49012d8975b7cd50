/* SPDX-License-Identifier: Apache-2.0 */
/* An ID that is new at its address, or pending or superseded there. PROTOCOL.md, section 7, rules 4, 6 and 7. One
 * thread, the writer. */
#ifndef SELKIE_NEWCOMER_H
#define SELKIE_NEWCOMER_H

#include "rules/effects.h"

struct selkie_newcomer {
    struct selkie_device_record *device;
    struct selkie_binding *own;  /* status NONE = it is new */
    struct selkie_binding *live; /* the bindings of the address that are not retired */
    int live_count;
    struct selkie_binding *bound;  /* the active one of them, or NULL */
    const uint8_t *id;             /* NULL = it is not new */
    struct selkie_session session; /* of a new one; wipe it */
};

/* Read the bindings of the address into `live`, and fill in what admission asks about them, and how many IDs have the
 * session tag of a new one. */
SELKIE_USE_RESULT int selkie_newcomer_facts(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                                            struct selkie_binding live[static SELKIE_LIVE_MAX],
                                            struct selkie_case *facts);
/* Apply the decision. */
SELKIE_USE_RESULT int selkie_newcomer_decide(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                                             struct selkie_opened *opened, const struct selkie_decision *decision);

#endif
