/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key.h"
#include <selkie/error_text.h>

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct selkie_key_provider *const providers[] = {
    &selkie_key_openssl,                     /* the default for a file */
    &selkie_key_mbedtls, &selkie_key_pkcs11, /* the only one for a uri */
};

struct selkie_keyring {
    struct entry {
        const struct selkie_key_provider *provider; /* NULL = no key with this id */
        void *key;
        uint8_t modulus[SELKIE_CIPHERTEXT_SIZE];
    } entries[256];
    uint8_t ids[255]; /* in the order in which they were added */
    unsigned count;
};

int selkie_key_check(const char *file, bool rsa, size_t bits, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    if (rsa && bits == SELKIE_KEY_BITS)
        return 0;
    if (rsa)
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: an RSA key of %zu bits; must have exactly %d",
                                 file, bits, SELKIE_KEY_BITS);
    else
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                                 "%s: not an RSA private key in PEM without a passphrase", file);
    return SELKIE_ECONFIG;
}

int selkie_keyring_open(struct selkie_keyring **keyring)
{
    *keyring = calloc(1, sizeof **keyring);
    return *keyring ? 0 : SELKIE_ENOMEM;
}

void selkie_keyring_close(struct selkie_keyring *keyring)
{
    if (!keyring)
        return;
    for (unsigned i = 0; i < keyring->count; i++) {
        struct entry *entry = &keyring->entries[keyring->ids[i]];
        entry->provider->close(entry->key);
    }
    free(keyring);
}

static const struct selkie_key_provider *provider_for(const struct selkie_key_source *source)
{
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
        if (providers[i]->from_uri == (source->uri != NULL) &&
            (!source->provider || strcmp(source->provider, providers[i]->name) == 0))
            return providers[i];
    return NULL;
}

/* The key's number does not come under its seal. With one key under two numbers, a recorded frame would open again
 * under the other number, as another body with the same counter: that looks like a clone. Returns that other id, or 0.
 */
static uint8_t find_twin(const struct selkie_keyring *keyring, const struct entry *entry)
{
    for (unsigned i = 0; i < keyring->count; i++)
        if (memcmp(keyring->entries[keyring->ids[i]].modulus, entry->modulus, sizeof entry->modulus) == 0)
            return keyring->ids[i];
    return 0;
}

int selkie_keyring_add(struct selkie_keyring *keyring, const struct selkie_key_source *source,
                       char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    struct entry *entry = &keyring->entries[source->id];

    error[0] = 0;
    if (source->id == 0 || !source->file == !source->uri) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                                 "key %u: must have an id from 1 to 255 and either a file or a uri", source->id);
        return SELKIE_ECONFIG;
    }
    if (entry->provider) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "key %u: two keys have this id", source->id);
        return SELKIE_EEXIST;
    }
    const struct selkie_key_provider *provider = provider_for(source);
    if (!provider) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                                 "key %u: this build has no provider \"%s\" for a key from a %s", source->id,
                                 source->provider ? source->provider : "pkcs11", source->uri ? "uri" : "file");
        return SELKIE_ECONFIG;
    }
    int result = provider->open(&entry->key, entry->modulus, source, error);
    if (result < 0)
        return result;
    uint8_t twin = find_twin(keyring, entry);
    if (twin != 0) {
        provider->close(entry->key);
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                                 "keys %u and %u are the same RSA key; each id must have a key of its own", twin,
                                 source->id);
        return SELKIE_EEXIST;
    }
    entry->provider = provider;
    keyring->ids[keyring->count++] = source->id;
    return 0;
}

int selkie_keyring_unseal(struct selkie_keyring *keyring, uint8_t key_id,
                          const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                          uint8_t message[static SELKIE_MESSAGE_MAX])
{
    const struct entry *entry = &keyring->entries[key_id];
    if (!entry->provider)
        return SELKIE_EUNKNOWNKEY;
    int result = entry->provider->unseal(entry->key, ciphertext, message);
    if (result < 0)
        mbedtls_platform_zeroize(message, SELKIE_MESSAGE_MAX);
    return result;
}

unsigned selkie_keyring_count(const struct selkie_keyring *keyring)
{
    return keyring->count;
}

void selkie_keyring_describe(const struct selkie_keyring *keyring, unsigned index, uint8_t *id, const char **provider)
{
    *id = keyring->ids[index];
    *provider = keyring->entries[*id].provider->name;
}

const char *selkie_keyring_warning(const struct selkie_keyring *keyring, unsigned index)
{
    const struct entry *entry = &keyring->entries[keyring->ids[index]];
    return entry->provider->warning ? entry->provider->warning(entry->key) : NULL;
}

bool selkie_keyring_fault(const struct selkie_keyring *keyring, unsigned index,
                          char why[static SELKIE_KEYRING_ERROR_SIZE])
{
    const struct entry *entry = &keyring->entries[keyring->ids[index]];
    return entry->provider->fault && entry->provider->fault(entry->key, why);
}
