/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks of an ordinary MQTT client: it publishes where only the plugin may, by itself or by its will. */
#include "attack/acts.h"

#include <selkie/topic.h>
#include <stdio.h>
#include <string.h>

void selkie_attack_client_event(void *owner, const struct selkie_mqtt_event *event)
{
    struct selkie_attacker *attacker = owner;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        attacker->client_connected = true;
        break;
    case SELKIE_MQTT_REFUSED:
        attacker->client_connected = true; /* the attempt was made, and failed at the door: once is enough */
        (void)selkie_mqtt_disconnect(attacker->client.mqtt, false);
        selkie_attribution_count(attacker->attribution, attacker->name, "refused");
        break;
    case SELKIE_MQTT_UNREACHABLE:
        attacker->client_connected = false;
        break;
    case SELKIE_MQTT_PUBLISHED:
        if (event->code >= SELKIE_MQTT_REFUSAL) {
            selkie_metrics_count(&attacker->fleet->account->metrics, NULL, "refused_publishes");
            selkie_attribution_count(attacker->attribution, attacker->name, "refused");
        }
        break;
    default:
        break;
    }
}

static void publish(struct selkie_attacker *attacker, const char *topic, const char *payload, bool retain)
{
    struct selkie_mqtt_message message = {
        .topic = topic, .payload = payload, .len = strlen(payload), .qos = 1, .retain = retain, .answer = true};

    if (selkie_mqtt_publish(attacker->client.mqtt, &message) >= 0)
        selkie_metrics_count(&attacker->fleet->account->metrics, NULL, "forged_publishes");
}

SELKIE_ACT(publish)
{
    struct selkie_fleet *fleet = attacker->fleet;
    const char *root = fleet->scenario->broker.root;
    static const enum selkie_topic_kind kinds[] = {SELKIE_TOPIC_DEVICE_UP, SELKIE_TOPIC_DEVICE_STATE,
                                                   SELKIE_TOPIC_DEVICE_EVENT};
    char topic[SELKIE_TOPIC_MAX], text[128];
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (!attacker->client_connected || !selkie_mqtt_is_connected(attacker->client.mqtt))
        return false;
    (void)snprintf(text, sizeof text, "{\"event\":\"clone\",\"note\":\"" SELKIE_ATTACKER_MARK "\"}");
    selkie_fleet_address(fleet, (uint32_t)selkie_prng_below(&attacker->random, fleet->count), address);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (selkie_topic_device(topic, root, address, kinds[i]) > 0)
            publish(attacker, topic, text, kinds[i] == SELKIE_TOPIC_DEVICE_STATE);
    }
    if (selkie_topic_rejected(topic, root, "clone") > 0)
        publish(attacker, topic, text, false);
    if (selkie_topic_stats(topic, root) > 0)
        publish(attacker, topic, text, true);
    /* A receipt that nobody gave would make a gateway forget what was never delivered. */
    if (selkie_topic_gateway(topic, root, "sim-0", SELKIE_TOPIC_GATEWAY_RECEIPT) > 0)
        publish(attacker, topic, "{\"seq\":[1,2,3,4,5,6,7,8,9,10]}", false);
    return true;
}

SELKIE_ACT(will)
{
    if (!attacker->client_connected)
        return false;
    (void)selkie_mqtt_disconnect(attacker->client.mqtt, true);
    attacker->client_connected = false;
    return true;
}
