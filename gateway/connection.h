/* SPDX-License-Identifier: Apache-2.0 */
/* One Paho client, from before it connects until it is destroyed, and what its callbacks tell. Those run on Paho's
 * threads and only put events into the queue; the calls belong to the event loop. */
#ifndef SELKIE_GATEWAY_CONNECTION_H
#define SELKIE_GATEWAY_CONNECTION_H

#include "broker_queue.h"
#include "config.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>

struct selkie_connection;

/* A MQTT 5 user property; Paho only reads them. */
struct selkie_connection_property {
    char *name, *value;
};

/* A client that puts its events into the queue under this number. NULL where there can be none; `why` says what is at
 * fault. */
struct selkie_connection *selkie_connection_open(struct selkie_broker_queue *queue, unsigned number,
                                                 const struct selkie_config *config,
                                                 char why[static SELKIE_BROKER_TEXT_MAX]);

/* No callback comes after this. With its last client Paho also ends its threads, and lets the caller wait for that. */
void selkie_connection_close(struct selkie_connection *connection);

/* Begin to connect, with `offline` on the state topic as the will. One of CONNECTED, REFUSED, ABSENT follows;
 * SELKIE_EIO where it cannot begin. */
SELKIE_USE_RESULT int selkie_connection_start(struct selkie_connection *connection, const struct selkie_config *config,
                                              const char *state_topic, char why[static SELKIE_BROKER_TEXT_MAX]);

/* DISCONNECT "with will message". True where GONE follows. */
bool selkie_connection_leave(struct selkie_connection *connection);

/* SUBSCRIBED follows. */
SELKIE_USE_RESULT int selkie_connection_subscribe(struct selkie_connection *connection, const char *topic);

/* A text that no event follows. */
SELKIE_USE_RESULT int selkie_connection_publish(struct selkie_connection *connection, const char *topic,
                                                const char *text, int qos, bool retained);

/* At QoS 1; the token (> 0) that its PUBLISHED event will have, or SELKIE_EIO. */
SELKIE_USE_RESULT int selkie_connection_send(struct selkie_connection *connection, const char *topic,
                                             const void *payload, size_t len,
                                             const struct selkie_connection_property *properties, size_t count);

bool selkie_connection_is_tls(const struct selkie_connection *connection);

#endif
