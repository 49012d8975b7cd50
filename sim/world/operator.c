/* SPDX-License-Identifier: Apache-2.0 */
/* The operator who approves the devices that the scenario reset. */
#include "world/world.h"

#include <jansson.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US  1000000u
#define BATCH_MAX 50
#define ID_BYTES  8 /* of SHA-256(ID), as the broker shows it */

static void on_event(void *owner, const struct selkie_mqtt_event *event)
{
    if (event->kind == SELKIE_MQTT_REFUSED)
        selkie_run_fail(owner, "the broker refuses the operator (reason 0x%02x)", (unsigned)event->code);
}

int selkie_sim_operator_open(struct selkie_world *world)
{
    const struct selkie_scenario_broker *options = &world->scenario->broker;
    struct selkie_mqtt_options login = {.username = world->broker.own ? SELKIE_SIM_ADMIN : options->username,
                                        .password = world->broker.password};

    if (options->approve_ms == 0)
        return 0;
    for (uint32_t i = 0; i < world->fleet.count && strcmp(options->enrolment, "approve") == 0; i++)
        selkie_sim_operator_expect(world, i);
    return selkie_sim_client_open(&world->approver.client, &world->broker, "operator", login, on_event, &world->run);
}

void selkie_sim_operator_expect(struct selkie_world *world, uint32_t device)
{
    uint64_t *due_us = &world->fleet.devices[device].approval_us;

    if (world->scenario->broker.approve_ms == 0)
        return;
    world->approver.open += *due_us == 0;
    *due_us = world->run.clock.wall_us + world->scenario->broker.approve_ms * 1000ull;
}

void selkie_sim_operator_approved(struct selkie_world *world, uint32_t device)
{
    uint64_t *due_us = &world->fleet.devices[device].approval_us;

    world->approver.open -= *due_us != 0;
    *due_us = 0;
}

/* {"command": "approveDevice", "address": …, "id": …}; NULL where the device has no ID just now. */
static json_t *command_for(const struct selkie_fleet_device *device)
{
    uint8_t digest[32];
    char address_text[SELKIE_ADDRESS_TEXT_SIZE], id_text[2 * ID_BYTES + 1];

    if (!device->on || !device->device.identified ||
        selkie_mbedtls_sha256(device->device.identity.id, SELKIE_ID_SIZE, digest, 0) != 0)
        return NULL;
    for (int i = 0; i < ID_BYTES; i++)
        (void)snprintf(id_text + 2 * i, 3, "%02x", digest[i]);
    selkie_address_format(address_text, device->config.address);
    return json_pack("{s:s, s:s, s:s}", "command", "approveDevice", "address", address_text, "id", id_text);
}

static void send_commands(struct selkie_sim_operator *person, json_t *commands)
{
    json_t *root = json_pack("{s:O}", "commands", commands);
    char *text = json_dumps(root, JSON_COMPACT);
    struct selkie_mqtt_message message = {
        .topic = SELKIE_TOPIC_CONTROL, .payload = text, .len = text ? strlen(text) : 0, .qos = 1, .json = true};

    /* If the connection loses them, they are sent again: until the broker reports the approval. */
    if (text && selkie_mqtt_publish(person->client.mqtt, &message) < 0)
        person->looked_us = 0;
    free(text);
    json_decref(root);
}

void selkie_sim_operator_work(struct selkie_world *world)
{
    struct selkie_sim_operator *person = &world->approver;
    uint64_t wall_us = world->run.clock.wall_us;

    if (person->open == 0 || wall_us < person->looked_us + AGAIN_US / 10 ||
        !selkie_mqtt_is_connected(person->client.mqtt))
        return;
    person->looked_us = wall_us;
    json_t *commands = json_array();
    for (uint32_t i = 0; i < world->fleet.count && json_array_size(commands) < BATCH_MAX; i++) {
        struct selkie_fleet_device *device = &world->fleet.devices[i];
        if (device->approval_us == 0 || device->approval_us > wall_us)
            continue;
        if (json_array_append_new(commands, command_for(device)) == 0)
            device->approval_us = wall_us + AGAIN_US;
    }
    if (json_array_size(commands) > 0)
        send_commands(person, commands);
    json_decref(commands);
}
