/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/models.h>

#include "models_fixture.h"
#include "run_suite.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACME                                                                                                           \
    "{\"model\": \"acme-th1\", \"manufacturer\": \"Acme\", \"firmware\": [\"acme-th1 *\"], \"format\": \"packed\",\n"  \
    "\"fields\": [\n"                                                                                                  \
    "{\"name\": \"temperature\", \"offset\": 0, \"type\": \"i16be\", \"scale\": 0.01, \"unit\": \"°C\",\n"            \
    " \"device_class\": \"temperature\", \"state_class\": \"measurement\"},\n"                                         \
    "{\"name\": \"humidity\", \"offset\": 2, \"type\": \"u8\", \"unit\": \"%\"}],\n"                                   \
    "\"examples\": [{\"hex\": \"085f32\", \"values\": {\"temperature\": 21.43, \"humidity\": 50}}]}"

START_TEST(packed_payload_has_values)
{
    struct selkie_model *model = models_fixture_open(ACME);

    ck_assert_str_eq(models_fixture_decode(model, "085f32"), "{\"temperature\":21.43,\"humidity\":50}");
    ck_assert_str_eq(models_fixture_decode(model, "ff9c00"), "{\"temperature\":-1,\"humidity\":0}");
    ck_assert_str_eq(models_fixture_decode(model, "000000"), "{\"temperature\":0,\"humidity\":0}");
    selkie_model_close(model);
}
END_TEST

START_TEST(json_cbor_and_text_payloads_have_values)
{
    struct selkie_model *model = models_fixture_open("{\"model\":\"j\",\"format\":\"json\",\"fields\":[{\"name\":\"t\","
                                                     "\"path\":\"/air/0/t\"},{\"name\":\"open\",\"type\":"
                                                     "\"boolean\"},{\"name\":\"label\",\"type\":\"text\"}],"
                                                     "\"examples\":[{\"text\":\"{\\\"air\\\":[{\\\"t\\\":21.43}],"
                                                     "\\\"open\\\":true,\\\"label\\\":\\\"é\\\",\\\"more\\\":1}\","
                                                     "\"values\":{\"t\":21.43,\"open\":true,\"label\":\"é\"}}]}");
    ck_assert_str_eq(models_fixture_decode_text(model, "{\"label\":\"a\",\"air\":[{\"t\":-5}],\"open\":false}"),
                     "{\"t\":-5,\"open\":false,\"label\":\"a\"}");
    selkie_model_close(model);

    /* {"t": 21.4 (16 bits: 21.40625), 2: -3, "l": ["ab"]} */
    model = models_fixture_open(
        "{\"model\":\"c\",\"format\":\"cbor\",\"fields\":[{\"name\":\"t\"},{\"name\":\"n\",\"path\":\"2\"},{\"name\":"
        "\"l\","
        "\"path\":\"/l/0\",\"type\":\"text\"}],\"examples\":[{\"hex\":\"a36174f94d5a0222616c81626162\",\"values\":"
        "{\"t\":21.40625,\"n\":-3,\"l\":\"ab\"}}]}");
    ck_assert_str_eq(models_fixture_decode(model, "a36174fa41ab851f0203616c81626162"),
                     "{\"t\":21.44,\"n\":3,\"l\":\"ab\"}");
    selkie_model_close(model);

    model = models_fixture_open("{\"model\":\"t\",\"format\":\"text\",\"fields\":[{\"name\":\"t\"},{\"name\":\"h\","
                                "\"path\":\"hum\",\"optional\":true}],"
                                "\"examples\":[{\"text\":\"t=21.43 hum=50\",\"values\":{\"t\":21.43,\"h\":50}}]}");
    ck_assert_str_eq(models_fixture_decode_text(model, "t=-0.50;x=y\n"), "{\"t\":-0.5}");
    selkie_model_close(model);
}
END_TEST

START_TEST(example_that_does_not_come_out_is_refused_with_line_and_both_values)
{
    char text[] = ACME;

    memcpy(strstr(text, "21.43"), "21.44", 5);
    ck_assert_str_eq(models_fixture_refusal(text), "x.json:6: values: temperature: expected 21.44, got 21.43");
}
END_TEST

static void keep(void *context, const char *line)
{
    (void)snprintf(context, SELKIE_MODEL_ERROR_SIZE, "%s", line);
}

START_TEST(set_finds_models_by_name_and_by_the_longest_pattern)
{
    static const char *const format =
        "{\"model\":\"%s\",\"firmware\":[\"%s\"],\"format\":\"text\",\"fields\":[{\"name\":\"t\"}],"
        "\"examples\":[{\"text\":\"t=1\",\"values\":{\"t\":1}}]}";
    static const char *const names[][2] = {{"b", "acme *"}, {"a", "acme *"}, {"c", "acme th?-*"}, {"d", "*"}};
    struct selkie_models *models;
    char text[1024], line[SELKIE_MODEL_ERROR_SIZE] = "";

    for (size_t i = 0; i < 4; i++) {
        char file[32];
        (void)snprintf(file, sizeof file, "%zu.json", i);
        (void)snprintf(text, sizeof text, format, names[i][0], names[i][1]);
        (void)models_fixture_write(file, text);
    }
    (void)models_fixture_write("broken.json", "{\n\"model\": 1}");
    (void)models_fixture_write("notes.txt", "no model");
    ck_assert_int_eq(selkie_models_open(&models, models_fixture_dir(), keep, line), 0);
    ck_assert_uint_eq(selkie_models_count(models), 4);
    ck_assert_uint_eq(selkie_models_refused(models), 1);
    ck_assert_ptr_nonnull(strstr(line, "/broken.json:2: model: must be a string"));
    ck_assert_str_eq(selkie_model_name(selkie_models_at(models, 0)), "a");
    ck_assert_ptr_null(selkie_models_at(models, 4));
    ck_assert_str_eq(selkie_model_name(selkie_models_named(models, "d")), "d");
    ck_assert_ptr_null(selkie_models_named(models, "e"));
    ck_assert_str_eq(selkie_model_name(selkie_models_for_firmware(models, "acme 1.0")), "a");
    ck_assert_str_eq(selkie_model_name(selkie_models_for_firmware(models, "acme th1-2")), "c");
    ck_assert_str_eq(selkie_model_name(selkie_models_for_firmware(models, "acme")), "d");
    selkie_models_close(models);
}
END_TEST

static const char *const format = "{\"model\":\"%s\",\"format\":\"text\",\"fields\":[{\"name\":\"%s\"}],"
                                  "\"examples\":[{\"text\":\"%s=1\",\"values\":{\"%s\":1}}]}";

START_TEST(a_file_that_becomes_wrong_keeps_its_model_until_it_is_right_or_gone)
{
    struct selkie_models *sets[6];
    char text[400], line[2 * SELKIE_MODEL_ERROR_SIZE] = "";
    const char *dir = models_fixture_dir();

    (void)snprintf(text, sizeof text, format, "a", "t", "t", "t");
    (void)models_fixture_write("a.json", text);
    (void)snprintf(text, sizeof text, format, "b", "t", "t", "t");
    (void)models_fixture_write("b.json", text);
    ck_assert_int_eq(selkie_models_open(&sets[0], dir, keep, line), 0);
    (void)models_fixture_write("a.json", "{\n\"model\":1}");
    ck_assert_int_eq(selkie_models_reopen(&sets[1], sets[0], dir, keep, line), 0);
    selkie_models_close(sets[0]); /* what it shared lives on */
    ck_assert_uint_eq(selkie_models_count(sets[1]), 2);
    ck_assert_uint_eq(selkie_models_refused(sets[1]), 1);
    ck_assert_ptr_nonnull(strstr(line, "/a.json:2: model: must be a string; its model of before, a, stays in force"));
    ck_assert_str_eq(selkie_model_field(selkie_models_named(sets[1], "a"), 0)->name, "t");
    ck_assert_int_eq(selkie_models_reopen(&sets[2], sets[1], dir, keep, line), 0); /* still wrong */
    selkie_models_close(sets[1]);
    ck_assert_uint_eq(selkie_models_count(sets[2]), 2);
    ck_assert_int_eq(selkie_models_reopen(&sets[3], sets[2], "/nowhere", keep, line), 0);
    ck_assert_str_eq(line, "/nowhere: No such file or directory; the models of before stay in force");
    ck_assert_uint_eq(selkie_models_count(sets[3]), 2);
    ck_assert_uint_eq(selkie_models_refused(sets[3]), 1);
    selkie_models_close(sets[2]);
    (void)snprintf(text, sizeof text, format, "a", "u", "u", "u"); /* another file has the name now */
    (void)models_fixture_write("0.json", text);
    ck_assert_int_eq(selkie_models_reopen(&sets[4], sets[3], dir, keep, line), 0);
    ck_assert_uint_eq(selkie_models_count(sets[4]), 2);
    ck_assert_str_eq(selkie_model_field(selkie_models_named(sets[4], "a"), 0)->name, "u");
    ck_assert_ptr_null(strstr(line, "of before"));
    ck_assert_int_eq(unlink(models_fixture_write("b.json", "")), 0);
    ck_assert_int_eq(selkie_models_reopen(&sets[5], sets[4], dir, keep, line), 0);
    ck_assert_ptr_null(selkie_models_named(sets[5], "b"));
    selkie_models_close(sets[3]);
    selkie_models_close(sets[4]);
    selkie_models_close(sets[5]);
}
END_TEST

/* Whoever repairs a model by writing another file gets what that one says, whichever name comes first. */
START_TEST(a_wrong_file_does_not_keep_the_name_of_its_model_from_a_right_one)
{
    static const char *const others[] = {"0.json", "z.json"};
    char text[400], line[2 * SELKIE_MODEL_ERROR_SIZE] = "";
    struct selkie_models *before, *models;

    (void)snprintf(text, sizeof text, format, "a", "t", "t", "t");
    (void)models_fixture_write("a.json", text);
    ck_assert_int_eq(selkie_models_open(&before, models_fixture_dir(), keep, line), 0);
    (void)models_fixture_write("a.json", "{\n\"model\":1}");
    (void)snprintf(text, sizeof text, format, "a", "u", "u", "u");
    (void)models_fixture_write(others[_i], text);
    ck_assert_int_eq(selkie_models_reopen(&models, before, models_fixture_dir(), keep, line), 0);
    selkie_models_close(before);
    ck_assert_uint_eq(selkie_models_count(models), 1);
    ck_assert_uint_eq(selkie_models_refused(models), 1);
    ck_assert_str_eq(selkie_model_field(selkie_models_named(models, "a"), 0)->name, "u");
    ck_assert_ptr_nonnull(strstr(line, "/a.json:2: model: must be a string"));
    ck_assert_ptr_null(strstr(line, "of before"));
    selkie_models_close(models);
}
END_TEST

START_TEST(no_folder_is_an_empty_set_and_a_missing_one_an_error)
{
    struct selkie_models *models;
    char line[SELKIE_MODEL_ERROR_SIZE] = "";

    ck_assert_int_eq(selkie_models_open(&models, NULL, NULL, NULL), 0);
    ck_assert_uint_eq(selkie_models_count(models), 0);
    ck_assert_ptr_null(selkie_models_for_firmware(models, "x"));
    selkie_models_close(models);
    ck_assert_int_eq(selkie_models_open(&models, "/nowhere/models", keep, line), SELKIE_ECONFIG);
    ck_assert_str_eq(line, "/nowhere/models: No such file or directory");
    selkie_models_close(NULL);
}
END_TEST

START_TEST(description_has_what_subscribers_need)
{
    struct selkie_model *model = models_fixture_open(ACME);
    char *text = selkie_model_describe(model);

    ck_assert_str_eq(text,
                     "{\"model\":\"acme-th1\",\"manufacturer\":\"Acme\",\"firmware\":[\"acme-th1 *\"],\"format\":"
                     "\"packed\",\"fields\":[{\"name\":\"temperature\",\"type\":\"number\",\"unit\":\"°C\",\"device_"
                     "class\":\"temperature\",\"state_class\":\"measurement\"},{\"name\":\"humidity\",\"type\":"
                     "\"number\",\"unit\":\"%\"}]}");
    ck_assert_uint_eq(selkie_model_field_count(model), 2);
    ck_assert_str_eq(selkie_model_field(model, 0)->device_class, "temperature");
    ck_assert_ptr_null(selkie_model_field(model, 2));
    free(text);
    selkie_model_close(model);
}
END_TEST

static void *decode_often(void *context)
{
    const struct selkie_models *models = context;
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    size_t len;

    for (int i = 0; i < 2000; i++) {
        const struct selkie_model *model = selkie_models_for_firmware(models, "acme 1");
        int result = selkie_model_decode(model, (const uint8_t *)"t=x", 3, values, &len, error);
        if (result != 0 || strcmp(values, "{\"t\":\"warm\"}") != 0)
            return "wrong";
        char *description = selkie_model_describe(model);
        if (!description)
            return "no description";
        free(description);
    }
    return NULL;
}

START_TEST(threads_share_a_set)
{
    struct selkie_models *models;
    pthread_t threads[4];
    void *wrong;

    (void)models_fixture_write(
        "a.json",
        "{\"model\":\"a\",\"firmware\":[\"acme *\"],\"format\":\"text\",\"fields\":[{\"name\":\"t\",\"enum\":{\"x\":"
        "\"warm\"}}],\"examples\":[{\"text\":\"t=x\",\"values\":{\"t\":\"warm\"}}]}");
    ck_assert_int_eq(selkie_models_open(&models, models_fixture_dir(), NULL, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decode_often, models), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_msg(!wrong, "%s", (const char *)wrong);
    }
    selkie_models_close(models);
}
END_TEST

/* Each allocation of jansson's fails in turn, until there are no more: nothing is read, lost or written wrongly. */
static unsigned until_failure;

static void *allocate(size_t size)
{
    if (until_failure > 0 && --until_failure == 0)
        return NULL;
    return malloc(size);
}

START_TEST(no_memory_is_an_error_and_no_wrong_value)
{
    const char *path = models_fixture_write("acme.json", ACME);
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_model *model = NULL;
    size_t len;
    unsigned failed = 0;
    int result = -1;

    json_set_alloc_funcs(allocate, free);
    for (unsigned n = 1; result != 0; n++, failed++) {
        until_failure = n;
        result = selkie_model_open(&model, path, error);
        ck_assert((result == 0) == (model != NULL));
        ck_assert(result == 0 || error[0] != '\0');
    }
    ck_assert_uint_gt(failed, 100);
    failed = 0;
    result = -1;
    for (unsigned n = 1; result != 0; n++, failed++) {
        until_failure = n;
        result = selkie_model_decode(model, (const uint8_t *)"\x08\x5f\x32", 3, values, &len, error);
        ck_assert(result == 0 || (result == SELKIE_ENOMEM && len == 0 && error[0] != '\0'));
    }
    ck_assert_uint_gt(failed, 3);
    ck_assert_str_eq(values, "{\"temperature\":21.43,\"humidity\":50}");
    for (unsigned n = 1; n < 200; n++) {
        until_failure = n;
        free(selkie_model_describe(model));
    }
    until_failure = 0;
    json_set_alloc_funcs(malloc, free);
    selkie_model_close(model);
}
END_TEST

/* Each block of JSON in docs/MODELS.md is a whole file. */
START_TEST(examples_of_the_documentation_are_right)
{
    static char text[16384], line[1024];
    FILE *file = fopen(SELKIE_SOURCE_DIR "/docs/MODELS.md", "r");
    unsigned count = 0;
    bool inside = false;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        if (inside && strcmp(line, "```\n") == 0) {
            selkie_model_close(models_fixture_open(text));
            inside = false;
            count++;
        } else if (inside) {
            ck_assert_uint_lt(strlen(text) + strlen(line), sizeof text);
            (void)strcat(text, line);
        } else if (strcmp(line, "```json\n") == 0) {
            text[0] = '\0';
            inside = true;
        }
    }
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_uint_ge(count, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("models");
    TCase *tests = tcase_create("models");

    tcase_add_checked_fixture(tests, models_fixture_set_up, models_fixture_tear_down);
    tcase_add_test(tests, packed_payload_has_values);
    tcase_add_test(tests, json_cbor_and_text_payloads_have_values);
    tcase_add_test(tests, example_that_does_not_come_out_is_refused_with_line_and_both_values);
    tcase_add_test(tests, set_finds_models_by_name_and_by_the_longest_pattern);
    tcase_add_test(tests, a_file_that_becomes_wrong_keeps_its_model_until_it_is_right_or_gone);
    tcase_add_loop_test(tests, a_wrong_file_does_not_keep_the_name_of_its_model_from_a_right_one, 0, 2);
    tcase_add_test(tests, no_folder_is_an_empty_set_and_a_missing_one_an_error);
    tcase_add_test(tests, description_has_what_subscribers_need);
    tcase_add_test(tests, threads_share_a_set);
    tcase_add_test(tests, no_memory_is_an_error_and_no_wrong_value);
    tcase_add_test(tests, examples_of_the_documentation_are_right);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
