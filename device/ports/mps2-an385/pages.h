/* SPDX-License-Identifier: Apache-2.0 */
/* What production writes into a device, beside the image, which is the same for all: one-time-programmable memory with
 * the pins and the lock, and a page of flash with the address, the public keys and the settings. Little-endian. In QEMU
 * two loader devices stand for the programmer. */
#ifndef SELKIE_PAGES_H
#define SELKIE_PAGES_H

#include <selkie/device.h>

#define PAGES_OTP_ADDRESS 0x00100000u
#define PAGES_KEY_ADDRESS 0x00101000u

#define PAGES_MAGIC  0x4B4C4553u /* "SELK" */
#define PAGES_LOCKED 0x4B434F4Cu /* "LOCK": read-out protection and debug lock are set */

struct pages_otp {
    uint8_t pins[SELKIE_TRUST_KEYS][SELKIE_PIN_SIZE];
    uint32_t lock;
};

struct pages_key {
    uint32_t magic;
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t key_ids[SELKIE_TRUST_KEYS];
    uint8_t session;   /* 1: SESSION frames */
    uint8_t ack;       /* 1: wait for ACKs */
    uint16_t interval; /* seconds between readings; 0: only on demand */
    uint8_t claim_len;
    uint8_t parity;      /* as in selkie/device/pacing.h, */
    uint16_t packet_max; /* 0: a radio that streams, */
    uint16_t packet_gap_ms;
    uint8_t claim[SELKIE_CLAIM_MAX];
    uint8_t keys[SELKIE_TRUST_KEYS][SELKIE_PUBLIC_KEY_SIZE];
};

_Static_assert(sizeof(struct pages_otp) == 68, "as it is written");
_Static_assert(sizeof(struct pages_key) == 88 + 2 * SELKIE_PUBLIC_KEY_SIZE, "as it is written");

#endif
