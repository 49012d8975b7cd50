/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 token that a URI (RFC 7512) names, through p11-kit: find it, log in, find the private key, decrypt.
 * One thread at a time, but for selkie_token_decrypt: any number, each with a session of its own. */
#ifndef SELKIE_TOKEN_H
#define SELKIE_TOKEN_H

#include "keys/key.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

struct selkie_token {
    P11KitUri *uri;
    CK_FUNCTION_LIST **modules; /* NULL-terminated: the one of module-path, or all that p11-kit knows */
    bool connected;
    CK_FUNCTION_LIST *module; /* the one whose slot the token is in */
    CK_SLOT_ID slot;
};

struct selkie_token_key {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
};

/* What of a URI may be shown: its query is left out, and a PIN wherever it stands. */
#define SELKIE_TOKEN_SHOWN_SIZE 152
void selkie_token_show(const char *uri, char shown[static SELKIE_TOKEN_SHOWN_SIZE]);

/* Load the modules. A URI that holds a PIN is refused. 0 or SELKIE_ECONFIG with the sentence in `error`. */
SELKIE_USE_RESULT int selkie_token_load(struct selkie_token *token, const char *uri,
                                        char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_unload(struct selkie_token *token);

/* Initialize the modules and find the token. 0, or SELKIE_ENOTREADY with the sentence. */
SELKIE_USE_RESULT int selkie_token_connect(struct selkie_token *token, char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_disconnect(struct selkie_token *token);

/* A session, logged in, with the private key found. 0; SELKIE_ENOTREADY or SELKIE_ECONFIG with the sentence. */
SELKIE_USE_RESULT int selkie_token_open_key(struct selkie_token *token, const uint8_t *pin, size_t pin_len,
                                            struct selkie_token_key *key, char error[static SELKIE_KEYRING_ERROR_SIZE]);
void selkie_token_close_key(struct selkie_token *token, struct selkie_token_key *key);

/* The public part: modulus and exponent, at most `*len` bytes each; sets the lengths. 0 or SELKIE_ENOTREADY. */
SELKIE_USE_RESULT int selkie_token_public(struct selkie_token *token, const struct selkie_token_key *key,
                                          uint8_t *modulus, size_t *modulus_len, uint8_t *exponent,
                                          size_t *exponent_len);

/* RSAES-OAEP with SHA-256 in the token, or (raw) RSA alone: then `plain` is the padded message of 512 bytes. Returns
 * the length, or SELKIE_EBADSEAL for every failure whatever. */
SELKIE_USE_RESULT int selkie_token_decrypt(struct selkie_token *token, const struct selkie_token_key *key, bool raw,
                                           const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                                           uint8_t plain[static SELKIE_CIPHERTEXT_SIZE]);

#endif
