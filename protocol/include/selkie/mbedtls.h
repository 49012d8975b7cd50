/* SPDX-License-Identifier: Apache-2.0 */
/* mbedTLS 2.28 and 3.6 differ in a few names; the differences are settled here and nowhere else. */
#ifndef SELKIE_MBEDTLS_H
#define SELKIE_MBEDTLS_H

#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
static inline void selkie_mbedtls_rsa_init_oaep(mbedtls_rsa_context *rsa)
{
    mbedtls_rsa_init(rsa);
    (void)mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
}
#define selkie_mbedtls_sha256 mbedtls_sha256
#else
static inline void selkie_mbedtls_rsa_init_oaep(mbedtls_rsa_context *rsa)
{
    mbedtls_rsa_init(rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
}
#define selkie_mbedtls_sha256 mbedtls_sha256_ret
#endif

#endif
