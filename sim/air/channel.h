/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of a run. Each is a radio, its gateway (a process on a pty, somebody at the end of a socket, or a
 * virtual one), and a receiver beside the gateway's, which knows for certain which frames that gateway had whole. One
 * thread. */
#ifndef SELKIE_SIM_CHANNEL_H
#define SELKIE_SIM_CHANNEL_H

#include "account/account.h"
#include "air/modem.h"
#include "air/radio.h"
#include "air/serial_line.h"
#include "cloud/vgateway.h"

#include <selkie/fragment.h>
#include <selkie/link.h>
#include <uthash.h>

#define SELKIE_CHANNEL_RECENT 64 /* frames that may be lost with a gateway that is killed */
#define SELKIE_CHANNEL_ACKS   8

struct selkie_air;

/* A sender's module, on a channel whose air carries packets. */
struct selkie_channel_sender {
    UT_hash_handle hh;
    uint32_t source;
    struct selkie_channel *channel;
    struct selkie_sim_modem modem;
    struct selkie_sim_timer turn; /* the module's next packet */
};

struct selkie_channel {
    struct selkie_air *air;
    uint32_t index;
    const struct selkie_scenario_channels *group;
    struct selkie_sim_radio radio;
    struct selkie_sim_timer turn; /* the radio's next */
    struct selkie_channel_sender *senders;
    uint64_t pause_us;        /* a sender's frame may pause for so long on the air; 0 where radios stream */
    struct selkie_link_rx rx; /* beside the gateway's */
    struct selkie_fragment_rx fragments;
    struct selkie_sim_line line;
    struct selkie_process process;
    struct selkie_vgateway *virtual;
    bool online; /* its gateway has said so */
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
    uint64_t ack_wait_us; /* the quiet that the first one waits for */
    struct selkie_prng ack_random;
    uint64_t dropped; /* by a virtual gateway whose spool was full */
};

/* Who wants to know what happens on the channels. */
struct selkie_air_listener {
    void *context;
    /* The gateway of a channel has this body whole. Returns whether a device's payload is in it, and then which. */
    bool (*heard)(void *context, uint32_t channel, const uint8_t *body, size_t len, uint32_t *device, uint32_t *number);
    /* A payload that was heard may be lost with its gateway, which had no time to store it. */
    void (*doubted)(void *context, uint32_t channel, uint32_t device, uint32_t number);
    /* The gateway of a channel was on the air: there may be an ACK. */
    void (*echo)(void *context, uint32_t channel);
};

struct selkie_air {
    struct selkie_run *run;
    struct selkie_account *account;
    const struct selkie_sim_broker *broker;
    struct selkie_air_listener listener; /* set by the listener, before virtual time begins */
    uint32_t count;
    struct selkie_channel *channels;
};

/* All channels of the scenario, with their gateways started. An error after a line on stderr; close it then, too. */
SELKIE_USE_RESULT int selkie_air_open(struct selkie_air *air, struct selkie_run *run,
                                      const struct selkie_scenario *scenario, struct selkie_account *account,
                                      const struct selkie_sim_broker *broker);
void selkie_air_close(struct selkie_air *air);

/* Whether its gateway is there, and connected as far as it is ours. */
bool selkie_channel_ready(struct selkie_channel *channel);

/* Whether its gateway is somebody else's: all that is known of it is whether it holds the line. */
bool selkie_channel_is_yours(const struct selkie_channel *channel);

/* transmit.c: put bytes on the air of one channel; what a gateway sends is on the air of its neighbours as well. Where
 * radios send packets, the sender's module has the bytes then, and sends them as it can. */
SELKIE_USE_RESULT int selkie_channel_send(struct selkie_channel *channel, uint32_t source, const uint8_t *wire,
                                          size_t len);

/* For how long `source` has heard nobody else there, now. */
uint64_t selkie_channel_quiet_us(const struct selkie_channel *channel, uint32_t source);

/* Bytes that the modules of senders had no room for. */
uint64_t selkie_channel_overflow(const struct selkie_channel *channel);

/* For channel.c: the radio's turn; all modules go. */
void selkie_channel_on_turn(struct selkie_sim_timer *timer);
void selkie_channel_hush(struct selkie_channel *channel);

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
