/* SPDX-License-Identifier: Apache-2.0 */
/* What a model's file may say: each mistake is refused with its line, its key and what was expected. */
#include "models_fixture.h"
#include "run_suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A packed model with these further keys (with a comma behind), fields and examples. */
static const char *refusal(const char *keys, const char *fields, const char *examples)
{
    char text[16384];

    (void)snprintf(text, sizeof text, "{\"model\":\"x\",%s\"fields\":[\n%s],\n\"examples\":[%s]}",
                   strstr(keys, "\"format\"") ? keys : "\"format\":\"packed\",", fields, examples);
    return models_fixture_refusal(text);
}

#define U8      "{\"name\":\"a\",\"offset\":0,\"type\":\"u8\"}"
#define EXAMPLE "{\"hex\":\"01\",\"values\":{\"a\":1}}"

START_TEST(file_needs_its_keys)
{
    ck_assert_str_eq(refusal("", U8, EXAMPLE), "");
    ck_assert_str_eq(models_fixture_refusal("{}"), "x.json:1: model: is required");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\"}"), "x.json:1: format: is required");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\",\"format\":\"xml\"}"),
                     "x.json:1: format: must be one of \"packed\", \"json\", \"cbor\", \"text\"");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\",\"format\":\"text\"}"), "x.json:1: fields: is required");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\",\"format\":\"text\",\"fields\":[{\"name\":\"a\"}]}"),
                     "x.json:1: examples: is required");
    ck_assert_str_eq(refusal("", "", EXAMPLE), "x.json:1: fields: must have 1 to 128 entries");
    ck_assert_str_eq(refusal("", U8, ""), "x.json:3: examples: must have 1 to 64 entries");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\",\n\"modle\":1,\"format\":\"text\",\"fields\":[{\"name\":"
                                            "\"a\"}],\"examples\":[{\"text\":\"a=1\",\"values\":{\"a\":1}}]}"),
                     "x.json:2: modle: unknown key; known are model, manufacturer, firmware, format, fields, examples");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\",\n\"model\":\"b\"}"),
                     "x.json:2: not JSON: duplicate object key near '\"model\"'");
    ck_assert_str_eq(models_fixture_refusal("{\"model\":\"a\xff\"}"),
                     "x.json:1: not JSON: unable to decode byte 0xff near '\"a'");
}
END_TEST

START_TEST(names_are_safe_in_topics_and_files)
{
    static const char *const bad[] = {
        "",       "A",   "a b", "a/b", "..",
        ".a",     "+",   "#",   "\\t", "a\\n",
        "\u00e9", "a#b", "$a",  "<b>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    char text[512];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"model\":\"%s\"}", bad[i]);
        ck_assert_str_eq(models_fixture_refusal(text),
                         "x.json:1: model: must be 1 to 64 of a-z 0-9 . _ - and not begin with a dot");
        (void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"offset\":0,\"type\":\"u8\"}", bad[i]);
        ck_assert_str_eq(refusal("", text, EXAMPLE), "x.json:2: name: must be 1 to 64 of a-z 0-9 _");
    }
}
END_TEST

/* Fields that no model may have, and why. */
static const struct {
    const char *keys, *fields, *why;
} fields[] = {
    {"", "{\"name\":\"a\",\"offset\":0}", "type: is required"},
    {"", "{\"name\":\"a\",\"type\":\"u8\"}", "offset: is required"},
    {"", "{\"name\":\"a\",\"type\":\"u16\",\"offset\":0}",
     "type: must be u8, i8, u16, i16, u24, i24, u32, i32 or f32, with be or le behind it from 16 bits on, such as "
     "i16be"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"path\":\"a\"}",
     "path: unknown key; known are name, type, offset, bits, enum, scale, add, min, max, unit, device_class, "
     "state_class, "
     "when"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":400}", "offset: must be 0 to 399"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":-1}", "offset: must be 0 to 399"},
    {"", "{\"name\":\"a\",\"type\":\"u16be\",\"offset\":399}",
     "offset: u16be at 399 ends behind the payload, which has at most 400 bytes"},
    {"\"format\":\"packed\",\"length\":2,", "{\"name\":\"a\",\"type\":\"u16be\",\"offset\":1}",
     "offset: u16be at 1 ends behind the payload, which has at most 2 bytes"},
    {"", U8 "," U8, "name: a is there twice, and no `when` keeps the two apart"},
    {"", U8 ",{\"name\":\"b\",\"type\":\"u16be\",\"offset\":0}",
     "offset: overlaps a, and no `when` keeps the two apart"},
    {"",
     "{\"name\":\"a\",\"type\":\"u16be\",\"offset\":0,\"bits\":[0,9]},{\"name\":\"b\",\"type\":\"u8\",\"offset\":0,"
     "\"bits\":[0,1]}",
     "offset: overlaps a, and no `when` keeps the two apart"},
    {"",
     "{\"name\":\"a\",\"type\":\"u16le\",\"offset\":0,\"bits\":[0,9]},{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,"
     "\"bits\":[0,1]}",
     "offset: overlaps a, and no `when` keeps the two apart"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"bits\":[0,9]}",
     "bits: must be [first, count] within the 8 bits of u8; bit 0 is the least significant one"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"bits\":[7,2]}",
     "bits: must be [first, count] within the 8 bits of u8; bit 0 is the least significant one"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"bits\":[1,9223372036854775807]}",
     "bits: must be [first, count] within the 8 bits of u8; bit 0 is the least significant one"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"bits\":[0,0]}",
     "bits: must be [first, count] within the 8 bits of u8; bit 0 is the least significant one"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"bits\":3}",
     "bits: must be [first, count] within the 8 bits of u8; bit 0 is the least significant one"},
    {"", "{\"name\":\"a\",\"type\":\"f32be\",\"offset\":0,\"bits\":[0,3]}", "bits: f32be has none"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"scale\":0}", "scale: must not be 0"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"scale\":1e10}", "scale: must be -1e+09 to 1e+09"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"scale\":\"0.1\"}", "scale: must be a number"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"min\":2,\"max\":1}", "min: must not be above max"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"0\":\"a\"},\"max\":1}",
     "max: only a number has one"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"0\":\"a\"},\"unit\":\"V\"}",
     "unit: must be none: only a number has one"},
    {"", "{\"name\":\"a\",\"type\":\"f32be\",\"offset\":0,\"enum\":{\"0\":\"a\"}}", "enum: f32be has none"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{}}",
     "enum: must be 1 to 64 pairs such as {\"0\": \"closed\", \"1\": \"open\"}"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":[\"a\"]}",
     "enum: must be 1 to 64 pairs such as {\"0\": \"closed\", \"1\": \"open\"}"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"x\":\"a\"}}", "enum: x: must be a whole number"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"01\":\"a\"}}", "enum: 01: must be a whole number"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"0\":\"a\",\"1\":true}}",
     "enum: its values must all be words of 1 to 64 bytes, or all be true or false"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"0\":\"\\u0007\"}}",
     "enum: its values must all be words of 1 to 64 bytes, or all be true or false"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"256\":\"a\"}}", "enum: 256: u8 is never this"},
    {"", "{\"name\":\"a\",\"type\":\"i8\",\"offset\":0,\"bits\":[0,2],\"enum\":{\"2\":\"a\"}}",
     "enum: 2: i8 of these bits is never this"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"unit\":\"a\\u001b\"}",
     "unit: must be 1 to 16 bytes without control characters"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"unit\":\"\\u009b2J\"}",
     "unit: must be 1 to 16 bytes without control characters"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"enum\":{\"0\":\"a\\u0080\"}}",
     "enum: its values must all be words of 1 to 64 bytes, or all be true or false"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"device_class\":\"Temp\"}",
     "device_class: must be 1 to 40 of a-z 0-9 _"},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"state_class\":\"sum\"}",
     "state_class: must be one of \"measurement\", \"measurement_angle\", \"total\", \"total_increasing\""},
    {"", "{\"name\":\"a\",\"type\":\"u8\",\"offset\":0,\"when\":{\"b\":1}}",
     "when: b is no field before this one that every payload has"},
    {"", U8 ",{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,\"when\":{\"a\":1,\"b\":2}}",
     "when: must be one field and its value, such as {\"kind\": 1}"},
    {"", U8 ",{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,\"when\":{\"a\":\"x\"}}", "when: a never has this value"},
    {"",
     U8
     ",{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,\"when\":{\"a\":1}},{\"name\":\"c\",\"type\":\"u8\",\"offset\":2,"
     "\"when\":{\"b\":1}}",
     "when: b is no field before this one that every payload has"},
    {"",
     U8
     ",{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,\"when\":{\"a\":1}},{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,"
     "\"when\":{\"a\":2},\"unit\":\"V\"}",
     "name: b is there already, with another type, unit, class or enum"},
    {"\"format\":\"json\",", "{\"name\":\"a\",\"offset\":1}",
     "offset: unknown key; known are name, path, type, optional, enum, scale, add, min, max, unit, device_class, "
     "state_class, when"},
    {"\"format\":\"json\",", "{\"name\":\"a\",\"path\":\"\"}",
     "path: must be a key of 1 to 128 bytes, or a JSON pointer such as /air/0/temperature"},
    {"\"format\":\"text\",", "{\"name\":\"a\",\"path\":\"a b\"}",
     "path: must be a key of 1 to 128 bytes without blank or any of = , ; &"},
    {"\"format\":\"text\",", "{\"name\":\"a\",\"type\":\"u8\"}",
     "type: must be one of \"number\", \"boolean\", \"text\""},
    {"\"format\":\"text\",", "{\"name\":\"a\",\"type\":\"text\",\"enum\":{\"x\":\"a\"}}",
     "enum: a field with enum has no type"},
    {"\"format\":\"text\",", "{\"name\":\"a\",\"optional\":true},{\"name\":\"b\",\"when\":{\"a\":1}}",
     "when: a is no field before this one that every payload has"},
};

START_TEST(wrong_field_is_refused)
{
    char expected[512];

    (void)snprintf(expected, sizeof expected, "x.json:2: %s", fields[_i].why);
    ck_assert_str_eq(refusal(fields[_i].keys, fields[_i].fields, EXAMPLE), expected);
}
END_TEST

START_TEST(firmware_and_length_have_bounds)
{
    static const char end[] = "\"format\":\"packed\",\"fields\":[" U8 "],\"examples\":[" EXAMPLE "]}";
    static const char *const cases[][2] = {
        {"\"firmware\":[\"\"],", "firmware: entry 1 must be 1 to 32 printable ASCII characters"},
        {"\"firmware\":[\"a\",\"012345678901234567890123456789012\"],",
         "firmware: entry 2 must be 1 to 32 printable ASCII characters"},
        {"\"firmware\":[\"a\\u0001\"],", "firmware: entry 1 must be 1 to 32 printable ASCII characters"},
        {"\"firmware\":\"a\",", "firmware: must be a list, […]"},
        {"\"firmware\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
         "\"g\","
         "\"h\"],",
         "firmware: has 17 patterns; at most 16"},
        {"\"manufacturer\":\"M\\u009f\",", "manufacturer: must be 1 to 64 bytes without control characters"},
        {"\"manufacturer\":\"\",", "manufacturer: must be 1 to 64 bytes without control characters"},
        {"\"length\":0,", "length: must be a number of bytes, 1 to 400, or [fewest, most]"},
        {"\"length\":401,", "length: must be a number of bytes, 1 to 400, or [fewest, most]"},
        {"\"length\":[2,1],", "length: must be a number of bytes, 1 to 400, or [fewest, most]"},
        {"\"length\":[1,\"2\"],", "length: must be a number of bytes, 1 to 400, or [fewest, most]"},
    };
    char text[2048], expected[512];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"model\":\"x\",\n%s%s", cases[i][0], end);
        (void)snprintf(expected, sizeof expected, "x.json:2: %s", cases[i][1]);
        ck_assert_str_eq(models_fixture_refusal(text), expected);
    }
}
END_TEST

static const char *const examples[][2] = {
    {"{\"hex\":\"02\",\"values\":{\"a\":1}}", "values: a: expected 1, got 2"},
    {"{\"hex\":\"01\",\"values\":{\"a\":\"1\"}}", "values: a: expected \"1\", got 1"},
    {"{\"hex\":\"01\",\"values\":{}}", "values: a: expected nothing, got 1"},
    {"{\"hex\":\"01\",\"values\":{\"a\":1,\"b\":true}}", "values: b: expected true, got nothing"},
    {"{\"hex\":\"01\"}", "values: is required"},
    {"{\"hex\":\"01\",\"values\":[]}", "values: must be an object, {…}"},
    {"{\"hex\":\"0\",\"values\":{\"a\":1}}", "hex: must be the 1 to 400 bytes of a payload in hex"},
    {"{\"hex\":\"\",\"values\":{\"a\":1}}", "hex: must be the 1 to 400 bytes of a payload in hex"},
    {"{\"hex\":\"0g\",\"values\":{\"a\":1}}", "hex: must be the 1 to 400 bytes of a payload in hex"},
    {"{\"hex\":\"01\",\"text\":\"a\",\"values\":{\"a\":1}}", "an example has either hex or text, and values"},
    {"{\"values\":{\"a\":1}}", "an example has either hex or text, and values"},
    {"{\"hex\":\"0102\",\"values\":{\"a\":1}}",
     "hex: does not fit the model: the payload has 2 bytes, and the model's fields end after 1"},
    {"{\"hex\":\"01\",\"values\":{\"a\":1},\"comment\":\"b\"}", "comment: unknown key; known are values, hex, text"},
};

START_TEST(wrong_example_is_refused)
{
    char expected[512];

    (void)snprintf(expected, sizeof expected, "x.json:3: %s", examples[_i][1]);
    ck_assert_str_eq(refusal("", U8, examples[_i][0]), expected);
}
END_TEST

START_TEST(each_field_and_each_shape_needs_an_example)
{
    static const char shapes[] =
        U8 ",{\"name\":\"b\",\"type\":\"u8\",\"offset\":1,\"when\":{\"a\":1}},{\"name\":\"b\",\"type\":\"u16be\","
           "\"offset\":1,\"when\":{\"a\":2}}";

    ck_assert_str_eq(refusal("", shapes, "{\"hex\":\"03\",\"values\":{\"a\":3}}"),
                     "x.json:3: examples: none of them has the field b where a is 1");
    ck_assert_str_eq(refusal("", shapes, "{\"hex\":\"0102\",\"values\":{\"a\":1,\"b\":2}}"),
                     "x.json:3: examples: none of them has the field b where a is 2");
    ck_assert_str_eq(refusal("", shapes,
                             "{\"hex\":\"0102\",\"values\":{\"a\":1,\"b\":2}},{\"hex\":\"020102\",\"values\":{\"a\":2,"
                             "\"b\":258}}"),
                     "");
}
END_TEST

START_TEST(field_65_is_refused)
{
    char list[16384] = "", values[4096] = "", hex[256] = "", example[8192];

    for (int i = 0; i < 65; i++) {
        if (i == 64) {
            (void)snprintf(example, sizeof example, "{\"hex\":\"%s\",\"values\":{%s}}", hex, values);
            ck_assert_str_eq(refusal("", list, example), "");
        }
        (void)snprintf(list + strlen(list), sizeof list - strlen(list),
                       "%s{\"name\":\"f%d\",\"offset\":%d,\"type\":\"u8\"}", i > 0 ? "," : "", i, i);
        (void)snprintf(values + strlen(values), sizeof values - strlen(values), "%s\"f%d\":1", i > 0 ? "," : "", i);
        (void)strcat(hex, "01");
    }
    ck_assert_str_eq(refusal("", list, EXAMPLE), "x.json:2: name: is field 65; a model has at most 64");
}
END_TEST

START_TEST(file_that_is_none_is_named)
{
    char error[SELKIE_MODEL_ERROR_SIZE], path[256];
    struct selkie_model *model;

    ck_assert_int_eq(selkie_model_open(&model, "/nowhere.json", error), SELKIE_ECONFIG);
    ck_assert_str_eq(error, "/nowhere.json: No such file or directory");
    (void)snprintf(path, sizeof path, "%s/fifo.json", models_fixture_dir());
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(selkie_model_open(&model, path, error), SELKIE_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error, "is a FIFO, not a file"));
    selkie_model_close(NULL);
}
END_TEST

START_TEST(long_line_is_cut_where_a_character_ends)
{
    char text[2048];

    for (size_t front = 0; front < 4; front++) {
        (void)snprintf(text, sizeof text,
                       "{\"model\":\"x\",\"format\":\"packed\",\"fields\":[" U8 "],\"examples\":[" EXAMPLE "],\"%.*s",
                       (int)front, "abcd");
        for (int i = 0; i < 250; i++)
            (void)strcat(text, "\u20ac"); /* three bytes each */
        (void)strcat(text, "\":1}");
        const char *line = models_fixture_refusal(text);
        json_t *string = json_string(line); /* NULL if it is not UTF-8 */
        ck_assert_uint_gt(strlen(line), 400);
        ck_assert_ptr_nonnull(string);
        json_decref(string);
    }
}
END_TEST

START_TEST(file_that_is_far_too_long_is_refused)
{
    static char text[600 * 1024];

    memset(text, ' ', sizeof text - 1);
    memcpy(text, "{", 1);
    memcpy(text + sizeof text - 2, "}", 1);
    ck_assert_str_eq(models_fixture_refusal(text), "x.json:1: has 614399 bytes; a model's file has at most 262144");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model_file");
    TCase *tests = tcase_create("model_file");

    tcase_add_checked_fixture(tests, models_fixture_set_up, models_fixture_tear_down);
    tcase_add_test(tests, file_needs_its_keys);
    tcase_add_test(tests, names_are_safe_in_topics_and_files);
    tcase_add_loop_test(tests, wrong_field_is_refused, 0, (int)(sizeof fields / sizeof fields[0]));
    tcase_add_test(tests, firmware_and_length_have_bounds);
    tcase_add_loop_test(tests, wrong_example_is_refused, 0, (int)(sizeof examples / sizeof examples[0]));
    tcase_add_test(tests, each_field_and_each_shape_needs_an_example);
    tcase_add_test(tests, field_65_is_refused);
    tcase_add_test(tests, file_that_is_none_is_named);
    tcase_add_test(tests, long_line_is_cut_where_a_character_ends);
    tcase_add_test(tests, file_that_is_far_too_long_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
