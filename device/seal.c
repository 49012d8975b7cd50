/* SPDX-License-Identifier: Apache-2.0 */
#include <mbedtls/platform_util.h>
#include <selkie/device/seal.h>
#include <selkie/mbedtls.h>
#include <string.h>

#if !defined(MBEDTLS_RSA_C)
#error "the device library needs MBEDTLS_RSA_C in mbedTLS's configuration"
#endif
#if !defined(MBEDTLS_PKCS1_V21)
#error "the device library needs MBEDTLS_PKCS1_V21 in mbedTLS's configuration"
#endif
#if !defined(MBEDTLS_SHA256_C)
#error "the device library needs MBEDTLS_SHA256_C in mbedTLS's configuration"
#endif

static int load_key(mbedtls_rsa_context *rsa, const struct selkie_public_key *key)
{
    static const uint8_t exponent[] = {SELKIE_PUBLIC_EXPONENT >> 16 & 0xff, SELKIE_PUBLIC_EXPONENT >> 8 & 0xff,
                                       SELKIE_PUBLIC_EXPONENT & 0xff};
    const uint8_t *modulus = key->spki + SELKIE_MODULUS_OFFSET;
    /* Without mbedtls_rsa_complete, which would only compute what a private key lacks. */
    return mbedtls_rsa_import_raw(rsa, modulus, SELKIE_MODULUS_SIZE, NULL, 0, NULL, 0, NULL, 0, exponent,
                                  sizeof exponent);
}

int selkie_seal_message(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_public_key *key,
                        const struct selkie_message *message, int (*random)(void *context, uint8_t *bytes, size_t len),
                        void *context)
{
    uint8_t *ciphertext = body + SELKIE_SEALED_HEADER_SIZE;
    uint8_t plain[SELKIE_MESSAGE_MAX];
    int failed = 0;
    int len = selkie_message_encode(plain, message);
    if (len >= 0) {
        /* Load the key for each seal and free it: a kilobyte of RAM between seals is worth more than the time. */
        mbedtls_rsa_context rsa;
        selkie_mbedtls_rsa_init_oaep(&rsa);
        failed = load_key(&rsa, key);
        if (!failed)
            failed = selkie_mbedtls_oaep_seal(&rsa, random, context, plain, (size_t)len, ciphertext);
        mbedtls_rsa_free(&rsa);
        selkie_frame_put_sealed_header(body, key->key_id, message->address);
    }
    /* A failure midway leaves the padded message where the ciphertext should be. */
    if (failed)
        mbedtls_platform_zeroize(body, SELKIE_SEALED_SIZE);
    mbedtls_platform_zeroize(plain, sizeof plain);
    if (len < 0)
        return len;
    return failed ? SELKIE_ECRYPTO : 0;
}
