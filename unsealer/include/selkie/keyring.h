/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's private keys: key_id → a provider's handle. PROTOCOL.md, section 4 (RSAES-OAEP, RFC 8017).
 * Filled by one thread before use; after that, opening may go on in any number of threads. */
#ifndef SELKIE_KEYRING_H
#define SELKIE_KEYRING_H

#include <selkie/error.h>
#include <selkie/message.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_keyring;

#define SELKIE_KEYRING_ERROR_SIZE 256

/* Where a key comes from. Exactly one of file and uri is set. */
struct selkie_key_source {
    uint8_t id;           /* 1..255 */
    const char *provider; /* "openssl", "mbedtls", "pkcs11"; NULL = the default for file or uri */
    const char *file;     /* PEM, RSA-4096; refused where group or others can read it */
    const char *uri;      /* pkcs11: (RFC 7512) */
    const char *pin_file; /* the token's PIN, for uri; refused where group or others can read it */
};

SELKIE_USE_RESULT int selkie_keyring_open(struct selkie_keyring **keyring);
void selkie_keyring_close(struct selkie_keyring *keyring);

/* 0, SELKIE_EEXIST, SELKIE_ECONFIG … ; `error` then holds one sentence that names the thing at fault. */
SELKIE_USE_RESULT int selkie_keyring_add(struct selkie_keyring *keyring, const struct selkie_key_source *source,
                                         char error[static SELKIE_KEYRING_ERROR_SIZE]);

/* Open one ciphertext. Returns the message's length, SELKIE_EUNKNOWNKEY, or SELKIE_EBADSEAL for everything else that
 * can be wrong with a ciphertext, always the same. SELKIE_ENOTREADY where it could not be tried just now (a token that
 * is gone, no memory, no random numbers): that says nothing about the frame. */
SELKIE_USE_RESULT int selkie_keyring_unseal(struct selkie_keyring *keyring, uint8_t key_id,
                                            const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                                            uint8_t message[static SELKIE_MESSAGE_MAX]);

/* For listings: the number of keys, and each one's id and provider (static text). */
unsigned selkie_keyring_count(const struct selkie_keyring *keyring);
void selkie_keyring_describe(const struct selkie_keyring *keyring, unsigned index, uint8_t *id, const char **provider);

/* What the administrator should know of that key's provider, one line (static text) for the log, or NULL. */
const char *selkie_keyring_warning(const struct selkie_keyring *keyring, unsigned index);

#endif
