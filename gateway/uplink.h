/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the broker, for ever: connects, reconnects after a growing pause, tells once why it cannot; inside a
 * connection the sender (sender.h) works. PROTOCOL.md, sections 8 and 9. The loop's thread. */
#ifndef SELKIE_GATEWAY_UPLINK_H
#define SELKIE_GATEWAY_UPLINK_H

#include "config.h"
#include "sender.h"
#include "spool.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_uplink;

/* Since the start of the program. */
struct selkie_uplink_counters {
    struct selkie_sender_counters frames;
    uint64_t connects; /* connections that the broker accepted */
};

struct selkie_uplink_handler {
    void *context;
    /* Frames may now flow, or no longer; frames were dealt with. */
    void (*changed)(void *context);
    /* After selkie_uplink_drain: nothing more to wait for. */
    void (*drained)(void *context);
};

/* Configuration and spool must live until the uplink is closed. It connects at once. NULL after a line in the log. */
struct selkie_uplink *selkie_uplink_open(sd_event *event, const struct selkie_config *config,
                                         struct selkie_spool *spool, const struct selkie_uplink_handler *handler);
void selkie_uplink_close(struct selkie_uplink *uplink);

/* Use another configuration; reconnects where the broker, the names or the way of confirming changed. */
void selkie_uplink_configure(struct selkie_uplink *uplink, const struct selkie_config *config);

/* There are new frames in the spool. */
void selkie_uplink_kick(struct selkie_uplink *uplink);

/* Before the end: send what can be sent for a few seconds, then take leave of the broker. `drained` follows in any
 * case. */
void selkie_uplink_drain(struct selkie_uplink *uplink);

bool selkie_uplink_is_online(const struct selkie_uplink *uplink);
struct selkie_uplink_counters selkie_uplink_counters(const struct selkie_uplink *uplink);
void selkie_uplink_publish_stats(struct selkie_uplink *uplink, const char *json);

#endif
