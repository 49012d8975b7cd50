/* SPDX-License-Identifier: Apache-2.0 */
/* The models that come with Selkie, against what its own devices say of their firmware and send. That of the firmware
 * image is tested with the image (tests/firmware). */
#include <payloads.h>
#include <selkie/models.h>

#include "account/payload.h"
#include "run_suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIR SELKIE_SOURCE_DIR "/models/ready"

static struct selkie_models *models;

static void refuse(void *context, const char *line)
{
    (void)context;
    ck_abort_msg("%s", line);
}

static void set_up(void)
{
    ck_assert_int_eq(selkie_models_open(&models, DIR, refuse, NULL), 0);
}

static void tear_down(void)
{
    selkie_models_close(models);
}

/* The values of what a device with this firmware sends; json_decref them. */
static json_t *decode(const char *firmware, const char *expected_model, const uint8_t *payload, size_t len)
{
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    size_t values_len;
    const struct selkie_model *model = selkie_models_for_firmware(models, firmware);

    ck_assert_ptr_nonnull(model);
    ck_assert_str_eq(selkie_model_name(model), expected_model);
    ck_assert_uint_le(strlen(firmware), SELKIE_FIRMWARE_MAX);
    int result = selkie_model_decode(model, payload, len, values, &values_len, error);
    ck_assert_msg(result == 0, "%s", error);
    json_t *json = json_loadb(values, values_len, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

static double value(const json_t *values, const char *name)
{
    ck_assert_msg(json_is_number(json_object_get(values, name)), "%s", name);
    return json_number_value(json_object_get(values, name));
}

START_TEST(all_are_right_and_none_is_for_everything)
{
    ck_assert_uint_eq(selkie_models_refused(models), 0);
    ck_assert_uint_ge(selkie_models_count(models), 3);
    ck_assert_ptr_null(selkie_models_for_firmware(models, ""));
    ck_assert_ptr_null(selkie_models_for_firmware(models, "selkie-device " SELKIE_VERSION));
    ck_assert_ptr_null(selkie_models_for_firmware(models, "selkie-sim " SELKIE_VERSION));
}
END_TEST

START_TEST(readings_of_selkie_device_have_values)
{
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    int len = payloads_readings(payload, sizeof payload);

    ck_assert_int_gt(len, 0);
    json_t *values = decode(PAYLOADS_READINGS_FIRMWARE, "selkie-device-readings", payload, (size_t)len);
    ck_assert_double_gt(value(values, "memory_total"), 1e6);
    ck_assert_double_gt(value(values, "uptime"), 0);
    ck_assert_double_ge(value(values, "load1"), 0);
    json_decref(values);
}
END_TEST

START_TEST(simulated_sensors_have_values)
{
    struct selkie_payload_plan plan;
    struct selkie_payload_walk walk;
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    char error[256];

    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_SENSOR, 0, NULL, 1, error), 0);
    selkie_payload_walk_init(&walk, 1, 5);
    for (uint32_t number = 0; number < 200000; number += number < 2000 ? 1 : 997) {
        size_t len = selkie_payload_make(&plan, &walk, SELKIE_MADE_BY_DEVICE, 5, number, payload);
        ck_assert_uint_eq(len, 16);
        json_t *values = decode(selkie_payload_firmware(&plan), "selkie-sim-sensor", payload, len);
        ck_assert_double_eq_tol(value(values, "temperature"), (double)walk.celsius, 0.00501);
        ck_assert_double_eq_tol(value(values, "humidity"), (double)walk.humidity, 0.251);
        ck_assert(value(values, "battery") > 2 && value(values, "battery") <= 3.05);
        ck_assert_double_eq(value(values, "number"), number);
        ck_assert_uint_eq(json_object_size(values), 4);
        json_decref(values);
    }
    selkie_payload_plan_close(&plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ready_models");
    TCase *tests = tcase_create("ready_models");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, all_are_right_and_none_is_for_everything);
    tcase_add_test(tests, readings_of_selkie_device_have_values);
    tcase_add_test(tests, simulated_sensors_have_values);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
