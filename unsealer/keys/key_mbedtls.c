/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `mbedtls`. An mbedTLS context does one RSA at a time, so each working thread borrows a copy of its own, with
 * a generator of its own for the blinding. */
#include "keys/key.h"
#include "keys/secret.h"
#include <selkie/error_text.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#include <pthread.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>

struct lane {
    mbedtls_rsa_context rsa;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context drbg;
    struct lane *next;
};

struct key {
    struct lane *master; /* the others are copies of it; never used for a frame, so copying needs no lock */
    pthread_mutex_t lock;
    struct lane *idle; /* under lock */
};

static void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    mbedtls_rsa_free(&lane->rsa);
    mbedtls_ctr_drbg_free(&lane->drbg);
    mbedtls_entropy_free(&lane->entropy);
    free(lane);
}

static struct lane *lane_new(void)
{
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;
    selkie_mbedtls_rsa_init_oaep(&lane->rsa);
    mbedtls_entropy_init(&lane->entropy);
    mbedtls_ctr_drbg_init(&lane->drbg);
    if (mbedtls_ctr_drbg_seed(&lane->drbg, mbedtls_entropy_func, &lane->entropy, NULL, 0) == 0)
        return lane;
    lane_free(lane);
    return NULL;
}

static int load(struct lane *lane, const struct selkie_key_source *source, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    uint8_t pem[16384];
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    int result = selkie_secret_read_file(source->file, pem, sizeof pem, error);
    if (result < 0)
        goto out;
    /* mbedTLS counts a PEM's NUL in its length. */
    bool rsa = selkie_mbedtls_pk_parse(&pk, pem, (size_t)result + 1, &lane->drbg) == 0 &&
               mbedtls_pk_get_type(&pk) == MBEDTLS_PK_RSA;
    result = selkie_key_check(source->file, rsa, rsa ? mbedtls_pk_get_bitlen(&pk) : 0, error);
    if (result == 0) {
        /* A copy has the padding of the parsed key too, PKCS #1 v1.5. */
        if (mbedtls_rsa_copy(&lane->rsa, mbedtls_pk_rsa(pk)) != 0) {
            selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: out of memory", source->file);
            result = SELKIE_ENOMEM;
        }
        (void)mbedtls_rsa_set_padding(&lane->rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
    }
out:
    mbedtls_pk_free(&pk);
    mbedtls_platform_zeroize(pem, sizeof pem);
    return result;
}

static int mbedtls_open(void **opened, uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE],
                        const struct selkie_key_source *source, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    struct key *key = calloc(1, sizeof *key);
    struct lane *lane = lane_new();
    int result = SELKIE_ENOMEM;

    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: out of memory or entropy", source->file);
    if (key && lane)
        result = load(lane, source, error);
    if (result == 0 &&
        mbedtls_rsa_export_raw(&lane->rsa, modulus, SELKIE_CIPHERTEXT_SIZE, NULL, 0, NULL, 0, NULL, 0, NULL, 0) != 0)
        result = SELKIE_ECRYPTO;
    if (result < 0) {
        lane_free(lane);
        free(key);
        return result;
    }
    pthread_mutex_init(&key->lock, NULL);
    key->master = lane;
    *opened = key;
    return 0;
}

static struct lane *borrow(struct key *key)
{
    pthread_mutex_lock(&key->lock);
    struct lane *lane = key->idle;
    if (lane)
        key->idle = lane->next;
    pthread_mutex_unlock(&key->lock);
    if (lane)
        return lane;

    lane = lane_new();
    if (!lane)
        return NULL;
    if (mbedtls_rsa_copy(&lane->rsa, &key->master->rsa) == 0)
        return lane;
    lane_free(lane);
    return NULL;
}

static void give_back(struct key *key, struct lane *lane)
{
    pthread_mutex_lock(&key->lock);
    lane->next = key->idle;
    key->idle = lane;
    pthread_mutex_unlock(&key->lock);
}

/* Whether the ciphertext is at fault for this failure (key.h). */
static bool is_bad_seal(int failure)
{
    return failure == MBEDTLS_ERR_RSA_INVALID_PADDING ||
           failure == MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA;
}

static int mbedtls_unseal(void *opened, const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                          uint8_t message[static SELKIE_MESSAGE_MAX])
{
    struct key *key = opened;
    struct lane *lane = borrow(key);
    if (!lane)
        return SELKIE_ENOTREADY;
    size_t len = 0;
    /* It reads as many bytes as the modulus has: 512, as checked when the key was opened. */
    int failure = selkie_mbedtls_oaep_open(&lane->rsa, &lane->drbg, &len, ciphertext, message, SELKIE_MESSAGE_MAX);
    if (failure && !is_bad_seal(failure)) {
        lane_free(lane); /* its blinding may be incomplete */
        return SELKIE_ENOTREADY;
    }
    give_back(key, lane);
    return failure ? SELKIE_EBADSEAL : (int)len;
}

static void mbedtls_close(void *opened)
{
    struct key *key = opened;
    for (struct lane *lane = key->idle, *next; lane; lane = next) {
        next = lane->next;
        lane_free(lane);
    }
    lane_free(key->master);
    pthread_mutex_destroy(&key->lock);
    free(key);
}

static const char *mbedtls_warning(const void *key)
{
    (void)key;
    unsigned version = mbedtls_version_get_number();
    if (version >= 0x03060000 || (version < 0x03000000 && version >= 0x021c0a00))
        return NULL;
    return "this mbedTLS is older than 2.28.10 (3.6): its OAEP check or RSA may leak timing; use provider openssl";
}

const struct selkie_key_provider selkie_key_mbedtls = {
    .name = "mbedtls",
    .open = mbedtls_open,
    .unseal = mbedtls_unseal,
    .close = mbedtls_close,
    .warning = mbedtls_warning,
};
