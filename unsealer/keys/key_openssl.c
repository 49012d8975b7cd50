/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `openssl`: libcrypto's EVP. Its OAEP check is constant-time and its RSA is blinded. Many threads may use an
 * EVP_PKEY, but only one a context, so each frame has its own context (a thousandth of the RSA's time). */
#include "keys/key.h"
#include "keys/secret.h"
#include <selkie/error_text.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key {
    EVP_PKEY *pkey;
    bool reasons; /* libcrypto reports why it does not decrypt; its FIPS provider does not report a wrong padding */
};

/* A PEM with a passphrase must fail instead of asking at the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

/* Whether the ciphertext is at fault for the decryption that just failed (key.h). */
static bool is_bad_seal(void)
{
    bool bad = false;
    unsigned long error;

    while ((error = ERR_get_error()) != 0)
        if (ERR_GET_LIB(error) == ERR_LIB_RSA)
            bad = bad || ERR_GET_REASON(error) == RSA_R_OAEP_DECODING_ERROR ||
                  ERR_GET_REASON(error) == RSA_R_DATA_TOO_LARGE_FOR_MODULUS;
    return bad;
}

static int openssl_unseal(void *opened, const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                          uint8_t message[static SELKIE_MESSAGE_MAX])
{
    const struct key *key = opened;
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE];
    size_t len = sizeof plain;
    int result = SELKIE_ENOTREADY;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);

    ERR_clear_error();
    if (!context || EVP_PKEY_decrypt_init(context) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) <= 0 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) <= 0)
        goto out;
    if (EVP_PKEY_decrypt(context, plain, &len, ciphertext, SELKIE_CIPHERTEXT_SIZE) <= 0) {
        result = is_bad_seal() || !key->reasons ? SELKIE_EBADSEAL : SELKIE_ENOTREADY;
    } else if (len <= SELKIE_MESSAGE_MAX) { /* always: OAEP leaves no room for more */
        memcpy(message, plain, len);
        result = (int)len;
    }
out:
    EVP_PKEY_CTX_free(context);
    OPENSSL_cleanse(plain, sizeof plain);
    ERR_clear_error();
    return result;
}

/* Takes the key. NULL without memory. */
static struct key *key_take(EVP_PKEY *pkey)
{
    static const uint8_t bad[SELKIE_CIPHERTEXT_SIZE];
    uint8_t message[SELKIE_MESSAGE_MAX];
    struct key *key = calloc(1, sizeof *key);
    struct key copy = {.pkey = EVP_PKEY_dup(pkey), .reasons = true}; /* the first use of the key itself is a frame */

    if (!key || !copy.pkey) {
        EVP_PKEY_free(pkey);
        free(key);
        key = NULL;
    } else {
        *key = (struct key){.pkey = pkey, .reasons = openssl_unseal(&copy, bad, message) == SELKIE_EBADSEAL};
    }
    EVP_PKEY_free(copy.pkey);
    return key;
}

static bool read_modulus(uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE], const EVP_PKEY *pkey)
{
    BIGNUM *n = NULL;
    bool done = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                BN_bn2binpad(n, modulus, SELKIE_CIPHERTEXT_SIZE) == SELKIE_CIPHERTEXT_SIZE;

    BN_free(n);
    return done;
}

static int openssl_open(void **key, uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE],
                        const struct selkie_key_source *source, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    uint8_t pem[16384];
    int result = selkie_secret_read_file(source->file, pem, sizeof pem, error);
    if (result < 0)
        goto out;
    BIO *bio = BIO_new_mem_buf(pem, result);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    bool rsa = pkey && EVP_PKEY_is_a(pkey, "RSA");
    result = selkie_key_check(source->file, rsa, rsa ? (size_t)EVP_PKEY_get_bits(pkey) : 0, error);
    if (result == 0) {
        result = SELKIE_ENOMEM;
        if (read_modulus(modulus, pkey)) {
            *key = key_take(pkey);
            result = *key ? 0 : SELKIE_ENOMEM;
            pkey = NULL;
        }
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", source->file, selkie_error_text(result));
    }
    EVP_PKEY_free(pkey);
out:
    OPENSSL_cleanse(pem, sizeof pem);
    return result;
}

static void openssl_close(void *opened)
{
    struct key *key = opened;

    EVP_PKEY_free(key->pkey);
    free(key);
}

const struct selkie_key_provider selkie_key_openssl = {
    .name = "openssl",
    .open = openssl_open,
    .unseal = openssl_unseal,
    .close = openssl_close,
};
