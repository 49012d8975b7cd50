/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's MQTT connection on the event loop: its topics and its will. It handles one event in each turn of the
 * loop, after the lines are read and the frames are stored. PROTOCOL.md, section 8. Nothing is kept here: the spool is
 * what survives. The loop's thread. */
#ifndef SELKIE_GATEWAY_BROKER_H
#define SELKIE_GATEWAY_BROKER_H

#include "gateway_config.h"
#include "spool.h"

#include <mqtt_client.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#define SELKIE_GATEWAY_BROKER_RANK 20 /* sd-event's priority */

struct selkie_gateway_broker;

/* False: hand the same event on again in a later turn, there is more to do with it. */
typedef bool selkie_gateway_broker_handler(void *context, const struct selkie_mqtt_event *event);

/* NULL after a line in the log. */
struct selkie_gateway_broker *selkie_gateway_broker_open(sd_event *event, selkie_gateway_broker_handler *handler,
                                                         void *context);

/* Ends the connection if there is one, as selkie_gateway_broker_connect does: without the will. Waits for Paho's
 * threads to end, about a second. */
void selkie_gateway_broker_close(struct selkie_gateway_broker *broker);

/* Begin to connect; one of CONNECTED, REFUSED, UNREACHABLE follows. Ends the connection before. SELKIE_EIO where it
 * cannot begin; `why` says what is at fault. */
SELKIE_USE_RESULT int selkie_gateway_broker_connect(struct selkie_gateway_broker *broker,
                                                    const struct selkie_gateway_config *config,
                                                    char why[static SELKIE_MQTT_TEXT_MAX]);

/* Go on with a configuration that has the same connection: the one before may be closed. */
void selkie_gateway_broker_adopt(struct selkie_gateway_broker *broker, const struct selkie_gateway_config *config);

/* The URI in use, or all that are tried. */
const char *selkie_gateway_broker_uri(const struct selkie_gateway_broker *broker);

/* Take leave: DISCONNECT "with will message", so that the broker publishes `offline` at once. As
 * selkie_mqtt_disconnect. */
bool selkie_gateway_broker_leave(struct selkie_gateway_broker *broker);

/* SELKIE_EIO where there is no connection. */
SELKIE_USE_RESULT int selkie_gateway_broker_subscribe_receipts(struct selkie_gateway_broker *broker);
SELKIE_USE_RESULT int selkie_gateway_broker_publish_state(struct selkie_gateway_broker *broker);
SELKIE_USE_RESULT int selkie_gateway_broker_publish_stats(struct selkie_gateway_broker *broker, const char *json);

/* Publish a frame. The token (> 0) that its PUBLISHED event will have, or SELKIE_EIO. */
SELKIE_USE_RESULT int selkie_gateway_broker_publish_frame(struct selkie_gateway_broker *broker,
                                                          const struct selkie_spool_frame *frame);

#endif
