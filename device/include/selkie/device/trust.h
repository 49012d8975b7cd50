/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's public keys in a device: the current one and the next, each compared with its pin before each use.
 * The pin is the SHA-256 of the SubjectPublicKeyInfo (RFC 5280, RFC 7469), as `openssl pkey -pubin -outform DER |
 * sha256sum` prints it. No heap, no globals; one thread at a time. */
#ifndef SELKIE_DEVICE_TRUST_H
#define SELKIE_DEVICE_TRUST_H

#include <selkie/error.h>
#include <selkie/port.h>

SELKIE_C_BEGIN

#define SELKIE_TRUST_KEYS      2
#define SELKIE_PUBLIC_KEY_SIZE 550 /* the DER of RSA-4096 with exponent 65537 is always so long */
#define SELKIE_MODULUS_OFFSET  33
#define SELKIE_MODULUS_SIZE    512
#define SELKIE_PUBLIC_EXPONENT 65537

/* A public key, as `selkiectl keygen` writes it into N.pub.h. The caller's, in flash; any number of devices share it.
 */
struct selkie_public_key {
    uint8_t key_id;      /* 1..255; 0 means that there is no key */
    const uint8_t *spki; /* SELKIE_PUBLIC_KEY_SIZE bytes */
};

/* 0, or SELKIE_ETRUST: the key is not RSA-4096 with exponent 65537, its pin cannot be read, or does not match. */
SELKIE_USE_RESULT int selkie_trust_check(const struct selkie_public_key *key, unsigned slot,
                                         const struct selkie_port *port);

/* Check all keys of the configuration; the current one is required. 0 or SELKIE_ETRUST. */
SELKIE_USE_RESULT int selkie_trust_check_all(const struct selkie_public_key keys[SELKIE_AT_LEAST(SELKIE_TRUST_KEYS)],
                                             const struct selkie_port *port);

/* The key that the operator chose, checked again: flash and pin may have changed since the start. 0 and *key, or
 * SELKIE_ETRUST. */
SELKIE_USE_RESULT int selkie_trust_choose(const struct selkie_public_key **key,
                                          const struct selkie_public_key keys[SELKIE_AT_LEAST(SELKIE_TRUST_KEYS)],
                                          const struct selkie_port *port);

SELKIE_C_END

#endif
