/* SPDX-License-Identifier: Apache-2.0 */
/* A frame of an active or superseded ID: the decision by its counter, then its payload, events and state. PROTOCOL.md,
 * section 7, rules 2 and 3. One thread, the writer. */
#ifndef SELKIE_ACTIVE_H
#define SELKIE_ACTIVE_H

#include "rules/effects.h"

/* Decide a frame of an active binding, and apply the decision. */
SELKIE_USE_RESULT int selkie_active_decide(struct selkie_effects *effects, struct selkie_binding *binding,
                                           const struct selkie_opened *opened);

/* The two halves of that. Fill in what admission asks about a frame and its binding; *facts may point to *seen. */
SELKIE_USE_RESULT int selkie_active_facts(struct selkie_effects *effects, struct selkie_case *facts,
                                          const struct selkie_binding *own, const struct selkie_opened *opened,
                                          struct selkie_seen *seen);
/* Apply any verdict but SELKIE_PARK. */
SELKIE_USE_RESULT int selkie_active_apply(struct selkie_effects *effects, struct selkie_binding *binding,
                                          const struct selkie_opened *opened, const struct selkie_decision *decision,
                                          const uint8_t *address);

#endif
