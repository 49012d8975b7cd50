/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks of this room: UTC for what is told, monotonic for what is measured and waited for. */
#ifndef SELKIE_CLOCK_H
#define SELKIE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t selkie_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t selkie_clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
