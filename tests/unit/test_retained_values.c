/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of devices the broker keeps and shows, and the descriptions of models, with a fake Mosquitto. */
#include "deliver.h"
#include "fake_mosquitto.h"
#include "models_topic.h"
#include "run_suite.h"
#include "shown.h"

#include "model/output.h"
#include <kit/kit.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define VALUES "selkie/device/0102030405060708/values"

struct selkie_output *__wrap_selkie_unsealer_take(struct selkie_unsealer *unsealer);
void __wrap_selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox);
int __wrap_selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer, const char *root);

static const uint8_t address[SELKIE_ADDRESS_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct selkie_output_list waiting;
static uint64_t delivered;
static struct selkie_retained *retained;
static struct selkie_discovery *discovery;
static struct selkie_shown *shown;
static struct selkie_retained_values *values;
static struct selkie_deliver *deliver;
static struct selkie_models *models;
static const struct selkie_model *old, *new;

struct selkie_output *__wrap_selkie_unsealer_take(struct selkie_unsealer *unsealer)
{
    struct selkie_output *output = waiting.first;

    (void)unsealer;
    if (output) {
        waiting.first = output->next;
        waiting.last = waiting.first ? waiting.last : NULL;
        output->next = NULL;
    }
    return output;
}

void __wrap_selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox)
{
    (void)unsealer;
    delivered = outbox;
}

int __wrap_selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer, const char *root)
{
    (void)control;
    (void)answer;
    (void)root;
    return 0;
}

static void refuse(void *context, const char *line)
{
    (void)context;
    ck_abort_msg("%s", line);
}

static void write_model(const char *dir, const char *name, const char *unit)
{
    char file[80], text[400];

    (void)snprintf(file, sizeof file, "%s.json", name);
    int len = snprintf(text, sizeof text,
                       "{\"model\":\"%s\",\"format\":\"text\",\"fields\":[{\"name\":\"t\",\"unit\":\"%s\"}],"
                       "\"examples\":[{\"text\":\"t=1\",\"values\":{\"t\":1}}]}",
                       name, unit);
    kit_write(kit_path(dir, file), text, (size_t)len, 0644);
}

static void setup(void)
{
    const char *dir = kit_dir();

    fake_reset();
    write_model(dir, "old", "V");
    write_model(dir, "new", "V");
    ck_assert_int_eq(selkie_models_open(&models, dir, refuse, NULL), 0);
    old = selkie_models_named(models, "old");
    new = selkie_models_named(models, "new");
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_retained_open(&retained, "selkie"), 0);
    ck_assert_int_eq(selkie_retained_values_open(&values, "selkie", shown), 0);
    ck_assert_int_eq(selkie_discovery_open(&discovery, "selkie", retained, shown), 0);
    const struct selkie_deliver_parts parts = {
        .retained = retained, .values = values, .discovery = discovery, .root = "selkie"};
    ck_assert_int_eq(selkie_deliver_open(&deliver, &parts), 0);
}

static void teardown(void)
{
    selkie_deliver_close(deliver);
    selkie_discovery_close(discovery);
    selkie_retained_close(retained);
    selkie_retained_values_close(values);
    selkie_models_close(models);
    selkie_output_list_free(&waiting);
    selkie_shown_close(shown);
    ck_assert_uint_eq(fake_allocated, 0);
}

static struct selkie_output *put(enum selkie_output_kind kind, const char *data, const struct selkie_model *model)
{
    struct selkie_output *output = selkie_output_new(kind, data, strlen(data));

    memcpy(output->address, address, sizeof address);
    (void)snprintf(output->gateway, sizeof output->gateway, "roof");
    output->model = model;
    selkie_output_list_add(&waiting, output);
    return output;
}

/* Publish what waits. How many of the messages clear the device's values. */
static unsigned cleared_in_a_turn(void)
{
    unsigned count = 0;

    fake_message_count = 0;
    (void)selkie_deliver_turn(deliver);
    for (unsigned i = 0; i < fake_message_count; i++)
        count += strcmp(fake_messages[i].topic, VALUES) == 0 && fake_messages[i].len == 0 && fake_messages[i].retain;
    return count;
}

START_TEST(values_follow_their_payload_and_late_ones_are_not_retained)
{
    struct selkie_output *output = put(SELKIE_OUTPUT_PAYLOAD, "t=1", old);
    output = put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", old);
    output->counter = 7;
    output->outbox = 3;
    output->form = SELKIE_SESSION;
    output = put(SELKIE_OUTPUT_VALUES, "{\"t\":0}", old);
    output->late = true;
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    ck_assert_uint_eq(fake_message_count, 3);
    ck_assert_str_eq(fake_messages[1].topic, VALUES);
    ck_assert_str_eq(fake_messages[1].payload, "{\"t\":1}");
    ck_assert_str_eq(fake_messages[1].properties, "counter=7 gateway=roof form=session ");
    ck_assert_int_eq(fake_messages[1].qos, 1);
    ck_assert(fake_messages[1].retain);
    ck_assert_str_eq(fake_messages[2].topic, VALUES "/late");
    ck_assert_str_eq(fake_messages[2].payload, "{\"t\":0}");
    ck_assert(!fake_messages[2].retain);
    selkie_deliver_confirm(deliver);
    ck_assert_uint_eq(delivered, 3);
}
END_TEST

START_TEST(another_model_clears_the_values_once_and_values_of_it_take_their_place)
{
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", old);
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", old);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", old);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", new);
    ck_assert_uint_eq(cleared_in_a_turn(), 1);
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", new);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", new);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", old); /* its state comes within a second */
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", old);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", new)->late = true; /* are on a topic of their own: */
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", new); /* what model the device has, its state says */
    ck_assert_uint_eq(cleared_in_a_turn(), 1);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", NULL);
    ck_assert_uint_eq(cleared_in_a_turn(), 1);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", NULL);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
}
END_TEST

START_TEST(values_go_with_their_device)
{
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", old);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    (void)put(SELKIE_OUTPUT_STATE, "", NULL);
    ck_assert_uint_eq(cleared_in_a_turn(), 1);
    (void)put(SELKIE_OUTPUT_STATE, "", NULL);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
}
END_TEST

/* For each allocation that fails, once: nothing is published twice, and nothing is skipped. */
START_TEST(want_of_memory_keeps_the_order)
{
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", old);
    (void)selkie_deliver_turn(deliver);
    fake_message_count = 0;
    fake_publish_room = (unsigned)_i;
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", new);
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":2}", new);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, (unsigned)_i);
    fake_publish_room = UINT_MAX;
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 3);
    ck_assert_uint_eq(fake_messages[0].len, 0);
    ck_assert_str_eq(fake_messages[1].topic, "selkie/device/0102030405060708/state");
    ck_assert_str_eq(fake_messages[2].payload, "{\"t\":2}");
}
END_TEST

START_TEST(values_of_an_earlier_run_are_shown_until_their_device_turns_out_to_be_none)
{
    const uint8_t other[SELKIE_ADDRESS_SIZE] = {9};

    ck_assert(selkie_retained_values_are_current(values, address));
    ck_assert(selkie_retained_values_are_current(values, other));
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", old);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    fake_message_count = 0;
    (void)put(SELKIE_OUTPUT_REFRESHED, "", NULL);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 1); /* so those who have read them learn of it */
    ck_assert_str_eq(fake_messages[0].topic, "selkie/device/0900000000000000/values");
    ck_assert_uint_eq(fake_messages[0].len, 0);
    ck_assert(selkie_retained_values_are_current(values, address));
    ck_assert(!selkie_retained_values_are_current(values, other));
}
END_TEST

START_TEST(values_go_when_the_fields_of_their_model_change)
{
    struct selkie_models_topic topic = {0};
    struct selkie_models *next;
    const char *dir = kit_dir();

    ck_assert_int_eq(selkie_models_topic_set(&topic, models), 1);
    selkie_retained_values_change_models(values);
    selkie_models_topic_turn(&topic, "selkie");
    (void)put(SELKIE_OUTPUT_VALUES, "{\"t\":1}", new);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", new);
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    write_model(dir, "new", "mV");
    write_model(dir, "old", "V");
    ck_assert_int_eq(selkie_models_open(&next, dir, refuse, NULL), 0);
    ck_assert_int_eq(selkie_models_topic_set(&topic, next), 1);
    selkie_retained_values_change_models(values);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", selkie_models_named(next, "new"));
    ck_assert_uint_eq(cleared_in_a_turn(), 1);
    (void)put(SELKIE_OUTPUT_STATE, "{\"a\":1}", selkie_models_named(next, "new"));
    ck_assert_uint_eq(cleared_in_a_turn(), 0);
    selkie_models_topic_wipe(&topic);
    selkie_models_close(next);
}
END_TEST

START_TEST(descriptions_are_published_changed_and_cleared)
{
    struct selkie_models_topic topic = {0};
    struct selkie_models *next;
    const char *dir = kit_dir();

    ck_assert_int_eq(selkie_models_topic_set(&topic, models), 1);
    fake_publish_room = 1;
    selkie_models_topic_turn(&topic, "selkie");
    ck_assert_uint_eq(fake_message_count, 1);
    fake_publish_room = UINT_MAX;
    selkie_models_topic_turn(&topic, "selkie");
    selkie_models_topic_turn(&topic, "selkie");
    ck_assert_uint_eq(fake_message_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(fake_messages[i].retain);
        ck_assert_int_eq(fake_messages[i].qos, 1);
        ck_assert_ptr_nonnull(strstr(fake_messages[i].payload, "\"fields\":[{"));
    }
    ck_assert(selkie_models_topic_has(&topic, "old"));
    ck_assert_int_eq(selkie_models_topic_set(&topic, models), 0);

    write_model(dir, "new", "mV");
    ck_assert_int_eq(selkie_models_open(&next, dir, refuse, NULL), 0);
    ck_assert_int_eq(selkie_models_topic_set(&topic, next), 1);
    ck_assert(!selkie_models_topic_has(&topic, "old"));
    selkie_models_topic_turn(&topic, "selkie");
    ck_assert_uint_eq(fake_message_count, 4);
    ck_assert_str_eq(fake_messages[2].topic, "selkie/models/new");
    ck_assert_ptr_nonnull(strstr(fake_messages[2].payload, "mV"));
    ck_assert_str_eq(fake_messages[3].topic, "selkie/models/old");
    ck_assert_uint_eq(fake_messages[3].len, 0);
    ck_assert(fake_messages[3].retain);
    ck_assert_int_eq(selkie_models_topic_set(&topic, NULL), 1);
    selkie_models_topic_turn(&topic, "selkie");
    ck_assert_uint_eq(fake_message_count, 5);
    selkie_models_topic_wipe(&topic);
    selkie_models_close(next);
}
END_TEST

START_TEST(many_descriptions_go_out_in_steps)
{
    struct selkie_models_topic topic = {0};
    struct selkie_models *many;
    const char *dir = kit_dir();
    char name[16];

    for (int i = 0; i < 2 * SELKIE_MODELS_TOPIC_STEP + 1; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        write_model(dir, name, "V");
    }
    ck_assert_int_eq(selkie_models_open(&many, dir, refuse, NULL), 0);
    ck_assert(selkie_models_topic_differs(&topic, many));
    ck_assert_int_eq(selkie_models_topic_set(&topic, many), 1);
    ck_assert(!selkie_models_topic_differs(&topic, many));
    static const unsigned after[] = {SELKIE_MODELS_TOPIC_STEP, 2 * SELKIE_MODELS_TOPIC_STEP,
                                     2 * SELKIE_MODELS_TOPIC_STEP + 1, 2 * SELKIE_MODELS_TOPIC_STEP + 1};
    for (int i = 0; i < 4; i++) {
        selkie_models_topic_turn(&topic, "selkie");
        ck_assert_uint_eq(fake_message_count, after[i]);
    }
    ck_assert_int_eq(selkie_models_topic_set(&topic, NULL), 1);
    fake_message_count = 0;
    for (int i = 0; i < 4; i++) {
        selkie_models_topic_turn(&topic, "selkie");
        ck_assert_uint_eq(fake_message_count, after[i]);
    }
    selkie_models_topic_wipe(&topic);
    selkie_models_close(many);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retained_values");
    TCase *tcase = tcase_create("retained_values");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, values_follow_their_payload_and_late_ones_are_not_retained);
    tcase_add_test(tcase, another_model_clears_the_values_once_and_values_of_it_take_their_place);
    tcase_add_test(tcase, values_go_with_their_device);
    tcase_add_loop_test(tcase, want_of_memory_keeps_the_order, 0, 3);
    tcase_add_test(tcase, values_of_an_earlier_run_are_shown_until_their_device_turns_out_to_be_none);
    tcase_add_test(tcase, values_go_when_the_fields_of_their_model_change);
    tcase_add_test(tcase, descriptions_are_published_changed_and_cleared);
    tcase_add_test(tcase, many_descriptions_go_out_in_steps);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
