/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/observer.h"

#include "account/attribution.h"
#include "air/channel.h"
#include "cloud/operator.h"
#include "fleet/fleet.h"

#include <jansson.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const filters[] = {"device/+/up", "device/+/event",  "device/+/state",
                                      "rejected/+",  "gateway/+/state", "stats"};
#define FILTERS (sizeof filters / sizeof filters[0])

struct selkie_observer {
    struct selkie_world *world;
    struct selkie_mqtt *client;
    unsigned granted;
    bool connected, met; /* now, and ever */
};

static void on_payload(struct selkie_world *world, const struct selkie_topic *topic,
                       const struct selkie_sim_event *event)
{
    int64_t device = selkie_fleet_find(world, topic->address);
    uint32_t number = 0;

    if (device < 0) { /* on a broker of yours there may be others */
        if (world->broker.own)
            selkie_verify_forged(world->verify);
        return;
    }
    world->last_arrival_us = event->wall_us;
    int maker = selkie_payload_check(&world->plan, (uint32_t)device, event->payload, event->len, &number);
    if (maker == SELKIE_MADE_BY_THIEF)
        selkie_verify_impersonated(world->verify);
    else if (maker != SELKIE_MADE_BY_DEVICE)
        selkie_verify_forged(world->verify);
    else if (selkie_verify_delivered(world->verify, (uint32_t)device, number, event->wall_us) == SELKIE_VERIFY_FIRST) {
        selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_DELIVERED, 1);
        selkie_attribution_out(world, (uint32_t)device, number);
    }
}

/* What a frame that is told of is known by; "" where it is not told. */
static const char *gateway_of(const json_t *json)
{
    const char *gateway = json_string_value(json_object_get(json, "gateway"));
    return gateway != NULL ? gateway : "";
}

static int64_t rx_of(const json_t *json)
{
    return json_integer_value(json_object_get(json, "rx"));
}

static void on_event(struct selkie_world *world, const struct selkie_topic *topic, const struct selkie_sim_event *event)
{
    json_t *json = json_loadb((const char *)event->payload, event->len, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "event"));
    int64_t device = selkie_fleet_find(world, topic->address);

    if (name != NULL && (device >= 0 || world->broker.own)) {
        selkie_metrics_add(&world->metrics, "events", name, 1);
        world->last_arrival_us = event->wall_us;
        if (device >= 0 && strcmp(name, "registered") == 0)
            world->fleet->devices[device].registered = true;
        else if (strcmp(name, "approved") != 0) {
            selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_ALARMS, 1);
            (void)selkie_attribution_alarm(world, gateway_of(json), rx_of(json), name);
        }
        if (device >= 0 && strcmp(name, "approved") == 0)
            selkie_sim_operator_approved(world, (uint32_t)device);
    }
    json_decref(json);
}

static bool is_of_fleet(const struct selkie_world *world, const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "address"));
    uint8_t address[SELKIE_ADDRESS_SIZE];

    return text != NULL && selkie_address_parse(address, text) == 0 && selkie_fleet_find(world, address) >= 0;
}

static void on_rejected(struct selkie_world *world, const struct selkie_sim_event *event)
{
    const char *reason = strrchr(event->topic, '/') + 1;
    json_t *json = json_loadb((const char *)event->payload, event->len, 0, NULL);

    bool attack = selkie_attribution_rejected(world, gateway_of(json), rx_of(json), reason);
    if (attack || world->broker.own || is_of_fleet(world, json)) { /* on a broker of yours there may be others */
        world->last_arrival_us = event->wall_us;
        selkie_metrics_add(&world->metrics, "rejected", reason, 1);
        selkie_metrics_add(&world->metrics, NULL, "rejected_total", 1);
        selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_REJECTED, 1);
    }
    json_decref(json);
}

static void on_gateway_state(struct selkie_world *world, const struct selkie_topic *topic,
                             const struct selkie_sim_event *event)
{
    for (uint32_t i = 0; i < world->channel_count; i++) {
        if (strcmp(world->channels[i].name, topic->gateway) == 0)
            world->channels[i].online = memmem(event->payload, event->len, "\"online\"", strlen("\"online\"")) != NULL;
    }
}

static void on_message(struct selkie_world *world, const struct selkie_sim_event *event)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, world->scenario->broker.root, event->topic) < 0)
        return;
    if (memmem(event->payload, event->len, SELKIE_OBSERVER_MARK, strlen(SELKIE_OBSERVER_MARK)) != NULL) {
        selkie_verify_forged(world->verify);
        return;
    }
    switch (topic.kind) {
    case SELKIE_TOPIC_DEVICE_UP:
        on_payload(world, &topic, event);
        break;
    case SELKIE_TOPIC_DEVICE_EVENT:
        on_event(world, &topic, event);
        break;
    case SELKIE_TOPIC_REJECTED:
        on_rejected(world, event);
        break;
    case SELKIE_TOPIC_GATEWAY_STATE:
        on_gateway_state(world, &topic, event);
        break;
    default:
        break;
    }
}

static void subscribe(struct selkie_observer *observer)
{
    char filter[SELKIE_TOPIC_MAX];

    observer->granted = 0;
    for (size_t i = 0; i < FILTERS; i++) {
        (void)snprintf(filter, sizeof filter, "%s/%s", observer->world->scenario->broker.root, filters[i]);
        if (selkie_mqtt_subscribe(observer->client, filter, 1) < 0)
            return; /* lost again already: another CONNECTED follows */
    }
}

static void on_mqtt(void *owner, const struct selkie_sim_event *event)
{
    struct selkie_observer *observer = owner;

    switch (event->kind) {
    case SELKIE_SIM_EVENT_CONNECTED:
        observer->connected = observer->met = true;
        subscribe(observer);
        break;
    case SELKIE_SIM_EVENT_REFUSED:
        if (event->code < 0 && !observer->met)
            selkie_world_fail(observer->world, "%s: no broker answers", observer->world->broker.server.uri);
        if (event->code > 0)
            selkie_world_fail(observer->world, "the broker refuses the observer (reason 0x%02x)",
                              (unsigned)event->code);
        break;
    case SELKIE_SIM_EVENT_LOST:
        observer->connected = false;
        break;
    case SELKIE_SIM_EVENT_SUBSCRIBED:
        if (event->code >= 0 && event->code <= 2)
            observer->granted++;
        else if (event->code > 0)
            selkie_world_fail(observer->world, "the broker does not let the observer read (reason 0x%02x)",
                              (unsigned)event->code);
        break;
    case SELKIE_SIM_EVENT_MESSAGE:
        on_message(observer->world, event);
        break;
    default:
        break;
    }
}

int selkie_observer_open(struct selkie_world *world)
{
    struct selkie_observer *observer = calloc(1, sizeof *observer);
    const struct selkie_sim_broker *broker = &world->broker;
    char id[64];

    if (observer == NULL)
        return SELKIE_ENOMEM;
    (void)snprintf(id, sizeof id, "selkie-sim-observer-%lld", (long long)world->epoch_ms);
    struct selkie_mqtt_options options = {.id = id,
                                          .username = broker->options->username,
                                          .password = broker->password[0] != '\0' ? broker->password : NULL,
                                          .keep_session = true,
                                          .on_event = on_mqtt,
                                          .owner = observer};
    observer->world = world;
    world->observer = observer;
    return selkie_mqtt_open(&observer->client, world->queue, &broker->server, &options);
}

void selkie_observer_close(struct selkie_world *world)
{
    if (world->observer == NULL)
        return;
    selkie_mqtt_close(world->observer->client);
    free(world->observer);
    world->observer = NULL;
}

bool selkie_observer_ready(const struct selkie_observer *observer)
{
    return observer->granted >= FILTERS;
}

bool selkie_observer_connected(const struct selkie_observer *observer)
{
    return observer->connected;
}
