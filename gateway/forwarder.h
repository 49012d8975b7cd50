/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the broker, for ever: connects, reconnects after a growing pause, tells once why it cannot; inside a
 * connection the sender (sender.h) works. PROTOCOL.md, sections 8 and 9. The loop's thread. */
#ifndef SELKIE_GATEWAY_FORWARDER_H
#define SELKIE_GATEWAY_FORWARDER_H

#include "gateway_config.h"
#include "sender.h"
#include "spool.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_forwarder;

/* Since the start of the program. */
struct selkie_forwarder_counters {
    struct selkie_sender_counters frames;
    uint64_t connects; /* connections that the broker accepted */
};

struct selkie_forwarder_handler {
    void *context;
    /* Frames may now flow, or no longer; frames were dealt with. */
    void (*changed)(void *context);
    /* After selkie_forwarder_drain: nothing more to wait for. */
    void (*drained)(void *context);
};

/* Configuration and spool must live until the forwarder is closed. It connects at once. NULL after a line in the log.
 */
struct selkie_forwarder *selkie_forwarder_open(sd_event *event, const struct selkie_gateway_config *config,
                                               struct selkie_spool *spool,
                                               const struct selkie_forwarder_handler *handler);
void selkie_forwarder_close(struct selkie_forwarder *forwarder);

/* Use another configuration; reconnects where the broker, the names or the way of confirming changed. */
void selkie_forwarder_configure(struct selkie_forwarder *forwarder, const struct selkie_gateway_config *config);

/* There are new frames in the spool. */
void selkie_forwarder_kick(struct selkie_forwarder *forwarder);

/* Before the end: send what can be sent for a few seconds, then take leave of the broker. `drained` follows in any
 * case. */
void selkie_forwarder_drain(struct selkie_forwarder *forwarder);

bool selkie_forwarder_is_online(const struct selkie_forwarder *forwarder);
struct selkie_forwarder_counters selkie_forwarder_counters(const struct selkie_forwarder *forwarder);
void selkie_forwarder_publish_stats(struct selkie_forwarder *forwarder, const char *json);

#endif
