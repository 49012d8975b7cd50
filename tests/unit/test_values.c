/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads and what their models make of them, through the unsealer: whose model counts, what comes after a restart,
 * and what a payload that does not fit leaves. PROTOCOL.md, section 8 ("Values"). */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESS "0200000000000001"
#define SET     "{\"command\":\"setDevice\",\"address\":\"" ADDRESS "\","

static struct selkie_models *models;
static struct kit_host *host;
static struct kit_device device;
static int64_t clock_shift_s;

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    int result = __real_clock_gettime(id, now);

    now->tv_sec += id == CLOCK_REALTIME ? 0 : __atomic_load_n(&clock_shift_s, __ATOMIC_SEQ_CST);
    return result;
}

static void refuse(void *context, const char *line)
{
    (void)context;
    ck_abort_msg("%s", line);
}

/* A model for texts like "t=1": its field, and the firmware that chooses it. */
static void write_model(const char *dir, const char *name, const char *field, const char *firmware)
{
    char file[80], text[600];

    (void)snprintf(file, sizeof file, "%s.json", name);
    int len = snprintf(text, sizeof text,
                       "{\"model\":\"%s\",\"manufacturer\":\"M\",\"firmware\":[\"%s\"],\"format\":\"text\",\"fields\":["
                       "{\"name\":\"%s\",\"path\":\"t\",\"unit\":\"°C\"}],\"examples\":[{\"text\":\"t=1\",\"values\":{"
                       "\"%s\":1}}]}",
                       name, firmware, field, field);
    kit_write(kit_path(dir, file), text, (size_t)len, 0644);
}

static void open_models(void)
{
    const char *dir = kit_dir();

    write_model(dir, "by-firmware", "warm", "th *");
    write_model(dir, "other", "other", "nobody *");
    ck_assert_int_eq(selkie_models_open(&models, dir, refuse, NULL), 0);
}

static struct kit_host *open_host(const char *dir, enum selkie_enrolment enrolment)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .models = models, .enrolment = enrolment};

    return kit_open(&options);
}

static void set_up(void)
{
    __atomic_store_n(&clock_shift_s, 0, __ATOMIC_SEQ_CST);
    open_models();
    device = kit_device(1, 1);
}

static void tear_down(void)
{
    kit_close(host);
    selkie_models_close(models);
}

static void expect_values(const char *values, const char *model, uint32_t counter, bool late)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_VALUES);

    ck_assert_str_eq((const char *)output->data, values);
    ck_assert_str_eq(selkie_model_name(output->model), model);
    ck_assert_uint_eq(output->counter, counter);
    ck_assert_int_eq(output->late, late);
    ck_assert_mem_eq(output->address, device.address, SELKIE_ADDRESS_SIZE);
    ck_assert_str_eq(output->gateway, "g1");
    selkie_output_free(output);
}

/* A member of the device's next state that has one of this value. */
static void await_state(const char *member, const char *value)
{
    char text[64] = "";

    while (strcmp(text, value) != 0) {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        json_t *state = json_loadb((const char *)output->data, output->len, 0, NULL), *found;
        found = json_object_get(state, member);
        (void)snprintf(text, sizeof text, "%s", json_is_true(found) ? "true" : json_string_value(found) ?: "none");
        json_decref(state);
        selkie_output_free(output);
    }
}

static json_t *data_of(const char *command)
{
    json_t *response = kit_command(host, command);
    json_t *data = json_incref(json_object_get(response, "data"));

    json_decref(response);
    ck_assert_ptr_nonnull(data);
    return data;
}

START_TEST(the_firmware_chooses_a_model_and_the_operator_another)
{
    host = open_host(kit_dir(), SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_submit_wait(host, kit_data(&device, "t=21.5"));
    kit_expect_payload(host, &device, 1, "t=21.5");
    expect_values("{\"warm\":21.5}", "by-firmware", 1, false);
    await_state("model", "by-firmware");
    kit_do(host, SET "\"model\":\"other\",\"name\":\"Barn\"}");
    await_state("model", "other");
    kit_submit_wait(host, kit_session(&device, "t=22"));
    expect_values("{\"other\":22}", "other", 2, false);
    kit_do(host, SET "\"model\":null}");
    await_state("name", "Barn");
    kit_submit_wait(host, kit_session(&device, "t=23"));
    expect_values("{\"warm\":23}", "by-firmware", 3, false);
    kit_submit_wait(host, kit_register(&device, NULL, "unknown 2")); /* it was given another firmware */
    await_state("model", "none");
    kit_submit_wait(host, kit_session(&device, "t=24"));
    kit_expect_payload(host, &device, 2, "t=22");
    kit_expect_payload(host, &device, 3, "t=23");
    kit_expect_payload(host, &device, 5, "t=24");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_VALUES), 0);
}
END_TEST

START_TEST(a_late_frame_and_one_of_a_replaced_id_say_so)
{
    host = kit_open(
        &(struct selkie_unsealer_options){.state_dir = kit_dir(), .models = models, .rebind = SELKIE_REBIND_ALLOW});
    struct kit_device again = kit_device(1, 2);

    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    struct kit_body one = kit_data(&device, "t=1"), two = kit_data(&device, "t=2"), three = kit_data(&device, "t=3");
    kit_submit_wait(host, two);
    kit_submit_wait(host, one);
    expect_values("{\"warm\":2}", "by-firmware", 2, false);
    expect_values("{\"warm\":1}", "by-firmware", 1, true);
    kit_submit_wait(host, kit_register(&again, NULL, "th 1.0"));
    kit_submit_wait(host, kit_data(&again, "t=10"));
    kit_submit_wait(host, three);
    expect_values("{\"warm\":10}", "by-firmware", 1, false);
    expect_values("{\"warm\":3}", "by-firmware", 3, true);
}
END_TEST

START_TEST(parked_frames_have_values_when_they_are_released)
{
    host = open_host(kit_dir(), SELKIE_ENROL_APPROVE);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_submit_wait(host, kit_data(&device, "t=1"));
    kit_submit_wait(host, kit_data(&device, "t=2"));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_VALUES), 0);
    json_t *data = data_of("{\"command\":\"listPending\"}");
    const json_t *pending = json_array_get(json_object_get(data, "pending"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(pending, "model")), "by-firmware");
    ck_assert(json_is_false(json_object_get(pending, "model_chosen")));
    json_decref(data);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\"}");
    expect_values("{\"warm\":1}", "by-firmware", 1, false);
    expect_values("{\"warm\":2}", "by-firmware", 2, false);
}
END_TEST

/* A payload leaves the outbox with its values, and not before. */
START_TEST(what_a_restart_replays_has_values_again)
{
    const char *dir = kit_dir();

    host = open_host(dir, SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    struct kit_body one = kit_data(&device, "t=1"), two = kit_data(&device, "t=2");
    kit_submit_wait(host, two);
    kit_submit_wait(host, one);
    struct selkie_output *payload = kit_next(host, SELKIE_OUTPUT_PAYLOAD),
                         *values = kit_next(host, SELKIE_OUTPUT_VALUES);
    ck_assert_uint_eq(payload->outbox, 0);
    ck_assert_uint_gt(values->outbox, 0);
    selkie_output_free(payload);
    selkie_output_free(values);
    kit_close(host);
    host = open_host(dir, SELKIE_ENROL_OPEN);
    expect_values("{\"warm\":2}", "by-firmware", 2, false);
    expect_values("{\"warm\":1}", "by-firmware", 1, true);
    kit_submit_wait(host, kit_data(&device, "t=3"));
    expect_values("{\"warm\":3}", "by-firmware", 3, false);
    kit_delivered(host);
    kit_close(host);
    host = open_host(dir, SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_data(&device, "t=4"));
    expect_values("{\"warm\":4}", "by-firmware", 4, false);
}
END_TEST

/* Payloads wait for a reader (0), or are left by a crash (1); meanwhile their ID is replaced by one of other firmware.
 */
START_TEST(what_waits_is_of_the_firmware_that_sent_it)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(),
                                                    .models = models,
                                                    .rebind = SELKIE_REBIND_ALLOW,
                                                    .replay_wait_ms = _i == 0 ? 600000 : 0};
    struct kit_device plain = kit_device(2, 1), again = kit_device(1, 2), plain_again = kit_device(2, 2);

    host = kit_open(&options);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_submit_wait(host, kit_data(&device, "t=1"));
    kit_submit_wait(host, kit_data(&plain, "t=5")); /* it did not say which */
    if (_i == 0)
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_submit_wait(host, kit_register(&again, NULL, "nobody 2"));
    kit_submit_wait(host, kit_data(&again, "t=2"));
    kit_submit_wait(host, kit_register(&plain_again, NULL, "nobody 2"));
    if (_i == 0) {
        selkie_unsealer_reader(kit_unsealer(host));
    } else {
        kit_close(host);
        host = kit_open(&options);
    }
    expect_values("{\"warm\":1}", "by-firmware", 1, true); /* of an ID that is superseded by now */
    expect_values("{\"other\":2}", "other", 1, false);
    kit_expect_payload(host, &device, 1, "t=1");
    kit_expect_payload(host, &plain, 0, "t=5");
    kit_expect_payload(host, &again, 1, "t=2");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_VALUES), 0);
}
END_TEST

START_TEST(a_payload_that_does_not_fit_is_published_and_told_once_a_minute)
{
    host = open_host(kit_dir(), SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_event(host, "registered");
    for (int i = 0; i < 3; i++)
        kit_submit_wait(host, kit_data(&device, "\xff\xfe"));
    for (uint32_t i = 1; i <= 3; i++)
        kit_expect_payload(host, &device, i, "\xff\xfe");
    json_t *event = kit_expect_event(host, "undecoded");
    ck_assert_str_eq(json_string_value(json_object_get(event, "model")), "by-firmware");
    ck_assert_int_eq(json_integer_value(json_object_get(event, "counter")), 1);
    ck_assert_int_gt((int)json_string_length(json_object_get(event, "reason")), 0);
    ck_assert_int_gt(json_integer_value(json_object_get(event, "time")), 0);
    json_decref(event);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    __atomic_store_n(&clock_shift_s, 61, __ATOMIC_SEQ_CST);
    kit_submit_wait(host, kit_data(&device, "t=nonsense"));
    event = kit_expect_event(host, "undecoded");
    ck_assert_int_eq(json_integer_value(json_object_get(event, "counter")), 4);
    json_decref(event);
    kit_submit_wait(host, kit_data(&device, "t=5"));
    expect_values("{\"warm\":5}", "by-firmware", 5, false);
    char *text = selkie_unsealer_stats(kit_unsealer(host)); /* counts them all */
    json_t *stats = json_loads(text, 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(stats, "frames"), "undecoded")), 4);
    json_decref(stats);
    free(text);
}
END_TEST

static void expect_error(const char *command, const char *error)
{
    json_t *response = kit_command(host, command);

    ck_assert_str_eq(json_string_value(json_object_get(response, "error")), error);
    json_decref(response);
}

START_TEST(a_model_that_is_not_known_is_refused_with_those_that_are)
{
    host = open_host(kit_dir(), SELKIE_ENROL_OPEN);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"model\":\"other\"}");
    expect_error(SET "\"model\":\"acme\"}", "model: there is no acme; known are by-firmware, other");
    expect_error(SET "\"model\":\"\"}", "model: there is no ; known are by-firmware, other");
    expect_error("{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"model\":\"by-firmware\"}",
                 "address: added already, with another model; setDevice (selkiectl device set) changes it");
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"model\":\"by-firmware\",\"update\":true}");
    json_t *data = data_of("{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}");
    ck_assert_str_eq(json_string_value(json_object_get(data, "model")), "by-firmware");
    ck_assert(json_is_true(json_object_get(data, "model_chosen")));
    json_decref(data);
    data = data_of("{\"command\":\"listModels\"}");
    json_t *list = json_object_get(data, "models");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 1), "model")), "other");
    ck_assert_ptr_nonnull(json_object_get(json_array_get(list, 1), "fields"));
    json_decref(data);
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"" ADDRESS "\"}");
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\"}");
    data = data_of("{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}");
    ck_assert_ptr_null(json_object_get(data, "model")); /* gone with the name and the claim */
    json_decref(data);
}
END_TEST

/* Its file is gone, or wrong: then there are no values rather than those of a model that the operator did not want. */
START_TEST(a_chosen_model_that_is_gone_is_shown_and_gives_no_values)
{
    const char *dir = kit_dir();

    host = open_host(dir, SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_register(&device, NULL, "th 1.0"));
    kit_do(host, SET "\"model\":\"other\"}");
    kit_close(host);
    selkie_models_close(models);
    const char *fewer = kit_dir();
    write_model(fewer, "by-firmware", "warm", "th *");
    ck_assert_int_eq(selkie_models_open(&models, fewer, refuse, NULL), 0);
    host = open_host(dir, SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_data(&device, "t=1"));
    kit_expect_payload(host, &device, 1, "t=1");
    await_state("model", "none");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_VALUES), 0);
    json_t *data = data_of("{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}");
    ck_assert_str_eq(json_string_value(json_object_get(data, "model")), "other");
    ck_assert(json_is_true(json_object_get(data, "model_missing")));
    json_decref(data);
    data = data_of("{\"command\":\"getStats\"}");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "models")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(data, "models_refused")), 0);
    json_decref(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("values");
    TCase *tcase = tcase_create("values");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_firmware_chooses_a_model_and_the_operator_another);
    tcase_add_test(tcase, a_late_frame_and_one_of_a_replaced_id_say_so);
    tcase_add_test(tcase, parked_frames_have_values_when_they_are_released);
    tcase_add_test(tcase, what_a_restart_replays_has_values_again);
    tcase_add_loop_test(tcase, what_waits_is_of_the_firmware_that_sent_it, 0, 2);
    tcase_add_test(tcase, a_payload_that_does_not_fit_is_published_and_told_once_a_minute);
    tcase_add_test(tcase, a_model_that_is_not_known_is_refused_with_those_that_are);
    tcase_add_test(tcase, a_chosen_model_that_is_gone_is_shown_and_gives_no_values);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
