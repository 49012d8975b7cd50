/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that ask the plugin one thing and print it: key list, model list, stats. */
#include "control_client.h"
#include "ctl_text.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>

static void print_keys(json_t *data, const void *context)
{
    static const struct ctl_column columns[] = {
        {"KEY", "id", CTL_NUMBER},
        {"PROVIDER", "provider", CTL_TEXT},
        {"BITS", "bits", CTL_NUMBER},
        {"DEVICES", "bindings", CTL_NUMBER},
    };
    (void)context;
    if (json_array_size(json_object_get(data, "keys")) == 0)
        ctl_fail("no keys");
    ctl_table_print(columns, sizeof columns / sizeof columns[0], json_object_get(data, "keys"));
}

static enum ctl_exit ask(const struct ctl_options *options, const struct ctl_command *command,
                         void (*print)(json_t *data, const void *context))
{
    return selkie_control_client_print_take(options, ctl_json_pack("{s:s}", "command", command->control), print, NULL);
}

enum ctl_exit ctl_key_list(const struct ctl_options *options, const struct ctl_command *command)
{
    return ask(options, command, print_keys);
}

/* A list in one cell: its texts, or of fields the names with their units. */
static void set_joined(json_t *row, const char *name, const json_t *list)
{
    char *text = NULL;
    size_t len = 0, i;
    const json_t *each;
    FILE *stream = open_memstream(&text, &len);
    json_array_foreach (list, i, each) {
        const char *unit = json_string_value(json_object_get(each, "unit"));
        const char *word = json_string_value(json_is_object(each) ? json_object_get(each, "name") : each);
        if (stream)
            fprintf(stream, "%s%s%s%s%s", i == 0 ? "" : ", ", word ? word : "-", unit ? " (" : "", unit ? unit : "",
                    unit ? ")" : "");
    }
    if (stream)
        fclose(stream);
    if (text && len != 0)
        ctl_json_set_take(row, name, ctl_json_text(text, len));
    free(text);
}

static void print_models(json_t *data, const void *context)
{
    static const struct ctl_column columns[] = {{"MODEL", "model", CTL_TEXT},
                                                {"MANUFACTURER", "manufacturer", CTL_TEXT},
                                                {"FORMAT", "format", CTL_TEXT},
                                                {"FIRMWARE", "firmware", CTL_TEXT},
                                                {"FIELDS", "fields", CTL_TEXT}};
    json_t *models = json_object_get(data, "models"), *rows = ctl_json_must(json_array()), *each;
    size_t i;
    (void)context;
    json_array_foreach (models, i, each) {
        json_t *row = ctl_json_must(json_object());
        if (json_is_object(each))
            ctl_json_update(row, each);
        (void)json_object_del(row, "firmware");
        (void)json_object_del(row, "fields");
        set_joined(row, "firmware", json_object_get(each, "firmware"));
        set_joined(row, "fields", json_object_get(each, "fields"));
        ctl_json_append_take(rows, row);
    }
    if (json_array_size(rows) == 0)
        ctl_fail("no models: models_dir in the plugin's configuration names their folder");
    ctl_table_print(columns, sizeof columns / sizeof columns[0], rows);
    json_decref(rows);
}

enum ctl_exit ctl_model_list(const struct ctl_options *options, const struct ctl_command *command)
{
    return ask(options, command, print_models);
}

static void make_readable(json_t *object, const char *name)
{
    char text[CTL_CELL_SIZE];
    const json_t *time = json_object_get(object, name);
    if (json_is_integer(time))
        ctl_json_set_take(object, name, json_string(ctl_table_cell(text, time, CTL_TIME)));
}

/* The stages' latencies as a table, behind the counters. */
static void print_stats(json_t *data, const void *context)
{
    (void)context;
    static const struct ctl_column columns[] = {
        {"LATENCY IN US", "stage", CTL_TEXT}, {"COUNT", "count", CTL_NUMBER}, {"P50", "p50", CTL_NUMBER},
        {"P90", "p90", CTL_NUMBER},           {"P99", "p99", CTL_NUMBER},     {"MAX", "max", CTL_NUMBER},
    };
    json_t *latency = json_incref(json_object_get(data, "latency_us")), *stages = ctl_json_must(json_array()), *each;
    const char *name;
    json_object_foreach (latency, name, each) {
        json_t *stage = ctl_json_pack("{s:s}", "stage", name);
        if (json_is_object(each))
            ctl_json_update(stage, each);
        ctl_json_append_take(stages, stage);
    }
    (void)json_object_del(data, "latency_us");
    make_readable(data, "time");
    make_readable(data, "started");
    ctl_print(data, false);
    if (json_array_size(stages) != 0)
        putchar('\n');
    ctl_table_print(columns, sizeof columns / sizeof columns[0], stages);
    json_decref(stages);
    json_decref(latency);
}

enum ctl_exit ctl_stats(const struct ctl_options *options, const struct ctl_command *command)
{
    return ask(options, command, print_stats);
}
