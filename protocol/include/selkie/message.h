/* SPDX-License-Identifier: Apache-2.0 */
/* The message inside a seal and its fields. PROTOCOL.md, section 4.
 * No heap, no I/O, no globals; safe from any thread. A message holds the ID: wipe what held it. */
#ifndef SELKIE_MESSAGE_H
#define SELKIE_MESSAGE_H

#include <selkie/error.h>
#include <selkie/frame.h>

SELKIE_C_BEGIN

#define SELKIE_ID_SIZE             32
#define SELKIE_MESSAGE_MAX         446 /* what RSA-4096 with OAEP-SHA-256 takes */
#define SELKIE_MESSAGE_HEADER_SIZE 45
#define SELKIE_CLAIM_MAX           64
#define SELKIE_FIRMWARE_MAX        32
#define SELKIE_COUNTER_LAST        UINT32_MAX /* a device that reaches it resets itself. Section 6 */

#define SELKIE_FLAG_SESSION 0x01 /* this device will send SESSION frames */

enum selkie_message_kind { SELKIE_REGISTER = 1, SELKIE_DATA = 2 };

struct selkie_registration {
    uint8_t flags;
    const uint8_t *claim; /* claim_len bytes, not a string */
    size_t claim_len;     /* 0..SELKIE_CLAIM_MAX */
    const char *firmware; /* firmware_len bytes of printable ASCII, no NUL */
    size_t firmware_len;  /* 0..SELKIE_FIRMWARE_MAX */
};

struct selkie_reading {
    const uint8_t *payload;
    size_t payload_len; /* 0..SELKIE_PAYLOAD_MAX */
};

/* The fields of a message. After decoding, the pointers point into the bytes that were decoded. */
struct selkie_message {
    enum selkie_message_kind kind;
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t id[SELKIE_ID_SIZE];
    uint32_t counter;
    union {
        struct selkie_registration registration;
        struct selkie_reading data;
    };
};

/* Returns the length written (at most SELKIE_MESSAGE_MAX), or SELKIE_EINVAL for fields that PROTOCOL.md does not allow.
 */
SELKIE_USE_RESULT int selkie_message_encode(uint8_t bytes[SELKIE_AT_LEAST(SELKIE_MESSAGE_MAX)],
                                            const struct selkie_message *message);

/* 0, or SELKIE_EMALFORMED: unknown kind, too short, too long, reserved flags, lengths past the end, trailing bytes. */
SELKIE_USE_RESULT int selkie_message_decode(struct selkie_message *message, const uint8_t *bytes, size_t len);

SELKIE_C_END

#endif
