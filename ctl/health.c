/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl health: whether the plugin works, for people, containers and monitoring. Reads what the plugin publishes,
 * so it needs no administrator. What it waits for is a message of the plugin's stats that is not retained: a broker
 * alone cannot send that. */
#include "ctl_client.h"
#include "ctl_text.h"
#include "print.h"

#include <jansson.h>
#include <selkie/clock.h>
#include <selkie/topic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_MS 15000 /* the plugin publishes its stats every 5 s */
#define ONLINE   ""    /* of a gateway without a fault */

struct health {
    const struct selkie_ctl_config *config;
    const char *gateway;  /* this one must be online; NULL = as `all` */
    bool all;             /* all that have been there must be */
    json_t *states;       /* by gateway: ONLINE, or what is wrong with it */
    json_t *before, *now; /* the plugin's stats: what the broker had kept, and a fresh one */
    json_t *troubles;     /* sentences */
};

__attribute__((format(printf, 2, 3))) static void trouble(struct health *health, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ctl_json_append_take(health->troubles, ctl_json_text(text, strlen(text)));
}

/* False after a failure was printed. */
static bool subscribe(struct selkie_ctl_client *client, const struct health *health, const char *leaf)
{
    char filter[SELKIE_TOPIC_MAX];

    (void)snprintf(filter, sizeof filter, "%s/%s", health->config->root, leaf);
    int reason = selkie_ctl_client_subscribe(client, filter, 0);
    if (reason >= SELKIE_MQTT_REFUSAL)
        (void)ctl_fail("the broker does not allow this user to read %s: %s", filter, selkie_mqtt_reason(reason));
    return reason >= 0 && reason < SELKIE_MQTT_REFUSAL;
}

static void take(struct health *health, const struct selkie_mqtt_event *message)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, health->config->root, message->topic) < 0 || message->len == 0)
        return;
    json_t *payload = json_loadb((const char *)message->payload, message->len, 0, NULL);
    if (topic.kind == SELKIE_TOPIC_GATEWAY_STATE) {
        const char *state = json_string_value(json_object_get(payload, "state"));
        bool online = state && strcmp(state, "online") == 0;
        const char *word = !online                                       ? "is offline"
                           : json_object_get(payload, "storage") != NULL ? "cannot store: its disk fails"
                                                                         : ONLINE;
        ctl_json_set_take(health->states, topic.gateway, ctl_json_text(word, strlen(word)));
    } else if (topic.kind == SELKIE_TOPIC_STATS && json_is_object(payload)) {
        json_t **stats = message->retained ? &health->before : &health->now;
        json_decref(*stats);
        *stats = json_incref(payload);
    }
    json_decref(payload);
}

/* Read until fresh stats are there. False after a failure was printed. */
static bool listen_for_stats(struct selkie_ctl_client *client, struct health *health)
{
    int64_t limit_ms = selkie_clock_monotonic_us() / 1000 + FRESH_MS;
    struct selkie_mqtt_event *message;

    while (!health->now) {
        int64_t left_ms = limit_ms - selkie_clock_monotonic_us() / 1000;
        enum ctl_wait wait = selkie_ctl_client_next(client, &message, left_ms > 0 ? (int)left_ms : 0);
        if (wait == CTL_TIMEOUT) {
            trouble(
                health,
                "the plugin has published no stats for %d s, although the broker answers: it is not loaded, its root "
                "is not %s, or Mosquitto is stuck",
                FRESH_MS / 1000, health->config->root);
            return true;
        }
        if (wait != CTL_MESSAGE)
            return false;
        take(health, message);
        free(message);
    }
    return true;
}

static json_int_t number(const json_t *stats, const char *group, const char *member)
{
    return json_integer_value(json_object_get(json_object_get(stats, group), member));
}

static void judge_plugin(struct health *health)
{
    const json_t *storage = json_object_get(health->now, "storage");

    if (!health->now)
        return;
    if (!json_is_false(json_object_get(storage, "damaged")))
        trouble(health,
                "the registry is damaged: the plugin decides nothing, and frames wait at their gateways; restore "
                "it from a backup");
    else if (!json_is_true(json_object_get(storage, "working")))
        trouble(health, "the plugin cannot store: the disk is full, read-only or broken, or registry.db is gone, and "
                        "frames wait at their gateways; Mosquitto's log has the reason");
    json_int_t models = json_integer_value(json_object_get(health->now, "models_refused"));
    if (models == 1)
        trouble(health,
                "the file of a model is wrong or cannot be read: what it said before stays in force, or after a "
                "start its devices get no values; Mosquitto's log says why");
    else if (models > 1)
        trouble(health,
                "%d files of models are wrong or cannot be read: what they said before stays in force, or after a "
                "start their devices get no values; Mosquitto's log says why",
                (int)models);
    bool same_run = json_equal(json_object_get(health->before, "started"), json_object_get(health->now, "started"));
    json_int_t refused =
        number(health->now, "dropped", "intake_full") - number(health->before, "dropped", "intake_full");
    if (health->before && same_run && refused > 0)
        trouble(health,
                "the intake is full: %d frames were refused just now, and their gateways send them again; more "
                "arrive than the workers can open",
                (int)refused);
}

static void judge_gateways(struct health *health)
{
    const char *name;
    json_t *state;

    json_object_foreach (health->states, name, state)
        if (health->all && strcmp(json_string_value(state), ONLINE) != 0)
            trouble(health, "gateway %s %s", name, json_string_value(state));
    if (!health->gateway)
        return;
    state = json_object_get(health->states, health->gateway);
    if (!state)
        trouble(health, "gateway %s has never been here", health->gateway);
    else if (!health->all && strcmp(json_string_value(state), ONLINE) != 0)
        trouble(health, "gateway %s %s", health->gateway, json_string_value(state));
}

static enum ctl_exit tell(const struct health *health, bool as_json)
{
    bool healthy = json_array_size(health->troubles) == 0;
    json_t *text;
    size_t i;

    if (as_json) {
        json_t *report = ctl_json_pack("{s:b, s:O}", "healthy", healthy, "troubles", health->troubles);
        ctl_print(report, true);
        json_decref(report);
    } else if (healthy) {
        puts("healthy");
    } else {
        json_array_foreach (health->troubles, i, text)
            (void)ctl_fail("%s", json_string_value(text));
    }
    return healthy ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit examine(struct selkie_ctl_client *client, struct health *health, bool as_json)
{
    /* In this order: what the broker has kept about gateways comes before fresh stats. */
    if ((health->gateway || health->all) && !subscribe(client, health, "gateway/+/state"))
        return CTL_FAILED;
    if (!subscribe(client, health, "stats") || !listen_for_stats(client, health))
        return CTL_FAILED;
    judge_plugin(health);
    judge_gateways(health);
    return tell(health, as_json);
}

enum ctl_exit ctl_health(const struct ctl_options *options, const struct ctl_command *command)
{
    struct selkie_ctl_config config;
    struct selkie_ctl_client *client = NULL;
    struct health health = {
        .config = &config, .gateway = options->arg_count > 0 ? options->args[0] : NULL, .all = options->gateways};

    (void)command;
    if (health.gateway && !selkie_gateway_name_valid(health.gateway))
        return ctl_gateway_name_fault(health.gateway);
    health.states = ctl_json_must(json_object());
    health.troubles = ctl_json_must(json_array());
    enum ctl_exit result = selkie_ctl_config_open(&config, options);
    if (result == CTL_DONE)
        result = selkie_ctl_client_open(&client, &config, false);
    if (result == CTL_DONE)
        result = examine(client, &health, options->json);
    selkie_ctl_client_close(client);
    selkie_ctl_config_close(&config);
    json_decref(health.states);
    json_decref(health.before);
    json_decref(health.now);
    json_decref(health.troubles);
    return result;
}
