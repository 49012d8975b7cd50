/* SPDX-License-Identifier: Apache-2.0 */
/* A message → the body of a SEALED frame: RSAES-OAEP with SHA-256 under RSA-4096. PROTOCOL.md, section 4; RFC
 * 8017, 7.1.1. No I/O, no globals, no heap of ours (mbedTLS takes its numbers from mbedtls_calloc); safe from any
 * thread. Takes as long as one RSA public operation. */
#ifndef SELKIE_DEVICE_SEAL_H
#define SELKIE_DEVICE_SEAL_H

#include <selkie/device/trust.h>
#include <selkie/message.h>

SELKIE_C_BEGIN

/* 0, SELKIE_EINVAL for fields that PROTOCOL.md does not allow, or SELKIE_ECRYPTO; after an error the body holds
 * nothing of the message. */
SELKIE_USE_RESULT int selkie_seal_message(uint8_t body[SELKIE_AT_LEAST(SELKIE_SEALED_SIZE)],
                                          const struct selkie_public_key *key, const struct selkie_message *message,
                                          int (*random)(void *context, uint8_t *bytes, size_t len), void *context);

SELKIE_C_END

#endif
