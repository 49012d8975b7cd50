/* SPDX-License-Identifier: Apache-2.0 */
/* One Paho client and its callbacks, for one attempt to connect to one address and the connection that it makes. The
 * callbacks run on Paho's threads and only put events into the queue. Call everything from the loop's thread. Only for
 * this room. */
#ifndef SELKIE_MQTT_PAHO_H
#define SELKIE_MQTT_PAHO_H

#include "mqtt_queue.h"
#include "mqtt_settings.h"
#include "resolver.h"

struct selkie_mqtt_paho;

/* Begin to connect to the URI at this address. The host is pinned to the address until the close, because Paho looks
 * the host up on its own thread, at any time. One of CONNECTED, REFUSED, UNREACHABLE follows; all events have the
 * client, the context and the attempt of `event`. SELKIE_EIO, with the reason in `why`. */
SELKIE_USE_RESULT int selkie_mqtt_paho_open(struct selkie_mqtt_paho **opened, struct selkie_mqtt_queue *queue,
                                            const struct selkie_mqtt_event *event, const struct selkie_mqtt_uri *uri,
                                            const struct sockaddr_storage *address,
                                            const struct selkie_mqtt_options *options, const char *password,
                                            char why[static SELKIE_MQTT_TEXT_MAX]);

/* A client that never connects: while it is open, Paho's threads stay. Only close it. SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_mqtt_paho_keep(struct selkie_mqtt_paho **opened);

/* Ends the connection, and also an attempt to connect: nothing else does. No callback comes after this. With its last
 * client Paho also ends its threads, and the caller waits for that, about a second. NULL is harmless. */
void selkie_mqtt_paho_close(struct selkie_mqtt_paho *paho);

/* As selkie_mqtt_disconnect, …_is_connected, …_subscribe and …_publish. */
bool selkie_mqtt_paho_disconnect(struct selkie_mqtt_paho *paho, bool will);
bool selkie_mqtt_paho_is_connected(const struct selkie_mqtt_paho *paho);
SELKIE_USE_RESULT int selkie_mqtt_paho_subscribe(struct selkie_mqtt_paho *paho, const char *filter, int qos);
SELKIE_USE_RESULT int selkie_mqtt_paho_publish(struct selkie_mqtt_paho *paho,
                                               const struct selkie_mqtt_message *message);

#endif
