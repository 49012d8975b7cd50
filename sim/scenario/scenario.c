/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/scenario.h"

#include <selkie/fragment.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S        86400.0
#define LINE_MAX_LEN 200 /* of a pty's link, without its number */

#define PACKET_BYTES_MAX  1024
#define PACKET_BUFFER_MAX 65536

const char *const selkie_attack_words[SELKIE_ATTACK_KINDS + 1] = {
#define ATTACK_WORD(name, word) [SELKIE_ATTACK_##name] = (word),
    SELKIE_ATTACKS(ATTACK_WORD)
#undef ATTACK_WORD
};

const char *const selkie_link_words[] = {
    [SELKIE_SIM_LINK_PTY] = "pty", [SELKIE_SIM_LINK_SOCKET] = "socket", [SELKIE_SIM_LINK_MQTT] = "mqtt", NULL};

/* Each reader below takes an object that may be absent, NULL: then all of its keys have their defaults. */

static void read_payload(struct selkie_scenario_fleet *fleet, struct selkie_settings_object *object)
{
    static const char *const kinds[] = {
        [SELKIE_PAYLOAD_CONSTANT] = "constant", [SELKIE_PAYLOAD_SENSOR] = "sensor", [SELKIE_PAYLOAD_CSV] = "csv", NULL};

    fleet->payload = (enum selkie_payload_kind)selkie_settings_choice(object, "kind", kinds, SELKIE_PAYLOAD_SENSOR);
    fleet->payload_size =
        (size_t)selkie_settings_integer(object, "size", SELKIE_PAYLOAD_SIZE_MIN, SELKIE_PAYLOAD_MAX, 16);
    fleet->payload_file = selkie_settings_string(object, "file", NULL);
    if (fleet->payload == SELKIE_PAYLOAD_CSV && !fleet->payload_file)
        selkie_settings_reject(object, "file", "is required where kind is \"csv\"");
    selkie_settings_end(object);
}

static void read_fragments(struct selkie_scenario_fleet *fleet, struct selkie_settings_object *object)
{
    fleet->packet_max = (uint16_t)selkie_settings_integer(object, "packet", 0, SELKIE_PACKET_MAX, 0);
    if (fleet->packet_max > 0 && fleet->packet_max < SELKIE_PACKET_MIN)
        selkie_settings_reject(object, "packet", "must be 0 or %d to %d", SELKIE_PACKET_MIN, SELKIE_PACKET_MAX);
    fleet->packet_gap_ms =
        (uint16_t)selkie_settings_integer(object, "packet_gap_ms", 0, SELKIE_FRAGMENT_PACE_MAX_MS, 0);
    if (fleet->packet_gap_ms > 0 && fleet->packet_max == 0)
        selkie_settings_reject(object, "packet_gap_ms", "needs a packet above 0");
    fleet->parity = (uint8_t)selkie_settings_integer(object, "parity", 0, SELKIE_FRAGMENT_CHUNKS_MAX, 2);
}

static void read_fleet(struct selkie_scenario_fleet *fleet, struct selkie_settings_object *object)
{
    static const char *const phases[] = {"random", "together", NULL};

    fleet->devices = (uint32_t)selkie_settings_integer(object, "devices", 1, SELKIE_SCENARIO_DEVICES_MAX, 10);
    fleet->together = selkie_settings_choice(object, "phase", phases, 0) == 1;
    fleet->start_s = selkie_settings_number(object, "start_s", 0, 30 * DAY_S, 10);
    fleet->interval_s = selkie_settings_number(object, "interval_s", 0.001, 30 * DAY_S, 30);
    fleet->jitter = selkie_settings_number(object, "jitter", 0, 1, fleet->together ? 0 : 0.1);
    fleet->session_share = selkie_settings_number(object, "session_share", 0, 1, 0);
    fleet->heard_by = (uint32_t)selkie_settings_integer(object, "heard_by", 1, SELKIE_SCENARIO_HEARD_MAX, 1);
    fleet->sense = selkie_settings_boolean(object, "sense", true);
    fleet->sealed_every = (uint16_t)selkie_settings_integer(object, "sealed_every", 1, SELKIE_SESSION_SEALED_EVERY,
                                                            SELKIE_SESSION_SEALED_EVERY);
    fleet->register_times = (uint8_t)selkie_settings_integer(object, "register_times", 1, 255, 3);
    fleet->data_times = (uint8_t)selkie_settings_integer(object, "times", 1, 255, 1);
    fleet->spread_ms = (uint32_t)(1000 * selkie_settings_number(object, "spread_s", 0, 3600, 30));
    fleet->duty_permille = (uint16_t)(1000 * selkie_settings_number(object, "duty", 0, 1, 0));
    read_fragments(fleet, object);
    fleet->claim = selkie_settings_string(object, "claim", NULL);
    if (fleet->claim && strlen(fleet->claim) > SELKIE_CLAIM_MAX)
        selkie_settings_reject(object, "claim", "is longer than %d bytes", SELKIE_CLAIM_MAX);
    read_payload(fleet, selkie_settings_object(object, "payload", false));
    selkie_settings_end(object);
}

static void read_packet(struct selkie_sim_radio_options *air, struct selkie_settings_object *object)
{
    struct selkie_packet_options *packet = &air->packet;

    if (!object)
        return;
    packet->bytes = (uint32_t)selkie_settings_require_integer(object, "bytes", 1, PACKET_BYTES_MAX);
    packet->gap_us = (uint32_t)(1000 * selkie_settings_number(object, "gap_ms", 0, 60000, 0));
    packet->loss = selkie_settings_number(object, "loss", 0, 1, 0);
    packet->buffer = (uint32_t)selkie_settings_integer(object, "buffer", 1, PACKET_BUFFER_MAX, 512);
    if (packet->buffer < packet->bytes)
        selkie_settings_reject(object, "buffer", "must hold a packet of %u bytes", packet->bytes);
    if (air->bit_rate == 0)
        selkie_settings_reject(object, "bytes", "needs \"bit_rate\" of \"air\" above 0");
    selkie_settings_end(object);
}

static void read_air(struct selkie_sim_radio_options *air, struct selkie_settings_object *object)
{
    struct selkie_noise_options *noise = &air->noise;

    air->bit_rate = (uint32_t)selkie_settings_integer(object, "bit_rate", 0, 10000000, 2000);
    air->sense_us = (uint32_t)(1000 * selkie_settings_number(object, "sense_ms", 0, 1000, 5));
    noise->bit_errors = selkie_settings_number(object, "bit_errors", 0, 0.5, 0);
    noise->lost_bytes = selkie_settings_number(object, "lost_bytes", 0, 1, 0);
    noise->burst_every_s = selkie_settings_number(object, "burst_every_s", 0, 30 * DAY_S, 0);
    noise->burst_s = selkie_settings_number(object, "burst_s", 1e-6, 3600, 0.02);
    air->fade_share = selkie_settings_number(object, "fade_share", 0, 1, 0);
    air->fade_s = selkie_settings_number(object, "fade_s", 0.001, DAY_S, 30);
    read_packet(air, selkie_settings_object(object, "packet", false));
    selkie_settings_end(object);
}

/* With the number of each channel: `first` and what follows. */
static void check_line(const struct selkie_scenario_channels *group, struct selkie_settings_object *object,
                       uint32_t first)
{
    struct selkie_endpoint endpoint;
    const char *mistake;

    if (!group->line) {
        if (!group->own_gateways && group->link != SELKIE_SIM_LINK_MQTT)
            selkie_settings_reject(object, "line", "is required where gateways are yours");
    } else if (group->link == SELKIE_SIM_LINK_SOCKET) {
        if (selkie_endpoint_parse(&endpoint, group->line, first + group->count - 1, &mistake) < 0)
            selkie_settings_reject(object, "line", "%s", mistake);
    } else if (strlen(group->line) > LINE_MAX_LEN) {
        selkie_settings_reject(object, "line", "is longer than %d bytes", LINE_MAX_LEN);
    }
}

static void read_group(struct selkie_scenario_channels *group, struct selkie_settings_object *object, uint32_t first)
{
    static const char *const gateways[] = {"own", "yours", NULL};

    group->count = (uint32_t)selkie_settings_integer(object, "count", 1, SELKIE_SCENARIO_CHANNELS_MAX, 1);
    group->link = (enum selkie_sim_link)selkie_settings_choice(object, "link", selkie_link_words, SELKIE_SIM_LINK_PTY);
    group->line = selkie_settings_string(object, "line", NULL);
    group->own_gateways =
        selkie_settings_choice(object, "gateways", gateways, 0) == 0 && group->link == SELKIE_SIM_LINK_PTY;
    group->ack = selkie_settings_boolean(object, "ack", false);
    group->one_air = selkie_settings_boolean(object, "one_air", false);
    group->has_clock = selkie_settings_has(object, "clock_s");
    group->clock_ms = (int64_t)(1000 * selkie_settings_number(object, "clock_s", -1000 * DAY_S, 1000 * DAY_S, 0));
    if (group->has_clock && group->link != SELKIE_SIM_LINK_MQTT)
        selkie_settings_reject(object, "clock_s", "is only for the link \"mqtt\"");
    check_line(group, object, first);
    read_air(&group->air, selkie_settings_object(object, "air", false));
    selkie_settings_end(object);
}

/* How many entries a list has: `max` at most, or that is the mistake. */
static size_t list_length(struct selkie_settings_object *root, const char *key, size_t max)
{
    size_t count = selkie_settings_list(root, key, false);

    if (count <= max)
        return count;
    selkie_settings_reject(root, key, "more than %zu", max);
    return 0;
}

static void read_channels(struct selkie_scenario *scenario, struct selkie_settings_object *root)
{
    size_t listed = list_length(root, "channels", SELKIE_SCENARIO_GROUPS_MAX);

    for (size_t i = 0; i < listed || i == 0; i++) {
        struct selkie_settings_object *object = listed > 0 ? selkie_settings_list_object(root, "channels", i) : NULL;
        read_group(&scenario->groups[i], object, scenario->channel_count);
        scenario->channel_count += scenario->groups[i].count;
        scenario->group_count++;
    }
    if (scenario->channel_count > SELKIE_SCENARIO_CHANNELS_MAX)
        selkie_settings_reject(root, "channels", "more than %d in all", SELKIE_SCENARIO_CHANNELS_MAX);
}

static void read_keys(struct selkie_scenario_broker *broker, struct selkie_settings_object *object)
{
    size_t count = selkie_settings_list(object, "public_keys", false);

    if (count > 2 || (count == 0 && broker->uri)) {
        selkie_settings_reject(object, "public_keys", "must have one key or two: the current and the next");
        return;
    }
    if (count > 0 && !broker->uri)
        selkie_settings_reject(object, "public_keys", "is of no use without uri: the broker started here has its own");
    for (size_t i = 0; i < count; i++) {
        struct selkie_settings_object *key = selkie_settings_list_object(object, "public_keys", i);
        broker->keys[i].id = (uint8_t)selkie_settings_require_integer(key, "id", 1, 255);
        broker->keys[i].file = selkie_settings_require_string(key, "file");
        selkie_settings_end(key);
    }
    broker->key_count = count;
}

static void read_broker(struct selkie_scenario_broker *broker, struct selkie_settings_object *object)
{
    static const char *const enrolments[] = {"open", "approve", "listed", NULL};
    static const char *const rebinds[] = {"approve", "deny", "claim", "allow", NULL};

    broker->uri = selkie_settings_string(object, "uri", NULL);
    broker->username = selkie_settings_string(object, "username", NULL);
    broker->password_file = selkie_settings_string(object, "password_file", NULL);
    broker->ca = selkie_settings_string(object, "ca", NULL);
    broker->cert = selkie_settings_string(object, "cert", NULL);
    broker->key = selkie_settings_string(object, "key", NULL);
    broker->root = selkie_settings_string(object, "root", SELKIE_TOPIC_ROOT_DEFAULT);
    broker->mosquitto = selkie_settings_string(object, "mosquitto", NULL);
    broker->plugin = selkie_settings_string(object, "plugin", NULL);
    broker->enrolment = enrolments[selkie_settings_choice(object, "enrolment", enrolments, 0)];
    broker->rebind = rebinds[selkie_settings_choice(object, "rebind", rebinds, 0)];
    broker->silent_after_s = (uint32_t)selkie_settings_integer(object, "silent_after", 0, 31622400, 0);
    broker->workers = (uint32_t)selkie_settings_integer(object, "workers", 0, 64, 0);
    broker->max_devices = (uint32_t)selkie_settings_integer(object, "max_devices", 0, 1000000000, 0);
    broker->approve_ms = (uint32_t)(1000 * selkie_settings_number(object, "approve_s", 0, 3600, 0));
    read_keys(broker, object);
    if (!selkie_topic_root_valid(broker->root))
        selkie_settings_reject(object, "root", "must be topic levels without wildcards");
    selkie_settings_end(object);
}

/* An outage that nobody can make would be counted as made. */
static void check_outage(const struct selkie_scenario_action *action, struct selkie_settings_object *object,
                         const struct selkie_scenario *scenario)
{
    bool broker = action->kind == SELKIE_ACTION_BROKER_STOP || action->kind == SELKIE_ACTION_BROKER_KILL;

    if (action->kind == SELKIE_ACTION_KEY && scenario->broker.uri && scenario->broker.key_count < 2)
        selkie_settings_reject(object, "do", "public_keys has no next key");
    if (action->kind < SELKIE_ACTION_OUTAGE)
        return;
    if (broker && scenario->broker.uri)
        selkie_settings_reject(object, "do", "a broker of yours cannot be stopped from here");
    if (action->for_s <= 0)
        selkie_settings_reject(object, "for_s", "must be above 0");
    if (action->every_s > 0 && action->every_s <= action->for_s)
        selkie_settings_reject(object, "every_s", "must be longer than for_s");
    uint32_t first = 0;
    for (size_t i = 0; i < scenario->group_count && !broker; i++) {
        const struct selkie_scenario_channels *group = &scenario->groups[i];
        bool meant = action->channel < 0 ||
                     ((uint32_t)action->channel >= first && (uint32_t)action->channel < first + group->count);
        if (meant && group->link != SELKIE_SIM_LINK_MQTT && !group->own_gateways)
            selkie_settings_reject(object, action->channel < 0 ? "do" : "channel",
                                   "a gateway of yours cannot be stopped from here");
        first += group->count;
    }
}

static void read_action(struct selkie_scenario_action *action, struct selkie_settings_object *object,
                        const struct selkie_scenario *scenario)
{
    static const char *const words[] = {[SELKIE_ACTION_RESET] = "reset",
                                        [SELKIE_ACTION_KEY] = "next-key",
                                        [SELKIE_ACTION_OUTAGE] = "outage",
                                        [SELKIE_ACTION_BROKER_STOP] = "broker-stop",
                                        [SELKIE_ACTION_BROKER_KILL] = "broker-kill",
                                        [SELKIE_ACTION_GATEWAY_STOP] = "gateway-stop",
                                        [SELKIE_ACTION_GATEWAY_KILL] = "gateway-kill",
                                        NULL};

    (void)selkie_settings_require_string(object, "do");
    action->kind = (enum selkie_action_kind)selkie_settings_choice(object, "do", words, -1);
    action->at_s = selkie_settings_number(object, "at_s", 0, 1000 * DAY_S, 0);
    action->every_s = selkie_settings_number(object, "every_s", 0, 1000 * DAY_S, 0);
    action->for_s = selkie_settings_number(object, "for_s", 0, 1000 * DAY_S, 1);
    action->share = selkie_settings_number(object, "share", 0, 1, 1);
    action->channel =
        (int32_t)selkie_settings_integer(object, "channel", 0, (long long)scenario->channel_count - 1, -1);
    if ((int)action->kind >= 0)
        check_outage(action, object, scenario);
    selkie_settings_end(object);
}

static void read_attack(struct selkie_scenario_attack *attack, struct selkie_settings_object *object,
                        const struct selkie_scenario *scenario)
{
    (void)selkie_settings_require_string(object, "attack");
    attack->kind = (enum selkie_attack_kind)selkie_settings_choice(object, "attack", selkie_attack_words, -1);
    attack->at_s = selkie_settings_number(object, "at_s", 0, 1000 * DAY_S, 0);
    attack->every_s = selkie_settings_number(object, "every_s", 0.001, 1000 * DAY_S, 1);
    attack->count = (uint32_t)selkie_settings_integer(object, "count", 0, 1000000, 1);
    attack->channel =
        (uint32_t)selkie_settings_integer(object, "channel", 0, (long long)scenario->channel_count - 1, 0);
    attack->device = (int32_t)selkie_settings_integer(object, "device", 0, (long long)scenario->fleet.devices - 1, -1);
    attack->after_s = selkie_settings_number(object, "after_s", 0, 1000 * DAY_S, -1);
    uint32_t home = (uint32_t)attack->device % scenario->channel_count;
    if (attack->device >= 0 && home != attack->channel)
        selkie_settings_reject(object, "device", "belongs to channel %u", home);
    selkie_settings_end(object);
}

static void read_speed(struct selkie_scenario *scenario, struct selkie_settings_object *root)
{
    if (!selkie_settings_is_string(root, "speed")) {
        scenario->speed = selkie_settings_number(root, "speed", 0.01, 1e6, 1);
        return;
    }
    if (strcmp(selkie_settings_string(root, "speed", ""), "max") != 0)
        selkie_settings_reject(root, "speed", "must be a number or \"max\"");
    scenario->speed = 0;
}

static void read_all(struct selkie_scenario *scenario)
{
    struct selkie_settings_object *root = selkie_settings_root(scenario->settings);

    scenario->name = selkie_settings_string(root, "name", "unnamed");
    scenario->description = selkie_settings_string(root, "description", "");
    scenario->seed = (uint64_t)selkie_settings_integer(root, "seed", 0, INT64_MAX, 1);
    scenario->duration_s = selkie_settings_number(root, "duration_s", 0.1, 1000 * DAY_S, 60);
    read_speed(scenario, root);
    scenario->settle_s = selkie_settings_number(root, "settle_s", 0, DAY_S, 30);
    scenario->backlog = (uint32_t)selkie_settings_integer(root, "backlog", 0, 1000000000, 64);
    read_fleet(&scenario->fleet, selkie_settings_object(root, "fleet", false));
    read_channels(scenario, root);
    read_broker(&scenario->broker, selkie_settings_object(root, "broker", false));
    scenario->action_count = list_length(root, "actions", SELKIE_SCENARIO_ACTIONS_MAX);
    for (size_t i = 0; i < scenario->action_count; i++)
        read_action(&scenario->actions[i], selkie_settings_list_object(root, "actions", i), scenario);
    scenario->attack_count = list_length(root, "attackers", SELKIE_SCENARIO_ATTACKS_MAX);
    for (size_t i = 0; i < scenario->attack_count; i++)
        read_attack(&scenario->attacks[i], selkie_settings_list_object(root, "attackers", i), scenario);
    selkie_expect_read(&scenario->expect, selkie_settings_object(root, "expect", false), selkie_attack_words);
    if (scenario->fleet.heard_by > scenario->channel_count)
        selkie_settings_reject(root, "fleet", "heard_by: more gateways than there are channels");
    selkie_settings_end(root);
}

void selkie_scenario_read(struct selkie_scenario *scenario, struct selkie_settings *settings)
{
    memset(scenario, 0, sizeof *scenario);
    scenario->settings = settings;
    if (settings)
        read_all(scenario);
}

const char *selkie_scenario_error(const struct selkie_scenario *scenario)
{
    return !scenario->settings ? selkie_error_text(SELKIE_ENOMEM) : selkie_settings_error(scenario->settings);
}

void selkie_scenario_close(struct selkie_scenario *scenario)
{
    selkie_settings_close(scenario->settings);
    scenario->settings = NULL;
}
