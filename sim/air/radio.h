/* SPDX-License-Identifier: Apache-2.0 */
/* One radio channel: a gateway and all senders in its reach. Signals take time (eight bits a byte), garble each other
 * where they overlap, fade, and suffer noise. A sender hears nothing while it sends (half duplex).
 *
 * The gateway's receiver stays with the signal it heard first, to that one's end, then takes what is left of the next.
 * All devices hear what the gateway sends (ACKs), garbled where a device was on the air as well. With bit rate 0
 * there is no radio: each signal arrives whole and at once, and only noise can harm it. On an air of packets each
 * signal is one: it arrives at its end, and whole or not at all.
 *
 * Pure: no I/O, no clock of its own; heap for the signals on the air alone; one thread. Times are virtual microseconds
 * and never go back. */
#ifndef SELKIE_SIM_RADIO_H
#define SELKIE_SIM_RADIO_H

#include "air/noise.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_SIM_RADIO_GATEWAY   UINT32_MAX       /* the source of what the gateway sends */
#define SELKIE_SIM_RADIO_NEIGHBOUR (UINT32_MAX - 1) /* of what another gateway on the same air sends */
#define SELKIE_SIM_RADIO_ECHO_SIZE 64 /* bytes from the gateway that a device can be behind; older ones are gone */

struct selkie_signal; /* on the air */

struct selkie_sim_radio_counts {
    uint64_t signals;
    uint64_t collided;     /* signals that overlapped another at this gateway */
    uint64_t busy_us;      /* time with somebody on the air, to the end of what is on it now */
    uint64_t bytes_sent;   /* by devices and attackers */
    uint64_t packets_lost; /* that this gateway's receiver did not get, for whatever reason */
};

struct selkie_sim_radio {
    struct selkie_sim_radio_options options;
    uint64_t seed;
    uint32_t index;
    struct selkie_noise noise, echo_noise;
    struct selkie_prng garble;
    struct selkie_signal *signals; /* oldest first */
    struct selkie_signal *heard;   /* the one the receiver stays with */
    uint64_t free_us;              /* the receiver was free from here on */
    uint64_t now_us;
    uint64_t busy_until_us;
    uint64_t quiet_from_us;       /* the last end of a signal, */
    uint64_t quiet_from_other_us; /* and the last of one that was not from last_source */
    uint32_t last_source;
    uint64_t echo_end; /* bytes that the gateway has sent in all */
    uint8_t echo[SELKIE_SIM_RADIO_ECHO_SIZE];
    struct selkie_sim_radio_counts counts;

    /* The gateway's receiver has bytes. */
    void (*on_heard)(void *context, const uint8_t *bytes, size_t len);
    /* Devices can hear something new from the gateway. */
    void (*on_echo)(void *context);
    void *context;
};

/* `index` names the channel among those of one seed. The callbacks are set by the caller afterwards. */
void selkie_sim_radio_init(struct selkie_sim_radio *radio, const struct selkie_sim_radio_options *options,
                           uint64_t seed, uint32_t index);
void selkie_sim_radio_wipe(struct selkie_sim_radio *radio);

/* Put a signal on the air now. `source` identifies the sender; a path's fading is the source's. The bytes are copied. 0
 * or SELKIE_ENOMEM. Call selkie_sim_radio_advance(now) first. */
SELKIE_USE_RESULT int selkie_sim_radio_send(struct selkie_sim_radio *radio, uint32_t source, const uint8_t *bytes,
                                            size_t len);

/* How long `len` bytes are on the air. */
uint64_t selkie_sim_radio_duration_us(const struct selkie_sim_radio *radio, size_t len);

/* Let time pass: on_heard and on_echo get what was heard until then. */
void selkie_sim_radio_advance(struct selkie_sim_radio *radio, uint64_t now_us);

/* When to advance next; UINT64_MAX while nobody is on the air. */
uint64_t selkie_sim_radio_next_us(const struct selkie_sim_radio *radio);

/* For how long nobody but `source` has been on the air, as `source` senses it; 0 = somebody is. */
uint64_t selkie_sim_radio_quiet_us(const struct selkie_sim_radio *radio, uint32_t source, uint64_t now_us);

/* Time with somebody on the air until now. */
uint64_t selkie_sim_radio_busy_us(const struct selkie_sim_radio *radio, uint64_t now_us);

/* Take what the gateway sent since *cursor; what is older than the last SELKIE_SIM_RADIO_ECHO_SIZE bytes is gone. */
size_t selkie_sim_radio_listen(const struct selkie_sim_radio *radio, uint64_t *cursor, uint8_t *bytes, size_t size);

#endif
