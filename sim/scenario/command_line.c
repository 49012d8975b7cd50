/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios from the command line: keys set over a file or over an attack's own scenario. */
#include "core/run.h"
#include "scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX 64

int selkie_command_line_set(json_t *over, const char *path, const char *value)
{
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    if (!json)
        json = json_string(value);
    return json_array_append_new(over, json_pack("[s, o]", path, json)) == 0 ? 0 : SELKIE_ENOMEM;
}

/* The place of a part in a list: an entry, or the one behind the last. False: it is neither. */
static bool find_index(const json_t *list, const char *part, size_t *index)
{
    char *end;

    *index = (size_t)strtoul(part, &end, 10);
    return part[0] >= '0' && part[0] <= '9' && *end == '\0' && *index <= json_array_size(list);
}

static json_t *get(const json_t *json, const char *part)
{
    size_t index;

    if (json_is_array(json))
        return find_index(json, part, &index) ? json_array_get(json, index) : NULL;
    return json_object_get(json, part);
}

/* Put a value under a part. The reference is taken. */
static int put_take(json_t *json, const char *part, json_t *value)
{
    size_t index;
    int failed;

    if (!json_is_array(json))
        failed = json_object_set_new(json, part, value);
    else if (!find_index(json, part, &index)) {
        json_decref(value);
        failed = -1;
    } else
        failed = index == json_array_size(json) ? json_array_append_new(json, value)
                                                : json_array_set_new(json, index, value);
    return failed ? SELKIE_EINVAL : 0;
}

/* SELKIE_EINVAL: it leads nowhere. What is missing on the way is made, a list where the part behind it is a number. */
static int set_path(json_t *json, const char *path, json_t *value)
{
    char part[PART_MAX];

    for (;;) {
        size_t len = strcspn(path, "/");
        if (len >= sizeof part)
            return SELKIE_EINVAL;
        memcpy(part, path, len);
        part[len] = '\0';
        if (path[len] == '\0')
            return put_take(json, part, json_incref(value));
        path += len + 1;
        if (!get(json, part) &&
            put_take(json, part, path[0] >= '0' && path[0] <= '9' ? json_array() : json_object()) < 0)
            return SELKIE_EINVAL;
        json = get(json, part);
    }
}

static json_t *attack_scenario(const char *attack)
{
    bool claim = strcmp(attack, "late-claim") == 0;
    int duration_s = strcmp(attack, "replay-late") == 0     ? 4500
                     : strcmp(attack, "jumping-thief") == 0 ? 3600
                     : claim                                ? 1500
                                                            : 300;
    json_t *json = json_pack(
        "{s:s, s:s, s:i, s:s, s:i, s:i, s:o, s:[{s:s}], s:[o], s:{s:s}}", "name", attack, "description",
        "One attack by itself", "duration_s", duration_s, "speed", "max", "backlog", 2, "settle_s", 15, "fleet",
        json_pack("{s:i, s:i, s:i, s:i}", "devices", 3, "start_s", 5, "interval_s", 20, "spread_s", 0), "channels",
        "link", "mqtt", "attackers",
        json_pack("{s:s, s:i, s:i, s:i}", "attack", attack, "at_s", 60, "every_s", claim ? 800 : 5, "count",
                  claim ? 2 : 10),
        "expect", "sent", ">=1");
    json_t *attacker = json_array_get(json_object_get(json, "attackers"), 0);

    if (claim) { /* these two attack devices that lose their power */
        json_object_set_new(json, "broker", json_pack("{s:s}", "rebind", "allow"));
        json_object_set_new(
            json, "actions",
            json_pack("[{s:s, s:i}, {s:s, s:i}]", "do", "reset", "at_s", 100, "do", "reset", "at_s", 160));
    } else if (strcmp(attack, "pending-flood") == 0) {
        /* The plugin goes by arrivals, which must not fall together. */
        json_object_set_new(json, "speed", json_integer(60));
        json_object_set_new(json, "broker", json_pack("{s:i}", "approve_s", 1));
        json_object_set_new(json, "actions", json_pack("[{s:s, s:i}]", "do", "reset", "at_s", 85));
        json_object_set_new(attacker, "every_s", json_integer(22));
    } else if (strcmp(attack, "registration-flood") == 0) { /* comes before the fleet, into a small registry */
        json_object_set_new(json, "broker", json_pack("{s:i}", "max_devices", 20));
        json_object_set_new(attacker, "at_s", json_integer(0));
    } else if (strcmp(attack, "forged-fragments") == 0) { /* needs a fleet with packets */
        json_object_update_new(
            json_object_get(json, "fleet"),
            json_pack("{s:i, s:i, s:i, s:i}", "packet", 58, "packet_gap_ms", 20, "times", 2, "spread_s", 6));
        json_object_set_new(json_array_get(json_object_get(json, "channels"), 0), "air",
                            json_pack("{s:i, s:{s:i, s:i}}", "bit_rate", 9600, "packet", "bytes", 58, "gap_ms", 10));
    }
    return json;
}

const char *selkie_command_line_load(const json_t *over, struct selkie_scenario *scenario, const char *file,
                                     const char *attack)
{
    const char *astray = NULL;
    json_t *json, *entry;
    size_t i;

    if (file) {
        /* First as it is, so that messages name its own lines. */
        struct selkie_settings *settings = selkie_settings_load(file);
        selkie_scenario_read(scenario, settings);
        if (selkie_scenario_error(scenario) || json_array_size(over) == 0)
            return NULL;
        json = json_loads(selkie_settings_text(settings), 0, NULL);
        selkie_scenario_close(scenario);
    } else {
        json = attack ? attack_scenario(attack) : json_object();
    }
    json_array_foreach (over, i, entry) {
        const char *path = json_string_value(json_array_get(entry, 0));
        if (set_path(json, path, json_array_get(entry, 1)) < 0 && !astray)
            astray = path;
    }
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    selkie_scenario_read(scenario,
                         text ? selkie_settings_parse("the command line's scenario", text, strlen(text)) : NULL);
    free(text);
    json_decref(json);
    return astray;
}

static void show_air(const struct selkie_sim_radio_options *air)
{
    if (air->bit_rate == 0)
        printf("no radio in between");
    else
        printf("%" PRIu32 " bit/s", air->bit_rate);
    if (air->noise.bit_errors > 0)
        printf(", bit errors %g", air->noise.bit_errors);
    if (air->noise.lost_bytes > 0)
        printf(", lost bytes %g", air->noise.lost_bytes);
    if (air->noise.burst_every_s > 0)
        printf(", a burst of %g s each %g s", air->noise.burst_s, air->noise.burst_every_s);
    if (air->fade_share > 0)
        printf(", faded %g %% of the time", 100 * air->fade_share);
    if (air->packet.bytes > 0)
        printf(", packets of %" PRIu32 " bytes, %g %% of them lost", air->packet.bytes, 100 * air->packet.loss);
}

/* What the payloads take of the air, which is known before a run. */
static int show_load(const struct selkie_scenario *scenario)
{
    const struct selkie_scenario_fleet *fleet = &scenario->fleet;
    struct selkie_payload_plan plan;
    char text[256];
    uint32_t worst;
    int error =
        selkie_payload_plan_open(&plan, fleet->payload, fleet->payload_size, fleet->payload_file, scenario->seed, text);

    if (error < 0) {
        selkie_say("%s", text);
        return error;
    }
    double load = selkie_scenario_load(scenario, &plan, &worst);
    if (load > 0)
        printf("load      the payloads take %.1f %% of the air of channel %" PRIu32 ", the busiest\n", 100 * load,
               worst);
    selkie_scenario_weigh(scenario, &plan);
    selkie_payload_plan_close(&plan);
    return 0;
}

int selkie_command_line_show(const struct selkie_scenario *scenario)
{
    const struct selkie_scenario_fleet *fleet = &scenario->fleet;

    printf("scenario  %s, seed %" PRIu64 ", %g s, speed ", scenario->name, scenario->seed, scenario->duration_s);
    if (scenario->speed > 0)
        printf("%g\n", scenario->speed);
    else
        printf("max\n");
    printf("fleet     %" PRIu32 " devices, a payload each %g s, %g %% of them with SESSION frames, heard by %" PRIu32
           "\n",
           fleet->devices, fleet->interval_s, 100 * fleet->session_share, fleet->heard_by);
    if (fleet->packet_max > 0)
        printf("          fragments of at most %u bytes, %u of parity\n", fleet->packet_max, fleet->parity);
    for (size_t i = 0; i < scenario->group_count; i++) {
        const struct selkie_scenario_channels *group = &scenario->groups[i];
        printf("channels  %" PRIu32 " by %s%s, %s, ", group->count, selkie_link_words[group->link],
               group->own_gateways ? " with selkie-gateway" : "", group->ack ? "acknowledged" : "one-way");
        show_air(&group->air);
        printf("\n");
    }
    printf("broker    %s\n", scenario->broker.uri ? scenario->broker.uri : "Mosquitto, started here");
    printf("happens   %zu actions, %zu attackers\n", scenario->action_count, scenario->attack_count);
    printf("expects   %zu figures\n", scenario->expect.count);
    return show_load(scenario);
}
