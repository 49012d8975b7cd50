/* SPDX-License-Identifier: Apache-2.0 */
/* The run's event loop: it lets virtual time run, and serves lines, MQTT events and signals. A plain poll; the clock
 * says how long it may wait. One thread. */
#ifndef SELKIE_SIM_LOOP_H
#define SELKIE_SIM_LOOP_H

#include "world/world.h"

#include <poll.h>

struct selkie_loop {
    struct selkie_world *world;
    int signals;    /* a signalfd for SIGINT and SIGTERM */
    unsigned stops; /* how often somebody asked for the end */
    size_t room;
    struct pollfd *fds;
};

/* Block SIGINT and SIGTERM, which are then read from the loop. Before the first thread (of Paho's) is made: each has a
 * mask of its own. */
void selkie_loop_block_signals(void);

SELKIE_USE_RESULT int selkie_loop_open(struct selkie_loop *loop, struct selkie_world *world);
void selkie_loop_close(struct selkie_loop *loop);

/* One turn: wait at most `wait_us` of the wall for something to happen, then deal with it. Virtual time runs. */
void selkie_loop_turn(struct selkie_loop *loop, uint64_t wait_us, size_t events);

#endif
