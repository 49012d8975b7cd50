/* SPDX-License-Identifier: Apache-2.0 */
#include "publish.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <string.h>

/* Not mosquitto_broker_publish_copy: its copy does not come from Mosquitto's own malloc. Then Mosquitto counts its
 * memory wrong, and with memory_limit it refuses service after a few hundred messages. */
static int pass(const char *client_id, const char *topic, void *payload, size_t len, int qos, bool retain,
                mosquitto_property *properties)
{
    int result = mosquitto_broker_publish(client_id, topic, (int)len, payload, qos, retain, properties);

    if (result == MOSQ_ERR_SUCCESS)
        return 0;
    mosquitto_free(payload);
    mosquitto_property_free_all(&properties);
    return result == MOSQ_ERR_NOMEM ? SELKIE_ENOMEM : SELKIE_EINVAL;
}

int selkie_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos, bool retain,
                   mosquitto_property *properties)
{
    void *copy = NULL;

    if (len > MQTT_MAX_PAYLOAD) {
        mosquitto_property_free_all(&properties);
        return SELKIE_EINVAL;
    }
    if (len > 0) {
        copy = mosquitto_malloc(len);
        if (!copy) {
            mosquitto_property_free_all(&properties);
            return SELKIE_ENOMEM;
        }
        memcpy(copy, payload, len);
    }
    return pass(client_id, topic, copy, len, qos, retain, properties);
}

/* PROTOCOL.md, section 8: what every message says that is JSON. */
static int add_json(mosquitto_property **properties)
{
    return mosquitto_property_add_byte(properties, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1) == MOSQ_ERR_SUCCESS &&
                   mosquitto_property_add_string(properties, MQTT_PROP_CONTENT_TYPE, "application/json") ==
                       MOSQ_ERR_SUCCESS
               ? 0
               : SELKIE_ENOMEM;
}

int selkie_publish_text(const char *client_id, const char *topic, const void *text, size_t len, int qos, bool retain,
                        mosquitto_property *properties)
{
    if (add_json(&properties) < 0) {
        mosquitto_property_free_all(&properties);
        return SELKIE_ENOMEM;
    }
    return selkie_publish(client_id, topic, text, len, qos, retain, properties);
}

int selkie_publish_json(const char *client_id, const char *topic, const json_t *json, int qos, bool retain)
{
    size_t len = json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = len == 0 || len > MQTT_MAX_PAYLOAD ? NULL : mosquitto_malloc(len);
    mosquitto_property *properties = NULL;

    if (!text)
        return SELKIE_ENOMEM;
    if (add_json(&properties) < 0) {
        mosquitto_property_free_all(&properties);
        mosquitto_free(text);
        return SELKIE_ENOMEM;
    }
    (void)json_dumpb(json, text, len, JSON_COMPACT);
    return pass(client_id, topic, text, len, qos, retain, properties);
}
