/* SPDX-License-Identifier: Apache-2.0 */
/* mbedTLS for a small device, 2.28 or 3.6: what one seal needs and nothing else. Its own mbedtls_config.h would be
 * found before a file of that name. */
#ifndef SELKIE_MBEDTLS_CONFIG_H
#define SELKIE_MBEDTLS_CONFIG_H

#include <limits.h> /* 2.28 counts on its configuration to bring it */
#include <stdio.h>

/* Memory from a static pool, never from a heap; nothing of stdio. */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_PLATFORM_SNPRINTF_MACRO snprintf /* by a function of oid.c that no seal calls and no linker keeps */

/* Where mbedTLS would end a process: the pool is corrupt. The image wipes the ID and restarts. */
#ifdef __cplusplus
extern "C" {
#endif
void board_exit(int status);
#ifdef __cplusplus
}
#endif
#define MBEDTLS_PLATFORM_EXIT_MACRO board_exit

/* SEALED: RSAES-OAEP with SHA-256, public operation only. A window of one bit costs nothing with exponent 65537 and
 * saves a kilobyte for each power of two. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_WINDOW_SIZE 1
#define MBEDTLS_MPI_MAX_SIZE    512
#define MBEDTLS_OID_C
#define MBEDTLS_RSA_C
#define MBEDTLS_RSA_NO_CRT
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER

/* The generator: CTR_DRBG with AES-256. Tables in flash, a quarter of them. */
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_AES_SETKEY_DEC_ALT /* no decryption: device/drbg.c */
#define MBEDTLS_AES_DECRYPT_ALT
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_CTR_DRBG_ENTROPY_LEN    32
#define MBEDTLS_CTR_DRBG_MAX_SEED_INPUT 64

/* For the bench alone: nothing of it is linked into the device's image. */
#define MBEDTLS_HMAC_DRBG_C

/* SESSION: HKDF-SHA-256 and AES-256-CCM. */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CCM_C
#define MBEDTLS_HKDF_C

#endif
