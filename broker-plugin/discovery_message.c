/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "discovery_message.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_PREFIX "selkie_"
#define FIELD_PREFIX  "value_" /* of a field's part, so that no field has the name of another part */
#define TEMPLATE_SIZE 320
#define KEY_SIZE      (sizeof FIELD_PREFIX + SELKIE_FIELD_NAME_MAX)

/* What the parts of one message share. A failure is kept, and the message is not made. */
struct message {
    const struct selkie_discovery_settings *settings;
    const struct selkie_discovery_device *device;
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    char state[SELKIE_TOPIC_MAX], values[SELKIE_TOPIC_MAX], gateway[SELKIE_TOPIC_MAX];
    json_t *components;
    int failure;
};

/* Takes `value`; NULL is a failure. */
static void set(struct message *message, json_t *object, const char *key, json_t *value)
{
    message->failure |= json_object_set_new(object, key, value);
}

static void set_text(struct message *message, json_t *object, const char *key, const char *text)
{
    if (text && text[0])
        set(message, object, key, json_string(text));
}

/* A part of the message, empty but for what each has. */
static json_t *add_part(struct message *message, const char *platform, const char *key, const char *name)
{
    json_t *part =
        json_pack("{s:s, s:s+++}", "platform", platform, "unique_id", OBJECT_PREFIX, message->address, "_", key);

    set_text(message, part, "name", name);
    set(message, message->components, key, part);
    return part;
}

static json_t *available_if(const char *topic, const char *template)
{
    return json_pack("{s:s, s:s}", "topic", topic, "value_template", template);
}

/* "soil_temperature" as people write it. */
static void make_label(char label[static SELKIE_FIELD_NAME_MAX + 1], const char *name)
{
    (void)snprintf(label, SELKIE_FIELD_NAME_MAX + 1, "%s", name);
    if (label[0] >= 'a' && label[0] <= 'z')
        label[0] = (char)(label[0] - 'a' + 'A');
    for (char *at = label; *at; at++)
        if (*at == '_')
            *at = ' ';
}

static const char *field_platform(const struct selkie_field *field)
{
    return field->kind == SELKIE_FIELD_BOOLEAN ? "binary_sensor" : "sensor";
}

/* The state of a field. A payload without the field leaves the state as it is: to a sensor nothing may be rendered
 * then, because "" would be a state. A subscript, because "items" is also a method. */
static void field_template(char text[static TEMPLATE_SIZE], const struct selkie_field *field)
{
    const char *name = field->name;

    if (field->kind == SELKIE_FIELD_BOOLEAN)
        (void)snprintf(text, TEMPLATE_SIZE,
                       "{%% if '%s' in value_json %%}{{ 'ON' if value_json['%s'] else 'OFF' }}{%% endif %%}", name,
                       name);
    else if (field->kind == SELKIE_FIELD_TEXT) /* Home Assistant drops longer states */
        (void)snprintf(text, TEMPLATE_SIZE, "{{ ((value_json['%s'] if '%s' in value_json) | is_defined)[:255] }}", name,
                       name);
    else
        (void)snprintf(text, TEMPLATE_SIZE, "{{ (value_json['%s'] if '%s' in value_json) | is_defined }}", name, name);
}

static void add_words(struct message *message, json_t *part, const struct selkie_field *field)
{
    json_t *options = json_array();

    for (unsigned i = 0; i < field->word_count; i++)
        message->failure |= json_array_append_new(options, json_string(field->words[i]));
    set(message, part, "device_class", json_string("enum"));
    set(message, part, "options", options);
}

static void add_field(struct message *message, const struct selkie_field *field)
{
    char key[KEY_SIZE], label[SELKIE_FIELD_NAME_MAX + 1], template[TEMPLATE_SIZE];
    /* Without a name, Home Assistant takes that of the class, in its user's language. */
    bool named_by_class = field->device_class && strcmp(field->device_class, field->name) == 0;

    (void)snprintf(key, sizeof key, FIELD_PREFIX "%s", field->name);
    make_label(label, field->name);
    field_template(template, field);
    json_t *part = add_part(message, field_platform(field), key, named_by_class ? NULL : label);
    set(message, part, "value_template", json_string(template));
    if (field->kind == SELKIE_FIELD_WORD) {
        add_words(message, part, field);
        return;
    }
    set_text(message, part, "device_class", field->device_class);
    set_text(message, part, "unit_of_measurement", field->unit);
    set_text(message, part, "state_class", field->state_class);
}

/* A part that the device's state has: it is there also while the device is silent. */
static json_t *add_diagnostic(struct message *message, const char *platform, const char *key, const char *name,
                              const char *template)
{
    json_t *part = add_part(message, platform, key, name);

    set(message, part, "entity_category", json_string("diagnostic"));
    set(message, part, "state_topic", json_string(message->state));
    set(message, part, "value_template", json_string(template));
    set(message, part, "availability", json_pack("[o]", available_if(message->state, "online")));
    return part;
}

static void add_diagnostics(struct message *message)
{
    json_t *part = add_diagnostic(message, "sensor", "last_seen", "Last seen",
                                  "{{ ((value_json.last_seen / 1000) | as_datetime if value_json.last_seen is defined) "
                                  "| is_defined }}");
    set(message, part, "device_class", json_string("timestamp"));

    part = add_diagnostic(message, "sensor", "lost", "Lost frames", "{{ value_json.lost | is_defined }}");
    set(message, part, "state_class", json_string("measurement"));

    part = add_diagnostic(message, "sensor", "signal", NULL, "{{ value_json.rssi | is_defined }}");
    set(message, part, "device_class", json_string("signal_strength"));
    set(message, part, "unit_of_measurement", json_string("dBm"));
    set(message, part, "state_class", json_string("measurement"));

    part = add_diagnostic(message, "binary_sensor", "alarm", "Alarm",
                          "{{ 'ON' if value_json.alarm is defined else 'OFF' }}");
    set(message, part, "device_class", json_string("problem"));

    part = add_diagnostic(message, "binary_sensor", "pending", "Waits for approval",
                          "{{ 'ON' if value_json.pending > 0 else 'OFF' }}");
    set(message, part, "device_class", json_string("problem"));
}

/* Approves the ID that the device's state names, and can be pressed only while it still names that one. */
static void add_approve_button(struct message *message)
{
    const char *id = message->device->pending_id;
    char template[TEMPLATE_SIZE] = "offline";
    json_t *command = json_pack("{s:[{s:s, s:s, s:s, s:b}]}", "commands", "command", "approveDevice", "address",
                                message->address, "id", id, "newest", 1);
    char *press = command ? json_dumps(command, JSON_COMPACT) : NULL;

    if (id[0])
        (void)snprintf(template, sizeof template,
                       "{{ 'online' if value_json.pending_id is defined and value_json.pending_id == '%s' else "
                       "'offline' }}",
                       id);
    json_t *part = add_part(message, "button", "approve", "Approve");
    set(message, part, "entity_category", json_string("config"));
    set(message, part, "command_topic", json_string(SELKIE_TOPIC_CONTROL));
    set(message, part, "payload_press", press ? json_string(press) : NULL);
    set(message, part, "qos", json_integer(1));
    set(message, part, "availability", json_pack("[o]", available_if(message->state, template)));
    free(press);
    json_decref(command);
}

static void add_gone(struct message *message, const char *gone)
{
    char platform[16], key[96];
    int len;

    for (; sscanf(gone, "%15s %95s\n%n", platform, key, &len) == 2; gone += len)
        set(message, message->components, key, json_pack("{s:s}", "platform", platform));
}

static json_t *device_of(struct message *message)
{
    const struct selkie_discovery_device *device = message->device;
    json_t *json = json_pack("{s:[s+]}", "identifiers", OBJECT_PREFIX, message->address);

    if (device->name[0])
        set_text(message, json, "name", device->name);
    else
        set(message, json, "name", json_sprintf("Selkie %s", message->address));
    set_text(message, json, "manufacturer", device->manufacturer);
    set_text(message, json, "model", device->model);
    set_text(message, json, "sw_version", device->firmware);
    set(message, json, "serial_number", json_string(message->address));
    return json;
}

/* The values are there while the device is neither silent nor revoked, and its gateway is online. */
static json_t *availability_of(struct message *message)
{
    json_t *list = json_pack("[o]", available_if(message->state, "{{ 'offline' if value_json.silent is defined or "
                                                                 "value_json.status == 'revoked' else 'online' }}"));

    if (message->gateway[0])
        message->failure |= json_array_append_new(
            list, available_if(message->gateway, "{{ 'online' if value_json.state == 'online' else 'offline' }}"));
    return list;
}

static int make_topics(struct message *message)
{
    const struct selkie_discovery_device *device = message->device;
    const char *root = message->settings->root;
    int result = selkie_topic_device(message->state, root, device->address, SELKIE_TOPIC_DEVICE_STATE);

    selkie_address_format(message->address, device->address);
    if (result > 0)
        result = selkie_topic_device(message->values, root, device->address, SELKIE_TOPIC_DEVICE_VALUES);
    if (result > 0 && device->gateway[0])
        result = selkie_topic_gateway(message->gateway, root, device->gateway, SELKIE_TOPIC_GATEWAY_STATE);
    return result < 0 ? result : 0;
}

char *selkie_discovery_message_build(const struct selkie_discovery_settings *settings,
                                     const struct selkie_discovery_device *device, const char *gone)
{
    struct message message = {.settings = settings, .device = device, .components = json_object()};
    json_t *json = json_pack("{s:{s:s, s:s}}", "origin", "name", "Selkie", "sw_version", SELKIE_VERSION);
    char *text = NULL;

    message.failure = make_topics(&message);
    set(&message, json, "device", device_of(&message));
    set(&message, json, "availability", availability_of(&message));
    set(&message, json, "availability_mode", json_string("all"));
    set(&message, json, "state_topic", json_string(message.values));
    set(&message, json, "qos", json_integer(1));
    for (unsigned i = 0; i < device->field_count; i++)
        add_field(&message, device->fields[i]);
    add_diagnostics(&message);
    if (settings->approve_button)
        add_approve_button(&message);
    add_gone(&message, gone);
    set(&message, json, "components", message.components);
    if (message.failure == 0)
        text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

char *selkie_discovery_message_parts(const struct selkie_discovery_settings *settings,
                                     const struct selkie_discovery_device *device)
{
    static const char others[] = "sensor last_seen\nsensor lost\nsensor signal\nbinary_sensor alarm\n"
                                 "binary_sensor pending\n";
    static const char button[] = "button approve\n";
    size_t size = sizeof others + sizeof button;
    int len = 0;

    for (unsigned i = 0; i < device->field_count; i++)
        size += sizeof "binary_sensor " FIELD_PREFIX + strlen(device->fields[i]->name);
    char *parts = malloc(size);
    if (!parts)
        return NULL;
    for (unsigned i = 0; i < device->field_count; i++)
        len += snprintf(parts + len, size - (size_t)len, "%s " FIELD_PREFIX "%s\n", field_platform(device->fields[i]),
                        device->fields[i]->name);
    (void)snprintf(parts + len, size - (size_t)len, "%s%s", others, settings->approve_button ? button : "");
    return parts;
}

void selkie_discovery_topic(char text[static SELKIE_TOPIC_MAX], const char *prefix,
                            const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    char hex[SELKIE_ADDRESS_TEXT_SIZE];

    selkie_address_format(hex, address);
    (void)snprintf(text, SELKIE_TOPIC_MAX, "%s/device/" OBJECT_PREFIX "%s/config", prefix, hex);
}

bool selkie_discovery_topic_parse(const char *text, const char *prefix, uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    static const char device[] = "/device/" OBJECT_PREFIX, config[] = "/config";
    size_t tail = sizeof device - 1 + SELKIE_ADDRESS_TEXT_SIZE - 1 + sizeof config - 1, len = strlen(text);
    char hex[SELKIE_ADDRESS_TEXT_SIZE], again[SELKIE_ADDRESS_TEXT_SIZE];

    if (len <= tail || (prefix && (strlen(prefix) != len - tail || strncmp(text, prefix, len - tail) != 0)))
        return false;
    text += len - tail;
    if (strncmp(text, device, sizeof device - 1) != 0 ||
        strcmp(text + sizeof device - 1 + SELKIE_ADDRESS_TEXT_SIZE - 1, config) != 0)
        return false;
    memcpy(hex, text + sizeof device - 1, sizeof hex - 1);
    hex[sizeof hex - 1] = '\0';
    if (selkie_address_parse(address, hex) < 0)
        return false;
    selkie_address_format(again, address); /* another spelling would be another topic */
    return strcmp(again, hex) == 0;
}

bool selkie_discovery_is_ours(const void *payload, size_t len, const char *root)
{
    static const char beginning[] = "{\"origin\":{\"name\":\"Selkie\",";
    char topic[SELKIE_TOPIC_MAX];
    int topic_len = snprintf(topic, sizeof topic, "\"state_topic\":\"%s/device/", root);

    return len >= sizeof beginning - 1 && memcmp(payload, beginning, sizeof beginning - 1) == 0 &&
           memmem(payload, len, topic, (size_t)topic_len) != NULL;
}
