/* SPDX-License-Identifier: Apache-2.0 */
/* When a frame was captured, and by which clock that is known. PROTOCOL.md, section 8. Pure functions; safe from any
 * thread. */
#ifndef SELKIE_CAPTURE_H
#define SELKIE_CAPTURE_H

#include <selkie/unsealer.h>

#define SELKIE_PROMPT_MS 60000 /* a frame that is not older at its arrival is prompt */

struct selkie_capture {
    int64_t rx_ms;
    enum selkie_clock clock;
    uint16_t gateway; /* 14 bits of a hash of its name: whether two times are by one gateway's clock */
};

/* From the properties `rx` and `age` of an arrival (negative = none), and the time of arrival. No age, however absurd,
 * and no `rx` gives a time before 1970 or after the arrival. */
struct selkie_capture selkie_capture_at_arrival(const struct selkie_arrival *arrival, int64_t arrived_ms);

/* The same from what was stored of it. */
struct selkie_capture selkie_capture_of(int64_t rx_ms, enum selkie_clock clock, const char *gateway);

#endif
