/* SPDX-License-Identifier: Apache-2.0 */
/* From the spool to the broker, for ever: connects and reconnects, keeps `window` frames under way in the order of
 * their seq, forgets those that are dealt with, sends again what got no answer. PROTOCOL.md, sections 8 and 9.
 *
 * Bounded: only what is under way is in memory, and of that not the bodies. The loop's thread. */
#ifndef SELKIE_GATEWAY_UPLINK_H
#define SELKIE_GATEWAY_UPLINK_H

#include "config.h"
#include "spool.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_uplink;

/* Since the start of the program. */
struct selkie_uplink_counters {
    uint64_t sent;      /* publishes of frames */
    uint64_t resent;    /* of these, of a frame that had been sent before */
    uint64_t receipted; /* frames forgotten because they were dealt with */
    uint64_t connects;  /* connections that the broker accepted */
};

struct selkie_uplink_handler {
    void *context;
    /* The connection stands, or no longer. */
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
const struct selkie_uplink_counters *selkie_uplink_counters(const struct selkie_uplink *uplink);
void selkie_uplink_publish_stats(struct selkie_uplink *uplink, const char *json);

#endif
