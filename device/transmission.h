/* SPDX-License-Identifier: Apache-2.0 */
/* One transmission of an uplink's slot: a link frame, or a set of FRAGMENTs on radios that send packets. PROTOCOL.md,
 * sections 2 and 3. uplink.c decides when there is one and what follows; its rules hold here, too. */
#ifndef SELKIE_DEVICE_TRANSMISSION_H
#define SELKIE_DEVICE_TRANSMISSION_H

#include <selkie/device/uplink_state.h>
#include <selkie/port.h>

/* Fill a slot with a body: its link frame if that fits into one packet, else the body and how it is cut. 0,
 * SELKIE_EINVAL, or SELKIE_ESPACE. */
SELKIE_USE_RESULT int selkie_transmission_load(struct selkie_uplink_slot *slot,
                                               const struct selkie_uplink_settings *settings, const uint8_t *body,
                                               size_t len);

/* How long it takes, with what the radio adds to each packet and the pauses between them. */
uint32_t selkie_transmission_ms(const struct selkie_uplink_settings *settings, const struct selkie_uplink_slot *slot);

/* Begin one of the slot uplink->current. */
void selkie_transmission_begin(struct selkie_uplink *uplink, uint64_t now_ms);

/* Hand bytes of the packet under way to the radio, once uplink->until_ms, the pause before it, is over. Returns how
 * many it took, or a negative number if it failed. After the last packet the phase is SELKIE_UPLINK_ON_AIR. */
SELKIE_USE_RESULT int selkie_transmission_write(struct selkie_uplink *uplink, const struct selkie_port *port,
                                                uint64_t now_ms);

/* End it, complete or not, with the silence that the duty cycle asks for after what was sent. */
void selkie_transmission_end(struct selkie_uplink *uplink);

#endif
