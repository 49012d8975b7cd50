/* SPDX-License-Identifier: Apache-2.0 */
/* Passes messages to Mosquitto. Only on its thread: Mosquitto keeps them in a list without a lock. */
#ifndef SELKIE_PLUGIN_PUBLISH_H
#define SELKIE_PLUGIN_PUBLISH_H

#include <selkie/error.h>

#include <jansson.h>
#include <mosquitto_broker.h>
#include <stdbool.h>
#include <stddef.h>

/* Publish a copy of the payload, to all subscribers or (with a client id) to that client alone, subscribed or not.
 * Takes the properties, also on failure. 0, SELKIE_ENOMEM, or SELKIE_EINVAL if it can never be published: it is
 * longer than MQTT allows, or Mosquitto refuses the topic. */
SELKIE_USE_RESULT int selkie_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos,
                                     bool retain, mosquitto_property *properties);

/* The same with a text that is JSON: adds what says so (payload format indicator, content type). */
SELKIE_USE_RESULT int selkie_publish_text(const char *client_id, const char *topic, const void *text, size_t len,
                                          int qos, bool retain, mosquitto_property *properties);

/* The same with a JSON value, compact. */
SELKIE_USE_RESULT int selkie_publish_json(const char *client_id, const char *topic, const json_t *json, int qos,
                                          bool retain);

#endif
