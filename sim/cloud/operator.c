/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/operator.h"

#include "fleet/fleet.h"

#include <jansson.h>
#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US  1000000u
#define BATCH_MAX 50
#define ID_BYTES  8 /* of SHA-256(ID), as the broker shows it */

struct selkie_sim_operator {
    struct selkie_world *world;
    struct selkie_mqtt *client;
    uint64_t *due_us; /* for each device, on the wall; 0 = nothing to do */
    uint32_t open;    /* of them not 0 */
    uint64_t looked_us;
};

static void on_event(void *owner, const struct selkie_sim_event *event)
{
    struct selkie_sim_operator *operator= owner;

    if (event->kind == SELKIE_SIM_EVENT_REFUSED && event->code > 0)
        selkie_world_fail(operator->world, "the broker refuses the operator (reason 0x%02x)", (unsigned)event->code);
}

int selkie_sim_operator_open(struct selkie_world *world)
{
    const struct selkie_sim_broker *broker = &world->broker;
    char id[64];

    if (world->scenario->broker.approve_ms == 0)
        return 0;
    struct selkie_sim_operator *operator= calloc(1, sizeof *operator);
    if (operator== NULL)
        return SELKIE_ENOMEM;
    world->operator= operator;
    operator->world = world;
    operator->due_us = calloc(world->scenario->fleet.devices, sizeof *operator->due_us);
    if (operator->due_us == NULL)
        return SELKIE_ENOMEM;
    (void)snprintf(id, sizeof id, "selkie-sim-operator-%lld", (long long)world->epoch_ms);
    struct selkie_mqtt_options options = {.id = id,
                                          .username = broker->own ? SELKIE_SIM_ADMIN : broker->options->username,
                                          .password = broker->password[0] != '\0' ? broker->password : NULL,
                                          .on_event = on_event,
                                          .owner = operator};
    int error = selkie_mqtt_open(&operator->client, world->queue, &broker->server, &options);
    for (uint32_t i = 0; i < world->scenario->fleet.devices && broker->options->enrolment == SELKIE_ENROL_APPROVE; i++)
        selkie_sim_operator_expect(world, i);
    return error;
}

void selkie_sim_operator_close(struct selkie_world *world)
{
    if (world->operator== NULL)
        return;
    selkie_mqtt_close(world->operator->client);
    free(world->operator->due_us);
    free(world->operator);
    world->operator= NULL;
}

void selkie_sim_operator_expect(struct selkie_world *world, uint32_t device)
{
    struct selkie_sim_operator *operator= world->operator;

    if (operator== NULL)
        return;
    operator->open += operator->due_us[device] == 0;
    operator->due_us[device] = world->clock.wall_us + world->scenario->broker.approve_ms * 1000ull;
}

void selkie_sim_operator_approved(struct selkie_world *world, uint32_t device)
{
    struct selkie_sim_operator *operator= world->operator;

    selkie_metrics_add(&world->metrics, NULL, "approved", 1);
    if (operator== NULL || operator->due_us[device] == 0)
        return;
    operator->due_us[device] = 0;
    operator->open--;
}

/* {"command": "approveDevice", "address": …, "id": …}; NULL where the device has no ID just now. */
static json_t *command_for(const struct selkie_world *world, uint32_t index)
{
    const struct selkie_fleet_device *device = &world->fleet->devices[index];
    char address[SELKIE_ADDRESS_TEXT_SIZE], id[2 * ID_BYTES + 1];
    uint8_t digest[32];

    if (!device->on || !device->device.identified ||
        selkie_mbedtls_sha256(device->device.identity.id, SELKIE_ID_SIZE, digest, 0) != 0)
        return NULL;
    for (int i = 0; i < ID_BYTES; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", digest[i]);
    mbedtls_platform_zeroize(digest, sizeof digest);
    selkie_address_format(address, device->config.address);
    return json_pack("{s:s, s:s, s:s}", "command", "approveDevice", "address", address, "id", id);
}

static void send_commands(struct selkie_sim_operator *operator, json_t * commands)
{
    json_t *root = json_pack("{s:O}", "commands", commands);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    struct selkie_mqtt_message message = {
        .topic = SELKIE_TOPIC_CONTROL, .payload = text, .len = text != NULL ? strlen(text) : 0, .qos = 1};

    /* Lost with the connection, perhaps: it is asked again until the broker tells of the approval. */
    if (text != NULL && selkie_mqtt_publish(operator->client, &message) < 0)
        operator->looked_us = 0;
    free(text);
    json_decref(root);
}

void selkie_sim_operator_work(struct selkie_world *world, uint64_t wall_us)
{
    struct selkie_sim_operator *operator= world->operator;

    if (operator== NULL || operator->open == 0 || wall_us<operator->looked_us +
        AGAIN_US / 10 || !selkie_mqtt_connected(operator->client))
        return;
    operator->looked_us = wall_us;
    json_t *commands = json_array();
    for (uint32_t i = 0; i < world->fleet->count && json_array_size(commands) < BATCH_MAX; i++) {
        if (operator->due_us[i] == 0 || operator->due_us[i]> wall_us)
            continue;
        json_t *command = command_for(world, i);
        if (command != NULL && json_array_append_new(commands, command) == 0)
            operator->due_us[i] = wall_us + AGAIN_US;
    }
    if (json_array_size(commands) > 0)
        send_commands(operator, commands);
    json_decref(commands);
}

uint32_t selkie_sim_operator_open_cases(const struct selkie_world *world)
{
    return world->operator!= NULL ? world->operator->open : 0;
}
