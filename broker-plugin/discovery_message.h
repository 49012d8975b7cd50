/* SPDX-License-Identifier: Apache-2.0 */
/* A device as Home Assistant's MQTT discovery wants it described: one JSON text on
 * <prefix>/device/selkie_<address>/config, with a component for each field of its model. PROTOCOL.md, section 8, "Home
 * Assistant".
 *
 * Whatever a device, a gateway or a person named is in it as a JSON string, and never in a template: those hold names
 * of fields (a-z 0-9 _), IDs and our own words. Pure: no state, no I/O; safe from any thread. */
#ifndef SELKIE_PLUGIN_DISCOVERY_MESSAGE_H
#define SELKIE_PLUGIN_DISCOVERY_MESSAGE_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <selkie/models.h>
#include <selkie/topic.h>

#include <stdbool.h>

struct selkie_discovery_settings {
    const char *root, *prefix;
    bool approve_button; /* for whoever is an administrator, and seen by all who read the message */
};

/* Strings are "" where there is none. */
struct selkie_discovery_device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    const char *name, *model, *manufacturer, *firmware;
    const char *gateway;    /* without it, or while it is offline, the values are unavailable */
    const char *pending_id; /* the pending ID that came last: what the button approves */
    const struct selkie_field *const *fields;
    unsigned field_count;
};

/* The message (heap; free it); NULL without memory. `gone`: parts, as below, that it takes back; "" = none. */
char *selkie_discovery_message_build(const struct selkie_discovery_settings *settings,
                                     const struct selkie_discovery_device *device, const char *gone);

/* The parts of the message, a line each, "sensor value_temperature\n" (heap); NULL without memory. */
char *selkie_discovery_message_parts(const struct selkie_discovery_settings *settings,
                                     const struct selkie_discovery_device *device);

/* The topic. `prefix` is a valid root. */
void selkie_discovery_topic(char text[static SELKIE_TOPIC_MAX], const char *prefix,
                            const uint8_t address[static SELKIE_ADDRESS_SIZE]);
/* Whether a topic has this form, below this prefix, or with NULL below any. */
bool selkie_discovery_topic_parse(const char *text, const char *prefix, uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* Whether a payload is one of ours, below this root. */
bool selkie_discovery_is_ours(const void *payload, size_t len, const char *root);

#endif
