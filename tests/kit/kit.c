/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* nftw's FTW_DEPTH, asprintf */
#include "kit.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vectors/test_random.h>
#include <vectors/vectors.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static char *root;

/* Every path there ever was, so that their texts last. */
static char **paths;
static size_t path_count;

const char *kit_path(const char *dir, const char *name)
{
    char **more = realloc(paths, (path_count + 1) * sizeof *paths);
    REQUIRE(more);
    paths = more;
    REQUIRE(asprintf(&paths[path_count], "%s/%s", dir, name) > 0);
    return paths[path_count++];
}

void kit_root_make(void)
{
    const char *parent = getenv("TMPDIR");
    REQUIRE(asprintf(&root, "%s/selkie-test-XXXXXX", parent ? parent : "/tmp") > 0);
    REQUIRE(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void kit_root_remove(void)
{
    REQUIRE(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free(root);
    root = NULL;
    while (path_count > 0)
        free(paths[--path_count]);
    free(paths);
    paths = NULL;
}

const char *kit_dir(void)
{
    char *dir = (char *)(uintptr_t)kit_path(root, "XXXXXX");
    REQUIRE(mkdtemp(dir));
    return dir;
}

void kit_write(const char *path, const void *bytes, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    REQUIRE(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && fchmod(fd, mode) == 0);
    close(fd);
}

static uint8_t *key_der(const char *field, size_t *len)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS);
    REQUIRE(vectors);
    uint8_t *der = vectors_bytes(json_object_get(vectors, "rsa"), field, len);
    json_decref(vectors);
    return der;
}

static const char *write_key_take(EVP_PKEY *key)
{
    const char *path = kit_path(kit_dir(), "1.key.pem");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    FILE *file = fdopen(fd, "w");
    REQUIRE(key && file && PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    EVP_PKEY_free(key);
    return path;
}

const char *kit_write_key(const uint8_t *der, size_t len)
{
    return write_key_take(d2i_AutoPrivateKey(NULL, &der, (long)len));
}

const char *kit_new_key_file(void)
{
    return write_key_take(EVP_RSA_gen(4096));
}

const char *kit_key_file(void)
{
    size_t len;
    uint8_t *der = key_der("private_pkcs8_der", &len);
    const char *path = kit_write_key(der, len);
    free(der);
    return path;
}

struct selkie_keyring *kit_keyring(const char *provider)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;
    const struct selkie_key_source source = {.id = 1, .provider = provider, .file = kit_key_file()};
    REQUIRE(selkie_keyring_open(&keyring) == 0);
    if (selkie_keyring_add(keyring, &source, error) < 0) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    return keyring;
}

static EVP_PKEY *public_key(void)
{
    static EVP_PKEY *key;
    if (!key) {
        size_t len;
        uint8_t *der = key_der("public_spki_der", &len);
        const uint8_t *at = der;
        key = d2i_PUBKEY(NULL, &at, (long)len);
        REQUIRE(key);
        free(der);
    }
    return key;
}

struct kit_body kit_seal(const uint8_t *message, size_t len, const uint8_t *address, uint8_t key_id)
{
    struct kit_body body = {.len = SELKIE_SEALED_SIZE};
    size_t out = SELKIE_CIPHERTEXT_SIZE;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key(), NULL);
    REQUIRE(context && EVP_PKEY_encrypt_init(context) > 0 &&
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) > 0);
    selkie_frame_put_sealed_header(body.bytes, key_id, address);
    REQUIRE(EVP_PKEY_encrypt(context, body.bytes + SELKIE_SEALED_HEADER_SIZE, &out, message, len) > 0);
    EVP_PKEY_CTX_free(context);
    return body;
}

struct kit_device kit_device(uint32_t number, uint32_t life)
{
    struct kit_device device = {.counter = 0};
    struct test_random random = {(uint64_t)number << 32 | life};
    for (int i = 0; i < 4; i++)
        device.address[7 - i] = (uint8_t)(number >> 8 * i);
    device.address[0] = 0x02;
    test_random_fill(&random, device.id, sizeof device.id);
    REQUIRE(selkie_session_derive(&device.session, device.address, device.id) == 0);
    return device;
}

static struct kit_body seal_message(struct kit_device *device, struct selkie_message *message)
{
    uint8_t bytes[SELKIE_MESSAGE_MAX];
    memcpy(message->address, device->address, sizeof message->address);
    memcpy(message->id, device->id, sizeof message->id);
    message->counter = device->counter++;
    int len = selkie_message_encode(bytes, message);
    REQUIRE(len > 0);
    return kit_seal(bytes, (size_t)len, device->address, 1);
}

struct kit_body kit_register(struct kit_device *device, const char *claim, const char *firmware)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER};
    message.registration.claim = (const uint8_t *)claim;
    message.registration.claim_len = claim ? strlen(claim) : 0;
    message.registration.firmware = firmware;
    message.registration.firmware_len = firmware ? strlen(firmware) : 0;
    return seal_message(device, &message);
}

struct kit_body kit_data(struct kit_device *device, const char *payload)
{
    struct selkie_message message = {.kind = SELKIE_DATA};
    message.data.payload = (const uint8_t *)payload;
    message.data.payload_len = strlen(payload);
    return seal_message(device, &message);
}

struct kit_body kit_session(struct kit_device *device, const char *payload)
{
    struct kit_body body;
    int len = selkie_session_seal(body.bytes, sizeof body.bytes, &device->session, device->counter++,
                                  (const uint8_t *)payload, strlen(payload));
    REQUIRE(len > 0);
    body.len = (size_t)len;
    return body;
}
