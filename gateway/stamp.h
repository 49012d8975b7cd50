/* SPDX-License-Identifier: Apache-2.0 */
/* When a frame was captured, by two clocks: the time of day, which a machine without a battery does not know after a
 * start, and the time since the boot, which nobody sets. PROTOCOL.md, section 8: `rx` and `age`. The loop's thread. */
#ifndef SELKIE_GATEWAY_STAMP_H
#define SELKIE_GATEWAY_STAMP_H

#include "spool.h"

/* Set rx, boot and since_boot of a frame to now. */
void selkie_stamp_now(struct selkie_spool_frame *frame);

/* How long ago a frame was captured, in ms; -1 if that was in an earlier boot. */
int64_t selkie_stamp_age(const struct selkie_spool_frame *frame);

#endif
