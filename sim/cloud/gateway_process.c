/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/gateway_process.h"

#include "core/say.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRAM "selkie-gateway"

static void set_optional(json_t *object, const char *key, const char *value)
{
    if (value != NULL)
        (void)json_object_set_new(object, key, json_string(value));
}

static json_t *configuration(const struct selkie_channel *channel)
{
    const struct selkie_world *world = channel->world;
    const struct selkie_sim_broker *broker = &world->broker;
    char spool_name[48], spool[SELKIE_PATH_MAX];

    (void)snprintf(spool_name, sizeof spool_name, "%s.spool", channel->name);
    selkie_folder_path(&world->folder, spool, spool_name);
    json_t *server = json_pack("{s:s, s:s}", "uri", broker->server.uri, "username", channel->name);
    set_optional(server, "password_file", broker->options->password_file);
    set_optional(server, "ca", broker->options->ca);
    set_optional(server, "cert", broker->options->cert);
    set_optional(server, "key", broker->options->key);
    return json_pack("{s:s, s:s, s:o, s:[{s:s, s:b}], s:{s:s}}", "root", broker->options->root, "gateway",
                     channel->name, "broker", server, "serial", "device", channel->line.name, "ack",
                     (int)channel->group->ack, "spool", "path", spool);
}

int selkie_sim_gateway_open(struct selkie_channel *channel)
{
    char name[48];
    json_t *json = configuration(channel);
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    int error = SELKIE_ENOMEM;

    (void)snprintf(name, sizeof name, "%s.json", channel->name);
    if (text != NULL)
        error = selkie_folder_write(&channel->world->folder, name, 0600, text);
    free(text);
    json_decref(json);
    return error < 0 ? error : selkie_sim_gateway_start(channel);
}

int selkie_sim_gateway_start(struct selkie_channel *channel)
{
    char program[SELKIE_PATH_MAX], name[48], config[SELKIE_PATH_MAX];

    selkie_process_find(program, PROGRAM, SELKIE_GATEWAY_INSTALLED);
    (void)snprintf(name, sizeof name, "%s.json", channel->name);
    selkie_folder_path(&channel->world->folder, config, name);
    const char *const argv[] = {program, "--config", config, NULL};
    return selkie_process_start(&channel->process, &channel->world->folder, channel->name, argv);
}
