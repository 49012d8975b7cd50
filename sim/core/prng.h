/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's random numbers: SplitMix64 (Steele, Lea, Flood 2014), one stream for each concern, all from one seed.
 * So another attacker or a worse air does not change what the others draw. Not for keys. No heap, no globals; safe from
 * any thread on distinct streams. */
#ifndef SELKIE_SIM_PRNG_H
#define SELKIE_SIM_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct selkie_prng {
    uint64_t state;
};

enum selkie_prng_concern {
    SELKIE_PRNG_ENTROPY, /* a device's raw entropy */
    SELKIE_PRNG_PAYLOAD,
    SELKIE_PRNG_TIMING, /* a device's start and jitter */
    SELKIE_PRNG_AIR,    /* a channel's noise */
    SELKIE_PRNG_FADE,
    SELKIE_PRNG_ATTACK,
    SELKIE_PRNG_ACTION,
    SELKIE_PRNG_ACK,  /* a virtual gateway's */
    SELKIE_PRNG_TOKEN /* the key that marks genuine payloads */
};

/* The stream of a concern and an index (a device's, a channel's) under a seed. */
void selkie_prng_init(struct selkie_prng *random, uint64_t seed, enum selkie_prng_concern concern, uint64_t index);

uint64_t selkie_prng_next(struct selkie_prng *random);

/* 0 to limit - 1; limit above 0 and below 2^52. Without bias to speak of: 53 bits are scaled down. */
uint64_t selkie_prng_below(struct selkie_prng *random, uint64_t limit);

/* 0 <= x < 1. */
double selkie_prng_unit(struct selkie_prng *random);

/* Exponentially distributed, as the time between events that do not know of each other. */
double selkie_prng_exponential(struct selkie_prng *random, double mean);

void selkie_prng_fill(struct selkie_prng *random, uint8_t *bytes, size_t len);

#endif
