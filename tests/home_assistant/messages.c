/* SPDX-License-Identifier: Apache-2.0 */
/* Messages for ./check: devices with a field of each class, unit and state class that models/home_assistant_classes.c
 * takes, of each kind, with hostile names and values; and what they published. A JSON object a line. */
#include "discovery_message.h"
#include "home_assistant_classes.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTILE "{{ 7*7 }}{% raw %}'\"}]<script>\\\n\xc3\xa4"

static const struct selkie_discovery_settings settings = {
    .root = "selkie", .prefix = "homeassistant", .approve_button = true};
static const char *const words[] = {"eco", HOSTILE};

static struct selkie_field fields[SELKIE_MODEL_FIELDS_MAX];
static char names[SELKIE_MODEL_FIELDS_MAX][SELKIE_FIELD_NAME_MAX + 1];
static unsigned field_count;
static uint8_t address[SELKIE_ADDRESS_SIZE];

static void print(const char *topic, const char *payload)
{
    json_t *line = json_pack("{s:s, s:s}", "topic", topic, "payload", payload);

    if (!line || json_dumpf(line, stdout, JSON_COMPACT) != 0)
        exit(2);
    (void)putchar('\n');
    json_decref(line);
}

/* What the device published: its state, its gateway's, and a value for each field. */
static void print_published(bool whole)
{
    char topic[SELKIE_TOPIC_MAX], hex[SELKIE_ADDRESS_TEXT_SIZE], long_text[400] = HOSTILE;
    json_t *values = json_object();

    memset(long_text + strlen(long_text), 'x', sizeof long_text - 1 - strlen(long_text));
    for (unsigned i = 0; whole && i < field_count; i++) {
        static json_t *(*const make[])(void) = {NULL, json_true, NULL, NULL};
        json_t *value = fields[i].kind == SELKIE_FIELD_NUMBER ? json_real(-21.43)
                        : make[fields[i].kind]                ? make[fields[i].kind]()
                        : fields[i].kind == SELKIE_FIELD_WORD ? json_string(HOSTILE)
                                                              : json_string(long_text);
        (void)json_object_set_new(values, fields[i].name, value);
    }
    selkie_address_format(hex, address);
    char *text = json_dumps(values, JSON_COMPACT);
    (void)snprintf(topic, sizeof topic, "selkie/device/%s/values", hex);
    print(topic, text);
    (void)snprintf(topic, sizeof topic, "selkie/device/%s/state", hex);
    print(topic, whole ? "{\"status\":\"active\",\"pending\":1,\"pending_id\":\"0123456789abcdef\",\"last_seen\":"
                         "1764525600123,\"lost\":2,\"rssi\":-97,\"alarm\":\"clone\",\"silent\":true}"
                       : "{\"status\":\"listed\",\"pending\":0}");
    free(text);
    json_decref(values);
}

static void print_device(bool whole)
{
    const struct selkie_field *list[SELKIE_MODEL_FIELDS_MAX];
    struct selkie_discovery_device device = {.name = whole ? HOSTILE : "",
                                             .model = whole ? "acme-th1" : "",
                                             .manufacturer = HOSTILE,
                                             .firmware = HOSTILE,
                                             .gateway = whole ? "roof-1" : "",
                                             .pending_id = whole ? "0123456789abcdef" : "",
                                             .fields = list,
                                             .field_count = field_count};
    char topic[SELKIE_TOPIC_MAX];

    for (unsigned i = 0; i < field_count; i++)
        list[i] = &fields[i];
    address[7]++;
    memcpy(device.address, address, sizeof address);
    char *text = selkie_discovery_message_build(&settings, &device, whole ? "" : "sensor value_gone\n");
    if (!text)
        exit(2);
    selkie_discovery_topic(topic, settings.prefix, address);
    print(topic, text);
    free(text);
    print_published(whole);
    field_count = 0;
}

static void add(enum selkie_field_kind kind, const char *device_class, const char *unit, const char *state_class)
{
    /* Methods of Python's dictionaries, and what a template's syntax would take amiss. */
    static const char *const traps[] = {"items", "values", "1wire", "none", "in", "lost", "last_seen", "approve"};
    struct selkie_field *field = &fields[field_count];
    char expected[SELKIE_MODEL_ERROR_SIZE];
    const char *key;

    *field = (struct selkie_field){.name = names[field_count],
                                   .kind = kind,
                                   .unit = unit,
                                   .device_class = device_class,
                                   .state_class = state_class,
                                   .words = kind == SELKIE_FIELD_WORD ? words : NULL,
                                   .word_count = kind == SELKIE_FIELD_WORD ? 2 : 0};
    if (selkie_home_assistant_classes_check(field, &key, expected) < 0)
        return;
    if (field_count < sizeof traps / sizeof traps[0])
        (void)snprintf(names[field_count], sizeof names[0], "%s", traps[field_count]);
    else
        (void)snprintf(names[field_count], sizeof names[0], "field_%u", field_count);
    if (++field_count == SELKIE_MODEL_FIELDS_MAX)
        print_device(true);
}

static void add_class(const json_t *table, const char *name, const json_t *units)
{
    json_t *unit, *state;
    size_t i, j;

    if (!json_is_array(units))
        add(SELKIE_FIELD_NUMBER, name, "EUR", "total");
    json_array_foreach (units, i, unit) {
        add(SELKIE_FIELD_NUMBER, name, json_string_value(unit), NULL);
        json_array_foreach (json_object_get(table, "state_classes"), j, state)
            add(SELKIE_FIELD_NUMBER, name, json_string_value(unit), json_string_value(state));
    }
}

int main(int argc, char **argv)
{
    json_t *table = json_load_file(argc > 1 ? argv[1] : "", 0, NULL), *class;
    const char *name;
    size_t i;

    if (!table)
        return 2;
    print("selkie/gateway/roof-1/state", "{\"state\":\"online\",\"instance\":1}");
    json_object_foreach (json_object_get(table, "sensor"), name, class)
        add_class(table, name, json_object_get(class, "units"));
    print_device(true);
    json_array_foreach (json_object_get(table, "binary_sensor"), i, class)
        add(SELKIE_FIELD_BOOLEAN, json_string_value(class), NULL, NULL);
    add(SELKIE_FIELD_BOOLEAN, NULL, NULL, NULL);
    add(SELKIE_FIELD_WORD, "enum", NULL, NULL);
    add(SELKIE_FIELD_WORD, NULL, NULL, NULL);
    add(SELKIE_FIELD_TEXT, NULL, NULL, NULL);
    add(SELKIE_FIELD_NUMBER, NULL, NULL, NULL);
    print_device(true);
    for (unsigned kind = SELKIE_FIELD_NUMBER; kind <= SELKIE_FIELD_TEXT; kind++)
        add((enum selkie_field_kind)kind, NULL, NULL, NULL);
    print_device(false);
    print_device(false); /* without a model */
    json_decref(table);
    return 0;
}
