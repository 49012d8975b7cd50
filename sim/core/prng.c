/* SPDX-License-Identifier: Apache-2.0 */
#include "core/prng.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t selkie_prng_next(struct selkie_prng *random)
{
    random->state += 0x9E3779B97F4A7C15u;
    return mix(random->state);
}

void selkie_prng_init(struct selkie_prng *random, uint64_t seed, enum selkie_prng_concern concern, uint64_t index)
{
    /* Mixed three times over, so that neighbouring seeds and indices begin at unrelated places of the one cycle. */
    random->state = mix(mix(mix(seed + 1) + (uint64_t)concern + 1) + index + 1);
}

/* The upper half of a product; by hand, since 32-bit targets have no type of 128 bits. */
static uint64_t high_product(uint64_t a, uint64_t b)
{
    uint64_t a_high = a >> 32, a_low = (uint32_t)a, b_high = b >> 32, b_low = (uint32_t)b;
    uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
    uint64_t carry = a_low * b_high + (uint32_t)middle;

    return a_high * b_high + (middle >> 32) + (carry >> 32);
}

uint64_t selkie_prng_below(struct selkie_prng *random, uint64_t limit)
{
    return high_product(selkie_prng_next(random), limit);
}

double selkie_prng_unit(struct selkie_prng *random)
{
    return (double)(selkie_prng_next(random) >> 11) * 0x1p-53;
}

double selkie_prng_exponential(struct selkie_prng *random, double mean)
{
    return -mean * log1p(-selkie_prng_unit(random));
}

void selkie_prng_fill(struct selkie_prng *random, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        uint64_t word = selkie_prng_next(random);
        size_t part = len < sizeof word ? len : sizeof word;
        memcpy(bytes, &word, part);
        bytes += part;
        len -= part;
    }
}
