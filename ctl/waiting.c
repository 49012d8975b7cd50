/* SPDX-License-Identifier: Apache-2.0 */
#include "waiting.h"

#include "consequence.h"
#include "control_client.h"
#include "ctl_text.h"
#include "print.h"

#include <selkie/frame.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAGE             1000 /* addresses asked for at once */
#define REFUSALS_PRINTED 20

static const struct ctl_column columns[] = {
    {"ADDRESS", "address", CTL_TEXT}, {"NAME", "name", CTL_TEXT},           {"ID", "id", CTL_TEXT},
    {"WAITS", "waits", CTL_TEXT},     {"LAST SEEN", "last_seen", CTL_TIME}, {"GATEWAY", "gateway", CTL_TEXT},
    {"PARKED", "parked", CTL_NUMBER}, {"ACTIVE ID", "active", CTL_TEXT},    {"ACTIVE SEEN", "active_seen", CTL_TIME},
    {"MODEL", "model", CTL_TEXT},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Add a page to the list, which begins after the list's last address. Returns how many IDs it has, or -1. */
static int add_page(struct selkie_control_client *control, json_t *list)
{
    const char *last = text_of(json_array_get(list, json_array_size(list) - 1), "address");
    json_t *command = ctl_json_pack("{s:s, s:i}", "command", "listPending", "limit", PAGE);
    if (last[0] != '\0')
        ctl_json_set_take(command, "after", json_string(last));
    json_t *data = selkie_control_client_ask_take(control, command), *page = json_object_get(data, "pending");
    int count = data ? (int)json_array_size(page) : -1;
    if (count > 0 && strcmp(text_of(json_array_get(page, 0), "address"), last) <= 0) {
        ctl_fail("the plugin's list of IDs is not in the order of addresses");
        count = -1;
    }
    for (size_t i = 0; count > 0 && i < json_array_size(page); i++)
        ctl_json_append(list, json_array_get(page, i));
    json_decref(data);
    return count;
}

/* All that wait, in the order of their addresses and, of one address, of their arrival; new, or NULL. */
static json_t *ask_all(struct selkie_control_client *control)
{
    json_t *list = ctl_json_must(json_array());
    int count = 1;
    while (count > 0)
        count = add_page(control, list);
    if (count == 0)
        return list;
    json_decref(list);
    return NULL;
}

static bool is_seen_by(const json_t *each, const char *gateway)
{
    return !gateway || strcmp(text_of(each, "gateway"), gateway) == 0;
}

/* Since when an ID waits, in the unit that says most. */
static json_t *age_of(const json_t *each, int64_t now_ms)
{
    int64_t minutes = (now_ms - json_integer_value(json_object_get(each, "first_seen"))) / 60000;
    char text[32];
    if (minutes < 0)
        minutes = 0;
    if (minutes < 120)
        snprintf(text, sizeof text, "%d min", (int)minutes);
    else if (minutes < 48 * 60)
        snprintf(text, sizeof text, "%d h", (int)(minutes / 60));
    else
        snprintf(text, sizeof text, "%d days", (int)(minutes / (24 * 60)));
    return json_string(text);
}

static void print_none(FILE *file, const struct ctl_options *options, const char *before)
{
    fprintf(file, "%sno ID waits for a decision%s%s\n", before, options->seen_by ? " that was seen by " : "",
            options->seen_by ? options->seen_by : "");
}

static void print_list(json_t *list, const struct ctl_options *options)
{
    json_t *each;
    size_t i;
    if (options->json) {
        json_t *object = ctl_json_pack("{s:I, s:O}", "total", (json_int_t)json_array_size(list), "pending", list);
        ctl_print(object, true);
        json_decref(object);
        return;
    }
    json_array_foreach (list, i, each) {
        ctl_json_set_take(each, "waits", age_of(each, (int64_t)time(NULL) * 1000));
    }
    if (json_array_size(list) == 0)
        print_none(stderr, options, "selkiectl: ");
    ctl_table_print(columns, sizeof columns / sizeof columns[0], list);
}

/* Those of one gateway, and with `newest` only the last one of each address, so not an earlier life that this gateway
 * saw and the newest it did not: a new list. */
static json_t *choose(const json_t *list, const char *gateway, bool newest)
{
    json_t *chosen = ctl_json_must(json_array()), *each;
    size_t i;
    json_array_foreach (list, i, each) {
        bool last = strcmp(text_of(each, "address"), text_of(json_array_get(list, i + 1), "address")) != 0;
        if (is_seen_by(each, gateway) && (last || !newest))
            ctl_json_append(chosen, each);
    }
    return chosen;
}

/* The same of all that the plugin has; NULL after a message. */
static json_t *ask_chosen(struct selkie_control_client *control, const char *gateway, bool newest)
{
    json_t *list = ask_all(control), *chosen = list ? choose(list, gateway, newest) : NULL;
    json_decref(list);
    return chosen;
}

enum ctl_exit ctl_waiting_list(const struct ctl_options *options)
{
    struct selkie_control_client *control;
    if (options->seen_by && !selkie_gateway_name_valid(options->seen_by))
        return ctl_gateway_name_fault(options->seen_by);
    if (options->status) {
        ctl_fail("--waiting and --status exclude each other: an ID may wait whatever its device's status is");
        return CTL_USAGE;
    }
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *list = ask_chosen(control, options->seen_by, false);
    selkie_control_client_close(control);
    if (!list)
        return CTL_FAILED;
    print_list(list, options);
    json_decref(list);
    return CTL_DONE;
}

struct outcome {
    size_t approved, denied;
    json_t *refused; /* address, id, error */
};

static void take_response(struct outcome *outcome, const json_t *each, const json_t *response)
{
    const char *error = selkie_control_client_error(response);
    if (error) {
        ctl_json_append_take(outcome->refused, ctl_json_pack("{s:s, s:s, s:s}", "address", text_of(each, "address"),
                                                             "id", text_of(each, "id"), "error", error));
        return;
    }
    outcome->approved++;
    outcome->denied += json_array_size(json_object_get(json_object_get(response, "data"), "denied"));
}

/* IDs from `first` on, up to one message full. Returns how many, 0 after a failure. */
static size_t approve_some(struct selkie_control_client *control, struct outcome *outcome, const json_t *list,
                           size_t first)
{
    size_t next = first, i;
    bool full = false;
    while (next < json_array_size(list) && !full) {
        const json_t *each = json_array_get(list, next++);
        json_t *command = ctl_json_pack("{s:s, s:s, s:s, s:b}", "command", "approveDevice", "address",
                                        text_of(each, "address"), "id", text_of(each, "id"), "newest", 1);
        if (selkie_control_client_add_take(control, command, &full) != CTL_DONE)
            return 0;
    }
    json_t *responses = selkie_control_client_send(control), *response;
    if (!responses)
        return 0;
    json_array_foreach (responses, i, response) {
        take_response(outcome, json_array_get(list, first + i), response);
    }
    json_decref(responses);
    return next - first;
}

static void report(const struct outcome *outcome, bool as_json)
{
    json_t *each;
    size_t i;
    if (as_json) {
        json_t *object = ctl_json_pack("{s:I, s:I, s:O}", "approved", (json_int_t)outcome->approved, "denied",
                                       (json_int_t)outcome->denied, "refused", outcome->refused);
        ctl_print(object, true);
        json_decref(object);
        return;
    }
    json_array_foreach (outcome->refused, i, each) {
        if (i == REFUSALS_PRINTED) {
            ctl_fail("… and %zu more", json_array_size(outcome->refused) - i);
            break;
        }
        ctl_fail("%s: not approved: %s", text_of(each, "address"), text_of(each, "error"));
    }
    printf("%zu approved, %zu left for you", outcome->approved, json_array_size(outcome->refused));
    if (outcome->denied != 0)
        printf("; %zu others that were silent since are denied", outcome->denied);
    putchar('\n');
}

static enum ctl_exit approve_list(struct selkie_control_client *control, const struct ctl_options *options,
                                  const json_t *list)
{
    struct outcome outcome = {.refused = ctl_json_must(json_array())};
    char what[160];
    snprintf(what, sizeof what, "Approve %zu IDs that wait%s%.64s.", json_array_size(list),
             options->seen_by ? " and were seen by " : "", options->seen_by ? options->seen_by : "");
    enum ctl_exit result = ctl_consequence_ask(options, what, "Their devices' earlier IDs are retired for ever.");
    if (result != CTL_DONE) {
        json_decref(outcome.refused);
        return result;
    }
    for (size_t sent = 0, some; sent < json_array_size(list) && result == CTL_DONE; sent += some) {
        some = approve_some(control, &outcome, list, sent);
        if (some == 0)
            result = CTL_FAILED;
    }
    report(&outcome, options->json);
    if (json_array_size(outcome.refused) != 0)
        result = CTL_FAILED;
    json_decref(outcome.refused);
    return result;
}

enum ctl_exit ctl_waiting_approve(const struct ctl_options *options)
{
    struct selkie_control_client *control;
    if (options->arg_count != 0) {
        ctl_fail("--waiting: not together with an address");
        return CTL_USAGE;
    }
    if (options->seen_by && !selkie_gateway_name_valid(options->seen_by))
        return ctl_gateway_name_fault(options->seen_by);
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    json_t *list = ask_chosen(control, options->seen_by, true);
    if (list && json_array_size(list) == 0 && !options->json)
        print_none(stdout, options, "");
    else
        result = list ? approve_list(control, options, list) : CTL_FAILED;
    selkie_control_client_close(control);
    json_decref(list);
    return result;
}
