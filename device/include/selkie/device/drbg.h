/* SPDX-License-Identifier: Apache-2.0 */
/* The device's random generator: CTR_DRBG with AES-256 and derivation function (NIST SP 800-90A, 10.2), mbedTLS's.
 * It never asks for entropy by itself: the device reseeds it right before it draws an ID. The state is as secret as the
 * ID. No heap of ours, no I/O, no globals; one thread at a time. Not to be copied or moved once seeded. */
#ifndef SELKIE_DEVICE_DRBG_H
#define SELKIE_DEVICE_DRBG_H

#include <mbedtls/ctr_drbg.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_DRBG_ENTROPY 32
#define SELKIE_DRBG_NONCE   16

struct selkie_drbg {
    mbedtls_ctr_drbg_context ctr;
    const uint8_t *feed; /* the bytes for mbedTLS during a (re)seed; NULL otherwise */
    size_t feed_left;
    bool seeded;
};

void selkie_drbg_init(struct selkie_drbg *drbg);
void selkie_drbg_wipe(struct selkie_drbg *drbg);

/* Instantiate from entropy, followed by a nonce, and a personalisation string; or, once seeded, reseed from the entropy
 * alone. 0 or SELKIE_ECRYPTO (then it is as after init). */
SELKIE_USE_RESULT int selkie_drbg_seed(struct selkie_drbg *drbg,
                                       const uint8_t seed[SELKIE_AT_LEAST(SELKIE_DRBG_ENTROPY + SELKIE_DRBG_NONCE)],
                                       const uint8_t *personal, size_t personal_len);

/* Fill `bytes`, at most 1024 of them; the generator as mbedTLS's functions take it (f_rng, p_rng). 0, or not 0 if it
 * is not seeded or failed. */
SELKIE_USE_RESULT int selkie_drbg_fill(void *drbg, uint8_t *bytes, size_t len);

/* A number from 0 to limit, both included, for delays: not exactly uniform. `limit` / 2 if the generator fails. */
uint32_t selkie_drbg_delay(struct selkie_drbg *drbg, uint32_t limit);

SELKIE_C_END

#endif
