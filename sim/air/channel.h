/* SPDX-License-Identifier: Apache-2.0 */
/* A channel of the run: a radio, its gateway (a process on a pty, somebody at the end of a socket, or a virtual one),
 * and a receiver of its own beside the gateway's, which tells for certain which frames that gateway had whole. One
 * thread. */
#ifndef SELKIE_SIM_CHANNEL_H
#define SELKIE_SIM_CHANNEL_H

#include "air/radio.h"
#include "air/serial_line.h"
#include "cloud/vgateway.h"
#include "core/process.h"
#include "world/world.h"

#include <selkie/link.h>

#define SELKIE_CHANNEL_RECENT 64 /* frames that may be lost with a gateway that is killed */
#define SELKIE_CHANNEL_ACKS   8

struct selkie_channel {
    struct selkie_world *world;
    uint32_t index;
    const struct selkie_scenario_channels *group;
    struct selkie_sim_radio radio;
    struct selkie_sim_timer turn; /* the radio's next */
    struct selkie_link_rx rx;     /* beside the gateway's */
    struct selkie_sim_line line;
    struct selkie_process process;
    struct selkie_vgateway *virtual;
    bool online; /* its gateway has told so */
    bool down;   /* taken away by the scenario */
    char name[32];
    struct {
        uint32_t device, number;
        uint64_t wall_us;
    } recent[SELKIE_CHANNEL_RECENT];
    unsigned recent_at;
    struct selkie_sim_timer ack_turn;
    uint8_t acks[SELKIE_CHANNEL_ACKS][8]; /* virtual gateway: on the wire; when full the newest is not acknowledged */
    uint8_t ack_len;                      /* of each */
    unsigned ack_count;
    uint64_t dropped; /* by a virtual gateway whose spool was full */
};

/* All channels of the scenario, with their gateways started. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_channels_open(struct selkie_world *world);
void selkie_channels_close(struct selkie_world *world);

/* Whether its gateway is there, and connected as far as it is ours. */
bool selkie_channel_ready(struct selkie_channel *channel);

/* Whether its gateway is somebody else's: all that is known of it is whether it holds the line. */
static inline bool selkie_channel_is_yours(const struct selkie_channel *channel)
{
    return channel->virtual == NULL && !channel->group->own_gateways;
}

/* Put bytes on the air of one channel. */
SELKIE_USE_RESULT int selkie_channel_send(struct selkie_channel *channel, uint32_t source, const uint8_t *wire,
                                          size_t len);

/* Its gateway goes away, or comes back. */
void selkie_channel_stop(struct selkie_channel *channel, bool kill);
SELKIE_USE_RESULT int selkie_channel_start(struct selkie_channel *channel);

/* What came from the gateway's end of the line, and what waits for it. */
void selkie_channel_serve(struct selkie_channel *channel);

/* Whether a gateway of ours was started and has not opened its line yet. */
bool selkie_channel_comes_back(const struct selkie_channel *channel);

/* Whether the gateway's end does not keep up. */
bool selkie_channel_congested(const struct selkie_channel *channel);

#endif
