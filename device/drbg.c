/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <mbedtls/aes.h>
#include <mbedtls/platform_util.h>
#include <selkie/device/drbg.h>
#include <string.h>

#if !defined(MBEDTLS_CTR_DRBG_C)
#error "the device library needs MBEDTLS_CTR_DRBG_C in mbedTLS's configuration"
#endif
#if MBEDTLS_CTR_DRBG_KEYSIZE != 32 || defined(MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH)
#error "the device library needs AES-256: mbedTLS's configuration has its generator or AES with 128 bits only"
#endif

void selkie_drbg_init(struct selkie_drbg *drbg)
{
    memset(drbg, 0, sizeof *drbg);
    mbedtls_ctr_drbg_init(&drbg->ctr);
}

void selkie_drbg_wipe(struct selkie_drbg *drbg)
{
    mbedtls_ctr_drbg_free(&drbg->ctr);
    mbedtls_platform_zeroize(drbg, sizeof *drbg);
    mbedtls_ctr_drbg_init(&drbg->ctr);
}

/* mbedTLS's way to ask for entropy. Outside of selkie_drbg_seed there is none, so that a reseed which was not planned
 * fails instead of taking something weak. */
static int feed(void *context, unsigned char *bytes, size_t len)
{
    struct selkie_drbg *drbg = context;
    if (!drbg->feed || len > drbg->feed_left)
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    memcpy(bytes, drbg->feed, len);
    drbg->feed += len;
    drbg->feed_left -= len;
    return 0;
}

int selkie_drbg_seed(struct selkie_drbg *drbg, const uint8_t seed[static SELKIE_DRBG_ENTROPY + SELKIE_DRBG_NONCE],
                     const uint8_t *personal, size_t personal_len)
{
    int failed;
    drbg->feed = seed;
    drbg->feed_left = SELKIE_DRBG_ENTROPY + SELKIE_DRBG_NONCE;
    if (drbg->seeded) {
        failed = mbedtls_ctr_drbg_reseed(&drbg->ctr, NULL, 0);
    } else {
        mbedtls_ctr_drbg_set_entropy_len(&drbg->ctr, SELKIE_DRBG_ENTROPY);
        mbedtls_ctr_drbg_set_reseed_interval(&drbg->ctr, INT_MAX);
        failed = mbedtls_ctr_drbg_set_nonce_len(&drbg->ctr, SELKIE_DRBG_NONCE);
        if (!failed)
            failed = mbedtls_ctr_drbg_seed(&drbg->ctr, feed, drbg, personal, personal_len);
    }
    drbg->feed = NULL;
    drbg->feed_left = 0;
    if (failed)
        selkie_drbg_wipe(drbg);
    else
        drbg->seeded = true;
    return failed ? SELKIE_ECRYPTO : 0;
}

int selkie_drbg_fill(void *drbg, uint8_t *bytes, size_t len)
{
    struct selkie_drbg *self = drbg;
    if (!self->seeded)
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    return mbedtls_ctr_drbg_random(&self->ctr, bytes, len);
}

uint32_t selkie_drbg_delay(struct selkie_drbg *drbg, uint32_t limit)
{
    uint8_t bytes[4];
    if (limit == 0)
        return 0;
    if (selkie_drbg_fill(drbg, bytes, sizeof bytes) != 0)
        return limit / 2;
    uint32_t number = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return limit == UINT32_MAX ? number : number % (limit + 1);
}

/* The generator and CCM only encrypt. Where mbedTLS is told to leave AES's decryption to us (a firmware's
 * configuration), there is none, which saves two kilobytes of flash. */
#if defined(MBEDTLS_AES_SETKEY_DEC_ALT)
int mbedtls_aes_setkey_dec(mbedtls_aes_context *aes, const unsigned char *key, unsigned int keybits)
{
    (void)aes;
    (void)key;
    (void)keybits;
    return MBEDTLS_ERR_AES_BAD_INPUT_DATA;
}
#endif

#if defined(MBEDTLS_AES_DECRYPT_ALT)
int mbedtls_internal_aes_decrypt(mbedtls_aes_context *aes, const unsigned char input[16], unsigned char output[16])
{
    (void)aes;
    (void)input;
    (void)output;
    return MBEDTLS_ERR_AES_BAD_INPUT_DATA;
}
#endif
