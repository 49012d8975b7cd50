/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/sim_client.h"

#include "core/say.h"

#include <stdlib.h>
#include <string.h>

#define RECONNECT_S 1

/* False without memory. */
static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static int start(struct selkie_sim_client *client, const struct selkie_mqtt_options *options)
{
    struct selkie_mqtt_options own = *options;
    char why[SELKIE_MQTT_TEXT_MAX];

    own.id = client->id;
    own.username = client->username;
    own.password = client->password;
    own.will_topic = client->will_topic;
    own.reconnect_s = RECONNECT_S;
    int error = selkie_mqtt_connect(client->mqtt, &own, why);
    if (error < 0)
        selkie_say("%s: %s", options->settings->name, why);
    return error;
}

int selkie_sim_client_open(struct selkie_sim_client **client, struct selkie_mqtt_queue *queue,
                           const struct selkie_mqtt_options *options, selkie_sim_client_handler *on_event, void *owner)
{
    struct selkie_sim_client *opened = *client = calloc(1, sizeof *opened);

    if (!opened)
        return SELKIE_ENOMEM;
    opened->on_event = on_event;
    opened->owner = owner;
    int error = selkie_mqtt_open(&opened->mqtt, queue, opened);
    if (error == 0 && !(copy(&opened->id, options->id) && copy(&opened->username, options->username) &&
                        copy(&opened->password, options->password) && copy(&opened->will_topic, options->will_topic)))
        error = SELKIE_ENOMEM;
    if (error == 0)
        error = start(opened, options);
    if (error < 0) {
        selkie_sim_client_close(opened);
        *client = NULL;
    }
    return error;
}

void selkie_sim_client_close(struct selkie_sim_client *client)
{
    if (!client)
        return;
    selkie_mqtt_close(client->mqtt);
    free(client->id);
    free(client->username);
    if (client->password)
        explicit_bzero(client->password, strlen(client->password));
    free(client->password);
    free(client->will_topic);
    free(client);
}

void selkie_sim_client_handle(const struct selkie_mqtt_event *event)
{
    const struct selkie_sim_client *client = event->context;

    client->on_event(client->owner, event);
}
