/* SPDX-License-Identifier: Apache-2.0 */
/* The differences between mbedTLS 2.28 and 3.6, which are a few names. A build without key parsing, such as firmware,
 * leaves that part out. */
#ifndef SELKIE_MBEDTLS_H
#define SELKIE_MBEDTLS_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/pk.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define selkie_mbedtls_sha256        mbedtls_sha256
#define selkie_mbedtls_sha256_starts mbedtls_sha256_starts
#define selkie_mbedtls_sha256_update mbedtls_sha256_update
#define selkie_mbedtls_sha256_finish mbedtls_sha256_finish
#define SELKIE_MBEDTLS_RSA_MODE(mode)
#else
#define selkie_mbedtls_sha256         mbedtls_sha256_ret
#define selkie_mbedtls_sha256_starts  mbedtls_sha256_starts_ret
#define selkie_mbedtls_sha256_update  mbedtls_sha256_update_ret
#define selkie_mbedtls_sha256_finish  mbedtls_sha256_finish_ret
#define SELKIE_MBEDTLS_RSA_MODE(mode) mode, /* an argument that 3.6 no longer has */
#endif

static inline void selkie_mbedtls_rsa_init_oaep(mbedtls_rsa_context *rsa)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    mbedtls_rsa_init(rsa);
    (void)mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#else
    mbedtls_rsa_init(rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#endif
}

static inline int selkie_mbedtls_oaep_seal(mbedtls_rsa_context *rsa,
                                           int (*random)(void *context, unsigned char *bytes, size_t len),
                                           void *context, const unsigned char *message, size_t len,
                                           unsigned char *ciphertext)
{
    return mbedtls_rsa_rsaes_oaep_encrypt(rsa, random, context, SELKIE_MBEDTLS_RSA_MODE(MBEDTLS_RSA_PUBLIC) NULL, 0,
                                          len, message, ciphertext);
}

static inline int selkie_mbedtls_oaep_open(mbedtls_rsa_context *rsa, mbedtls_ctr_drbg_context *drbg, size_t *len,
                                           const unsigned char *ciphertext, unsigned char *message, size_t size)
{
    return mbedtls_rsa_rsaes_oaep_decrypt(rsa, mbedtls_ctr_drbg_random, drbg,
                                          SELKIE_MBEDTLS_RSA_MODE(MBEDTLS_RSA_PRIVATE) NULL, 0, len, ciphertext,
                                          message, size);
}

#if defined(MBEDTLS_PK_PARSE_C)
static inline int selkie_mbedtls_pk_parse(mbedtls_pk_context *pk, const unsigned char *pem, size_t len,
                                          mbedtls_ctr_drbg_context *drbg)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_pk_parse_key(pk, pem, len, NULL, 0, mbedtls_ctr_drbg_random, drbg);
#else
    (void)drbg;
    return mbedtls_pk_parse_key(pk, pem, len, NULL, 0);
#endif
}
#endif

#if defined(MBEDTLS_PKCS5_C)
static inline int selkie_mbedtls_pbkdf2_sha256(const unsigned char *password, size_t password_len,
                                               const unsigned char *salt, size_t salt_len, unsigned iterations,
                                               unsigned char *key, uint32_t key_len)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, password, password_len, salt, salt_len, iterations, key_len,
                                         key);
#else
    mbedtls_md_context_t md;
    mbedtls_md_init(&md);
    int failure = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1);
    if (failure == 0)
        failure = mbedtls_pkcs5_pbkdf2_hmac(&md, password, password_len, salt, salt_len, iterations, key_len, key);
    mbedtls_md_free(&md);
    return failure;
#endif
}
#endif

#endif
