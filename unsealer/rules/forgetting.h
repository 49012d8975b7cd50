/* SPDX-License-Identifier: Apache-2.0 */
/* What expires by days: devices that no administrator vouched for, pending IDs, parked frames, the way back of IDs that
 * were denied or removed. PROTOCOL.md, section 7.
 * One thread, the writer.
 *
 * An index by the last frame would change with every frame. So this walks through all bindings, some hundred a step,
 * and begins again some hours after it has ended. Time is that of day_clock.h. */
#ifndef SELKIE_FORGETTING_H
#define SELKIE_FORGETTING_H

#include "rules/effects.h"

#define SELKIE_PENDING_DAYS 30 /* a pending ID without a frame, and a parked frame, are kept for so long */
#define SELKIE_READMIT_DAYS 30 /* an ID that was denied or removed may be readmitted for so long */

struct selkie_forgetting {
    unsigned after_days; /* of silence, for devices; 0 = never */
    int64_t at;          /* binding */
    int64_t next_us;     /* when the next step is due, monotonic */
};

/* The next step, if it is due. After a rollback the caller restores *forgetting. */
SELKIE_USE_RESULT int selkie_forgetting_walk(struct selkie_effects *effects, struct selkie_forgetting *forgetting,
                                             int64_t now_us);

/* Remove a device with its bindings `live`: they are retired, and what is parked for them is rejected `removed`. Those
 * that an administrator removes may be readmitted, unless the device is revoked. */
SELKIE_USE_RESULT int selkie_forgetting_remove(struct selkie_effects *effects,
                                               const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                               struct selkie_binding live[], int count, enum selkie_binding_end ended);

#endif
