/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber that accounts for all that the broker publishes. */
#include "world/world.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const filters[] = {"device/+/up", "device/+/event",  "device/+/state",
                                      "rejected/+",  "gateway/+/state", "stats"};
#define FILTERS (sizeof filters / sizeof filters[0])

static void on_payload(struct selkie_world *world, const struct selkie_topic *topic,
                       const struct selkie_mqtt_event *event)
{
    struct selkie_account *account = &world->account;
    int64_t device = selkie_fleet_find(&world->fleet, topic->address);
    uint32_t number = 0;

    if (device < 0) { /* on a broker of yours there may be others */
        if (world->broker.own)
            account->verify.tally.forged++;
        return;
    }
    account->last_arrival_us = (uint64_t)event->came_us;
    int maker = selkie_payload_check(&account->plan, (uint32_t)device, event->payload, event->len, &number);
    if (maker == SELKIE_MADE_BY_THIEF)
        account->verify.tally.impersonated++;
    else if (maker != SELKIE_MADE_BY_DEVICE)
        account->verify.tally.forged++;
    else if (selkie_verify_delivered(&account->verify, (uint32_t)device, number, (uint64_t)event->came_us) ==
             SELKIE_VERIFY_FIRST) {
        selkie_series_add(&account->series, world->run.clock.now_us, SELKIE_SERIES_DELIVERED, 1);
        selkie_attribution_delivered(&account->attribution, (uint32_t)device, number);
    }
}

/* By what the broker names a frame; "" where it names none. */
static const char *gateway_of(const json_t *json)
{
    const char *gateway = json_string_value(json_object_get(json, "gateway"));
    return gateway ? gateway : "";
}

static int64_t rx_of(const json_t *json)
{
    return json_integer_value(json_object_get(json, "rx"));
}

static void on_event(struct selkie_world *world, const struct selkie_topic *topic,
                     const struct selkie_mqtt_event *event)
{
    struct selkie_account *account = &world->account;
    json_t *json = json_loadb((const char *)event->payload, event->len, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "event"));
    int64_t device = selkie_fleet_find(&world->fleet, topic->address);

    if (name && (device >= 0 || world->broker.own)) {
        bool approved = strcmp(name, "approved") == 0;
        selkie_metrics_count(&account->metrics, "events", name);
        account->last_arrival_us = (uint64_t)event->came_us;
        if (device >= 0 && strcmp(name, "registered") == 0) {
            world->fleet.devices[device].registered = true;
        } else if (!approved) {
            selkie_series_add(&account->series, world->run.clock.now_us, SELKIE_SERIES_ALARMS, 1);
            selkie_attribution_alarm(&account->attribution, gateway_of(json), rx_of(json), name);
        } else if (device >= 0) {
            selkie_metrics_count(&account->metrics, NULL, "approved");
            selkie_sim_operator_approved(world, (uint32_t)device);
        }
    }
    json_decref(json);
}

static bool is_of_fleet(const struct selkie_world *world, const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "address"));
    uint8_t address[SELKIE_ADDRESS_SIZE];

    return text && selkie_address_parse(address, text) == 0 && selkie_fleet_find(&world->fleet, address) >= 0;
}

static void on_rejected(struct selkie_world *world, const struct selkie_mqtt_event *event)
{
    struct selkie_account *account = &world->account;
    const char *reason = strrchr(event->topic, '/') + 1;
    json_t *json = json_loadb((const char *)event->payload, event->len, 0, NULL);

    bool attack = selkie_attribution_rejected(&account->attribution, gateway_of(json), rx_of(json), reason);
    if (attack || world->broker.own || is_of_fleet(world, json)) { /* on a broker of yours there may be others */
        account->last_arrival_us = (uint64_t)event->came_us;
        selkie_metrics_count(&account->metrics, "rejected", reason);
        selkie_metrics_count(&account->metrics, NULL, "rejected_total");
        selkie_series_add(&account->series, world->run.clock.now_us, SELKIE_SERIES_REJECTED, 1);
    }
    json_decref(json);
}

static void on_gateway_state(struct selkie_air *air, const struct selkie_topic *topic,
                             const struct selkie_mqtt_event *event)
{
    for (uint32_t i = 0; i < air->count; i++) {
        if (strcmp(air->channels[i].name, topic->gateway) == 0)
            air->channels[i].online = memmem(event->payload, event->len, "\"online\"", strlen("\"online\"")) != NULL;
    }
}

static void on_message(struct selkie_world *world, const struct selkie_mqtt_event *event)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, world->scenario->broker.root, event->topic) < 0)
        return;
    if (memmem(event->payload, event->len, SELKIE_ATTACKER_MARK, strlen(SELKIE_ATTACKER_MARK)))
        world->account.verify.tally.forged++;
    else if (topic.kind == SELKIE_TOPIC_DEVICE_UP)
        on_payload(world, &topic, event);
    else if (topic.kind == SELKIE_TOPIC_DEVICE_EVENT)
        on_event(world, &topic, event);
    else if (topic.kind == SELKIE_TOPIC_REJECTED)
        on_rejected(world, event);
    else if (topic.kind == SELKIE_TOPIC_GATEWAY_STATE)
        on_gateway_state(&world->air, &topic, event);
}

static void subscribe(struct selkie_world *world)
{
    char filter[SELKIE_TOPIC_MAX];

    world->observer.granted = 0;
    world->observer.ready = false;
    for (size_t i = 0; i < FILTERS; i++) {
        (void)snprintf(filter, sizeof filter, "%s/%s", world->scenario->broker.root, filters[i]);
        if (selkie_mqtt_subscribe(world->observer.client.mqtt, filter, 1) < 0)
            return; /* lost again already: another CONNECTED follows */
    }
}

static void on_mqtt(void *owner, const struct selkie_mqtt_event *event)
{
    struct selkie_world *world = owner;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        world->observer.met = true;
        subscribe(world);
        break;
    case SELKIE_MQTT_UNREACHABLE:
        if (!world->observer.met)
            selkie_run_fail(&world->run, "%s: no broker answers: %s", world->broker.settings.name, event->text);
        break;
    case SELKIE_MQTT_REFUSED:
        selkie_run_fail(&world->run, "the broker refuses the observer (reason 0x%02x)", (unsigned)event->code);
        break;
    case SELKIE_MQTT_SUBSCRIBED:
        if (event->code < SELKIE_MQTT_REFUSAL)
            world->observer.ready = ++world->observer.granted == FILTERS;
        else
            selkie_run_fail(&world->run, "the broker does not let the observer read (reason 0x%02x)",
                            (unsigned)event->code);
        break;
    case SELKIE_MQTT_MESSAGE:
        on_message(world, event);
        break;
    default:
        break;
    }
}

int selkie_observer_open(struct selkie_world *world)
{
    struct selkie_mqtt_options options = {
        .username = world->scenario->broker.username, .password = world->broker.password, .keep_session = true};

    return selkie_sim_client_open(&world->observer.client, &world->broker, "observer", options, on_mqtt, world);
}
