/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Home Assistant's classes in C says what the one in JSON says, which the messages are held against. */
#include "home_assistant_classes.h"
#include "models_fixture.h"
#include "run_suite.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *table;
static const char *key;
static char expected[SELKIE_MODEL_ERROR_SIZE];

static void setup(void)
{
    json_error_t error;

    table = json_load_file(SELKIE_SOURCE_DIR "/tests/home_assistant/classes.json", 0, &error);
    ck_assert_msg(table != NULL, "%s:%d: %s", error.source, error.line, error.text);
}

static void teardown(void)
{
    json_decref(table);
}

static int check(enum selkie_field_kind kind, const char *device_class, const char *unit, const char *state_class)
{
    struct selkie_field field = {
        .name = "x", .kind = kind, .unit = unit, .device_class = device_class, .state_class = state_class};

    key = NULL;
    expected[0] = '\0';
    return selkie_home_assistant_classes_check(&field, &key, expected);
}

static bool list_has(const json_t *list, const char *text)
{
    size_t index;
    json_t *each;

    json_array_foreach (list, index, each)
        if (text ? json_is_string(each) && strcmp(json_string_value(each), text) == 0 : json_is_null(each))
            return true;
    return false;
}

static void ck_assert_refused(int result, const char *member, const char *hint)
{
    ck_assert_int_eq(result, SELKIE_ECONFIG);
    ck_assert_str_eq(key, member);
    ck_assert_msg(strstr(expected, hint) != NULL, "%s", expected);
}

/* Every class with every unit that any class has: what the JSON has is taken, the rest is refused. */
START_TEST(numbers_are_taken_with_the_units_of_their_class_and_with_no_other)
{
    json_t *sensors = json_object_get(table, "sensor"), *class, *other, *unit;
    const char *name, *other_name;
    size_t index;
    unsigned taken = 0, refused = 0;

    json_object_foreach (sensors, name, class) {
        json_t *units = json_object_get(class, "units");
        if (list_has(json_object_get(table, "not_numeric"), name)) {
            ck_assert_refused(check(SELKIE_FIELD_NUMBER, name, NULL, NULL), "device_class", "for numbers");
            continue;
        }
        json_object_foreach (sensors, other_name, other)
            json_array_foreach (json_object_get(other, "units"), index, unit) {
                const char *text = json_string_value(unit);
                if (!json_is_array(units) && text && strlen(text) == 3) /* it may be a currency */
                    continue;
                bool fits = json_is_array(units) && list_has(units, text);
                int result = check(SELKIE_FIELD_NUMBER, name, text, NULL);
                ck_assert_msg((result == 0) == fits, "%s, %s: %d", name, text ? text : "no unit", result);
                fits ? taken++ : refused++;
            }
    }
    ck_assert_uint_gt(taken, 200);
    ck_assert_uint_gt(refused, 1000);
}
END_TEST

START_TEST(numbers_are_taken_with_the_state_classes_of_their_class_and_with_no_other)
{
    json_t *class, *state;
    const char *name;
    size_t index;

    json_object_foreach (json_object_get(table, "sensor"), name, class) {
        json_t *units = json_object_get(class, "units");
        const char *unit = json_is_array(units) ? json_string_value(json_array_get(units, 0)) : "EUR";
        if (list_has(json_object_get(table, "not_numeric"), name))
            continue;
        json_array_foreach (json_object_get(table, "state_classes"), index, state) {
            bool fits = list_has(json_object_get(class, "state_classes"), json_string_value(state));
            ck_assert_msg((check(SELKIE_FIELD_NUMBER, name, unit, json_string_value(state)) == 0) == fits, "%s, %s",
                          name, json_string_value(state));
        }
        ck_assert_refused(check(SELKIE_FIELD_NUMBER, name, unit, "average"), "state_class",
                          json_string_value(json_array_get(json_object_get(class, "state_classes"), 0)));
    }
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, NULL, "m", "average"), "state_class", "total_increasing");
}
END_TEST

START_TEST(a_wrong_unit_is_answered_with_the_right_ones)
{
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "temperature", "C", NULL), "unit", "°C, °F, K");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "temperature", NULL, NULL), "unit", "°C, °F, K");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "ph", "pH", NULL), "unit", "none");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "power_factor", "W", NULL), "unit", "%, none");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "monetary", "€", NULL), "unit", "EUR");
    ck_assert_int_eq(check(SELKIE_FIELD_NUMBER, "monetary", "EUR", "total"), 0);
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "temperatur", "°C", NULL), "device_class", "for numbers");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "data_size", "bits", NULL), "unit", "YiB");
}
END_TEST

START_TEST(both_signs_for_micro_are_one)
{
    ck_assert_int_eq(check(SELKIE_FIELD_NUMBER, "pm25", "\xc2\xb5g/m³", "measurement"), 0);
    ck_assert_int_eq(check(SELKIE_FIELD_NUMBER, "pm25", "\xce\xbcg/m³", "measurement"), 0);
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "pm25", "\xce\xbdg/m³", NULL), "unit", "g/m³");
    ck_assert_refused(check(SELKIE_FIELD_NUMBER, "pm25", "\xce", NULL), "unit", "g/m³");
}
END_TEST

START_TEST(a_boolean_has_the_class_of_a_binary_sensor)
{
    json_t *each;
    size_t index;

    json_array_foreach (json_object_get(table, "binary_sensor"), index, each)
        ck_assert_int_eq(check(SELKIE_FIELD_BOOLEAN, json_string_value(each), NULL, NULL), 0);
    ck_assert_int_eq(check(SELKIE_FIELD_BOOLEAN, NULL, NULL, NULL), 0);
    ck_assert_refused(check(SELKIE_FIELD_BOOLEAN, "humidity", NULL, NULL), "device_class", "binary sensors");
    ck_assert_refused(check(SELKIE_FIELD_BOOLEAN, "door", "m", NULL), "unit", "only a number");
    ck_assert_refused(check(SELKIE_FIELD_BOOLEAN, "door", NULL, "total"), "state_class", "only a number");
}
END_TEST

START_TEST(words_and_texts_have_no_units)
{
    ck_assert_int_eq(check(SELKIE_FIELD_WORD, "enum", NULL, NULL), 0);
    ck_assert_int_eq(check(SELKIE_FIELD_WORD, NULL, NULL, NULL), 0);
    ck_assert_int_eq(check(SELKIE_FIELD_TEXT, NULL, NULL, NULL), 0);
    ck_assert_int_eq(check(SELKIE_FIELD_NUMBER, NULL, "turns", "measurement"), 0);
    ck_assert_refused(check(SELKIE_FIELD_WORD, "door", NULL, NULL), "device_class", "enum");
    ck_assert_refused(check(SELKIE_FIELD_WORD, "enum", "m", NULL), "unit", "only a number");
    ck_assert_refused(check(SELKIE_FIELD_TEXT, "enum", NULL, NULL), "device_class", "none");
    ck_assert_refused(check(SELKIE_FIELD_TEXT, NULL, NULL, "total"), "state_class", "only a number");
}
END_TEST

#define MODEL(member)                                                                                                  \
    "{\"model\":\"m\",\"format\":\"packed\",\"fields\":[{\"name\":\"t\",\"type\":\"i8\",\"offset\":0,\n"               \
    "\"device_class\":\"temperature\",\n" member "}],\"examples\":[{\"hex\":\"05\",\"values\":{\"t\":5}}]}"

START_TEST(a_model_that_home_assistant_would_not_take_is_refused_where_it_is_wrong)
{
    models_fixture_set_up();
    ck_assert_str_eq(models_fixture_refusal(MODEL("\"unit\":\"°C\"")), "");
    const char *refusal = models_fixture_refusal(MODEL("\"unit\":\"C\""));
    ck_assert_msg(strstr(refusal, "x.json:3: unit: must be °C, °F, K") != NULL, "%s", refusal);
    refusal = models_fixture_refusal(MODEL("\"unit\":\"K\",\"state_class\":\"total\""));
    ck_assert_msg(strstr(refusal, "state_class: must be measurement") != NULL, "%s", refusal);
    models_fixture_tear_down();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("home_assistant_classes");
    TCase *cases = tcase_create("classes");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, numbers_are_taken_with_the_units_of_their_class_and_with_no_other);
    tcase_add_test(cases, numbers_are_taken_with_the_state_classes_of_their_class_and_with_no_other);
    tcase_add_test(cases, a_wrong_unit_is_answered_with_the_right_ones);
    tcase_add_test(cases, both_signs_for_micro_are_one);
    tcase_add_test(cases, a_boolean_has_the_class_of_a_binary_sensor);
    tcase_add_test(cases, words_and_texts_have_no_units);
    tcase_add_test(cases, a_model_that_home_assistant_would_not_take_is_refused_where_it_is_wrong);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
