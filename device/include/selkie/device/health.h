/* SPDX-License-Identifier: Apache-2.0 */
/* Continuous health tests of a raw entropy source. NIST SP 800-90B, 4.4: repetition count and adaptive proportion, at a
 * false alarm rate of 2^-30, on the samples. Both run on the differences of neighbours too, which finds counters and
 * alternation. A third test finds periods with Brent's method: it keeps an anchor (the samples that followed some
 * sample), and raises an alarm when the latest samples repeat it. A new anchor begins at each sample whose number is a
 * power of two.
 * No heap, no I/O, no globals; safe from any thread on distinct objects.
 *
 * What the third test finds: a period p, p + k samples after an anchor that began when it held already, unless the next
 * anchor begins before. So of 1024 samples it is each period up to 512 - k that holds from the 512th on. k = 30 / H is
 * 60 at most, but for a claim of a quarter bit: there the anchor must come back twice, at the same distance, and p is
 * up to 226.
 * How often it is wrong: the anchor fixes one distance for each sample, and that k samples in a row are what stood this
 * distance before has a chance of 2^-kH at most. */
#ifndef SELKIE_DEVICE_HEALTH_H
#define SELKIE_DEVICE_HEALTH_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_HEALTH_ANCHOR 60

struct selkie_health_stream {
    uint16_t run;     /* equal values in a row */
    uint16_t seen;    /* values in this window */
    uint16_t matches; /* of them, equal to its first */
    uint8_t last;
    uint8_t first;
};

struct selkie_health_cycle {
    uint32_t seen;        /* samples */
    uint32_t returned_at; /* number of the sample with which the anchor was last complete, the first time included */
    uint32_t distance;    /* between the last two of these */
    uint8_t repeated;     /* samples that came back at this distance */
    uint8_t matched;      /* of the anchor's samples, what the latest ones are */
    uint8_t filled;       /* of the anchor */
    uint8_t anchor[SELKIE_HEALTH_ANCHOR];
};

struct selkie_health {
    uint16_t rct_cutoff;
    uint16_t apt_cutoff;
    uint16_t apt_window;
    uint8_t mask;
    struct selkie_health_cycle cycle;
    struct selkie_health_stream samples;
    struct selkie_health_stream differences;
};

/* `claim` in quarter bits of min-entropy a sample of `width` bits. 0, or SELKIE_EINVAL unless 1 <= width <= 8 and
 * 1 <= claim <= 4 * width. */
SELKIE_USE_RESULT int selkie_health_init(struct selkie_health *health, unsigned claim, unsigned width);

/* Test one sample, of which the lowest `width` bits count. 0, or SELKIE_EENTROPY: the source has less entropy than
 * claimed.
 */
SELKIE_USE_RESULT int selkie_health_sample(struct selkie_health *health, uint32_t sample);

/* The cutoffs that SP 800-90B's formulae give for a claim in quarter bits: C = 1 + ceil(30 / H), and
 * C = 1 + critbinom(window, 2^-H, 1 - 2^-30). */
uint16_t selkie_health_rct_cutoff(unsigned claim);
uint16_t selkie_health_apt_cutoff(unsigned claim, bool binary);

SELKIE_C_END

#endif
