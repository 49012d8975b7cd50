/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded random source for property tests (splitmix64): the same seed gives the same run on every machine. */
#ifndef SELKIE_TESTS_TEST_RANDOM_H
#define SELKIE_TESTS_TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct test_random {
    uint64_t state; /* the seed to begin with */
};

static inline uint64_t test_random_next(struct test_random *source)
{
    uint64_t z = (source->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* 0 to limit - 1, for a limit above 0. The bias is of no account in a test. */
static inline size_t test_random_below(struct test_random *source, size_t limit)
{
    return (size_t)(test_random_next(source) % limit);
}

static inline void test_random_fill(struct test_random *source, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)test_random_next(source);
}

#endif
