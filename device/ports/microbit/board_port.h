/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks of selkie/port.h on this board. */
#ifndef SELKIE_MICROBIT_BOARD_PORT_H
#define SELKIE_MICROBIT_BOARD_PORT_H

#include <selkie/port.h>
#include <stdbool.h>

extern const struct selkie_port port;

/* Note an edge of a button, for entropy; it is lost if 8 wait already. */
void port_edge(uint32_t ticks);

/* From now on the next public key seals. */
void port_take_next_key(void);

#endif
