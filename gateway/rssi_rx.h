/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver of a line whose radio may append one byte to each packet that it outputs: how strongly it received the
 * packet. EBYTE's E22 and E220 do so; selkie-gateway(8), `rssi`. A frame is one packet, so this byte stands behind the
 * 0x00 that ends a frame, and before the 0x00 that begins the next one.
 *
 * The receiver relies on none of the three: what stands between two 0x00 is tried as a frame, and, with its first byte
 * left out, as a frame behind such a byte. So no byte that is lost costs a frame that it is no part of, and a byte that
 * is missing, or that is 0x00 itself, costs nothing. No heap, no I/O; one thread. */
#ifndef SELKIE_GATEWAY_RSSI_RX_H
#define SELKIE_GATEWAY_RSSI_RX_H

#include <selkie/link.h>

struct selkie_rssi_rx {
    bool appended;              /* set it: the radio appends the byte. false: the same as selkie_link_rx */
    const uint8_t *body;        /* of the frame that was returned, until the next call */
    struct selkie_link_rx link; /* takes every byte */
    struct selkie_link_rx past; /* takes no byte that is the first one behind a 0x00 */
    uint8_t between;            /* bytes since the last 0x00: 0, 1, or 2 for more */
};

/* Leaves `appended` as it is. */
void selkie_rssi_rx_init(struct selkie_rssi_rx *rx);

/* As selkie_link_rx_byte. A single byte between two 0x00 is no error. */
SELKIE_USE_RESULT int selkie_rssi_rx_byte(struct selkie_rssi_rx *rx, uint8_t byte);

/* As selkie_link_rx_inside. */
bool selkie_rssi_rx_inside(const struct selkie_rssi_rx *rx);

/* The strength that the byte behind a frame tells, in dBm; 0 if it tells none. */
int16_t selkie_rssi_of(uint8_t byte);

#endif
