/* SPDX-License-Identifier: Apache-2.0 */
/* When a device sends: a quiet line, random back-off, repeats or ACKs with bounded retries, a duty cycle.
 * PROTOCOL.md, section 2. Two slots: the REGISTER, which goes first, and one message. A full slot refuses a body
 * (SELKIE_EBUSY); an accepted body is sent, unless the device is reset.
 * An ACK is not authenticated: a forged one ends the retries of a frame, no more.
 * No heap, no globals, no I/O but the port's radio; never blocks; one thread at a time. */
#ifndef SELKIE_DEVICE_UPLINK_H
#define SELKIE_DEVICE_UPLINK_H

#include <selkie/device/pacing.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <selkie/port.h>

#define SELKIE_UPLINK_NEVER UINT64_MAX

enum selkie_uplink_slot_name { SELKIE_UPLINK_REGISTER, SELKIE_UPLINK_DATA, SELKIE_UPLINK_SLOTS };

struct selkie_uplink_slot {
    uint64_t due_ms;
    uint32_t first_ms; /* the end of its first transmission's hand-over to the radio, modulo 2^32 */
    uint16_t len;
    uint16_t crc;     /* of the body: what an ACK names */
    uint8_t left;     /* transmissions still to come; 0: empty */
    uint8_t sent;     /* transmissions made */
    uint8_t setbacks; /* busy lines, lost ACKs and radio failures: the back-off's exponent */
    bool scheduled;   /* due_ms is set */
    bool hurried;     /* another message came: it does not wait for its part of the interval */
    bool unheard;     /* the last body here was given up: no ACK came */
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE)];
};

enum selkie_uplink_phase { SELKIE_UPLINK_IDLE, SELKIE_UPLINK_WRITING, SELKIE_UPLINK_ON_AIR, SELKIE_UPLINK_LISTENING };

/* What keeps a device from sending. */
enum selkie_uplink_trouble {
    SELKIE_UPLINK_CLEAR,
    SELKIE_UPLINK_LINE_BUSY, /* the line was busy each time that the device looked */
    SELKIE_UPLINK_STALLED,   /* the radio takes no byte */
};

struct selkie_uplink_counts {
    uint32_t transmissions; /* frames passed to the radio, repeats included */
    uint32_t acknowledged;
    uint32_t given_up; /* frames without an ACK after all tries */
    uint32_t radio_errors;
};

struct selkie_uplink {
    const struct selkie_uplink_settings *settings;
    struct selkie_link_rx *rx; /* the caller's; NULL: no ACKs */
    enum selkie_uplink_phase phase;
    enum selkie_uplink_slot_name current; /* meaningful unless idle */
    uint16_t written;
    uint64_t began_ms;
    uint64_t until_ms;  /* end of the phase: on air, listening */
    uint64_t silent_ms; /* duty cycle: nothing before this */
    struct selkie_pacing_phase pacing;
    /* Modulo 2^32, since all that counts is how long ago. */
    uint32_t inside_ms;  /* the receiver is inside a frame since then; 0: it is not */
    uint32_t trouble_ms; /* since when there is trouble */
    uint32_t watch_ms; /* a busy line is watched without a pause, or the radio takes no byte, since then; 0: neither */
    uint8_t trouble;   /* enum selkie_uplink_trouble */
    uint8_t unheard;   /* frames in a row that were given up */
    bool registered;   /* a REGISTER was put since the boot */
    struct selkie_uplink_counts counts;
    struct selkie_uplink_slot slots[SELKIE_UPLINK_SLOTS];
};

void selkie_uplink_init(struct selkie_uplink *uplink, const struct selkie_uplink_settings *settings,
                        struct selkie_link_rx *rx);

/* Empty the slots, also of a body that is under way. Counts stay, and so does the pause of the duty cycle. */
void selkie_uplink_forget(struct selkie_uplink *uplink);

/* Accept a body for sending. 0, SELKIE_EBUSY while the slot is not empty (a body in it that waits then goes at once),
 * SELKIE_EINVAL, or SELKIE_ESPACE. */
SELKIE_USE_RESULT int selkie_uplink_put(struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot,
                                        const uint8_t *body, size_t len);

bool selkie_uplink_busy(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot);

/* Whether frames are acknowledged on this link. */
bool selkie_uplink_expects_ack(const struct selkie_uplink *uplink);

/* Whether the last body of this slot was given up, because no ACK came after all tries. */
bool selkie_uplink_unheard(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot);

/* Do what is due. Returns when to call it again, or SELKIE_UPLINK_NEVER: when a body is put. Call it sooner if the
 * radio received bytes. */
SELKIE_USE_RESULT uint64_t selkie_uplink_poll(struct selkie_uplink *uplink, const struct selkie_port *port,
                                              struct selkie_drbg *drbg, uint64_t now_ms);

#endif
