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

uint64_t selkie_prng_below(struct selkie_prng *random, uint64_t limit)
{
    return (uint64_t)(selkie_prng_unit(random) * (double)limit);
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
