/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/observer.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const filters[] = {"device/+/up", "device/+/event",  "device/+/state",
                                      "rejected/+",  "gateway/+/state", "stats"};
#define FILTERS (sizeof filters / sizeof filters[0])

struct selkie_observer {
    struct selkie_run *run;
    const struct selkie_sim_broker *broker;
    struct selkie_sim_client *client;
    struct selkie_observer_listener listener;
    unsigned granted;
    bool met; /* connected, once or more */
};

static void subscribe(struct selkie_observer *observer)
{
    char filter[SELKIE_TOPIC_MAX];

    observer->granted = 0;
    for (size_t i = 0; i < FILTERS; i++) {
        (void)snprintf(filter, sizeof filter, "%s/%s", observer->broker->options->root, filters[i]);
        if (selkie_mqtt_subscribe(observer->client->mqtt, filter, 1) < 0)
            return; /* lost again already: another CONNECTED follows */
    }
}

static void on_event(void *owner, const struct selkie_mqtt_event *event)
{
    struct selkie_observer *observer = owner;
    struct selkie_topic topic;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        observer->met = true;
        subscribe(observer);
        break;
    case SELKIE_MQTT_UNREACHABLE:
        if (!observer->met)
            selkie_run_fail(observer->run, "%s: no broker answers: %s", observer->broker->settings.name, event->text);
        break;
    case SELKIE_MQTT_REFUSED:
        selkie_run_fail(observer->run, "the broker refuses the observer (reason 0x%02x)", (unsigned)event->code);
        break;
    case SELKIE_MQTT_SUBSCRIBED:
        if (event->code < SELKIE_MQTT_REFUSAL)
            observer->granted++;
        else
            selkie_run_fail(observer->run, "the broker does not let the observer read (reason 0x%02x)",
                            (unsigned)event->code);
        break;
    case SELKIE_MQTT_MESSAGE:
        if (selkie_topic_parse(&topic, observer->broker->options->root, event->topic) == 0)
            observer->listener.message(observer->listener.context, &topic, event);
        break;
    default:
        break;
    }
}

int selkie_observer_open(struct selkie_observer **observer, struct selkie_run *run,
                         const struct selkie_sim_broker *broker, struct selkie_observer_listener listener)
{
    struct selkie_observer *opened = *observer = calloc(1, sizeof *opened);
    char id[64];

    if (!opened)
        return SELKIE_ENOMEM;
    opened->run = run;
    opened->broker = broker;
    opened->listener = listener;
    (void)snprintf(id, sizeof id, "selkie-sim-observer-%lld", (long long)run->epoch_ms);
    struct selkie_mqtt_options options = {.settings = &broker->settings,
                                          .id = id,
                                          .username = broker->options->username,
                                          .password = broker->password[0] != '\0' ? broker->password : NULL,
                                          .keep_session = true};
    return selkie_sim_client_open(&opened->client, broker->queue, &options, on_event, opened);
}

void selkie_observer_close(struct selkie_observer *observer)
{
    if (!observer)
        return;
    selkie_sim_client_close(observer->client);
    free(observer);
}

bool selkie_observer_ready(const struct selkie_observer *observer)
{
    return observer->granted >= FILTERS;
}
