/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on inside one connection: frames from the spool to the broker in the order of their seq, `window` of them
 * under way, each forgotten when it is dealt with and sent again without an answer in 30 s. PROTOCOL.md, sections 8
 * and 9.
 *
 * Bounded: in memory is only what is under way, without the bodies; and in one turn of the loop only a few frames are
 * sent or forgotten, so that a backlog that drains does not hold up a device's ACK. The loop's thread. */
#ifndef SELKIE_GATEWAY_SENDER_H
#define SELKIE_GATEWAY_SENDER_H

#include "gateway_broker.h"
#include "gateway_config.h"
#include "spool.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_sender;

/* Since the start of the program. */
struct selkie_sender_counters {
    uint64_t sent;      /* publishes of frames */
    uint64_t resent;    /* of these, of a frame that had been sent before */
    uint64_t receipted; /* frames forgotten because they were dealt with */
};

struct selkie_sender_handler {
    void *context;
    /* Frames were dealt with. */
    void (*forgot)(void *context);
    /* The broker has not answered a publish for 30 s: the connection is dead, whatever TCP thinks. */
    void (*dead)(void *context);
};

/* Spool and broker must outlive it. NULL after a line in the log. */
struct selkie_sender *selkie_sender_open(sd_event *event, struct selkie_spool *spool,
                                         struct selkie_gateway_broker *broker,
                                         const struct selkie_sender_handler *handler);
void selkie_sender_close(struct selkie_sender *sender);

/* A connection stands that takes so many publishes unanswered: begin with the oldest frame. The configuration must live
 * until the next start or configure. */
void selkie_sender_start(struct selkie_sender *sender, const struct selkie_gateway_config *config,
                         size_t receive_maximum);
void selkie_sender_configure(struct selkie_sender *sender, const struct selkie_gateway_config *config);

/* The connection is gone. */
void selkie_sender_stop(struct selkie_sender *sender);

/* Send what may be sent; nothing while there is no connection. */
void selkie_sender_fill(struct selkie_sender *sender);

/* The broker answered a publish; a receipt came. */
void selkie_sender_answered(struct selkie_sender *sender, int token, int reason);
/* False: give it again in a later turn of the loop, there is more in it. */
bool selkie_sender_receipt(struct selkie_sender *sender, const char *payload, size_t len);

const struct selkie_sender_counters *selkie_sender_counters(const struct selkie_sender *sender);

#endif
