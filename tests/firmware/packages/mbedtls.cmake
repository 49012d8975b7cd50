# SPDX-License-Identifier: Apache-2.0
# An SDK's mbedTLS, which the packages without one of their own use: all modules that a seal needs, from SELKIE_MBEDTLS. Each
# SDK configures it in its own way.
set(mbedtls_sources)
foreach(module aes asn1parse bignum ccm cipher cipher_wrap constant_time ctr_drbg hkdf md memory_buffer_alloc oid platform
    platform_util rsa rsa_internal sha256)
  list(APPEND mbedtls_sources ${SELKIE_MBEDTLS}/library/${module}.c)
endforeach()
