/* SPDX-License-Identifier: Apache-2.0 */
/* Continuous health tests of a raw entropy source. NIST SP 800-90B, 4.4: repetition count and adaptive proportion, at a
 * false alarm rate of 2^-30, on the samples. Both run on the differences of neighbours too, which finds counters and
 * alternation, and a repetition count for each lag up to 16, which finds any short period.
 * No heap, no I/O, no globals; safe from any thread on distinct objects. */
#ifndef SELKIE_DEVICE_HEALTH_H
#define SELKIE_DEVICE_HEALTH_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

#define SELKIE_HEALTH_LAGS 16

struct selkie_health_stream {
    uint16_t run;     /* equal values in a row */
    uint16_t seen;    /* values in this window */
    uint16_t matches; /* of them, equal to its first */
    uint8_t last;
    uint8_t first;
};

struct selkie_health {
    uint16_t rct_cutoff;
    uint16_t apt_cutoff;
    uint16_t apt_window;
    uint8_t mask;
    uint8_t filled; /* of history, up to SELKIE_HEALTH_LAGS */
    uint8_t at;     /* where the next sample goes in history */
    uint8_t history[SELKIE_HEALTH_LAGS];
    uint8_t lag_run[SELKIE_HEALTH_LAGS];
    struct selkie_health_stream samples;
    struct selkie_health_stream differences;
};

/* `claim` in quarter bits of min-entropy a sample of `width` bits. 0, or SELKIE_EINVAL unless 1 <= width <= 8 and
 * 1 <= claim <= 4 * width. */
SELKIE_USE_RESULT int selkie_health_init(struct selkie_health *health, unsigned claim, unsigned width);

/* Judge one sample, of which the lowest `width` bits count. 0, or SELKIE_EENTROPY: the source is not what was claimed.
 */
SELKIE_USE_RESULT int selkie_health_sample(struct selkie_health *health, uint32_t sample);

/* The cutoffs that SP 800-90B's formulae give for a claim in quarter bits: C = 1 + ceil(30 / H), and
 * C = 1 + critbinom(window, 2^-H, 1 - 2^-30). */
uint16_t selkie_health_rct_cutoff(unsigned claim);
uint16_t selkie_health_apt_cutoff(unsigned claim, bool binary);

#endif
