/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of pending IDs are parked until the administrator decides. PROTOCOL.md, section 7, rule 7. One thread, the
 * writer.
 */
#ifndef SELKIE_PARKING_H
#define SELKIE_PARKING_H

#include "rules/effects.h"

#define SELKIE_PARKED_MAX     256   /* payloads a pending ID */
#define SELKIE_PARKED_MAX_ALL 65536 /* parked frames of all IDs; one gateway may hold as many as are free */

/* Whether there is room for one more parked frame from a gateway: 1 or 0. */
SELKIE_USE_RESULT int selkie_parking_has_room(struct selkie_effects *effects, const char *gateway);

/* Park a frame of a pending binding, within bounds; or of one that has just become active, until selkie_parking_release
 * in the same transaction. `waited`: it was counted as parked before. */
SELKIE_USE_RESULT int selkie_parking_park(struct selkie_effects *effects, struct selkie_binding *binding,
                                          struct selkie_opened *opened, bool waited);
/* A frame that waits has come again: count a duplicate or reject a replay. */
SELKIE_USE_RESULT int selkie_parking_repeated(struct selkie_effects *effects, const struct selkie_capture *first,
                                              const struct selkie_capture *again, const char *gateway,
                                              const uint8_t *address);
/* A binding has become active: decide what is parked for it in order of counter, and `newest` (or NULL), the frame
 * that made it active, in its place among them. */
SELKIE_USE_RESULT int selkie_parking_release(struct selkie_effects *effects, struct selkie_binding *binding,
                                             const struct selkie_opened *newest);
/* Reject what is parked for a binding. */
SELKIE_USE_RESULT int selkie_parking_evict(struct selkie_effects *effects, const struct selkie_binding *binding,
                                           enum selkie_reason reason);
/* A pending ID gives way: reject what is parked for it, forget the binding and review its device. Nothing of it was
 * accepted, so it may come again as a new ID. */
SELKIE_USE_RESULT int selkie_parking_displace(struct selkie_effects *effects, const struct selkie_binding *binding,
                                              enum selkie_reason reason);

#endif
