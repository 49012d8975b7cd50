/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames: keys by HKDF-SHA-256 (RFC 5869), seal by AES-256-CCM with an 8-byte tag (RFC 3610). PROTOCOL.md,
 * sections 5 and 6. No I/O, no globals, no heap of ours (mbedTLS takes its cipher and hash contexts from
 * mbedtls_calloc); safe from any thread on distinct objects. */
#ifndef SELKIE_SESSION_H
#define SELKIE_SESSION_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <selkie/message.h>

SELKIE_C_BEGIN

#define SELKIE_SESSION_KEY_SIZE 32

/* A device must send a SEALED frame at least this often, in messages. */
#define SELKIE_SESSION_SEALED_EVERY 4096

/* A secret as long as the ID itself: wipe it when the binding ends. */
struct selkie_session {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t tag[SELKIE_SESSION_TAG_SIZE];
    uint8_t key[SELKIE_SESSION_KEY_SIZE];
};

/* Derive key and tag from an ID. 0 or SELKIE_ECRYPTO (then *session is wiped). */
SELKIE_USE_RESULT int selkie_session_derive(struct selkie_session *session,
                                            const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)],
                                            const uint8_t id[SELKIE_AT_LEAST(SELKIE_ID_SIZE)]);
void selkie_session_wipe(struct selkie_session *session);

/* Write the whole body of a SESSION frame. Returns its length, SELKIE_EINVAL (payload too long), SELKIE_ESPACE or
 * SELKIE_ECRYPTO. */
SELKIE_USE_RESULT int selkie_session_seal(uint8_t *body, size_t body_size, const struct selkie_session *session,
                                          uint32_t counter, const uint8_t *payload, size_t payload_len);

/* Open a decoded SESSION frame under the full counter, whose low bits must be the frame's. Returns the payload's
 * length, SELKIE_EBADSEAL (this session's tag, the counter or the CCM tag is not the frame's) or SELKIE_ECRYPTO; after
 * either, nothing of the plaintext is left in payload. */
SELKIE_USE_RESULT int selkie_session_open(uint8_t payload[SELKIE_AT_LEAST(SELKIE_PAYLOAD_MAX)],
                                          const struct selkie_session *session, uint32_t counter,
                                          const struct selkie_frame *frame);

/* The full counter with these low 16 bits that lies nearest to `highest`: from highest - 32767 to highest + 32768. Near
 * 0 and near 2^32 - 1, where one side does not exist, the result is the candidate on the other side. */
uint32_t selkie_session_counter(uint32_t highest, uint16_t counter_low);

SELKIE_C_END

#endif
