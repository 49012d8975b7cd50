/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks of selkie/port.h on this board. */
#ifndef SELKIE_MPS2_BOARD_PORT_H
#define SELKIE_MPS2_BOARD_PORT_H

#include <selkie/port.h>
#include <stdbool.h>

/* What the console's keys did: the operator's buttons. */
struct port_buttons {
    uint32_t edges[16]; /* ticks of presses that were not read yet */
    uint32_t edge_count;
    bool next_key; /* seal with the next public key, also where the build (SELKIE_KEY_SLOT) says the current one */
    bool tampered; /* the case was opened */
};

extern const struct selkie_port port;

/* The state behind the port: `context` of the callbacks. */
extern struct port_buttons port_buttons;

/* Note a press; it is lost if 16 wait already. */
void port_press(uint32_t ticks);

#endif
