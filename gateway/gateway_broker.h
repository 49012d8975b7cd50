/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's MQTT connection on the event loop: its topics and its will. PROTOCOL.md, section 8. It handles one
 * event in each turn of the loop, after the lines are read and the frames are stored. It stores nothing: that is the
 * spool's job. The loop's thread. */
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

/* Handle an event. False: call again with the same event in a later turn, because there is more to do. */
typedef bool selkie_gateway_broker_handler(void *context, const struct selkie_mqtt_event *event);

/* `instance` is that of the spool: state, will and frames carry it. NULL after a line in the log. */
struct selkie_gateway_broker *selkie_gateway_broker_open(sd_event *event, int64_t instance,
                                                         selkie_gateway_broker_handler *handler, void *context);

/* End the connection, without the will. Waits for Paho's threads to end, about a second. */
void selkie_gateway_broker_close(struct selkie_gateway_broker *broker);

/* Begin to connect; one of CONNECTED, REFUSED, UNREACHABLE follows. An earlier connection or attempt ends first,
 * without the will. SELKIE_EIO, with the reason in `why`. */
SELKIE_USE_RESULT int selkie_gateway_broker_connect(struct selkie_gateway_broker *broker,
                                                    const struct selkie_gateway_config *config,
                                                    char why[static SELKIE_MQTT_TEXT_MAX]);

/* Go on with a configuration that has the same connection: the one before may be closed. */
void selkie_gateway_broker_adopt(struct selkie_gateway_broker *broker, const struct selkie_gateway_config *config);

/* The URI in use, or all that are tried. */
const char *selkie_gateway_broker_uri(const struct selkie_gateway_broker *broker);

/* Disconnect "with will message", so that the broker publishes `offline` at once. As selkie_mqtt_disconnect. */
bool selkie_gateway_broker_leave(struct selkie_gateway_broker *broker);

/* Errors as selkie_mqtt_publish. */
SELKIE_USE_RESULT int selkie_gateway_broker_subscribe_receipts(struct selkie_gateway_broker *broker);
SELKIE_USE_RESULT int selkie_gateway_broker_subscribe_state(struct selkie_gateway_broker *broker);
SELKIE_USE_RESULT int selkie_gateway_broker_publish_state(struct selkie_gateway_broker *broker, bool storage_works);
SELKIE_USE_RESULT int selkie_gateway_broker_publish_stats(struct selkie_gateway_broker *broker, const char *json);

/* Publish a frame. The token (> 0) that its PUBLISHED event will have, or an error as selkie_mqtt_publish. */
SELKIE_USE_RESULT int selkie_gateway_broker_publish_frame(struct selkie_gateway_broker *broker,
                                                          const struct selkie_spool_frame *frame);

/* What a state says of the gateway that published it; 0: nothing. */
struct selkie_gateway_sighting {
    int64_t instance;   /* of its spool */
    int64_t connection; /* how many it had begun since its start */
};

/* Whether a message is a state of a gateway of this name; then *seen is what it says. */
bool selkie_gateway_broker_is_state(const struct selkie_gateway_broker *broker, const struct selkie_mqtt_event *message,
                                    struct selkie_gateway_sighting *seen);

#endif
