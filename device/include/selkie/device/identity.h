/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a device from one reset to the next: ID, counter and session key, always wiped together. PROTOCOL.md,
 * 1 and 6. Only in RAM, under a check word that a flipped bit or a stray write breaks. Never printed, never in a frame
 * in clear. No heap of ours, no I/O, no globals; one thread at a time. */
#ifndef SELKIE_DEVICE_IDENTITY_H
#define SELKIE_DEVICE_IDENTITY_H

#include <selkie/device/drbg.h>
#include <selkie/message.h>
#include <selkie/session.h>

SELKIE_C_BEGIN

struct selkie_identity {
    uint8_t id[SELKIE_ID_SIZE];
    struct selkie_session session;
    uint32_t next_counter;
    uint32_t check; /* over all above */
};

/* Draw a new ID, counter 0, and derive its session. 0 or SELKIE_ECRYPTO (then it is wiped). */
SELKIE_USE_RESULT int selkie_identity_draw(struct selkie_identity *identity, struct selkie_drbg *drbg,
                                           const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)]);

/* Whether no byte changed since the last call. A wiped identity is not intact. */
bool selkie_identity_intact(const struct selkie_identity *identity);

/* Count the message that was just sealed. */
void selkie_identity_advance(struct selkie_identity *identity);

void selkie_identity_wipe(struct selkie_identity *identity);

SELKIE_C_END

#endif
