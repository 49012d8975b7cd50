/* SPDX-License-Identifier: Apache-2.0 */
/* Provider `pkcs11`: the key stays in the token. The token opens OAEP-SHA-256 itself. One that cannot (SoftHSM) does
 * the raw RSA, and libcrypto checks the padding in constant time. That is for trials, and the provider warns: whoever
 * has the token's PIN has an oracle for raw RSA.
 *
 * A token fails in many ways that say nothing about a frame, so this code trusts none of its error codes. After any
 * failure the token must open a seal of our own, the probe. If it cannot, the token is unavailable: frames are refused
 * with SELKIE_ENOTREADY, and the token is tried again once a second. If it can, the frame gets a second try, since the
 * failure may be over. Only a frame that fails before and after a successful probe is at fault.
 *
 * Some tokens reduce a ciphertext by the modulus first, so that two ciphertexts open to one message. So the token never
 * gets one that is not below the modulus. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the padding check by itself has no successor in EVP */

#include "keys/secret.h"
#include "keys/token.h"
#include <selkie/clock.h>
#include <selkie/error_text.h>

#include <mbedtls/platform_util.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US 1000000

static const char probe_text[] = "selkie";
static const char no_answer[] = "the token opens nothing any more";

struct lane {
    struct selkie_token_key at;
    unsigned connection;
    struct lane *next;
};

struct key {
    uint8_t pin[SELKIE_TOKEN_PIN_MAX];
    size_t pin_len;
    bool raw;
    uint8_t modulus[SELKIE_CIPHERTEXT_SIZE];
    uint8_t probe[SELKIE_CIPHERTEXT_SIZE]; /* probe_text, sealed for this key */

    pthread_mutex_t fault_lock;            /* the fault alone: who asks for it does not wait for a token that hangs */
    char fault[SELKIE_KEYRING_ERROR_SIZE]; /* why the key is unavailable; "": it is not */
    pthread_mutex_t lock; /* everything below; the token's module and slot change only while no lane is borrowed */
    struct selkie_token token;
    unsigned connection; /* its number: a lane belongs to one connection */
    bool unavailable;
    int64_t retry_us;  /* while unavailable: the earliest next attempt */
    unsigned borrowed; /* lanes */
    struct lane *idle;
};

static int unseal_with(struct key *key, const struct lane *lane,
                       const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                       uint8_t message[static SELKIE_MESSAGE_MAX])
{
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE], text[SELKIE_CIPHERTEXT_SIZE];
    int len = selkie_token_decrypt(&key->token, &lane->at, key->raw, ciphertext, plain);

    if (len >= 0 && key->raw) {
        len = RSA_padding_check_PKCS1_OAEP_mgf1(text, sizeof text, plain, len, SELKIE_CIPHERTEXT_SIZE, NULL, 0,
                                                EVP_sha256(), EVP_sha256());
        ERR_clear_error();
        memcpy(plain, text, sizeof plain);
    }
    if (len > SELKIE_MESSAGE_MAX)
        len = -1;
    if (len > 0)
        memcpy(message, plain, (size_t)len);
    mbedtls_platform_zeroize(plain, sizeof plain);
    mbedtls_platform_zeroize(text, sizeof text);
    return len < 0 ? SELKIE_EBADSEAL : len;
}

static bool probe(struct key *key, const struct lane *lane)
{
    uint8_t message[SELKIE_MESSAGE_MAX];
    return unseal_with(key, lane, key->probe, message) == (int)sizeof probe_text &&
           memcmp(message, probe_text, sizeof probe_text) == 0;
}

/* Seal the probe under the token's own public key. */
static int make_probe(struct key *key, const uint8_t *modulus, size_t modulus_len, const uint8_t *exponent,
                      size_t exponent_len)
{
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL), *context = NULL;
    EVP_PKEY *public_key = NULL;
    size_t len = sizeof key->probe;
    bool done = n && e && build && from && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) && (params = OSSL_PARAM_BLD_to_param(build)) &&
                EVP_PKEY_fromdata_init(from) > 0 &&
                EVP_PKEY_fromdata(from, &public_key, EVP_PKEY_PUBLIC_KEY, params) > 0 &&
                (context = EVP_PKEY_CTX_new(public_key, NULL)) && EVP_PKEY_encrypt_init(context) > 0 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) > 0 &&
                EVP_PKEY_encrypt(context, key->probe, &len, (const uint8_t *)probe_text, sizeof probe_text) > 0;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(public_key);
    EVP_PKEY_CTX_free(from);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(e);
    BN_free(n);
    ERR_clear_error();
    return done ? 0 : SELKIE_ECRYPTO;
}

static struct lane *lane_new(struct key *key, char error[static SELKIE_KEYRING_ERROR_SIZE], int *result)
{
    struct lane *lane = calloc(1, sizeof *lane);

    *result = SELKIE_ENOMEM;
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s", selkie_error_text(*result));
    if (!lane)
        return NULL;
    lane->connection = key->connection;
    *result = selkie_token_open_key(&key->token, key->pin, key->pin_len, &lane->at, error);
    if (*result == 0)
        return lane;
    free(lane);
    return NULL;
}

static void lane_free(struct key *key, struct lane *lane)
{
    if (lane->connection == key->connection)
        selkie_token_close_key(&key->token, &lane->at);
    free(lane);
}

static void drop_idle(struct key *key)
{
    for (struct lane *lane = key->idle, *next; lane; lane = next) {
        next = lane->next;
        lane_free(key, lane);
    }
    key->idle = NULL;
}

/* Under the lock. */
static void set_fault(struct key *key, const char *why)
{
    key->unavailable = why[0] != '\0';
    pthread_mutex_lock(&key->fault_lock);
    selkie_error_text_format(key->fault, sizeof key->fault, "%s", why);
    pthread_mutex_unlock(&key->fault_lock);
}

/* Initialize the module again: some modules need that to see a token that was removed and inserted. Under the lock, and
 * while no lane is borrowed. */
static struct lane *reconnect(struct key *key)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct lane *lane = NULL;
    int result;

    key->retry_us = selkie_clock_monotonic_us() + RETRY_US;
    drop_idle(key);
    selkie_token_disconnect(&key->token);
    key->connection++;
    if (selkie_token_connect(&key->token, error) == 0)
        lane = lane_new(key, error, &result);
    if (lane && !probe(key, lane)) {
        lane_free(key, lane);
        lane = NULL;
        selkie_error_text_format(error, sizeof error, "%s", no_answer);
    }
    set_fault(key, lane ? "" : error);
    return lane;
}

static struct lane *borrow(struct key *key)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct lane *lane = NULL;
    int result;

    pthread_mutex_lock(&key->lock);
    if (key->unavailable) {
        if (key->borrowed == 0 && !key->token.refused && selkie_clock_monotonic_us() >= key->retry_us)
            lane = reconnect(key);
    } else if (key->idle) {
        lane = key->idle;
        key->idle = lane->next;
    } else {
        lane = lane_new(key, error, &result);
        if (!lane)
            set_fault(key, error);
    }
    key->borrowed += lane != NULL;
    pthread_mutex_unlock(&key->lock);
    return lane;
}

static void give_back(struct key *key, struct lane *lane, bool works)
{
    pthread_mutex_lock(&key->lock);
    key->borrowed--;
    if (!works)
        set_fault(key, no_answer);
    if (works && !key->unavailable) {
        lane->next = key->idle;
        key->idle = lane;
    } else {
        lane_free(key, lane);
    }
    pthread_mutex_unlock(&key->lock);
}

static int pkcs11_unseal(void *opened, const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                         uint8_t message[static SELKIE_MESSAGE_MAX])
{
    struct key *key = opened;
    if (memcmp(ciphertext, key->modulus, SELKIE_CIPHERTEXT_SIZE) >= 0)
        return SELKIE_EBADSEAL;
    struct lane *lane = borrow(key);
    if (!lane)
        return SELKIE_ENOTREADY;
    int result = unseal_with(key, lane, ciphertext, message);
    bool works = result >= 0 || probe(key, lane);
    if (works && result < 0)
        result = unseal_with(key, lane, ciphertext, message);
    give_back(key, lane, works);
    return works ? result : SELKIE_ENOTREADY;
}

static void pkcs11_close(void *opened)
{
    struct key *key = opened;

    drop_idle(key);
    selkie_token_unload(&key->token);
    pthread_mutex_destroy(&key->lock);
    pthread_mutex_destroy(&key->fault_lock);
    selkie_secret_free(key, sizeof *key);
}

static int read_pin(struct key *key, const char *path, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    if (!path)
        return 0;
    int len = selkie_secret_read_file(path, key->pin, sizeof key->pin, error);
    if (len < 0)
        return len;
    while (len > 0 && (key->pin[len - 1] == '\n' || key->pin[len - 1] == '\r'))
        len--;
    key->pin_len = (size_t)len;
    return 0;
}

/* Check the key's size, and whether the token opens OAEP-SHA-256 itself. */
static int check_key(struct key *key, struct lane *lane, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    uint8_t modulus[1024], exponent[16];
    size_t modulus_len = sizeof modulus, exponent_len = sizeof exponent;
    const uint8_t *first = modulus;

    if (selkie_token_public(&key->token, &lane->at, modulus, &modulus_len, exponent, &exponent_len) < 0) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "the token does not return the key's modulus");
        return SELKIE_ECONFIG;
    }
    for (; modulus_len > 0 && *first == 0; modulus_len--)
        first++;
    if (modulus_len * 8 != SELKIE_KEY_BITS || !(*first & 0x80)) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "an RSA key of %zu bytes; must have exactly %d bits",
                                 modulus_len, SELKIE_KEY_BITS);
        return SELKIE_ECONFIG;
    }
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "the token opens neither OAEP-SHA-256 nor raw RSA");
    memcpy(key->modulus, first, sizeof key->modulus);
    int result = make_probe(key, first, modulus_len, exponent, exponent_len);
    if (result < 0 || probe(key, lane))
        return result;
    key->raw = true;
    return probe(key, lane) ? 0 : SELKIE_ECONFIG;
}

static int open_token(struct key *key, char fault[static SELKIE_KEYRING_ERROR_SIZE])
{
    int result = selkie_token_connect(&key->token, fault);
    struct lane *lane = result < 0 ? NULL : lane_new(key, fault, &result);

    if (!lane)
        return result;
    result = check_key(key, lane, fault);
    lane->next = key->idle;
    key->idle = lane;
    return result;
}

static int pkcs11_open(void **opened, uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE],
                       const struct selkie_key_source *source, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    char fault[SELKIE_KEYRING_ERROR_SIZE] = "out of memory", shown[SELKIE_TOKEN_SHOWN_SIZE];
    struct key *key = selkie_secret_alloc(sizeof *key); /* the PIN */

    selkie_token_show(source->uri, shown);
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", shown, fault);
    if (!key)
        return SELKIE_ENOMEM;
    pthread_mutex_init(&key->lock, NULL);
    pthread_mutex_init(&key->fault_lock, NULL);
    int result = selkie_token_load(&key->token, source->uri, error);
    if (result == 0)
        result = read_pin(key, source->pin_file, error);
    if (result == 0) {
        result = open_token(key, fault);
        if (result < 0)
            selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", shown, fault);
    }
    if (result < 0) {
        pkcs11_close(key);
        return result;
    }
    memcpy(modulus, key->modulus, SELKIE_CIPHERTEXT_SIZE);
    *opened = key;
    return 0;
}

static const char *pkcs11_warning(const void *opened)
{
    const struct key *key = opened;
    return key->raw ? "this token has no OAEP-SHA-256; raw RSA is used instead, for trials only" : NULL;
}

static bool pkcs11_fault(void *opened, char why[static SELKIE_KEYRING_ERROR_SIZE])
{
    struct key *key = opened;

    pthread_mutex_lock(&key->fault_lock);
    memcpy(why, key->fault, sizeof key->fault);
    pthread_mutex_unlock(&key->fault_lock);
    return why[0] != '\0';
}

const struct selkie_key_provider selkie_key_pkcs11 = {
    .name = "pkcs11",
    .from_uri = true,
    .open = pkcs11_open,
    .unseal = pkcs11_unseal,
    .close = pkcs11_close,
    .warning = pkcs11_warning,
    .fault = pkcs11_fault,
};
