/* SPDX-License-Identifier: Apache-2.0 */
#include "observer.h"

#include "channel.h"
#include "fleet.h"
#include "operator.h"
#include "trail.h"

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

static void on_payload(struct selkie_world *world, const struct selkie_topic *topic, const struct selkie_letter *letter)
{
    int64_t device = selkie_fleet_find(world, topic->address);
    uint32_t number = 0;

    if (device < 0) { /* on a broker of yours there may be others */
        if (world->broker.own)
            selkie_verify_forged(world->verify);
        return;
    }
    world->last_arrival_us = letter->wall_us;
    int maker = selkie_payload_check(&world->plan, (uint32_t)device, letter->payload, letter->len, &number);
    if (maker == SELKIE_MADE_BY_THIEF)
        selkie_verify_impersonated(world->verify);
    else if (maker != SELKIE_MADE_BY_DEVICE)
        selkie_verify_forged(world->verify);
    else if (selkie_verify_delivered(world->verify, (uint32_t)device, number, letter->wall_us) == SELKIE_VERIFY_FIRST) {
        selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_DELIVERED, 1);
        selkie_trail_out(world, (uint32_t)device, number);
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

static void on_event(struct selkie_world *world, const struct selkie_topic *topic, const struct selkie_letter *letter)
{
    json_t *json = json_loadb((const char *)letter->payload, letter->len, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "event"));
    int64_t device = selkie_fleet_find(world, topic->address);

    if (name != NULL && (device >= 0 || world->broker.own)) {
        selkie_figures_add(&world->figures, "events", name, 1);
        world->last_arrival_us = letter->wall_us;
        if (device >= 0 && strcmp(name, "registered") == 0)
            world->fleet->devices[device].registered = true;
        else if (strcmp(name, "approved") != 0) {
            selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_ALARMS, 1);
            (void)selkie_trail_alarm(world, gateway_of(json), rx_of(json), name);
        }
        if (device >= 0 && strcmp(name, "approved") == 0)
            selkie_operator_approved(world, (uint32_t)device);
    }
    json_decref(json);
}

static bool is_of_fleet(const struct selkie_world *world, const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "address"));
    uint8_t address[SELKIE_ADDRESS_SIZE];

    return text != NULL && selkie_address_parse(address, text) == 0 && selkie_fleet_find(world, address) >= 0;
}

static void on_rejected(struct selkie_world *world, const struct selkie_letter *letter)
{
    const char *reason = strrchr(letter->topic, '/') + 1;
    json_t *json = json_loadb((const char *)letter->payload, letter->len, 0, NULL);

    bool attack = selkie_trail_rejected(world, gateway_of(json), rx_of(json), reason);
    if (attack || world->broker.own || is_of_fleet(world, json)) { /* on a broker of yours there may be others */
        world->last_arrival_us = letter->wall_us;
        selkie_figures_add(&world->figures, "rejected", reason, 1);
        selkie_figures_add(&world->figures, NULL, "rejected_total", 1);
        selkie_series_add(&world->series, world->clock.now_us, SELKIE_SERIES_REJECTED, 1);
    }
    json_decref(json);
}

static void on_gateway_state(struct selkie_world *world, const struct selkie_topic *topic,
                             const struct selkie_letter *letter)
{
    for (uint32_t i = 0; i < world->channel_count; i++) {
        if (strcmp(world->channels[i].name, topic->gateway) == 0)
            world->channels[i].online =
                memmem(letter->payload, letter->len, "\"online\"", strlen("\"online\"")) != NULL;
    }
}

static void on_message(struct selkie_world *world, const struct selkie_letter *letter)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, world->scenario->broker.root, letter->topic) < 0)
        return;
    if (memmem(letter->payload, letter->len, SELKIE_OBSERVER_MARK, strlen(SELKIE_OBSERVER_MARK)) != NULL) {
        selkie_verify_forged(world->verify);
        return;
    }
    switch (topic.kind) {
    case SELKIE_TOPIC_DEVICE_UP:
        on_payload(world, &topic, letter);
        break;
    case SELKIE_TOPIC_DEVICE_EVENT:
        on_event(world, &topic, letter);
        break;
    case SELKIE_TOPIC_REJECTED:
        on_rejected(world, letter);
        break;
    case SELKIE_TOPIC_GATEWAY_STATE:
        on_gateway_state(world, &topic, letter);
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

static void on_letter(void *owner, const struct selkie_letter *letter)
{
    struct selkie_observer *observer = owner;

    switch (letter->kind) {
    case SELKIE_LETTER_CONNECTED:
        observer->connected = observer->met = true;
        subscribe(observer);
        break;
    case SELKIE_LETTER_REFUSED:
        if (letter->code < 0 && !observer->met)
            selkie_world_fail(observer->world, "%s: no broker answers", observer->world->broker.server.uri);
        if (letter->code > 0)
            selkie_world_fail(observer->world, "the broker refuses the observer (reason 0x%02x)",
                              (unsigned)letter->code);
        break;
    case SELKIE_LETTER_LOST:
        observer->connected = false;
        break;
    case SELKIE_LETTER_SUBSCRIBED:
        if (letter->code >= 0 && letter->code <= 2)
            observer->granted++;
        else if (letter->code > 0)
            selkie_world_fail(observer->world, "the broker does not let the observer read (reason 0x%02x)",
                              (unsigned)letter->code);
        break;
    case SELKIE_LETTER_MESSAGE:
        on_message(observer->world, letter);
        break;
    default:
        break;
    }
}

int selkie_observer_open(struct selkie_world *world)
{
    struct selkie_observer *observer = calloc(1, sizeof *observer);
    const struct selkie_broker *broker = &world->broker;
    char id[64];

    if (observer == NULL)
        return SELKIE_ENOMEM;
    (void)snprintf(id, sizeof id, "selkie-sim-observer-%lld", (long long)world->epoch_ms);
    struct selkie_mqtt_options options = {.id = id,
                                          .username = broker->options->username,
                                          .password = broker->password[0] != '\0' ? broker->password : NULL,
                                          .keep_session = true,
                                          .on_letter = on_letter,
                                          .owner = observer};
    observer->world = world;
    world->observer = observer;
    return selkie_mqtt_open(&observer->client, world->mailbox, &broker->server, &options);
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
