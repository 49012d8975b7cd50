/* SPDX-License-Identifier: Apache-2.0 */
/* The message to Home Assistant, made of hostile names. That Home Assistant takes it is tested in tests/home_assistant.
 */
#include "discovery_message.h"
#include "run_suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTILE "{{ 7*7 }}{% raw %}'\"}]<script>\\\n\xc3\xa4"

static const struct selkie_field temperature = {.name = "temperature",
                                                .kind = SELKIE_FIELD_NUMBER,
                                                .unit = "°C",
                                                .device_class = "temperature",
                                                .state_class = "measurement"},
                                 soil = {.name = "soil_temperature",
                                         .kind = SELKIE_FIELD_NUMBER,
                                         .unit = "°C",
                                         .device_class = "temperature",
                                         .state_class = "measurement"},
                                 door = {.name = "door", .kind = SELKIE_FIELD_BOOLEAN, .device_class = "door"},
                                 lost = {.name = "lost", .kind = SELKIE_FIELD_NUMBER},
                                 note = {.name = "items", .kind = SELKIE_FIELD_TEXT};
static const char *const words[] = {"eco", HOSTILE};
static const struct selkie_field mode = {.name = "mode", .kind = SELKIE_FIELD_WORD, .words = words, .word_count = 2};
static const struct selkie_field *const fields[] = {&temperature, &soil, &door, &lost, &note, &mode};

static struct selkie_discovery_settings settings;
static struct selkie_discovery_device device;
static json_t *message;

static void setup(void)
{
    settings = (struct selkie_discovery_settings){.root = "selkie", .prefix = "homeassistant"};
    device = (struct selkie_discovery_device){.address = {1, 2, 3, 4, 5, 6, 7, 0xab},
                                              .name = "Boathouse",
                                              .model = "acme-th1",
                                              .manufacturer = "Acme",
                                              .firmware = "acme-th1 1.2",
                                              .gateway = "roof-1",
                                              .pending_id = "",
                                              .fields = fields,
                                              .field_count = sizeof fields / sizeof fields[0]};
    message = NULL;
}

static void teardown(void)
{
    json_decref(message);
}

static void build(const char *gone)
{
    json_error_t error;
    char *text = selkie_discovery_message_build(&settings, &device, gone);

    ck_assert_ptr_nonnull(text);
    ck_assert(selkie_discovery_is_ours(text, strlen(text), "selkie"));
    ck_assert(!selkie_discovery_is_ours(text, strlen(text), "farm")); /* another broker's, over a bridge */
    json_decref(message);
    message = json_loads(text, 0, &error);
    ck_assert_msg(message != NULL, "%s: %s", error.text, text);
    free(text);
}

/* A string in the message, by the steps to it; "" if it is not there. */
static const char *at(const char *one, const char *two, const char *three)
{
    const json_t *json = json_object_get(message, one);

    json = two ? json_object_get(json, two) : json;
    json = three ? json_object_get(json, three) : json;
    return json_is_string(json) ? json_string_value(json) : "";
}

static const char *part(const char *key, const char *member)
{
    return at("components", key, member);
}

START_TEST(a_device_has_one_part_for_each_field)
{
    build("");
    ck_assert_str_eq(
        json_string_value(json_array_get(json_object_get(json_object_get(message, "device"), "identifiers"), 0)),
        "selkie_01020304050607ab");
    ck_assert_str_eq(at("device", "name", NULL), "Boathouse");
    ck_assert_str_eq(at("device", "manufacturer", NULL), "Acme");
    ck_assert_str_eq(at("device", "model", NULL), "acme-th1");
    ck_assert_str_eq(at("device", "sw_version", NULL), "acme-th1 1.2");
    ck_assert_str_eq(at("state_topic", NULL, NULL), "selkie/device/01020304050607ab/values");
    ck_assert_str_eq(part("value_temperature", "platform"), "sensor");
    ck_assert_str_eq(part("value_temperature", "unique_id"), "selkie_01020304050607ab_value_temperature");
    ck_assert_str_eq(part("value_temperature", "unit_of_measurement"), "°C");
    ck_assert_str_eq(part("value_temperature", "name"), ""); /* of the class, in the user's language */
    ck_assert_str_eq(part("value_soil_temperature", "name"), "Soil temperature");
    ck_assert_str_eq(part("value_door", "platform"), "binary_sensor");
    ck_assert_str_eq(part("value_mode", "device_class"), "enum");
    ck_assert_uint_eq(json_object_size(json_object_get(message, "components")), 6 + 5);
}
END_TEST

START_TEST(a_field_never_takes_the_place_of_another_part)
{
    build("");
    ck_assert_str_eq(part("value_lost", "value_template"),
                     "{{ (value_json['lost'] if 'lost' in value_json) | is_defined }}");
    ck_assert_str_eq(part("lost", "state_topic"), "selkie/device/01020304050607ab/state");
    ck_assert_str_ne(part("lost", "unique_id"), part("value_lost", "unique_id"));
}
END_TEST

/* Every string under a key that ends in "template", anywhere. */
static unsigned check_templates(const json_t *json, bool is_template)
{
    const char *key;
    json_t *each;
    size_t index;
    unsigned count = 0;

    if (json_is_string(json) && is_template) {
        const char *text = json_string_value(json);
        ck_assert_msg(!strstr(text, "7*7") && !strstr(text, "raw") && !strstr(text, "script"), "%s", text);
        count++;
    }
    json_object_foreach ((json_t *)(uintptr_t)json, key, each) {
        size_t len = strlen(key);
        count += check_templates(each, len >= 8 && strcmp(key + len - 8, "template") == 0);
    }
    json_array_foreach (json, index, each)
        count += check_templates(each, false);
    return count;
}

START_TEST(hostile_names_are_strings_and_never_templates)
{
    settings.approve_button = true;
    device.name = device.model = device.manufacturer = device.firmware = HOSTILE;
    device.pending_id = "0123456789abcdef";
    build("");
    ck_assert_str_eq(at("device", "name", NULL), HOSTILE);
    ck_assert_str_eq(at("device", "model", NULL), HOSTILE);
    ck_assert_uint_ge(check_templates(message, false), 6 + 5 + 5 + 1 + 2);
}
END_TEST

START_TEST(a_name_that_is_no_gateways_makes_no_message)
{
    device.gateway = "+/" HOSTILE;
    ck_assert_ptr_null(selkie_discovery_message_build(&settings, &device, ""));
}
END_TEST

START_TEST(what_is_not_known_is_left_out)
{
    device.name = device.model = device.manufacturer = device.firmware = device.gateway = "";
    device.field_count = 0;
    build("");
    ck_assert_str_eq(at("device", "name", NULL), "Selkie 01020304050607ab");
    ck_assert_ptr_null(json_object_get(json_object_get(message, "device"), "model"));
    ck_assert_uint_eq(json_array_size(json_object_get(message, "availability")), 1);
    ck_assert_uint_eq(json_object_size(json_object_get(message, "components")), 5);
}
END_TEST

START_TEST(the_button_approves_the_one_that_waits_and_no_other)
{
    json_t *command;

    settings.approve_button = true;
    build("");
    const json_t *available = json_array_get(
        json_object_get(json_object_get(json_object_get(message, "components"), "approve"), "availability"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(available, "value_template")), "offline");

    device.pending_id = "0123456789abcdef";
    build("");
    ck_assert_str_eq(part("approve", "command_topic"), "$CONTROL/selkie/v1");
    command = json_loads(part("approve", "payload_press"), 0, NULL);
    json_t *only = json_array_get(json_object_get(command, "commands"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(only, "command")), "approveDevice");
    ck_assert_str_eq(json_string_value(json_object_get(only, "address")), "01020304050607ab");
    ck_assert_str_eq(json_string_value(json_object_get(only, "id")), "0123456789abcdef");
    ck_assert(json_is_true(json_object_get(only, "newest")));
    json_decref(command);
}
END_TEST

START_TEST(parts_that_are_gone_have_only_their_platform)
{
    build("sensor value_co2\nbinary_sensor value_window\n");
    json_t *components = json_object_get(message, "components");
    ck_assert_str_eq(part("value_co2", "platform"), "sensor");
    ck_assert_str_eq(part("value_window", "platform"), "binary_sensor");
    ck_assert_uint_eq(json_object_size(json_object_get(components, "value_co2")), 1);
    ck_assert_uint_eq(json_object_size(components), 6 + 5 + 2);
}
END_TEST

START_TEST(the_list_of_parts_is_that_of_the_message)
{
    unsigned count = 0;

    settings.approve_button = true;
    build("");
    char *parts = selkie_discovery_message_parts(&settings, &device), *rest = parts, *line;
    while ((line = strsep(&rest, "\n")) && line[0]) {
        char *key = strchr(line, ' ');
        *key++ = '\0';
        ck_assert_str_eq(part(key, "platform"), line);
        count++;
    }
    ck_assert_uint_eq(count, json_object_size(json_object_get(message, "components")));
    free(parts);
}
END_TEST

START_TEST(only_the_one_spelling_of_a_topic_is_ours)
{
    static const char *const others[] = {"homeassistant/device/selkie_01020304050607AB/config",
                                         "homeassistant/device/selkie_01020304050607a/config",
                                         "homeassistant/device/selkie_01020304050607abc/config",
                                         "homeassistant/device/selkie_01020304050607ab/state",
                                         "homeassistant/device/selkie_01020304050607ab/config/x",
                                         "homeassistant/sensor/selkie_01020304050607ab/config",
                                         "homeassistant/device/selkie_0102030405/607ab/config",
                                         "/device/selkie_01020304050607ab/config",
                                         ""};
    char topic[SELKIE_TOPIC_MAX];
    uint8_t address[SELKIE_ADDRESS_SIZE];

    selkie_discovery_topic(topic, "home/assistant", device.address);
    ck_assert_str_eq(topic, "home/assistant/device/selkie_01020304050607ab/config");
    ck_assert(selkie_discovery_topic_parse(topic, "home/assistant", address));
    ck_assert_mem_eq(address, device.address, sizeof address);
    ck_assert(selkie_discovery_topic_parse(topic, NULL, address));
    ck_assert(!selkie_discovery_topic_parse(topic, "home", address));
    ck_assert(!selkie_discovery_topic_parse(topic, "home/assistent", address));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg(!selkie_discovery_topic_parse(others[i], NULL, address), "%s", others[i]);
    ck_assert(!selkie_discovery_is_ours("{\"device\":{}}", 13, "selkie"));
    ck_assert(!selkie_discovery_is_ours("{", 1, "selkie"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("discovery_message");
    TCase *cases = tcase_create("message");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_device_has_one_part_for_each_field);
    tcase_add_test(cases, a_field_never_takes_the_place_of_another_part);
    tcase_add_test(cases, hostile_names_are_strings_and_never_templates);
    tcase_add_test(cases, a_name_that_is_no_gateways_makes_no_message);
    tcase_add_test(cases, what_is_not_known_is_left_out);
    tcase_add_test(cases, the_button_approves_the_one_that_waits_and_no_other);
    tcase_add_test(cases, parts_that_are_gone_have_only_their_platform);
    tcase_add_test(cases, the_list_of_parts_is_that_of_the_message);
    tcase_add_test(cases, only_the_one_spelling_of_a_topic_is_ours);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
