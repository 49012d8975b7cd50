/* SPDX-License-Identifier: Apache-2.0 */
/* When a device sends: a quiet line, random back-off, repeats or ACKs with bounded retries, a duty cycle.
 * PROTOCOL.md, section 2. Two slots: the REGISTER, which goes first, and one message. A full slot refuses a body
 * (SELKIE_EBUSY); an accepted body is sent, unless the device is reset. A body that is too long for a packet of the
 * radio travels in FRAGMENTs (section 3); all of a transmission's are one turn on the air. An ACK is not authenticated:
 * a forged one ends the retries of a frame, no more. No heap, no globals, no I/O but the port's radio; never blocks;
 * one thread at a time. */
#ifndef SELKIE_DEVICE_UPLINK_H
#define SELKIE_DEVICE_UPLINK_H

#include <selkie/device/uplink_state.h>
#include <selkie/port.h>

SELKIE_C_BEGIN

#define SELKIE_UPLINK_NEVER UINT64_MAX

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

SELKIE_C_END

#endif
