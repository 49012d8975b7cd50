/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT 5 client on Paho's MQTTAsync, as the simulator needs them: the observer, virtual gateways, the operator,
 * attackers. It connects again by itself and keeps its session meanwhile, so that nothing which comes out during an
 * outage of the broker escapes the account. Calls: the loop's thread. What happens comes as events into the event
 * queue.
 */
#ifndef SELKIE_SIM_MQTT_H
#define SELKIE_SIM_MQTT_H

#include "cloud/event_queue.h"

struct selkie_mqtt_server {
    const char *uri; /* mqtt://host:port or mqtts:// */
    const char *ca, *cert, *key;
};

struct selkie_mqtt_options {
    const char *id;
    const char *username, *password; /* NULL = none */
    bool keep_session;
    const char *will_topic, *will_payload;
    void (*on_event)(void *owner, const struct selkie_sim_event *event);
    void *owner;
};

struct selkie_mqtt;

/* Create and begin to connect. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_mqtt_open(struct selkie_mqtt **client, struct selkie_sim_event_queue *queue,
                                       const struct selkie_mqtt_server *server,
                                       const struct selkie_mqtt_options *options);

/* Disconnect and free; its events are dropped. NULL is harmless. */
void selkie_mqtt_close(struct selkie_mqtt *client);

/* End the connection so that the broker publishes the will. Close it later. */
void selkie_mqtt_die(struct selkie_mqtt *client);

/* A broker's reason code in words. */
const char *selkie_mqtt_reason(int code);

bool selkie_mqtt_connected(const struct selkie_mqtt *client);

SELKIE_USE_RESULT int selkie_mqtt_subscribe(struct selkie_mqtt *client, const char *filter, int qos);

struct selkie_mqtt_message {
    const char *topic;
    const void *payload;
    size_t len;
    int qos;
    bool retain;
    bool tell; /* a PUBLISHED event is wanted */
    size_t property_count;
    const char *properties[4][2]; /* name, value */
};

/* 0, or SELKIE_EIO: not connected just now. */
SELKIE_USE_RESULT int selkie_mqtt_publish(struct selkie_mqtt *client, const struct selkie_mqtt_message *message);

/* Give a event to its client's owner. */
void selkie_mqtt_handle(const struct selkie_sim_event *event);

#endif
