/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT client of the run: the observer, virtual gateways, the operator, attackers. It connects again by itself; with
 * a session that is kept, nothing that the broker publishes during an outage escapes the account. All clients of a run
 * share one queue of events; the loop hands each event to its client's owner. The loop's thread. */
#ifndef SELKIE_SIM_CLIENT_H
#define SELKIE_SIM_CLIENT_H

#include <mqtt_client.h>

/* Beyond so many messages in the queue some are dropped, and the verdict is "failed": an account with gaps is none. */
#define SELKIE_SIM_MESSAGES_MAX 1000000u

typedef void selkie_sim_client_handler(void *owner, const struct selkie_mqtt_event *event);

struct selkie_sim_client {
    struct selkie_mqtt *mqtt; /* to subscribe and publish with */
    selkie_sim_client_handler *on_event;
    void *owner;
    char *id, *username, *password, *will_topic; /* copies */
};

/* Begin to connect. Of the options, id, username, password, will and keep_session count. An error after a line on
 * stderr. */
SELKIE_USE_RESULT int selkie_sim_client_open(struct selkie_sim_client **client, struct selkie_mqtt_queue *queue,
                                             const struct selkie_mqtt_options *options,
                                             selkie_sim_client_handler *on_event, void *owner);

/* Disconnect and free; its events are dropped. NULL is harmless. */
void selkie_sim_client_close(struct selkie_sim_client *client);

/* Give an event to its client's owner. */
void selkie_sim_client_handle(const struct selkie_mqtt_event *event);

#endif
