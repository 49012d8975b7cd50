/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider of private keys is: three calls behind the keyring. PROTOCOL.md, section 4.
 * A key is opened by one thread; after that `unseal` may be called from any number of threads. */
#ifndef SELKIE_KEY_H
#define SELKIE_KEY_H

#include <selkie/keyring.h>
#include <stdbool.h>

#define SELKIE_KEY_BITS 4096

struct selkie_key_provider {
    const char *name;
    bool from_uri; /* keys come from source->uri, not from source->file */

    /* 0, a key of the provider's and its modulus (big-endian), or an error with its sentence in `error`. */
    int (*open)(void **key, uint8_t modulus[static SELKIE_CIPHERTEXT_SIZE], const struct selkie_key_source *source,
                char error[static SELKIE_KEYRING_ERROR_SIZE]);

    /* The message's length, SELKIE_EBADSEAL or SELKIE_ENOTREADY, as selkie_keyring_unseal. On failure what is left in
     * `message` means nothing; the keyring wipes it. */
    int (*unseal)(void *key, const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                  uint8_t message[static SELKIE_MESSAGE_MAX]);
    void (*close)(void *key);

    /* What the administrator should know of this key's provider, as it is here; NULL = nothing. */
    const char *(*warning)(const void *key);
};

extern const struct selkie_key_provider selkie_key_openssl;
extern const struct selkie_key_provider selkie_key_mbedtls;
extern const struct selkie_key_provider selkie_key_pkcs11;

/* Read a secret file: a regular one that neither group nor others can reach, of at most `size` - 1 bytes; a NUL is put
 * behind them. Returns the length, or SELKIE_ECONFIG with the sentence in `error`. The caller wipes `bytes`. */
SELKIE_USE_RESULT int selkie_key_read_file(const char *path, uint8_t *bytes, size_t size,
                                           char error[static SELKIE_KEYRING_ERROR_SIZE]);

#endif
