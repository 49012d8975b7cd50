/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/gateway_process.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRAM "selkie-gateway"

static json_t *configuration(const struct selkie_sim_broker *broker, const char *name, const char *line, bool ack)
{
    const struct selkie_scenario_broker *options = broker->options;
    char spool_name[48], spool[SELKIE_PATH_MAX];

    (void)snprintf(spool_name, sizeof spool_name, "%s.spool", name);
    selkie_folder_path(broker->folder, spool, spool_name);
    /* s* and a NULL: the member is left out. */
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s*, s:s*, s:s*, s:s*}, s:[{s:s, s:b}], s:{s:s}}", "root", options->root,
                     "gateway", name, "broker", "uri", broker->settings.uris[0].text, "username", name, "password_file",
                     options->password_file, "ca", options->ca, "cert", options->cert, "key", options->key, "serial",
                     "device", line, "ack", (int)ack, "spool", "path", spool);
}

int selkie_sim_gateway_open(struct selkie_process *process, const struct selkie_sim_broker *broker, const char *name,
                            const char *line, bool ack)
{
    char file[48];
    json_t *json = configuration(broker, name, line, ack);
    char *text = json_dumps(json, JSON_INDENT(2));
    int error = SELKIE_ENOMEM;

    (void)snprintf(file, sizeof file, "%s.json", name);
    if (text)
        error = selkie_folder_write(broker->folder, file, text);
    free(text);
    json_decref(json);
    return error < 0 ? error : selkie_sim_gateway_start(process, broker, name);
}

int selkie_sim_gateway_start(struct selkie_process *process, const struct selkie_sim_broker *broker, const char *name)
{
    char program[SELKIE_PATH_MAX], file[48], config[SELKIE_PATH_MAX];

    selkie_process_find(program, PROGRAM, SELKIE_GATEWAY_INSTALLED);
    (void)snprintf(file, sizeof file, "%s.json", name);
    selkie_folder_path(broker->folder, config, file);
    const char *const argv[] = {program, "--config", config, NULL};
    return selkie_process_start(process, broker->folder, name, argv);
}
