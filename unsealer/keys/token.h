/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 token that a URI (RFC 7512) names, through p11-kit: find the token, log in, find the private key, decrypt.
 * One thread at a time, except selkie_token_decrypt: any number of threads, each with its own session. */
#ifndef SELKIE_TOKEN_H
#define SELKIE_TOKEN_H

#include "keys/key.h"
#include "keys/token_login.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

struct selkie_token {
    P11KitUri *uri;
    CK_FUNCTION_LIST **modules; /* NULL-terminated: the one of module-path, or all configured ones */
    bool connected;
    struct selkie_token_slot slot;
    bool refused; /* the PIN is not tried any more */
};

struct selkie_token_key {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
};

/* A URI for messages: without its query and without a PIN anywhere. */
#define SELKIE_TOKEN_SHOWN_SIZE 152
void selkie_token_show(const char *uri, char shown[static SELKIE_TOKEN_SHOWN_SIZE]);

/* Load the modules. Refuses a URI with a PIN. 0, or SELKIE_ECONFIG and its text. */
SELKIE_USE_RESULT int selkie_token_load(struct selkie_token *token, const char *uri,
                                        char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_unload(struct selkie_token *token);

/* Initialize the modules and find the token. 0, or SELKIE_ENOTREADY and its text. */
SELKIE_USE_RESULT int selkie_token_connect(struct selkie_token *token, char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_disconnect(struct selkie_token *token);

/* Open a session, log in, find the private key. 0, or SELKIE_ENOTREADY or SELKIE_ECONFIG and the text. A PIN that the
 * token refuses is not tried again, and one that the token is about to lock is not tried at all: see `refused` and
 * keys/token_login.h. */
SELKIE_USE_RESULT int selkie_token_open_key(struct selkie_token *token, const uint8_t *pin, size_t pin_len,
                                            struct selkie_token_key *key, char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_close_key(struct selkie_token *token, struct selkie_token_key *key);

/* The public part: modulus and exponent, at most `*len` bytes each; sets the lengths. 0 or SELKIE_ENOTREADY. */
SELKIE_USE_RESULT int selkie_token_public(struct selkie_token *token, const struct selkie_token_key *key,
                                          uint8_t *modulus, size_t *modulus_len, uint8_t *exponent,
                                          size_t *exponent_len);

/* RSAES-OAEP with SHA-256 in the token, or (raw) RSA only: `plain` is then the padded message of 512 bytes. Returns the
 * length, or SELKIE_EBADSEAL for any failure. */
SELKIE_USE_RESULT int selkie_token_decrypt(struct selkie_token *token, const struct selkie_token_key *key, bool raw,
                                           const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                                           uint8_t plain[static SELKIE_CIPHERTEXT_SIZE]);

#endif
