/* SPDX-License-Identifier: Apache-2.0 */
/* Noise at one receiver: single wrong bits, bursts of wrong bits, lost bytes. The next error is drawn ahead, so a clean
 * byte costs two comparisons. Bursts follow the clock, not the bytes: they happen also while nobody sends. Pure; one
 * thread. */
#ifndef SELKIE_SIM_NOISE_H
#define SELKIE_SIM_NOISE_H

#include "core/prng.h"
#include "scenario/scenario.h"

struct selkie_noise {
    struct selkie_noise_options options;
    struct selkie_prng random;
    uint64_t bits_left;  /* right ones before the next wrong one */
    uint64_t bytes_left; /* before the next lost one */
    uint64_t burst_from_us, burst_to_us;
};

/* `index` names the receiver among those of one seed. */
void selkie_noise_init(struct selkie_noise *noise, const struct selkie_noise_options *options, uint64_t seed,
                       uint64_t index);

/* What becomes of a byte that is on the air from..to. False: it is lost. Times do not go back. */
SELKIE_USE_RESULT bool selkie_noise_pass(struct selkie_noise *noise, uint64_t from_us, uint64_t to_us, uint8_t *byte);

#endif
