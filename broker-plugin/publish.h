/* SPDX-License-Identifier: Apache-2.0 */
/* Handing a message to Mosquitto. On its thread only: it keeps these in a list without a lock. */
#ifndef SELKIE_PLUGIN_PUBLISH_H
#define SELKIE_PLUGIN_PUBLISH_H

#include <selkie/error.h>

#include <jansson.h>
#include <mosquitto_broker.h>
#include <stdbool.h>
#include <stddef.h>

/* Publish a copy of the payload, to all subscribers or (with a client id) to that client alone, subscribed or not.
 * Takes the properties, also where it fails. 0, SELKIE_ENOMEM, or SELKIE_EINVAL where it can never be published: longer
 * than MQTT allows, or a topic that it does not take. */
SELKIE_USE_RESULT int selkie_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos,
                                     bool retain, mosquitto_property *properties);

/* The same with a JSON value, compact. */
SELKIE_USE_RESULT int selkie_publish_json(const char *client_id, const char *topic, const json_t *json, int qos,
                                          bool retain);

#endif
