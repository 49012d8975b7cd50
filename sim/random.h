/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's chance: SplitMix64 (Steele, Lea, Flood 2014), one stream for each concern, all from one seed. So a
 * change in one place (another attacker, a worse air) leaves what the others draw as it was. For worlds, never for
 * keys. No heap, no globals; safe from any thread on distinct streams. */
#ifndef SELKIE_SIM_RANDOM_H
#define SELKIE_SIM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct selkie_random {
    uint64_t state;
};

enum selkie_random_concern {
    SELKIE_RANDOM_ENTROPY, /* a device's raw entropy */
    SELKIE_RANDOM_PAYLOAD,
    SELKIE_RANDOM_TIMING, /* a device's start and jitter */
    SELKIE_RANDOM_AIR,    /* a channel's noise */
    SELKIE_RANDOM_FADE,
    SELKIE_RANDOM_ATTACK,
    SELKIE_RANDOM_ACTION,
    SELKIE_RANDOM_TOKEN /* the key that marks genuine payloads */
};

/* The stream of a concern and an index (a device's, a channel's) under a seed. */
void selkie_random_init(struct selkie_random *random, uint64_t seed, enum selkie_random_concern concern,
                        uint64_t index);

uint64_t selkie_random_next(struct selkie_random *random);

/* 0 to limit - 1; limit above 0. Without bias to speak of: 64 bits are scaled down. */
uint64_t selkie_random_below(struct selkie_random *random, uint64_t limit);

/* 0 <= x < 1. */
double selkie_random_unit(struct selkie_random *random);

/* Exponentially distributed, as the time between events that do not know of each other. */
double selkie_random_exponential(struct selkie_random *random, double mean);

void selkie_random_fill(struct selkie_random *random, uint8_t *bytes, size_t len);

#endif
