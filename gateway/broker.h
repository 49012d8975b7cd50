/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 connection at a time, through Paho's MQTTAsync; PROTOCOL.md, section 8. Nothing is kept here: the spool is
 * what survives, so Paho's own persistence and reconnecting are off.
 *
 * Threads: the calls belong to the event loop. Paho calls back on threads of its own, with a lock held that
 * MQTTAsync_send also takes; its callbacks therefore only put an event into a queue and ring an eventfd
 * (broker_queue.h), and the handler runs on the loop.
 *
 * Each connection is a Paho client of its own, so that nothing of a dead connection, neither commands left in Paho's
 * queue nor late callbacks, can leak into the next. */
#ifndef SELKIE_GATEWAY_BROKER_H
#define SELKIE_GATEWAY_BROKER_H

#include "broker_queue.h"
#include "config.h"
#include "spool.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct selkie_broker;

/* NULL after a line in the log. */
struct selkie_broker *selkie_broker_open(sd_event *event, selkie_broker_handler *handler, void *context);

/* Ends the connection if there is one, as selkie_broker_connect does: without the will. Waits for Paho's threads to
 * end, about a second. */
void selkie_broker_close(struct selkie_broker *broker);

/* Begin to connect; one of CONNECTED, REFUSED, ABSENT follows. Ends the connection before. The password is read from
 * its file now. SELKIE_EIO where it cannot begin; `why` says what is at fault. */
SELKIE_USE_RESULT int selkie_broker_connect(struct selkie_broker *broker, const struct selkie_config *config,
                                            char why[static SELKIE_BROKER_TEXT_MAX]);

/* Take leave: DISCONNECT "with will message", so that the broker publishes `offline` at once. True where GONE follows,
 * or nothing if the broker no longer listens: set a timer. False where there is no connection. */
bool selkie_broker_leave(struct selkie_broker *broker);

/* SELKIE_EIO where there is no connection. */
SELKIE_USE_RESULT int selkie_broker_subscribe_receipts(struct selkie_broker *broker);
SELKIE_USE_RESULT int selkie_broker_publish_state(struct selkie_broker *broker);
SELKIE_USE_RESULT int selkie_broker_publish_stats(struct selkie_broker *broker, const char *json);

/* Publish a frame. The token (> 0) that its PUBLISHED event will have, or SELKIE_EIO. */
SELKIE_USE_RESULT int selkie_broker_publish_frame(struct selkie_broker *broker, const struct selkie_spool_frame *frame);

/* An MQTT reason in words; never NULL. */
const char *selkie_broker_reason(int code);

#endif
