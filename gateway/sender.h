/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes frames within one connection: from the spool to the broker in the order of their seq, at most `window` of
 * them in flight. A frame is forgotten when it is dealt with, and sent again when no receipt came within 30 s of the
 * broker's PUBACK. PROTOCOL.md, sections 8 and 9.
 *
 * Bounded: only the seq of a frame in flight is in memory, not its body; and one turn of the loop sends one frame or
 * forgets a few, so that a long backlog does not delay a device's ACK. Reads and writes the spool, so it blocks on the
 * disk. The loop's thread. */
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

/* The rest of a longer receipt is ignored: those frames are sent again, and another receipt has them. */
#define SELKIE_RECEIPT_MAX 1024

struct selkie_sender;

/* Since the start of the program. */
struct selkie_sender_counters {
    uint64_t sent;      /* frames published */
    uint64_t resent;    /* of these, frames that had been published before */
    uint64_t receipted; /* frames forgotten because they were dealt with */
};

/* `dead` is called when the broker owes answers, and gave none at all for 30 s: the connection is dead, whatever TCP
 * says. A broker that answers is not dead, however long a slow line keeps a frame under way.
 * Spool and broker must outlive the sender. NULL after a line in the log. */
struct selkie_sender *selkie_sender_open(sd_event *event, struct selkie_spool *spool,
                                         struct selkie_gateway_broker *broker, void (*dead)(void *context),
                                         void *context);
void selkie_sender_close(struct selkie_sender *sender);

/* There is a connection, which accepts so many unanswered publishes: begin with the oldest frame. The configuration
 * must live until the next start or configure. */
void selkie_sender_start(struct selkie_sender *sender, const struct selkie_gateway_config *config,
                         size_t receive_maximum);
void selkie_sender_configure(struct selkie_sender *sender, const struct selkie_gateway_config *config);

/* The connection is gone. */
void selkie_sender_stop(struct selkie_sender *sender);

/* Send what may be sent; without a connection that is nothing. */
void selkie_sender_fill(struct selkie_sender *sender);

/* The broker answered a publish. */
void selkie_sender_answered(struct selkie_sender *sender, int token, int reason);

/* A receipt came. One for another instance of the spool is ignored: a second gateway of this name, or this one before
 * its last start, counted with the same numbers. False: call again with the same receipt in a later turn of the loop,
 * some of it is left. */
bool selkie_sender_receipt(struct selkie_sender *sender, const char *payload, size_t len);

/* The seqs in a receipt, {"instance":…,"seq":[…]}, and the instance of the spool that they are of, 0 if the receipt
 * does not say. Returns their number, or SELKIE_EMALFORMED: then none of them counts. */
SELKIE_USE_RESULT int selkie_sender_parse_receipt(int64_t seqs[static SELKIE_RECEIPT_MAX], int64_t *instance,
                                                  const char *text, size_t len);

const struct selkie_sender_counters *selkie_sender_counters(const struct selkie_sender *sender);

#endif
