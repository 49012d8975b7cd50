/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT client of the run: the observer, virtual gateways, the operator, attackers. It connects again by itself; with
 * a session that is kept, nothing that the broker publishes during an outage escapes the account. All clients of a run
 * share one queue of events; the loop hands each event to its client's owner. The loop's thread. */
#ifndef SELKIE_SIM_CLIENT_H
#define SELKIE_SIM_CLIENT_H

#include "cloud/mosquitto.h"

typedef void selkie_sim_client_handler(void *owner, const struct selkie_mqtt_event *event);

struct selkie_sim_client {
    struct selkie_mqtt *mqtt; /* to subscribe and publish with */
    selkie_sim_client_handler *on_event;
    void *owner;
    char id[64];
};

/* Begin to connect to the run's broker. `name` makes the client's id. Of the options, username, password, will and
 * keep_session count; their strings must live as long as the client, which must not move. An error after a line on
 * stderr; close it then, too. */
SELKIE_USE_RESULT int selkie_sim_client_open(struct selkie_sim_client *client, const struct selkie_sim_broker *broker,
                                             const char *name, struct selkie_mqtt_options options,
                                             selkie_sim_client_handler *on_event, void *owner);

/* Disconnect; its events are dropped. Harmless for a zeroed one. */
void selkie_sim_client_close(struct selkie_sim_client *client);

/* Give an event to its client's owner. */
void selkie_sim_client_handle(const struct selkie_mqtt_event *event);

#endif
