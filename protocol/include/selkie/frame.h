/* SPDX-License-Identifier: Apache-2.0 */
/* A frame's body and the fields in its clear header. PROTOCOL.md, section 3.
 * No heap, no I/O, no globals; safe from any thread. */
#ifndef SELKIE_FRAME_H
#define SELKIE_FRAME_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_VERSION_1           1
#define SELKIE_ADDRESS_SIZE        8
#define SELKIE_ADDRESS_TEXT_SIZE   17 /* 16 hex digits and the NUL */
#define SELKIE_CIPHERTEXT_SIZE     512
#define SELKIE_SEALED_HEADER_SIZE  10
#define SELKIE_SEALED_SIZE         (SELKIE_SEALED_HEADER_SIZE + SELKIE_CIPHERTEXT_SIZE)
#define SELKIE_SESSION_HEADER_SIZE 7
#define SELKIE_SESSION_TAG_SIZE    4
#define SELKIE_CCM_TAG_SIZE        8
#define SELKIE_PAYLOAD_MAX         400
#define SELKIE_SESSION_OVERHEAD    (SELKIE_SESSION_HEADER_SIZE + SELKIE_CCM_TAG_SIZE)
#define SELKIE_SESSION_SIZE_MAX    (SELKIE_SESSION_OVERHEAD + SELKIE_PAYLOAD_MAX)
#define SELKIE_ACK_SIZE            3

/* FRAGMENT is for the link alone: selkie/fragment.h. To everything behind a receiver it is malformed. */
enum selkie_frame_type { SELKIE_SEALED = 0, SELKIE_SESSION = 1, SELKIE_ACK = 2, SELKIE_FRAGMENT = 3 };

struct selkie_sealed_view {
    uint8_t key_id;
    uint8_t address[SELKIE_ADDRESS_SIZE];
    const uint8_t *ciphertext; /* SELKIE_CIPHERTEXT_SIZE bytes */
};

struct selkie_session_view {
    uint8_t session_tag[SELKIE_SESSION_TAG_SIZE];
    uint16_t counter_low;
    const uint8_t *header;     /* the SELKIE_SESSION_HEADER_SIZE bytes that CCM authenticates */
    const uint8_t *ciphertext; /* ciphertext_len bytes, the CCM tag of SELKIE_CCM_TAG_SIZE bytes follows them */
    size_t ciphertext_len;
};

struct selkie_ack_view {
    uint16_t crc; /* of the body that is acknowledged */
};

/* A view of a body: the pointers point into it. */
struct selkie_frame {
    enum selkie_frame_type type;
    union {
        struct selkie_sealed_view sealed;
        struct selkie_session_view session;
        struct selkie_ack_view ack;
    };
};

/* Read a body's header. 0, or SELKIE_EMALFORMED: unknown version or type, or not the length that its type has. */
SELKIE_USE_RESULT int selkie_frame_decode(struct selkie_frame *frame, const uint8_t *body, size_t len);

/* Write the clear headers. The ciphertext goes behind them. */
void selkie_frame_put_sealed_header(uint8_t header[SELKIE_AT_LEAST(SELKIE_SEALED_HEADER_SIZE)], uint8_t key_id,
                                    const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)]);
void selkie_frame_put_session_header(uint8_t header[SELKIE_AT_LEAST(SELKIE_SESSION_HEADER_SIZE)],
                                     const uint8_t session_tag[SELKIE_AT_LEAST(SELKIE_SESSION_TAG_SIZE)],
                                     uint32_t counter);

/* The ACK for a body: type ACK and the body's CRC-16. */
void selkie_frame_put_ack(uint8_t ack[SELKIE_AT_LEAST(SELKIE_ACK_SIZE)], const uint8_t *body, size_t len);

/* An address as 16 lower-case hex digits, and back. The parser accepts exactly 16 hex digits of either case, or returns
 * SELKIE_EINVAL. */
void selkie_address_format(char text[SELKIE_AT_LEAST(SELKIE_ADDRESS_TEXT_SIZE)],
                           const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)]);

/* Decode 2 * size hex digits of either case. SELKIE_EINVAL: there are others among them, or fewer. */
SELKIE_USE_RESULT int selkie_hex_decode(uint8_t *bytes, size_t size, const char *digits);
SELKIE_USE_RESULT int selkie_address_parse(uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)], const char *text);

SELKIE_C_END

#endif
