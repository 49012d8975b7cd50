/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/operator.h"

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
    struct selkie_run *run;
    struct selkie_sim_client *client;
    struct selkie_sim_operator_source source;
    uint64_t approve_us; /* from the expectation to the approval */
    uint32_t devices;
    uint64_t *due_us; /* for each device, on the wall; 0 = nothing to do */
    uint32_t open;    /* of them not 0 */
    uint64_t looked_us;
};

static void on_event(void *owner, const struct selkie_mqtt_event *event)
{
    struct selkie_sim_operator *person = owner;

    if (event->kind == SELKIE_MQTT_REFUSED)
        selkie_run_fail(person->run, "the broker refuses the operator (reason 0x%02x)", (unsigned)event->code);
}

int selkie_sim_operator_open(struct selkie_sim_operator **opened, struct selkie_run *run,
                             const struct selkie_sim_broker *broker, uint32_t devices,
                             struct selkie_sim_operator_source source)
{
    char id[64];

    *opened = NULL;
    if (broker->options->approve_ms == 0)
        return 0;
    struct selkie_sim_operator *person = *opened = calloc(1, sizeof *person);
    if (!person)
        return SELKIE_ENOMEM;
    person->run = run;
    person->source = source;
    person->approve_us = broker->options->approve_ms * 1000ull;
    person->devices = devices;
    person->due_us = calloc(devices, sizeof *person->due_us);
    if (!person->due_us)
        return SELKIE_ENOMEM;
    (void)snprintf(id, sizeof id, "selkie-sim-operator-%lld", (long long)run->epoch_ms);
    struct selkie_mqtt_options options = {.settings = &broker->settings,
                                          .id = id,
                                          .username = broker->own ? SELKIE_SIM_ADMIN : broker->options->username,
                                          .password = broker->password[0] != '\0' ? broker->password : NULL};
    int error = selkie_sim_client_open(&person->client, broker->queue, &options, on_event, person);
    for (uint32_t i = 0; i < devices && strcmp(broker->options->enrolment, "approve") == 0; i++)
        selkie_sim_operator_expect(person, i);
    return error;
}

void selkie_sim_operator_close(struct selkie_sim_operator *person)
{
    if (!person)
        return;
    selkie_sim_client_close(person->client);
    free(person->due_us);
    free(person);
}

void selkie_sim_operator_expect(struct selkie_sim_operator *person, uint32_t device)
{
    if (!person)
        return;
    person->open += person->due_us[device] == 0;
    person->due_us[device] = person->run->clock.wall_us + person->approve_us;
}

void selkie_sim_operator_approved(struct selkie_sim_operator *person, uint32_t device)
{
    if (!person || person->due_us[device] == 0)
        return;
    person->due_us[device] = 0;
    person->open--;
}

/* {"command": "approveDevice", "address": …, "id": …}; NULL where the device has no ID just now. */
static json_t *command_for(const struct selkie_sim_operator *person, uint32_t device)
{
    uint8_t address[SELKIE_ADDRESS_SIZE], id[SELKIE_ID_SIZE], digest[32];
    char address_text[SELKIE_ADDRESS_TEXT_SIZE], id_text[2 * ID_BYTES + 1];

    if (!person->source.identify(person->source.context, device, address, id) ||
        selkie_mbedtls_sha256(id, sizeof id, digest, 0) != 0)
        return NULL;
    for (int i = 0; i < ID_BYTES; i++)
        (void)snprintf(id_text + 2 * i, 3, "%02x", digest[i]);
    mbedtls_platform_zeroize(id, sizeof id);
    mbedtls_platform_zeroize(digest, sizeof digest);
    selkie_address_format(address_text, address);
    return json_pack("{s:s, s:s, s:s}", "command", "approveDevice", "address", address_text, "id", id_text);
}

static void send_commands(struct selkie_sim_operator *person, json_t *commands)
{
    json_t *root = json_pack("{s:O}", "commands", commands);
    char *text = json_dumps(root, JSON_COMPACT);
    struct selkie_mqtt_message message = {
        .topic = SELKIE_TOPIC_CONTROL, .payload = text, .len = text ? strlen(text) : 0, .qos = 1};

    /* If the connection loses them, they are sent again: until the broker reports the approval. */
    if (text && selkie_mqtt_publish(person->client->mqtt, &message) < 0)
        person->looked_us = 0;
    free(text);
    json_decref(root);
}

void selkie_sim_operator_work(struct selkie_sim_operator *person)
{
    if (!person || person->open == 0)
        return;
    uint64_t wall_us = person->run->clock.wall_us;
    if (wall_us < person->looked_us + AGAIN_US / 10 || !selkie_mqtt_is_connected(person->client->mqtt))
        return;
    person->looked_us = wall_us;
    json_t *commands = json_array();
    for (uint32_t i = 0; i < person->devices && json_array_size(commands) < BATCH_MAX; i++) {
        if (person->due_us[i] == 0 || person->due_us[i] > wall_us)
            continue;
        if (json_array_append_new(commands, command_for(person, i)) == 0)
            person->due_us[i] = wall_us + AGAIN_US;
    }
    if (json_array_size(commands) > 0)
        send_commands(person, commands);
    json_decref(commands);
}

uint32_t selkie_sim_operator_open_cases(const struct selkie_sim_operator *person)
{
    return person ? person->open : 0;
}
