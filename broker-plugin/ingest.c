/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest.h"

#include <selkie/link.h>

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE_MAX ((INT64_C(1) << 53) - 1) /* exact in any JSON reader */
#define CLAIM_MAX    65536                    /* bytes of a gateway's stats; nothing is read from more */

/* A decimal number without sign or spaces. */
static bool parse_number(const char *text, int64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *number = value;
    return true;
}

static void take_property(struct selkie_arrival *arrival, const char *name, const char *value)
{
    int64_t number;

    if (!parse_number(value, &number))
        return;
    if (!arrival->has_seq && strcmp(name, "seq") == 0) {
        arrival->has_seq = true;
        arrival->seq = (uint64_t)number;
    } else if (arrival->instance == 0 && strcmp(name, "instance") == 0) {
        arrival->instance = number <= INSTANCE_MAX ? (uint64_t)number : 0;
    } else if (arrival->rx_ms < 0 && strcmp(name, "rx") == 0) {
        arrival->rx_ms = number;
    } else if (arrival->age_ms < 0 && strcmp(name, "age") == 0) {
        arrival->age_ms = number;
    }
}

/* A negative number; what no radio can have measured is no signal strength. */
static void take_rssi(struct selkie_arrival *arrival, const char *value)
{
    int64_t number;

    if (value[0] == '-' && parse_number(value + 1, &number) && -number >= SELKIE_RSSI_MIN && -number <= SELKIE_RSSI_MAX)
        arrival->rssi = (int16_t)-number;
}

static void take_properties(struct selkie_arrival *arrival, const mosquitto_property *properties)
{
    const mosquitto_property *at = properties;
    char *name, *value;
    bool skip_first = false;

    while ((at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value, skip_first))) {
        if (arrival->rssi == 0 && strcmp(name, "rssi") == 0)
            take_rssi(arrival, value);
        else
            take_property(arrival, name, value);
        free(name);
        free(value);
        skip_first = true;
    }
}

static void submit(struct selkie_unsealer *unsealer, const char *gateway, bool over_bridge,
                   struct mosquitto_evt_message *message)
{
    struct selkie_arrival arrival = {
        .body = message->payload, .len = message->payloadlen, .gateway = gateway, .rx_ms = -1, .age_ms = -1};

    if (!arrival.body)
        arrival.body = (const uint8_t *)"";
    /* No frame is that long. The rest is malformed too, and does not fill the intake with megabytes. */
    if (arrival.len > SELKIE_LINK_BODY_MAX)
        arrival.len = SELKIE_LINK_BODY_MAX;
    take_properties(&arrival, message->properties);
    if (over_bridge) /* it may have held the message back for hours, and the age was true at the gateway's PUBLISH */
        arrival.age_ms = -1;
    message->retain = false;
    /* The unsealer counts what it refuses. A full intake needs no other reaction: the gateway sends the frame again. */
    int result = selkie_unsealer_submit(unsealer, &arrival);
    (void)result;
}

/* How often the gateway says that it publishes its stats; 0: it does not say. */
static unsigned interval_of(const struct mosquitto_evt_message *message)
{
    json_t *said = message->payload && message->payloadlen <= CLAIM_MAX
                       ? json_loadb(message->payload, message->payloadlen, 0, NULL)
                       : NULL;
    json_int_t interval = json_integer_value(json_object_get(said, "interval"));

    json_decref(said);
    return interval < 0 ? 0 : interval > UINT32_MAX ? UINT32_MAX : (unsigned)interval;
}

bool selkie_ingest_message(struct selkie_unsealer *unsealer, struct selkie_retained *retained, const char *root,
                           const struct selkie_access_publisher *publisher, struct mosquitto_evt_message *message)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, root, message->topic) < 0)
        return true;
    if (!selkie_access_may_publish(&topic, publisher))
        return false;
    if (topic.kind != SELKIE_TOPIC_GATEWAY_UP && topic.kind != SELKIE_TOPIC_GATEWAY_STATE &&
        topic.kind != SELKIE_TOPIC_GATEWAY_STATS)
        return true;
    selkie_retained_hear(retained, unsealer, &topic);
    if (topic.kind == SELKIE_TOPIC_GATEWAY_UP)
        submit(unsealer, topic.gateway, publisher->is_bridge, message);
    else
        selkie_unsealer_hear_gateway(unsealer, interval_of(message));
    return true;
}
