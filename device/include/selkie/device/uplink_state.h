/* SPDX-License-Identifier: Apache-2.0 */
/* What an uplink holds: uplink.h has its rules. Callers read `counts` and `trouble`, and nothing else. Times are in
 * milliseconds. */
#ifndef SELKIE_DEVICE_UPLINK_STATE_H
#define SELKIE_DEVICE_UPLINK_STATE_H

#include <selkie/device/pacing.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>

SELKIE_C_BEGIN

enum selkie_uplink_slot_name { SELKIE_UPLINK_REGISTER, SELKIE_UPLINK_DATA, SELKIE_UPLINK_SLOTS };

/* A body that travels in FRAGMENTs. */
struct selkie_uplink_set {
    struct selkie_fragment_plan plan;
    uint8_t body[SELKIE_SEALED_SIZE];
};

struct selkie_uplink_slot {
    uint64_t due_ms;
    uint32_t first_ms; /* when the radio had all of it for the first time, or enough packets, modulo 2^32 */
    uint16_t len;      /* of the link frame, or of the body where that travels in FRAGMENTs */
    uint16_t crc;      /* of the body: what an ACK names */
    uint8_t left;      /* transmissions still to come; 0: empty */
    uint8_t sent;      /* transmissions that a receiver may have the body from */
    uint8_t setbacks;  /* busy lines, lost ACKs and radio failures: the back-off's exponent */
    bool scheduled;    /* due_ms is set */
    bool hurried;      /* another message came: it does not wait for its part of the interval */
    bool unheard;      /* the last body here was given up: no ACK came */
    union {            /* a body in FRAGMENTs takes no RAM of its own */
        uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE)]; /* begins with 0x00, where a plan has its k */
        struct selkie_uplink_set set;
    };
};

enum selkie_uplink_phase { SELKIE_UPLINK_IDLE, SELKIE_UPLINK_WRITING, SELKIE_UPLINK_ON_AIR, SELKIE_UPLINK_LISTENING };

/* What keeps a device from sending. */
enum selkie_uplink_trouble {
    SELKIE_UPLINK_CLEAR,
    SELKIE_UPLINK_LINE_BUSY, /* the line was busy each time that the device looked */
    SELKIE_UPLINK_STALLED,   /* the radio takes no byte */
};

struct selkie_uplink_counts {
    uint32_t transmissions; /* bodies passed to the radio, repeats included */
    uint32_t acknowledged;
    uint32_t given_up; /* frames without an ACK after all tries */
    uint32_t radio_errors;
};

struct selkie_uplink {
    const struct selkie_uplink_settings *settings;
    struct selkie_link_rx *rx; /* the caller's; NULL: no ACKs */
    enum selkie_uplink_phase phase;
    enum selkie_uplink_slot_name current; /* meaningful unless idle */
    uint16_t written;                     /* bytes of the packet under way that the radio has taken */
    uint32_t on_air_ms;                   /* what the transmission under way took so far */
    uint64_t began_ms;                    /* the packet under way */
    uint64_t until_ms;                    /* end of the phase: on air (the pause behind a packet follows), listening */
    uint64_t silent_ms;                   /* duty cycle: nothing before this */
    struct selkie_pacing_phase pacing;
    /* Modulo 2^32, since all that counts is how long ago. */
    uint32_t inside_ms;  /* the receiver is inside a frame since then; 0: it is not */
    uint32_t trouble_ms; /* since when there is trouble */
    uint32_t watch_ms; /* a busy line is watched without a pause, or the radio takes no byte, since then; 0: neither */
    uint8_t trouble;   /* enum selkie_uplink_trouble */
    uint8_t unheard;   /* frames in a row that were given up */
    uint8_t packets;   /* still to be handed over, with the one under way */
    bool registered;   /* a REGISTER was put since the boot */
    struct selkie_uplink_counts counts;
    struct selkie_uplink_slot slots[SELKIE_UPLINK_SLOTS];
};

SELKIE_C_END

#endif
