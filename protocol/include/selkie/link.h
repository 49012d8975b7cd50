/* SPDX-License-Identifier: Apache-2.0 */
/* One radio frame on the serial line: COBS, CRC-16 and the 0x00 between frames. PROTOCOL.md, section 2.
 * No heap, no I/O, no globals; safe from any thread on distinct objects. */
#ifndef SELKIE_LINK_H
#define SELKIE_LINK_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_LINK_BODY_MAX 1024
/* Body and CRC, one COBS code for each 254 bytes begun, two delimiters. */
#define SELKIE_LINK_WIRE_MAX (SELKIE_LINK_BODY_MAX + 2 + (SELKIE_LINK_BODY_MAX + 2) / 254 + 1 + 2)

/* Bytes that a body of `len` bytes takes on the line at most. */
#define SELKIE_LINK_WIRE_SIZE(len) ((len) + 2 + ((len) + 2) / 254 + 1 + 2)

/* CRC-16/IBM-3740: polynomial 0x1021, initial 0xFFFF, not reflected, no final xor. */
uint16_t selkie_crc16(const uint8_t *data, size_t len);
/* One step of it: begin with SELKIE_CRC16_INITIAL. */
#define SELKIE_CRC16_INITIAL 0xFFFF
uint16_t selkie_crc16_byte(uint16_t before, uint8_t byte);

/* The longest body that a receiver has room for: longer ones are SELKIE_ELENGTH. Firmware receives only ACKs and
 * defines less (the same for all of its files: it is the size of a struct). */
#ifndef SELKIE_LINK_RX_MAX
#define SELKIE_LINK_RX_MAX SELKIE_LINK_BODY_MAX
#endif

/* The receiver's state. Callers read only `body`, and only right after a frame was returned. */
struct selkie_link_rx {
    uint8_t body[SELKIE_LINK_RX_MAX + 2]; /* the CRC comes in behind the body */
    uint16_t fill;                        /* bytes decoded so far */
    uint8_t code;                         /* COBS code of the block under way, 0 before the first */
    uint8_t left;                         /* bytes of that block still to come */
    uint8_t skipping;                     /* the error that made this frame corrupt, as a positive number; 0 = none */
};

void selkie_link_rx_init(struct selkie_link_rx *rx);

/* Whether a frame is under way that begins like one of PROTOCOL.md, section 3: of version 1, and of a type up to 3.
 * Noise seldom does. */
bool selkie_link_rx_inside(const struct selkie_link_rx *rx);

/* Feed one byte as it comes off the line. Returns the body's length once a frame is whole (its bytes are rx->body until
 * the next call), 0 while more is needed, or, once for each frame dropped and at the 0x00 that ends it, SELKIE_EFRAMING
 * (a block cut short, or no body before the CRC), SELKIE_ECRC or SELKIE_ELENGTH. After any of these the
 * receiver is synchronised again. Empty frames are ignored. A full block followed by an empty one at the end, which
 * some encoders write, is accepted as well. */
SELKIE_USE_RESULT int selkie_link_rx_byte(struct selkie_link_rx *rx, uint8_t byte);

/* Write the frame for a body of 1 to SELKIE_LINK_BODY_MAX bytes, delimiters included, to `wire`. The two must not
 * overlap. Returns the bytes written, SELKIE_EINVAL for a bad length, or SELKIE_ESPACE if `wire_size` is less than
 * SELKIE_LINK_WIRE_SIZE(len). */
SELKIE_USE_RESULT int selkie_link_encode(uint8_t *wire, size_t wire_size, const uint8_t *body, size_t len);

SELKIE_C_END

#endif
