/* SPDX-License-Identifier: Apache-2.0 */
/* A provider of private keys: the calls behind the keyring. PROTOCOL.md, section 4.
 * One thread opens a key; after that any number of threads may call `unseal`. */
#ifndef SELKIE_KEY_H
#define SELKIE_KEY_H

#include <selkie/keyring.h>
#include <stdbool.h>

#define SELKIE_KEY_BITS 4096

struct selkie_key_provider {
    const char *name;
    bool from_uri; /* keys come from source->uri, not from source->file */

    /* 0, a key of the provider's and its modulus (big-endian), or an error and its text. */
    int (*open)(void **key, uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE], const struct selkie_key_source *source,
                char error[static SELKIE_KEYRING_ERROR_SIZE]);

    /* The message's length, SELKIE_EBADSEAL or SELKIE_ENOTREADY, as selkie_keyring_unseal. After a failure the keyring
     * wipes `message`.
     *
     * A ciphertext is at fault if its padding is wrong or it is not below the modulus. All other failures are of memory
     * or of the generator for the blinding, and they come whatever the plaintext is. So the difference is no oracle,
     * and no ciphertext can cause such a failure. */
    int (*unseal)(void *key, const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                  uint8_t message[static SELKIE_MESSAGE_MAX]);
    void (*close)(void *key);

    /* A warning about this key's provider for the administrator, or NULL. NULL as the function: there is none. */
    const char *(*warning)(const void *key);

    /* Whether the key is unavailable at the moment, and why. From any thread. NULL as the function: it never is. */
    bool (*fault)(void *key, char why[static SELKIE_KEYRING_ERROR_SIZE]);
};

extern const struct selkie_key_provider selkie_key_openssl;
extern const struct selkie_key_provider selkie_key_mbedtls;
extern const struct selkie_key_provider selkie_key_pkcs11;

/* Check what was parsed from a key file: 0 for an RSA key of SELKIE_KEY_BITS, or SELKIE_ECONFIG and its text. */
SELKIE_USE_RESULT int selkie_key_check(const char *file, bool rsa, size_t bits,
                                       char error[static SELKIE_KEYRING_ERROR_SIZE]);

#endif
