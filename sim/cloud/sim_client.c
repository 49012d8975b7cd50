/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/sim_client.h"

#include <inttypes.h>
#include <stdio.h>

#define RECONNECT_S 1

int selkie_sim_client_open(struct selkie_sim_client *client, const struct selkie_sim_broker *broker, const char *name,
                           struct selkie_mqtt_options options, selkie_sim_client_handler *on_event, void *owner)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    client->on_event = on_event;
    client->owner = owner;
    (void)snprintf(client->id, sizeof client->id, "selkie-sim-%s-%" PRId64, name, broker->run->epoch_ms);
    options.settings = &broker->settings;
    options.id = client->id;
    options.reconnect_s = RECONNECT_S;
    int error = selkie_mqtt_open(&client->mqtt, broker->queue, client);
    if (error < 0)
        return error;
    error = selkie_mqtt_connect(client->mqtt, &options, why);
    if (error < 0)
        selkie_say("%s: %s", broker->settings.name, why);
    return error;
}

void selkie_sim_client_close(struct selkie_sim_client *client)
{
    selkie_mqtt_close(client->mqtt);
    client->mqtt = NULL;
}

void selkie_sim_client_handle(const struct selkie_mqtt_event *event)
{
    const struct selkie_sim_client *client = event->context;

    client->on_event(client->owner, event);
}
