/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next try: longer each time, up to about a minute, and half of it by chance, so that a
 * thousand gateways do not come back in the same second after their broker did. Any thread. */
#ifndef SELKIE_GATEWAY_BACK_OFF_H
#define SELKIE_GATEWAY_BACK_OFF_H

#include <stdint.h>

#define SELKIE_BACK_OFF_FIRST_US INT64_C(1000000)
#define SELKIE_BACK_OFF_MAX_US   (64 * SELKIE_BACK_OFF_FIRST_US)

/* After so many failures in a row before this one: between half and the whole of 1 s, 2 s, 4 s … 64 s. */
int64_t selkie_back_off_us(unsigned failures);

#endif
