/* SPDX-License-Identifier: Apache-2.0 */
/* The time on the wall: steady for waits and latencies, of the day for what stands in messages. */
#ifndef SELKIE_SIM_WALL_H
#define SELKIE_SIM_WALL_H

#include <stdint.h>
#include <time.h>

static inline uint64_t selkie_wall_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000;
}

static inline int64_t selkie_wall_epoch_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
