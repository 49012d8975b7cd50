/* SPDX-License-Identifier: Apache-2.0 */
/* The radio module between a sender and an air that carries packets, such as an EBYTE E32. It takes bytes from its
 * serial line into a buffer and sends them in packets: a full one as soon as it has the bytes, a shorter one when the
 * line pauses. It pauses between two packets. What does not fit into the buffer is dropped.
 * Bytes arrive in no time, which is the worst case for the buffer. Like a module that keeps no more than the bytes, it
 * forgets where the line paused while it was sending.
 *
 * No I/O, no clock of its own; heap for the buffer alone; one thread. Times are virtual microseconds and never go back.
 */
#ifndef SELKIE_SIM_MODEM_H
#define SELKIE_SIM_MODEM_H

#include "scenario/scenario.h"

#define SELKIE_SIM_MODEM_PAUSE_US 3125 /* a pause of the line: three bytes at 9600 Bd */

struct selkie_sim_modem {
    struct selkie_packet_options options;
    uint32_t bit_rate;
    uint64_t free_us; /* it can begin the next packet */
    uint64_t fed_us;  /* the last byte came */
    uint64_t dropped; /* bytes */
    size_t len;
    uint8_t *buffer;
    /* Put a packet on the air now. 0 or a negative error, which write and advance then return. */
    int (*transmit)(void *context, const uint8_t *packet, size_t len);
    void *context;
};

/* The callback is set by the caller afterwards. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_sim_modem_open(struct selkie_sim_modem *modem,
                                            const struct selkie_sim_radio_options *options);
void selkie_sim_modem_close(struct selkie_sim_modem *modem);

/* Bytes from the line. */
SELKIE_USE_RESULT int selkie_sim_modem_write(struct selkie_sim_modem *modem, const uint8_t *bytes, size_t len,
                                             uint64_t now_us);

/* Send what is due by now. */
SELKIE_USE_RESULT int selkie_sim_modem_advance(struct selkie_sim_modem *modem, uint64_t now_us);

/* When to advance next; UINT64_MAX: when bytes come. */
uint64_t selkie_sim_modem_next_us(const struct selkie_sim_modem *modem);

#endif
