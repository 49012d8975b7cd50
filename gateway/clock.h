/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Waiting, ages and deadlines use the steady one, which no operator and no NTP sets; only the capture
 * time `rx` is the time of day. */
#ifndef SELKIE_GATEWAY_CLOCK_H
#define SELKIE_GATEWAY_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SELKIE_MS_US  1000ULL
#define SELKIE_SEC_US 1000000ULL

/* Microseconds on CLOCK_MONOTONIC, the clock of the event loop's timers. */
static inline uint64_t selkie_clock_steady_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SELKIE_SEC_US + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds since the epoch, UTC, as good as this machine's clock is. */
static inline int64_t selkie_clock_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
