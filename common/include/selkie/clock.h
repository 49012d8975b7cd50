/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks: UTC for times that people read, monotonic for what is measured and waited for, and the time since the
 * boot for ages that go over a suspend. No state; safe from any thread. */
#ifndef SELKIE_CLOCK_H
#define SELKIE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since the epoch, UTC, as good as this machine's clock is. */
static inline int64_t selkie_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Microseconds on CLOCK_MONOTONIC, which nobody sets. */
static inline int64_t selkie_clock_monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds since the boot on CLOCK_BOOTTIME, which nobody sets and which goes on while the machine is suspended. */
static inline int64_t selkie_clock_boot_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
