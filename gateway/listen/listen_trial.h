/* SPDX-License-Identifier: Apache-2.0 */
/* What one speed made of a line, and how much that looks like the right speed. PROTOCOL.md, section 2.
 *
 * A whole frame decides. Without one, three signs count: broken frames that begin like a frame, characters without an
 * error on the line, and bits that change as often as those of sealed data do: a receiver that is too fast sees each
 * bit several times. No heap, no I/O; one thread. */
#ifndef SELKIE_GATEWAY_LISTEN_TRIAL_H
#define SELKIE_GATEWAY_LISTEN_TRIAL_H

#include "rssi_rx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame of fewer bytes is no proof: noise makes one now and then. */
#define SELKIE_LISTEN_BODY_MIN 3

struct selkie_listen_trial {
    unsigned baud;
    struct selkie_rssi_rx rx; /* takes radios that append a byte, and those that do not */
    uint64_t bytes;
    uint64_t changes;      /* of one bit to the next within the bytes */
    uint64_t frames;       /* whole, with a good CRC, of SELKIE_LISTEN_BODY_MIN bytes or more */
    uint64_t broken, near; /* frames dropped; of these, those that began like one of PROTOCOL.md, section 3 */
    uint64_t errors;       /* of the line: framing, parity, break */
    bool errors_known;     /* the driver counts them */
    /* Since the last frame, or the beginning. */
    uint64_t vain_bytes, vain_transmissions; /* a transmission is ended by a silence */
    uint64_t transmission_bytes;             /* of the one under way */
};

void selkie_listen_trial_init(struct selkie_listen_trial *trial, unsigned baud);

/* The speed has another turn; what it gave before counts. */
void selkie_listen_trial_again(struct selkie_listen_trial *trial);

/* One byte; the result is that of selkie_rssi_rx_byte. */
int selkie_listen_trial_byte(struct selkie_listen_trial *trial, uint8_t byte);

/* The line has been silent for a while. */
void selkie_listen_trial_silence(struct selkie_listen_trial *trial);

/* Whether the speed had its chance without a frame: two transmissions, or bytes without an end; eight times as much
 * after a frame, which may have been chance. */
bool selkie_listen_trial_is_over(const struct selkie_listen_trial *trial);

/* 0: nothing speaks for it. Any speed with a frame has more than any without. */
uint64_t selkie_listen_trial_score(const struct selkie_listen_trial *trial);

/* Of these, the speed that looks right; NULL: none does. *proven: it had frames. */
const struct selkie_listen_trial *selkie_listen_trial_best(const struct selkie_listen_trial *trials, size_t count,
                                                           bool *proven);

#endif
