/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the gateway connected to the broker: connects, and reconnects after a growing back-off. Within a connection the
 * sender (sender.h) publishes the frames. A connection that another gateway of this name ended is followed by a pause
 * of minutes. PROTOCOL.md, sections 8 and 9. Logs a condition once for as long as it lasts. The loop's thread. */
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
    uint64_t connects;  /* connections that the broker accepted, */
    uint64_t conflicts; /* and of these, those that another client of this name ended */
};

struct selkie_forwarder_handler {
    void *context;
    /* The connection began or ended, or frames were acknowledged: the status changed. */
    void (*changed)(void *context);
    /* selkie_forwarder_drain is done. */
    void (*drained)(void *context);
};

/* Connects at once. Configuration and spool must live until the forwarder is closed. NULL after a line in the log. */
struct selkie_forwarder *selkie_forwarder_open(sd_event *event, const struct selkie_gateway_config *config,
                                               struct selkie_spool *spool,
                                               const struct selkie_forwarder_handler *handler);
void selkie_forwarder_close(struct selkie_forwarder *forwarder);

/* Use another configuration; the one before may be closed. Reconnects if the broker, the names or `confirm` changed. */
void selkie_forwarder_configure(struct selkie_forwarder *forwarder, const struct selkie_gateway_config *config);

/* The spool has new frames. */
void selkie_forwarder_kick(struct selkie_forwarder *forwarder);

/* Send for a few seconds more, then disconnect. `drained` follows in any case. */
void selkie_forwarder_drain(struct selkie_forwarder *forwarder);

/* Another gateway uses this one's name: it ended a connection, and none has lasted for 10 minutes since. */
bool selkie_forwarder_is_shared(const struct selkie_forwarder *forwarder);

/* Whether the spool's disk works: part of the state on the broker, which is published when it changes. */
void selkie_forwarder_set_storage(struct selkie_forwarder *forwarder, bool works);

bool selkie_forwarder_is_online(const struct selkie_forwarder *forwarder);
struct selkie_forwarder_counters selkie_forwarder_counters(const struct selkie_forwarder *forwarder);
void selkie_forwarder_publish_stats(struct selkie_forwarder *forwarder, const char *json);

#endif
