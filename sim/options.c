/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX 64

int selkie_options_set(struct selkie_options *options, const char *path, const char *value)
{
    if (path[0] == '\0')
        return SELKIE_EINVAL;
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        json = json_string(value);
    if (options->over == NULL)
        options->over = json_array();
    return json_array_append_new(options->over, json_pack("[s, o]", path, json)) == 0 ? 0 : SELKIE_ENOMEM;
}

void selkie_options_wipe(struct selkie_options *options)
{
    json_decref(options->over);
    options->over = NULL;
}

/* The value under one part of a path, made where it is missing: a list where the part is a number, as far as lists go
 * here. */
static json_t *step_into(json_t *json, const char *part, bool list)
{
    json_t *fresh = list ? json_array() : json_object(), *found;

    if (json_is_array(json)) {
        size_t index = (size_t)strtoul(part, NULL, 10);
        found = json_array_get(json, index);
        if (found == NULL && index == json_array_size(json))
            json_array_append(json, fresh);
    } else {
        found = json_object_get(json, part);
        if (found == NULL)
            json_object_set(json, part, fresh);
    }
    if (found != NULL) {
        json_decref(fresh);
        return found;
    }
    json_decref(fresh); /* its place in the document holds it, or nobody does */
    return json_is_array(json) ? json_array_get(json, (size_t)strtoul(part, NULL, 10)) : json_object_get(json, part);
}

static bool is_index(const char *part)
{
    return part[0] >= '0' && part[0] <= '9';
}

static void set_path(json_t *json, const char *path, json_t *value)
{
    char part[PART_MAX];

    for (;;) {
        size_t len = strcspn(path, "/");
        (void)snprintf(part, sizeof part, "%.*s", (int)(len < PART_MAX ? len : PART_MAX - 1), path);
        if (path[len] == '\0')
            break;
        path += len + 1;
        json = step_into(json, part, is_index(path));
        if (json == NULL)
            return;
    }
    if (json_is_array(json))
        json_array_set(json, (size_t)strtoul(part, NULL, 10), value);
    else
        json_object_set(json, part, value);
}

static json_t *attack_scenario(const char *attack)
{
    bool late = strcmp(attack, "replay-late") == 0;
    return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:o, s:[{s:s}], s:[o], s:{s:s}}", "name", attack, "description",
                     "One attack by itself", "duration_s", late ? 4500 : 300, "speed", "max", "backlog", 2, "settle_s",
                     5, "fleet", json_pack("{s:i, s:i, s:i}", "devices", 3, "start_s", 5, "interval_s", 20), "channels",
                     "link", "mqtt", "attackers",
                     json_pack("{s:s, s:i, s:i, s:i}", "attack", attack, "at_s", 60, "every_s", 5, "count", 10),
                     "expect", "sent", ">=1");
}

void selkie_options_load(const struct selkie_options *options, struct selkie_scenario *scenario, const char *file,
                         const char *attack)
{
    json_t *json, *entry;
    size_t i;

    if (file != NULL) {
        /* First as it is, so that its mistakes are told by its lines. */
        selkie_scenario_load(scenario, file);
        if (selkie_scenario_error(scenario) != NULL || json_array_size(options->over) == 0)
            return;
        selkie_scenario_close(scenario);
        selkie_scenario_init(scenario);
    }
    json = file != NULL ? json_load_file(file, 0, NULL) : attack != NULL ? attack_scenario(attack) : json_object();
    json_array_foreach (options->over, i, entry) {
        set_path(json, json_string_value(json_array_get(entry, 0)), json_array_get(entry, 1));
    }
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(1)) : NULL;
    selkie_scenario_parse(scenario, "the command line's scenario", text != NULL ? text : "");
    free(text);
    json_decref(json);
}
