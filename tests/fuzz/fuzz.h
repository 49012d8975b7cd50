/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target: one entry point, called with any bytes at all. It must return, and what it claims must hold: a claim
 * that fails ends the program. Under the preset fuzz libFuzzer calls it, elsewhere standalone.c. */
#ifndef SELKIE_TESTS_FUZZ_H
#define SELKIE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert, and in every build. */
#define FUZZ_CLAIM(claim)                                                                                              \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
