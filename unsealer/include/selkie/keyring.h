/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's private keys: key_id → a provider's handle. PROTOCOL.md, section 4 (RSAES-OAEP, RFC 8017).
 * One thread fills it before use; after that, any number of threads may unseal. */
#ifndef SELKIE_KEYRING_H
#define SELKIE_KEYRING_H

#include <selkie/error.h>
#include <selkie/message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_keyring;

#define SELKIE_KEYRING_ERROR_SIZE 256

/* Where a key comes from. Exactly one of file and uri is set. */
struct selkie_key_source {
    uint8_t id;           /* 1..255 */
    const char *provider; /* "openssl", "mbedtls", "pkcs11"; NULL = the default for file or uri */
    const char *file;     /* PEM, RSA-4096; refused if group or others can read it */
    const char *uri;      /* pkcs11: (RFC 7512) */
    const char *pin_file; /* the token's PIN, for uri; refused if group or others can read it */
};

SELKIE_USE_RESULT int selkie_keyring_open(struct selkie_keyring **keyring);
void selkie_keyring_close(struct selkie_keyring *keyring);

/* 0, SELKIE_EEXIST (its id or its modulus is that of an earlier key), SELKIE_ECONFIG … ; after a failure `error` says
 * what failed and why. */
SELKIE_USE_RESULT int selkie_keyring_add(struct selkie_keyring *keyring, const struct selkie_key_source *source,
                                         char error[static SELKIE_KEYRING_ERROR_SIZE]);

/* Open one ciphertext. Returns the message's length, SELKIE_EUNKNOWNKEY, or SELKIE_EBADSEAL for every other fault of a
 * ciphertext. SELKIE_ENOTREADY says nothing about the frame: the key is unavailable at the moment (a token is gone, no
 * memory, no random numbers). */
SELKIE_USE_RESULT int selkie_keyring_unseal(struct selkie_keyring *keyring, uint8_t key_id,
                                            const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                                            uint8_t message[static SELKIE_MESSAGE_MAX]);

/* For listings: the number of keys, and each one's id and provider (static text). */
unsigned selkie_keyring_count(const struct selkie_keyring *keyring);
void selkie_keyring_describe(const struct selkie_keyring *keyring, unsigned index, uint8_t *id, const char **provider);

/* A warning about that key's provider for the administrator's log, one line (static text), or NULL. */
const char *selkie_keyring_warning(const struct selkie_keyring *keyring, unsigned index);

/* Whether that key is unavailable at the moment, and why, in one sentence. */
bool selkie_keyring_fault(const struct selkie_keyring *keyring, unsigned index,
                          char why[static SELKIE_KEYRING_ERROR_SIZE]);

#endif
