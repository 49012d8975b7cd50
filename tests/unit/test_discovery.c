/* SPDX-License-Identifier: Apache-2.0 */
/* What Home Assistant is told, and when it is taken back, with a broker that is a table: what is published, is retained
 * there. */
#include "discovery.h"
#include "discovery_message.h"
#include "discovery_past.h"
#include "discovery_table.h"
#include "models_fixture.h"
#include "run_suite.h"
#include "shown.h"

#include "model/output.h"
#include "publish.h"
#include <jansson.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_US SELKIE_DISCOVERY_STEP_US
#define SURE    (SELKIE_DISCOVERY_SURE_S * 1000000LL)
#define ANSWER  (SELKIE_DISCOVERY_ANSWER_S * 1000000LL)

static struct selkie_discovery *discovery;
static struct selkie_shown *shown;
static struct selkie_models *models;
static json_t *retained; /* topic: payload */
static unsigned published, cleared_on_read;
static char last_topic[SELKIE_TOPIC_MAX], before_last[8192], last[8192];
static bool no_memory;
static int64_t now;

int __wrap_selkie_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos,
                          bool retain, mosquitto_property *properties);
int __wrap_selkie_publish_text(const char *client_id, const char *topic, const void *text, size_t len, int qos,
                               bool retain, mosquitto_property *properties);
void __wrap_selkie_retained_clear(struct selkie_retained *of, const char *topic);

int __wrap_selkie_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos,
                          bool retain, mosquitto_property *properties)
{
    ck_assert_ptr_null(client_id);
    ck_assert(retain && qos == 1);
    mosquitto_property_free_all(&properties);
    if (no_memory)
        return SELKIE_ENOMEM;
    published++;
    (void)snprintf(last_topic, sizeof last_topic, "%s", topic);
    (void)snprintf(before_last, sizeof before_last, "%s", last);
    (void)snprintf(last, sizeof last, "%.*s", (int)len, len ? (const char *)payload : "");
    if (len > 0)
        ck_assert_int_eq(json_object_set_new(retained, topic, json_stringn(payload, len)), 0);
    else
        (void)json_object_del(retained, topic);
    return 0;
}

int __wrap_selkie_publish_text(const char *client_id, const char *topic, const void *text, size_t len, int qos,
                               bool retain, mosquitto_property *properties)
{
    ck_assert_uint_gt(len, 0);
    return __wrap_selkie_publish(client_id, topic, text, len, qos, retain, properties);
}

void __wrap_selkie_retained_clear(struct selkie_retained *of, const char *topic)
{
    (void)of;
    (void)json_object_del(retained, topic);
    cleared_on_read++;
}

static void refuse(void *context, const char *line)
{
    (void)context;
    ck_abort_msg("%s", line);
}

/* The models acme (t, h, and `more`) and plain (t). */
static struct selkie_models *open_models(const char *more)
{
    struct selkie_models *set;
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "{\"model\":\"acme\",\"manufacturer\":\"Acme\",\"format\":\"json\",\"fields\":[{\"name\":\"t\"}%s],"
                   "\"examples\":[{\"text\":\"{\\\"t\\\":5,\\\"h\\\":true}\",\"values\":{\"t\":5%s}}]}",
                   more, more[0] ? ",\"h\":true" : "");
    (void)models_fixture_write("acme.json", text);
    (void)models_fixture_write("plain.json", "{\"model\":\"plain\",\"format\":\"json\",\"fields\":[{\"name\":\"t\"}],"
                                             "\"examples\":[{\"text\":\"{\\\"t\\\":5}\",\"values\":{\"t\":5}}]}");
    ck_assert_int_eq(selkie_models_open(&set, models_fixture_dir(), refuse, NULL), 0);
    return set;
}

static void setup(void)
{
    models_fixture_set_up();
    models = open_models(",{\"name\":\"h\",\"type\":\"boolean\"}");
    retained = json_object();
    published = cleared_on_read = 0;
    last[0] = before_last[0] = '\0';
    no_memory = false;
    now = 1;
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_discovery_open(&discovery, "selkie", NULL, shown), 0);
}

static void teardown(void)
{
    selkie_discovery_close(discovery);
    json_decref(retained);
    selkie_models_close(models);
    models_fixture_tear_down();
    selkie_shown_close(shown);
}

static void configure(const char *prefix)
{
    selkie_discovery_configure(discovery, prefix, false, models);
}

static void turn(void)
{
    now += STEP_US;
    selkie_discovery_turn(discovery, now);
}

static void all_turns(void)
{
    for (unsigned before = published + 1; before != published;) {
        before = published;
        turn();
    }
}

static int note(unsigned device, const char *json)
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_STATE, json, strlen(json));
    int result;

    output->address[6] = (uint8_t)(device >> 8);
    output->address[7] = (uint8_t)device;
    result = selkie_discovery_note_state(discovery, output);
    selkie_output_free(output);
    return result;
}

static void state(unsigned device, const char *json)
{
    ck_assert_int_eq(note(device, json), 0);
}

#define TOPIC(device) "homeassistant/device/selkie_000000000000000" device "/config"

START_TEST(while_it_is_off_nothing_is_published)
{
    configure(NULL);
    state(1, "{\"status\":\"active\",\"model\":\"acme\"}");
    selkie_discovery_hear(discovery, "/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 0);
}
END_TEST

START_TEST(a_message_goes_out_when_something_in_it_has_changed)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\",\"pending\":0,\"counter\":1,\"model\":\"acme\",\"gateway\":\"roof-1\"}");
    all_turns();
    ck_assert_uint_eq(published, 1);
    ck_assert_str_eq(last_topic, TOPIC("1"));
    ck_assert_ptr_nonnull(strstr(last, "\"value_h\""));
    ck_assert_ptr_nonnull(strstr(last, "\"manufacturer\":\"Acme\""));
    ck_assert_ptr_nonnull(strstr(last, "selkie/gateway/roof-1/state"));
    state(1, "{\"status\":\"active\",\"pending\":0,\"counter\":2,\"model\":\"acme\",\"gateway\":\"roof-1\"}");
    all_turns();
    ck_assert_uint_eq(published, 1);
    state(1, "{\"status\":\"active\",\"counter\":2,\"model\":\"acme\",\"gateway\":\"roof-1\",\"name\":\"Boat\"}");
    all_turns();
    ck_assert_uint_eq(published, 2);
    ck_assert_ptr_nonnull(strstr(last, "\"name\":\"Boat\""));
}
END_TEST

/* Whoever has a radio can make a new pending ID with each frame. */
START_TEST(pending_ids_are_nothing_new_without_the_button)
{
    configure("homeassistant");
    for (int i = 0; i < 20; i++) {
        char json[100];
        (void)snprintf(json, sizeof json, "{\"status\":\"active\",\"pending\":1,\"pending_id\":\"%016x\"}", i);
        state(1, json);
        all_turns();
    }
    ck_assert_uint_eq(published, 1);
    selkie_discovery_configure(discovery, "homeassistant", true, models); /* and with it the last one is known */
    all_turns();
    ck_assert_uint_eq(published, 2);
    ck_assert_ptr_nonnull(strstr(last, "0000000000000013"));
    state(1, "{\"status\":\"active\",\"pending\":1,\"pending_id\":\"00000000000000ff\"}");
    all_turns();
    ck_assert_ptr_nonnull(strstr(last, "00000000000000ff"));
}
END_TEST

/* Whoever has a radio can make as many devices that nobody approved. */
START_TEST(a_device_appears_once_somebody_has_vouched_for_it)
{
    configure("homeassistant");
    state(1, "{\"status\":\"pending\",\"pending\":1,\"model\":\"acme\"}");
    all_turns();
    ck_assert_uint_eq(published, 0);
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 0);
    state(1, "{\"status\":\"active\",\"pending\":0,\"model\":\"acme\"}");
    all_turns();
    ck_assert_uint_eq(published, 1);
    state(1, "{\"status\":\"pending\",\"pending\":1,\"model\":\"plain\"}"); /* it stays, and is followed */
    all_turns();
    ck_assert_uint_gt(published, 1);
    ck_assert_uint_eq(json_object_size(retained), 1);
    state(2, "{\"status\":\"pending\",\"pending\":1,\"name\":\"Boat\"}"); /* somebody gave it a name */
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 2);
    state(3, "{\"status\":\"listed\",\"pending\":0}");
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 3);
}
END_TEST

START_TEST(with_the_button_some_that_wait_are_shown_and_no_more)
{
    static const char waits[] = "{\"status\":\"pending\",\"pending\":1}", active[] = "{\"status\":\"active\"}";

    selkie_discovery_configure(discovery, "homeassistant", true, models);
    selkie_discovery_end_refresh(discovery);
    for (unsigned i = 1; i <= SELKIE_DISCOVERY_PENDING_MAX + 50; i++)
        state(i, waits);
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), SELKIE_DISCOVERY_PENDING_MAX);
    state(SELKIE_DISCOVERY_PENDING_MAX + 50, active); /* approved in another way */
    state(1, active);                                 /* leaves its place to one of the others, */
    state(2, "");                                     /* and so does this */
    for (unsigned i = 3; i < SELKIE_DISCOVERY_PENDING_MAX + 50; i++)
        state(i, waits);
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), SELKIE_DISCOVERY_PENDING_MAX + 2);
    configure("homeassistant"); /* without the button */
    no_memory = true;
    all_turns();
    no_memory = false;
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 2);
    state(5, waits);
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 2);
    selkie_discovery_configure(discovery, "homeassistant", true, models);
    ck_assert(!selkie_discovery_is_refreshed(discovery)); /* who waits is asked for again */
}
END_TEST

START_TEST(fields_of_another_model_are_taken_back_and_then_left_out)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\",\"model\":\"acme\"}");
    all_turns();
    state(1, "{\"status\":\"active\",\"model\":\"plain\"}");
    all_turns();
    ck_assert_uint_eq(published, 3);
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_h\":{\"platform\":\"binary_sensor\"}"));
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_t\":{\"platform\":\"sensor\",\"unique_id\""));
    ck_assert_ptr_null(strstr(last, "value_h"));
    state(1, "{\"status\":\"active\"}"); /* no model */
    all_turns();
    ck_assert_uint_eq(published, 5);
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_t\":{\"platform\":\"sensor\"}"));
}
END_TEST

START_TEST(a_field_that_a_reload_took_from_a_model_is_taken_back)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\",\"model\":\"acme\"}");
    all_turns();
    struct selkie_models *next = open_models("");
    selkie_discovery_configure(discovery, "homeassistant", false, next);
    selkie_models_close(models);
    models = next;
    all_turns();
    ck_assert_uint_eq(published, 3);
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_h\":{\"platform\":\"binary_sensor\"}"));
    ck_assert_ptr_null(strstr(last, "value_h"));
    selkie_discovery_configure(discovery, "homeassistant", true, models);
    all_turns();
    ck_assert_uint_eq(published, 4);
    selkie_discovery_configure(discovery, "homeassistant", false, models);
    all_turns();
    ck_assert_ptr_nonnull(strstr(before_last, "\"approve\":{\"platform\":\"button\"}"));
}
END_TEST

START_TEST(a_device_that_is_removed_is_taken_back)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\",\"model\":\"acme\"}");
    all_turns();
    state(1, "");
    ck_assert_uint_eq(published, 2);
    ck_assert_str_eq(last, "");
    ck_assert_uint_eq(json_object_size(retained), 0);
    state(1, ""); /* and one that is not known, not */
    state(2, "{\"status\":\"active\"}");
    state(2, ""); /* nor one whose message was not yet out */
    all_turns();
    ck_assert_uint_eq(published, 2);
}
END_TEST

static void fill(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        state(i, "{\"status\":\"active\",\"model\":\"acme\"}");
}

START_TEST(ten_thousand_devices_go_out_in_steps)
{
    configure("homeassistant");
    fill(10000);
    for (unsigned i = 1; i <= 10000 / SELKIE_DISCOVERY_STEP; i++) {
        turn();
        ck_assert_uint_eq(published, i * SELKIE_DISCOVERY_STEP);
        selkie_discovery_turn(discovery, now + STEP_US - 1); /* the loop turns faster */
        ck_assert_uint_eq(published, i * SELKIE_DISCOVERY_STEP);
    }
    all_turns();
    ck_assert_uint_eq(published, 10000);
    ck_assert_uint_eq(json_object_size(retained), 10000);
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    turn();
    ck_assert_uint_eq(published, 10000 + SELKIE_DISCOVERY_STEP);
    configure(NULL);
    turn();
    ck_assert_uint_eq(json_object_size(retained), 10000 - SELKIE_DISCOVERY_STEP);
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 0);
}
END_TEST

START_TEST(switched_off_all_is_taken_back_and_switched_on_all_states_are_asked_for)
{
    ck_assert(selkie_discovery_is_refreshed(discovery));
    configure("homeassistant");
    ck_assert(!selkie_discovery_is_refreshed(discovery));
    fill(3);
    selkie_discovery_end_refresh(discovery);
    all_turns();
    configure("homeassistant");
    ck_assert(selkie_discovery_is_refreshed(discovery));
    configure(NULL);
    ck_assert(selkie_discovery_is_refreshed(discovery));
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 0);
    configure("homeassistant");
    ck_assert(!selkie_discovery_is_refreshed(discovery));
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 0);
    fill(3);
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 3);
}
END_TEST

START_TEST(below_another_prefix_all_is_published_and_below_the_old_one_taken_back)
{
    configure("homeassistant");
    fill(3);
    all_turns();
    configure("ha");
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 3);
    ck_assert_ptr_nonnull(json_object_get(retained, "ha/device/selkie_0000000000000001/config"));
    /* There and back before anything was taken back. */
    configure("homeassistant");
    configure("ha");
    configure("homeassistant");
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 3);
    ck_assert_ptr_nonnull(json_object_get(retained, TOPIC("1")));
}
END_TEST

START_TEST(home_assistant_is_answered_but_not_as_often_as_it_asks)
{
    configure("homeassistant");
    fill(3);
    all_turns();
    selkie_discovery_hear(discovery, "homeassistant/status", "offline", 7);
    selkie_discovery_hear(discovery, "homeassistant/status", "onlinE", 6);
    selkie_discovery_hear(discovery, "homeassistant/status", NULL, 0);
    selkie_discovery_hear(discovery, "homeassistant/status/x", "online", 6);
    selkie_discovery_hear(discovery, "ha/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 3);
    for (int i = 0; i < 100; i++) {
        selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
        turn();
    }
    ck_assert_uint_eq(published, 6);
    now += ANSWER; /* the last one is not forgotten */
    all_turns();
    ck_assert_uint_eq(published, 9);
    now += ANSWER;
    all_turns();
    ck_assert_uint_eq(published, 9);
}
END_TEST

START_TEST(a_device_keeps_its_gateway_while_that_is_online)
{
    configure("homeassistant");
    selkie_discovery_hear(discovery, "selkie/gateway/roof-1/stats", "{}", 2);
    state(1, "{\"status\":\"active\",\"gateway\":\"roof-1\"}");
    all_turns();
    for (int i = 0; i < 10; i++) {
        state(1, i % 2 ? "{\"status\":\"active\",\"gateway\":\"roof-1\"}"
                       : "{\"status\":\"active\",\"gateway\":\"roof-2\"}");
        all_turns();
    }
    ck_assert_uint_eq(published, 1);
    static const char offline[] = "{\"state\":\"offline\",\"instance\":1}", online[] = "{\"state\":\"online\"}";
    selkie_discovery_hear(discovery, "selkie/gateway/roof-1/state", offline, sizeof offline - 1);
    state(1, "{\"status\":\"active\",\"gateway\":\"roof-2\"}");
    all_turns();
    ck_assert_uint_eq(published, 2);
    ck_assert_ptr_nonnull(strstr(last, "selkie/gateway/roof-2/state"));
    selkie_discovery_hear(discovery, "selkie/gateway/roof-2/state", online, sizeof online - 1);
    selkie_discovery_note_disconnect(discovery, NULL);
    selkie_discovery_note_disconnect(discovery, "somebody");
    state(1, "{\"status\":\"active\",\"gateway\":\"roof-1\"}");
    all_turns();
    ck_assert_uint_eq(published, 2);
    selkie_discovery_note_disconnect(discovery, "roof-2"); /* its will is shown to no plugin */
    state(1, "{\"status\":\"active\",\"gateway\":\"roof-1\"}");
    all_turns();
    ck_assert_uint_eq(published, 3);
    state(2, "{\"status\":\"active\",\"gateway\":\"+/#\"}"); /* no name of a gateway is no gateway */
    all_turns();
    ck_assert_ptr_null(strstr(last, "/gateway/"));
}
END_TEST

START_TEST(strangers_do_not_fill_the_memory_with_gateways)
{
    struct selkie_discovery_table table = {.entries = NULL};
    char name[16];

    for (unsigned i = 0; i < 2 * SELKIE_DISCOVERY_GATEWAYS_MAX; i++) {
        (void)snprintf(name, sizeof name, "gw-%u", i);
        selkie_discovery_table_note_gateway(&table, name, true);
    }
    unsigned count = 0;
    for (unsigned i = 0; i < 2 * SELKIE_DISCOVERY_GATEWAYS_MAX; i++) {
        json_t *one, *other = json_pack("{s:s}", "gateway", "other");
        const uint8_t address[8] = {(uint8_t)(i >> 8), (uint8_t)i};
        (void)snprintf(name, sizeof name, "gw-%u", i);
        one = json_pack("{s:s}", "gateway", name);
        ck_assert_int_eq(selkie_discovery_table_take(&table, address, one, false), 0);
        ck_assert_int_eq(selkie_discovery_table_take(&table, address, other, false), 0);
        count +=
            strcmp(selkie_discovery_table_fact(selkie_discovery_table_find(&table, address), SELKIE_DISCOVERY_GATEWAY),
                   name) == 0;
        json_decref(one);
        json_decref(other);
    }
    ck_assert_uint_eq(count, SELKIE_DISCOVERY_GATEWAYS_MAX);
    selkie_discovery_table_wipe(&table);
}
END_TEST

static bool is_current(const char *topic, const char *payload)
{
    return selkie_discovery_is_current(discovery, topic, payload, strlen(payload));
}

static const struct selkie_shown_record *home_of(unsigned device)
{
    const uint8_t address[SELKIE_ADDRESS_SIZE] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)device};
    const struct selkie_shown_device *found = selkie_shown_find(shown, address);

    ck_assert_ptr_nonnull(found);
    return &found->of[SELKIE_SHOWN_HOME];
}

static void shown_before(unsigned device, const char *text)
{
    const uint8_t address[SELKIE_ADDRESS_SIZE] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)device};

    ck_assert_int_eq(selkie_shown_set(shown, SELKIE_SHOWN_HOME, address, text), 0);
}

START_TEST(below_the_prefix_of_an_earlier_run_all_is_cleared_once_home_assistant_is_there)
{
    shown_before(1, "old\nsensor a\n");
    shown_before(2, "old\nsensor a\n"); /* a device that is no more */
    configure("homeassistant");
    state(1, "{\"status\":\"active\"}");
    selkie_discovery_end_refresh(discovery);
    all_turns();
    ck_assert_uint_eq(published, 1); /* nobody would hear the others */
    selkie_discovery_hear(discovery, "never/status", "online", 6);
    selkie_discovery_hear(discovery, "old/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 3);
    ck_assert_str_eq(last, "");
    ck_assert(selkie_shown_begins(home_of(1)->now, "homeassistant"));
    now += ANSWER;
    turn();
    ck_assert_ptr_null(home_of(1)->former[0]);
    ck_assert_ptr_null(home_of(2)->former[0]);
    selkie_discovery_hear(discovery, "old/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 3);
}
END_TEST

START_TEST(what_an_earlier_run_showed_is_taken_back_and_once_more_when_home_assistant_is_there)
{
    shown_before(1, "homeassistant\nsensor value_t\nbutton approve\nsensor cut");
    shown_before(2, "homeassistant\nsensor value_t\n");
    configure("homeassistant");
    state(1, "{\"status\":\"active\"}");
    ck_assert(!is_current(TOPIC("1"), "{}")); /* that of the earlier run */
    all_turns();
    ck_assert_uint_eq(published, 2);
    ck_assert(is_current(TOPIC("1"), last));
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_t\":{\"platform\":\"sensor\"}"));
    ck_assert_ptr_nonnull(strstr(before_last, "\"approve\":{\"platform\":\"button\"}"));
    ck_assert_ptr_null(strstr(last, "\"value_t\""));
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    all_turns();
    ck_assert_uint_eq(published, 4);
    ck_assert_ptr_nonnull(strstr(before_last, "\"approve\":{\"platform\":\"button\"}"));
    now += ANSWER;
    turn();
    ck_assert_ptr_null(home_of(1)->former[0]);
    selkie_discovery_end_refresh(discovery); /* and the second one is no device */
    all_turns();
    ck_assert_uint_ge(published, 5);
    ck_assert_str_eq(last, "");
    ck_assert_str_eq(last_topic, TOPIC("2"));
    now += ANSWER;
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    all_turns();
    unsigned before = published;
    now += ANSWER;
    turn();
    ck_assert_ptr_null(home_of(2)->former[0]);
    all_turns();
    ck_assert_uint_eq(published, before);
}
END_TEST

/* The answer may still wait in Mosquitto, or for Home Assistant's socket. */
START_TEST(what_was_taken_back_is_forgotten_only_once_home_assistant_is_sure_to_have_it)
{
    static const char *const said[] = {"offline", "online"};

    shown_before(1, "homeassistant\nsensor value_t\n");
    configure("homeassistant");
    state(1, "{\"status\":\"active\"}");
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    all_turns();
    ck_assert_ptr_nonnull(home_of(1)->former[0]);
    now += SURE - 2 * STEP_US;
    turn();
    ck_assert_ptr_nonnull(home_of(1)->former[0]);
    selkie_discovery_hear(discovery, "homeassistant/status", said[_i], strlen(said[_i]));
    for (now += SURE; _i == 0 && now < 2 * ANSWER; now += STEP_US)
        turn();
    ck_assert_ptr_nonnull(home_of(1)->former[0]);
    unsigned before = published;
    selkie_discovery_hear(discovery, "homeassistant/status", "online", 6);
    now += ANSWER;
    all_turns();
    ck_assert_uint_eq(published, before + 2); /* and it is told once more */
    ck_assert_ptr_nonnull(strstr(before_last, "\"value_t\":{\"platform\":\"sensor\"}"));
    now += SURE;
    turn();
    ck_assert_ptr_null(home_of(1)->former[0]);
}
END_TEST

START_TEST(what_an_earlier_run_left_of_a_device_that_is_gone_is_cleared_once_that_is_sure)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\"}");
    all_turns();
    ck_assert(is_current(TOPIC("1"), last));
    ck_assert(!is_current(TOPIC("2"), last));
    ck_assert_uint_eq(cleared_on_read, 0); /* its state may still come */
    selkie_discovery_end_refresh(discovery);
    ck_assert(!is_current(TOPIC("2"), last));
    ck_assert_uint_eq(cleared_on_read, 1);
    ck_assert(!is_current(TOPIC("2"), "{}")); /* whatever it is: nobody else may publish there */
    ck_assert(is_current(TOPIC("1"), last));
    ck_assert(is_current("homeassistant/sensor/x/config", last));
    ck_assert(!is_current("old/device/selkie_0000000000000001/config", last)); /* another prefix, once */
    ck_assert_uint_eq(cleared_on_read, 3);
    ck_assert(is_current("old/device/selkie_0000000000000001/config", "{\"device\":{}}")); /* of somebody else */
}
END_TEST

START_TEST(what_was_left_when_it_was_switched_off_is_cleared_when_it_is_read)
{
    configure("homeassistant");
    state(1, "{\"status\":\"active\"}");
    all_turns();
    configure(NULL);
    ck_assert(!is_current(TOPIC("1"), last));
    ck_assert_uint_eq(cleared_on_read, 1);
    ck_assert(is_current("selkie/device/0000000000000001/state", last));
}
END_TEST

START_TEST(without_memory_a_message_waits)
{
    configure("homeassistant");
    fill(3);
    no_memory = true;
    turn();
    no_memory = false;
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 3);
    no_memory = true;
    ck_assert_int_eq(note(1, ""), SELKIE_ENOMEM); /* the caller tries again */
    configure(NULL);
    turn();
    no_memory = false;
    all_turns();
    ck_assert_uint_eq(json_object_size(retained), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("discovery");
    TCase *cases = tcase_create("discovery");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, while_it_is_off_nothing_is_published);
    tcase_add_test(cases, a_message_goes_out_when_something_in_it_has_changed);
    tcase_add_test(cases, pending_ids_are_nothing_new_without_the_button);
    tcase_add_test(cases, a_device_appears_once_somebody_has_vouched_for_it);
    tcase_add_test(cases, with_the_button_some_that_wait_are_shown_and_no_more);
    tcase_add_test(cases, fields_of_another_model_are_taken_back_and_then_left_out);
    tcase_add_test(cases, a_field_that_a_reload_took_from_a_model_is_taken_back);
    tcase_add_test(cases, a_device_that_is_removed_is_taken_back);
    tcase_add_test(cases, ten_thousand_devices_go_out_in_steps);
    tcase_add_test(cases, switched_off_all_is_taken_back_and_switched_on_all_states_are_asked_for);
    tcase_add_test(cases, below_another_prefix_all_is_published_and_below_the_old_one_taken_back);
    tcase_add_test(cases, home_assistant_is_answered_but_not_as_often_as_it_asks);
    tcase_add_test(cases, a_device_keeps_its_gateway_while_that_is_online);
    tcase_add_test(cases, strangers_do_not_fill_the_memory_with_gateways);
    tcase_add_loop_test(cases, what_was_taken_back_is_forgotten_only_once_home_assistant_is_sure_to_have_it, 0, 2);
    tcase_add_test(cases, what_an_earlier_run_left_of_a_device_that_is_gone_is_cleared_once_that_is_sure);
    tcase_add_test(cases, what_was_left_when_it_was_switched_off_is_cleared_when_it_is_read);
    tcase_add_test(cases, below_the_prefix_of_an_earlier_run_all_is_cleared_once_home_assistant_is_there);
    tcase_add_test(cases, what_an_earlier_run_showed_is_taken_back_and_once_more_when_home_assistant_is_there);
    tcase_add_test(cases, without_memory_a_message_waits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
