/* SPDX-License-Identifier: Apache-2.0 */
/* What production writes into a micro:bit beside the image, which is the same for all: the pins into the customer words
 * of UICR, read-out protection (as far as it goes: docs/PORTING.md, "Hardening") into UICR.RBPCONF, and the public keys
 * and settings into the last two pages of flash. Little-endian. The address is the chip's own (FICR.DEVICEID). nRF51
 * Series Reference Manual, chapters 7 and 8. */
#ifndef SELKIE_MICROBIT_PAGES_H
#define SELKIE_MICROBIT_PAGES_H

#include <selkie/device.h>

#define PAGES_FICR_DEVICE_ID 0x10000060u /* two words */
#define PAGES_UICR_RBPCONF   0x10001004u
#define PAGES_UICR_CUSTOMER  0x10001080u /* 32 words: the two pins come first */
#define PAGES_KEY_ADDRESS    0x0003F800u

#define PAGES_MAGIC 0x4B4C4553u /* "SELK" */

struct pages_key {
    uint32_t magic;
    uint8_t key_ids[SELKIE_TRUST_KEYS];
    uint8_t session;   /* 1: SESSION frames */
    uint8_t ack;       /* 1: wait for ACKs */
    uint16_t interval; /* seconds between readings; 0: only by button B */
    uint8_t claim_len;
    uint8_t parity;      /* as in selkie/device/pacing.h, */
    uint16_t packet_max; /* 0: a radio that streams, */
    uint16_t packet_gap_ms;
    uint8_t claim[SELKIE_CLAIM_MAX];
    uint8_t keys[SELKIE_TRUST_KEYS][SELKIE_PUBLIC_KEY_SIZE];
};

_Static_assert(sizeof(struct pages_key) == 80 + 2 * SELKIE_PUBLIC_KEY_SIZE, "as it is written");

#endif
