/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl gateway list and show: the plugin's register, and what each gateway said last of itself. The broker keeps
 * that (retained): it sends it as soon as we subscribe, so before the plugin's answer to what we ask after that. */
#include "control_client.h"
#include "ctl_config.h"
#include "ctl_text.h"
#include "gateways/gateway_report.h"
#include "print.h"

#include <selkie/clock.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <string.h>

/* By gateway, what it said: {"state": …, "stats": …}. */
struct claims {
    const char *root;
    json_t *said;
    bool refused; /* the broker lets us read no claims */
};

static void on_message(void *context, const struct selkie_mqtt_event *message)
{
    struct claims *claims = context;
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, claims->root, message->topic) < 0 ||
        (topic.kind != SELKIE_TOPIC_GATEWAY_STATE && topic.kind != SELKIE_TOPIC_GATEWAY_STATS))
        return;
    const char *leaf = topic.kind == SELKIE_TOPIC_GATEWAY_STATE ? "state" : "stats";
    json_t *of = json_object_get(claims->said, topic.gateway);
    if (!of && message->len > 0) {
        of = ctl_json_must(json_object());
        ctl_json_set_take(claims->said, topic.gateway, of);
    }
    json_t *claim = message->len > 0 ? ctl_gateway_claim(message->payload, message->len) : NULL;
    if (claim)
        ctl_json_set_take(of, leaf, claim);
    else if (message->len > 0)
        ctl_json_set_take(of, leaf, json_object()); /* it said something that we cannot read */
    else
        (void)json_object_del(of, leaf);
}

/* `gateway` may be "+" for all. False after a failure was printed; a broker that refuses is no failure: then nothing is
 * known of their states. */
static bool subscribe(struct selkie_control_client *control, struct claims *claims, const char *gateway,
                      const char *leaf)
{
    char filter[SELKIE_TOPIC_MAX];

    if (claims->refused)
        return true;
    (void)snprintf(filter, sizeof filter, "%s/gateway/%s/%s", claims->root, gateway, leaf);
    int reason = selkie_control_client_subscribe(control, filter);
    claims->refused = reason >= SELKIE_MQTT_REFUSAL;
    if (claims->refused)
        ctl_fail("the broker does not allow this user to read %s: what gateways say of themselves is not known",
                 filter);
    return reason >= 0;
}

/* The plugin's register, after all that the broker had to send before. NULL after a failure. */
static json_t *ask(struct selkie_control_client *control, const char *command)
{
    return selkie_control_client_ask_take(control, ctl_json_pack("{s:s}", "command", command));
}

/* A broker drops what does not fit into a client's queue, so with very many gateways some may seem never to have been
 * seen. Ask for these one by one. */
static bool ask_again(struct selkie_control_client *control, struct claims *claims, const json_t *registered,
                      bool *asked)
{
    static const char *const leaves[] = {"state", "stats"};
    json_t *entry;
    size_t i;

    *asked = false;
    json_array_foreach (registered, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "gateway"));
        if (!name || !selkie_gateway_name_valid(name))
            continue;
        for (size_t leaf = 0; leaf < 2; leaf++) {
            if (json_object_get(json_object_get(claims->said, name), leaves[leaf]))
                continue;
            *asked = !claims->refused;
            if (!subscribe(control, claims, name, leaves[leaf]))
                return false;
        }
    }
    return true;
}

/* All that is registered, then all that spoke without being so. New. */
static json_t *make_reports(const struct claims *claims, const json_t *registered)
{
    json_t *reports = ctl_json_must(json_array()), *entry, *of;
    int64_t now_ms = selkie_clock_ms();
    const char *name;
    size_t i;

    json_array_foreach (registered, i, entry) {
        name = json_string_value(json_object_get(entry, "gateway"));
        of = name ? json_object_get(claims->said, name) : NULL;
        if (name)
            ctl_json_append_take(reports, ctl_gateway_report(name, entry, json_object_get(of, "state"),
                                                             json_object_get(of, "stats"), now_ms));
        if (of)
            (void)json_object_del(claims->said, name);
    }
    json_object_foreach (claims->said, name, of) {
        if (json_object_size(of) > 0)
            ctl_json_append_take(reports, ctl_gateway_report(name, NULL, json_object_get(of, "state"),
                                                             json_object_get(of, "stats"), now_ms));
    }
    return reports;
}

/* The reports about all gateways, or about one; NULL after a failure. */
static json_t *collect(struct selkie_control_client *control, const char *only, const char *command)
{
    struct claims claims = {selkie_control_client_config(control)->root, ctl_json_must(json_object()), false};
    json_t *reports = NULL, *data = NULL;
    bool again = false;

    selkie_control_client_set_handler(control, on_message, &claims);
    if (subscribe(control, &claims, only ? only : "+", "state") &&
        subscribe(control, &claims, only ? only : "+", "stats"))
        data = ask(control, command);
    if (data && !only && !ask_again(control, &claims, json_object_get(data, "gateways"), &again)) {
        json_decref(data);
        data = NULL;
    }
    if (data && again) {
        json_decref(data);
        data = ask(control, command);
    }
    if (data)
        reports = make_reports(&claims, json_object_get(data, "gateways"));
    selkie_control_client_set_handler(control, NULL, NULL);
    json_decref(claims.said);
    json_decref(data);
    return reports;
}

enum ctl_exit ctl_gateway_list(const struct ctl_options *options, const struct ctl_command *command)
{
    struct selkie_control_client *control;
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *reports = collect(control, NULL, command->control);
    selkie_control_client_close(control);
    if (!reports)
        return CTL_FAILED;
    json_t *root = ctl_json_pack("{s:O}", "gateways", reports);
    if (options->json)
        ctl_print(root, true);
    else if (json_array_size(reports) == 0)
        ctl_fail("no gateways");
    else
        ctl_gateway_print_list(reports);
    json_decref(root);
    json_decref(reports);
    return CTL_DONE;
}

enum ctl_exit ctl_gateway_show(const struct ctl_options *options, const struct ctl_command *command)
{
    const char *name = options->args[0];
    struct selkie_control_client *control;
    const json_t *found = NULL;
    json_t *report;
    size_t i;

    if (!selkie_gateway_name_valid(name))
        return ctl_gateway_name_fault(name);
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *reports = collect(control, name, command->control);
    selkie_control_client_close(control);
    json_array_foreach (reports, i, report) {
        if (strcmp(json_string_value(json_object_get(report, "gateway")), name) == 0)
            found = report;
    }
    if (found && options->json)
        ctl_print(found, true);
    else if (found)
        ctl_gateway_print(found);
    else if (reports)
        ctl_fail("no such gateway: '%s' is not registered, and never said anything", name);
    json_decref(reports);
    return found ? CTL_DONE : CTL_FAILED;
}
