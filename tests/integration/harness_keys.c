/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The private key of the golden vectors. */
static EVP_PKEY *vector_key(void)
{
    static EVP_PKEY *key;

    if (key != NULL)
        return key;
    json_t *vectors = json_load_file(SELKIE_VECTORS, 0, NULL);
    const char *hex = json_string_value(json_object_get(json_object_get(vectors, "rsa"), "private_pkcs8_der"));
    ck_assert_msg(hex != NULL, "%s: no rsa.private_pkcs8_der", SELKIE_VECTORS);
    long len;
    unsigned char *der = OPENSSL_hexstr2buf(hex, &len);
    const unsigned char *at = der;
    key = d2i_AutoPrivateKey(NULL, &at, len);
    ck_assert_ptr_nonnull(key);
    OPENSSL_free(der);
    json_decref(vectors);
    return key;
}

static EVP_PKEY *second_key(void)
{
    static EVP_PKEY *key;

    if (key == NULL)
        key = EVP_RSA_gen(4096);
    ck_assert_ptr_nonnull(key);
    return key;
}

static const char *write_private(const char *name, EVP_PKEY *key)
{
    const char *path = harness_path(name);

    if (access(path, F_OK) != 0) {
        FILE *file = fopen(harness_write(name, 0600, "%s", ""), "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
        ck_assert_int_eq(fclose(file), 0);
    }
    return path;
}

const char *harness_private_key(void)
{
    return write_private("1.key.pem", vector_key());
}

const char *harness_second_key(void)
{
    return write_private("2.key.pem", second_key());
}

const char *harness_public_key(void)
{
    const char *path = harness_path("1.pub.pem");

    if (access(path, F_OK) != 0) {
        FILE *file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(PEM_write_PUBKEY(file, vector_key()), 1);
        ck_assert_int_eq(fclose(file), 0);
    }
    return path;
}

static void seal(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_message *message, uint8_t key_id,
                 EVP_PKEY *key)
{
    uint8_t plain[SELKIE_MESSAGE_MAX];
    size_t len = SELKIE_CIPHERTEXT_SIZE;
    int plain_len = selkie_message_encode(plain, message);

    ck_assert_msg(plain_len > 0, "%s", selkie_error_text(plain_len));
    selkie_frame_put_sealed_header(body, key_id, message->address);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    ck_assert(EVP_PKEY_encrypt_init(context) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1);
    ck_assert_int_eq(EVP_PKEY_encrypt(context, body + SELKIE_SEALED_HEADER_SIZE, &len, plain, (size_t)plain_len), 1);
    ck_assert_uint_eq(len, SELKIE_CIPHERTEXT_SIZE);
    EVP_PKEY_CTX_free(context);
}

void harness_seal(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_message *message)
{
    seal(body, message, 1, vector_key());
}

void harness_seal_second(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_message *message)
{
    seal(body, message, 2, second_key());
}

void harness_seal_data(uint8_t body[static SELKIE_SEALED_SIZE], const uint8_t address[static 8],
                       const uint8_t id[static 32], uint32_t counter, const char *payload)
{
    struct selkie_message message = {.kind = SELKIE_DATA, .counter = counter};

    memcpy(message.address, address, sizeof message.address);
    memcpy(message.id, id, sizeof message.id);
    message.data.payload = (const uint8_t *)payload;
    message.data.payload_len = strlen(payload);
    harness_seal(body, &message);
}

void harness_seal_register(uint8_t body[static SELKIE_SEALED_SIZE], const uint8_t address[static 8],
                           const uint8_t id[static 32], const char *claim)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER};

    memcpy(message.address, address, sizeof message.address);
    memcpy(message.id, id, sizeof message.id);
    message.registration.claim = (const uint8_t *)claim;
    message.registration.claim_len = claim != NULL ? strlen(claim) : 0;
    harness_seal(body, &message);
}
