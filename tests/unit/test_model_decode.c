/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads against models: numbers as people write them, and a sentence for each payload that does not fit. */
#include "models_fixture.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model of one field `v` with these keys. Its only example comes out with any of them. */
static struct selkie_model *one(const char *format, const char *keys, const char *example)
{
    char text[2048];

    (void)snprintf(text, sizeof text,
                   "{\"model\":\"x\",\"format\":\"%s\",\"fields\":[{\"name\":\"v\"%s}],\"examples\":[%s]}", format,
                   keys, example);
    return models_fixture_open(text);
}

static void check_packed(const char *keys, const char *example, const char *const cases[][2], size_t count)
{
    char all[512];

    (void)snprintf(all, sizeof all, ",\"offset\":0,%s", keys);
    struct selkie_model *model = one("packed", all, example);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(models_fixture_decode(model, cases[i][0]), cases[i][1]);
    selkie_model_close(model);
}

#define CHECK_PACKED(keys, example, ...)                                                                               \
    do {                                                                                                               \
        static const char *const cases[][2] = {__VA_ARGS__};                                                           \
        check_packed(keys, example, cases, sizeof cases / sizeof cases[0]);                                            \
    } while (0)

START_TEST(each_type_has_its_size_sign_and_order)
{
    CHECK_PACKED("\"type\":\"u8\"", "{\"hex\":\"01\",\"values\":{\"v\":1}}", {"ff", "{\"v\":255}"});
    CHECK_PACKED("\"type\":\"i8\"", "{\"hex\":\"01\",\"values\":{\"v\":1}}", {"ff", "{\"v\":-1}"},
                 {"80", "{\"v\":-128}"});
    CHECK_PACKED("\"type\":\"u16be\"", "{\"hex\":\"0001\",\"values\":{\"v\":1}}", {"0102", "{\"v\":258}"});
    CHECK_PACKED("\"type\":\"u16le\"", "{\"hex\":\"0100\",\"values\":{\"v\":1}}", {"0102", "{\"v\":513}"});
    CHECK_PACKED("\"type\":\"i16le\"", "{\"hex\":\"0100\",\"values\":{\"v\":1}}", {"feff", "{\"v\":-2}"});
    CHECK_PACKED("\"type\":\"u24be\"", "{\"hex\":\"000001\",\"values\":{\"v\":1}}", {"010203", "{\"v\":66051}"});
    CHECK_PACKED("\"type\":\"i24le\"", "{\"hex\":\"010000\",\"values\":{\"v\":1}}", {"000080", "{\"v\":-8388608}"});
    CHECK_PACKED("\"type\":\"u32be\"", "{\"hex\":\"00000001\",\"values\":{\"v\":1}}",
                 {"ffffffff", "{\"v\":4294967295}"});
    CHECK_PACKED("\"type\":\"i32le\"", "{\"hex\":\"01000000\",\"values\":{\"v\":1}}",
                 {"00000080", "{\"v\":-2147483648}"});
    CHECK_PACKED("\"type\":\"f32be\"", "{\"hex\":\"3f800000\",\"values\":{\"v\":1}}", {"41ab70a4", "{\"v\":21.43}"},
                 {"3dcccccd", "{\"v\":0.1}"}, {"80000000", "{\"v\":0}"}, {"00000001", "{\"v\":1.4013e-45}"},
                 {"7fc00000", "! v: is NaN, not a number"}, {"7f800000", "! v: is infinite"},
                 {"ff800000", "! v: is infinite"}, {"7f7fffff", "{\"v\":3.4028235e38}"});
    CHECK_PACKED("\"type\":\"f32le\",\"scale\":0.1", "{\"hex\":\"0000803f\",\"values\":{\"v\":0.1}}",
                 {"a470ab41", "{\"v\":2.143}"});
}
END_TEST

START_TEST(bits_are_counted_from_the_least_significant_one)
{
    CHECK_PACKED("\"type\":\"u8\",\"bits\":[0,1]", "{\"hex\":\"01\",\"values\":{\"v\":1}}", {"fe", "{\"v\":0}"});
    CHECK_PACKED("\"type\":\"u8\",\"bits\":[4,4]", "{\"hex\":\"10\",\"values\":{\"v\":1}}", {"ef", "{\"v\":14}"});
    CHECK_PACKED("\"type\":\"i8\",\"bits\":[4,4]", "{\"hex\":\"10\",\"values\":{\"v\":1}}", {"ef", "{\"v\":-2}"});
    CHECK_PACKED("\"type\":\"u16be\",\"bits\":[4,12]", "{\"hex\":\"0010\",\"values\":{\"v\":1}}",
                 {"abcd", "{\"v\":2748}"});
    CHECK_PACKED("\"type\":\"u32le\",\"bits\":[0,32]", "{\"hex\":\"01000000\",\"values\":{\"v\":1}}",
                 {"ffffffff", "{\"v\":4294967295}"});
}
END_TEST

START_TEST(scaled_numbers_are_short_and_exact)
{
    /* 503 * 0.1 - 50 is 0.2999999999999972 in doubles. */
    CHECK_PACKED("\"type\":\"u16be\",\"scale\":0.1,\"add\":-50", "{\"hex\":\"01f4\",\"values\":{\"v\":0}}",
                 {"01f7", "{\"v\":0.3}"}, {"0000", "{\"v\":-50}"}, {"01f3", "{\"v\":-0.1}"},
                 {"ffff", "{\"v\":6503.5}"});
    CHECK_PACKED("\"type\":\"u32be\",\"scale\":0.000001", "{\"hex\":\"00000001\",\"values\":{\"v\":0.000001}}",
                 {"ffffffff", "{\"v\":4294.967295}"}, {"00000000", "{\"v\":0}"});
    CHECK_PACKED("\"type\":\"i32be\",\"scale\":-1e9", "{\"hex\":\"00000001\",\"values\":{\"v\":-1e9}}",
                 {"80000000", "{\"v\":2.147483648e18}"}, {"00000000", "{\"v\":0}"});
    CHECK_PACKED("\"type\":\"u16be\",\"scale\":0.0054931640625", "{\"hex\":\"4000\",\"values\":{\"v\":90}}",
                 {"0001", "{\"v\":0.0054931640625}"});
}
END_TEST

/* Whatever the two of them are: no raw value of 16 bits has more decimals than its scale. */
START_TEST(no_scaled_number_has_noise)
{
    static const char *const scales[] = {"0.1", "0.01", "0.001", "0.0001", "0.05", "0.25", "0.3", "0.07"};
    char keys[128], hex[8], expected[64];

    for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
        (void)snprintf(keys, sizeof keys, ",\"offset\":0,\"type\":\"u16be\",\"scale\":%s,\"add\":-273.15", scales[s]);
        char text[512];
        (void)snprintf(text, sizeof text, "{\"hex\":\"0000\",\"values\":{\"v\":-273.15}}");
        struct selkie_model *model = one("packed", keys, text);
        long long unit = 1000000, scale = (long long)(strtod(scales[s], NULL) * 1e6 + 0.5);
        for (unsigned raw = 0; raw <= 0xFFFF; raw += 7) {
            long long micro = (long long)raw * scale - 273150000;
            (void)snprintf(expected, sizeof expected, "{\"v\":%s%lld.%06lld", micro < 0 ? "-" : "", llabs(micro) / unit,
                           llabs(micro) % unit);
            while (expected[strlen(expected) - 1] == '0')
                expected[strlen(expected) - 1] = '\0';
            if (expected[strlen(expected) - 1] == '.')
                expected[strlen(expected) - 1] = '\0';
            (void)strcat(expected, "}");
            (void)snprintf(hex, sizeof hex, "%04x", raw);
            ck_assert_str_eq(models_fixture_decode(model, hex), expected);
        }
        selkie_model_close(model);
    }
}
END_TEST

START_TEST(number_outside_of_min_and_max_does_not_fit)
{
    CHECK_PACKED("\"type\":\"i16be\",\"scale\":0.01,\"min\":-40,\"max\":125",
                 "{\"hex\":\"0001\",\"values\":{\"v\":0.01}}", {"f060", "{\"v\":-40}"},
                 {"f05f", "! v: is below the model's min, -40"}, {"30d4", "{\"v\":125}"},
                 {"30d5", "! v: is above the model's max, 125"});
}
END_TEST

START_TEST(enum_gives_words_or_booleans)
{
    CHECK_PACKED("\"type\":\"u8\",\"enum\":{\"0\":\"closed\",\"1\":\"open\",\"2\":\"open\"}",
                 "{\"hex\":\"00\",\"values\":{\"v\":\"closed\"}}", {"01", "{\"v\":\"open\"}"},
                 {"02", "{\"v\":\"open\"}"}, {"03", "! v: is none of the model's enum"});
    CHECK_PACKED("\"type\":\"i8\",\"bits\":[7,1],\"enum\":{\"0\":false,\"-1\":true}",
                 "{\"hex\":\"00\",\"values\":{\"v\":false}}", {"80", "{\"v\":true}"});
    struct selkie_model *model =
        one("text", ",\"enum\":{\"OK\":false,\"LOW\":true}", "{\"text\":\"v=LOW\",\"values\":{\"v\":true}}");
    ck_assert_int_eq(selkie_model_field(model, 0)->kind, SELKIE_FIELD_BOOLEAN);
    ck_assert_str_eq(models_fixture_decode_text(model, "v=OK"), "{\"v\":false}");
    ck_assert_str_eq(models_fixture_decode_text(model, "v=ok"), "! v: is none of the model's enum");
    ck_assert_str_eq(models_fixture_decode_text(model, "v="), "! v: is none of the model's enum");
    selkie_model_close(model);
    model = one("json", ",\"enum\":{\"1\":\"a\",\"x\":\"b\",\"true\":\"c\"}",
                "{\"text\":\"{\\\"v\\\":1}\",\"values\":{\"v\":\"a\"}}");
    ck_assert_uint_eq(selkie_model_field(model, 0)->word_count, 3);
    ck_assert_str_eq(selkie_model_field(model, 0)->words[1], "b");
    ck_assert_str_eq(models_fixture_decode_text(model, "{\"v\":\"x\"}"), "{\"v\":\"b\"}");
    ck_assert_str_eq(models_fixture_decode_text(model, "{\"v\":true}"), "{\"v\":\"c\"}");
    ck_assert_str_eq(models_fixture_decode_text(model, "{\"v\":1.5}"), "! v: is none of the model's enum");
    selkie_model_close(model);
}
END_TEST

START_TEST(shapes_are_chosen_by_a_value)
{
    struct selkie_model *model = models_fixture_open(
        "{\"model\":\"x\",\"format\":\"packed\",\"fields\":["
        "{\"name\":\"kind\",\"offset\":0,\"type\":\"u8\",\"enum\":{\"1\":\"air\",\"2\":\"battery\"}},"
        "{\"name\":\"temperature\",\"offset\":1,\"type\":\"i16be\",\"scale\":0.1,\"when\":{\"kind\":\"air\"}},"
        "{\"name\":\"battery\",\"offset\":1,\"type\":\"u8\",\"scale\":0.1,\"when\":{\"kind\":\"battery\"}},"
        "{\"name\":\"temperature\",\"offset\":2,\"type\":\"i8\",\"when\":{\"kind\":\"battery\"}}],"
        "\"examples\":[{\"hex\":\"0100d7\",\"values\":{\"kind\":\"air\",\"temperature\":21.5}},"
        "{\"hex\":\"021e15\",\"values\":{\"kind\":\"battery\",\"battery\":3,\"temperature\":21}}]}");

    ck_assert_uint_eq(selkie_model_field_count(model), 3);
    ck_assert_str_eq(models_fixture_decode(model, "01ffff"), "{\"kind\":\"air\",\"temperature\":-0.1}");
    ck_assert_str_eq(models_fixture_decode(model, "03ffff"), "! kind: is none of the model's enum");
    ck_assert_str_eq(models_fixture_decode(model, "02ff"), "! temperature: needs a payload of 3 bytes, and this has 2");
    ck_assert_str_eq(models_fixture_decode(model, "02ff0000"),
                     "! the payload has 4 bytes, and the model's fields end after 3");
    selkie_model_close(model);
}
END_TEST

START_TEST(length_is_strict_unless_the_model_says_otherwise)
{
    static const char *const format =
        "{\"model\":\"x\",\"format\":\"packed\",%s\"fields\":[{\"name\":\"v\",\"offset\":1,"
        "\"type\":\"u8\"}],\"examples\":[{\"hex\":\"%s\",\"values\":{\"v\":2}}]}";
    char text[512];

    (void)snprintf(text, sizeof text, format, "", "0102");
    struct selkie_model *model = models_fixture_open(text);
    ck_assert_str_eq(models_fixture_decode(model, ""), "! v: needs a payload of 2 bytes, and this has 0");
    ck_assert_str_eq(models_fixture_decode(model, "01"), "! v: needs a payload of 2 bytes, and this has 1");
    ck_assert_str_eq(models_fixture_decode(model, "010203"),
                     "! the payload has 3 bytes, and the model's fields end after 2");
    selkie_model_close(model);

    (void)snprintf(text, sizeof text, format, "\"length\":4,", "01020304");
    model = models_fixture_open(text);
    ck_assert_str_eq(models_fixture_decode(model, "0102"), "! the payload has 2 bytes, and the model 4");
    ck_assert_str_eq(models_fixture_decode(model, "ff02ffff"), "{\"v\":2}");
    selkie_model_close(model);

    (void)snprintf(text, sizeof text, format, "\"length\":[1,3],", "0102");
    model = models_fixture_open(text);
    ck_assert_str_eq(models_fixture_decode(model, "01"), "! v: needs a payload of 2 bytes, and this has 1");
    ck_assert_str_eq(models_fixture_decode(model, "010203"), "{\"v\":2}");
    ck_assert_str_eq(models_fixture_decode(model, "01020304"), "! the payload has 4 bytes, and the model 1 to 3");
    selkie_model_close(model);
}
END_TEST

START_TEST(payload_longer_than_any_is_refused)
{
    struct selkie_model *model = one("text", "", "{\"text\":\"v=1\",\"values\":{\"v\":1}}");
    char text[402];

    (void)snprintf(text, sizeof text, "v=1%398s", "");
    ck_assert_str_eq(models_fixture_decode_text(model, text), "! the payload has more than 400 bytes");
    text[400] = '\0';
    ck_assert_str_eq(models_fixture_decode_text(model, text), "{\"v\":1}");
    selkie_model_close(model);
}
END_TEST

#define TEXT_MODEL "{\"text\":\"{\\\"v\\\":\\\"a\\\"}\",\"values\":{\"v\":\"a\"}}"

static void check_texts(struct selkie_model *model, const char *const cases[][2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(models_fixture_decode_text(model, cases[i][0]), cases[i][1]);
    selkie_model_close(model);
}

START_TEST(json_that_is_hostile_is_refused)
{
    static const char *const numbers[][2] = {
        {"{\"v\":21.43}", "{\"v\":21.43}"},
        {"{\"v\":0.1}", "{\"v\":0.1}"},
        {"{\"v\":9223372036854775807}", "{\"v\":9223372036854775807}"},
        {"{\"v\":9223372036854775808}", "! the payload has a number that is too large, at byte 24"},
        {"{\"v\":1e999}", "! the payload has a number that is too large, at byte 10"},
        {"{\"v\":1e300}", "{\"v\":1e300}"},
        {"{\"v\":\"1\"}", "! v: is not a number"},
        {"{\"v\":true}", "! v: is not a number"},
        {"{\"v\":[1]}", "! v: is not a number"},
        {"{\"v\":null}", "! v: is not in the payload"},
        {"{}", "! v: is not in the payload"},
        {"[1]", "! v: is not in the payload"},
        {"1", "! v: is not in the payload"},
        {"{\"v\":1,\"v\":2}", "! the payload is not JSON: a key is there twice"},
        {"{\"v\":1}x", "! the payload is not JSON at byte 8"},
        {"{\"v\":NaN}", "! the payload is not JSON at byte 8"},
        {"", "! the payload is not JSON at byte 0"},
    };
    static const char *const texts[][2] = {
        {"{\"v\":\"<b>\\\"\\\\\"}", "{\"v\":\"<b>\\\"\\\\\"}"},
        {"{\"v\":\"\\u001b[2J\"}", "! v: has control characters"},
        {"{\"v\":\"\\u0085\"}", "! v: has control characters"},
        {"{\"v\":\"\\u007f\"}", "! v: has control characters"},
        {"{\"v\":\"\\u0000\"}", "! the payload is not JSON at byte 13"},
        {"{\"v\":\"\xff\"}", "! the payload is not JSON at byte 6"},
        {"{\"v\":1}", "! v: is not text"},
        {"{\"v\":\"\xc3\xa9\"}", "{\"v\":\"\xc3\xa9\"}"},
    };
    char deep[401];

    check_texts(one("json", "", "{\"text\":\"{\\\"v\\\":1}\",\"values\":{\"v\":1}}"), numbers,
                sizeof numbers / sizeof numbers[0]);
    check_texts(one("json", ",\"type\":\"text\"", TEXT_MODEL), texts, sizeof texts / sizeof texts[0]);
    memset(deep, '[', 400);
    deep[400] = '\0';
    struct selkie_model *model = one("json", ",\"type\":\"text\"", TEXT_MODEL);
    ck_assert_str_eq(models_fixture_decode_text(model, deep), "! the payload is not JSON at byte 400");
    memset(deep + 200, ']', 200);
    ck_assert_str_eq(models_fixture_decode_text(model, deep), "! v: is not in the payload");
    selkie_model_close(model);
}
END_TEST

/* A model of one field at a path, whose only example is this document with 1 there. */
static const char *model_with_path(const char *path, const char *document)
{
    static char text[1024];
    char quoted[256];
    size_t len = 0;

    for (const char *at = document; *at; at++) {
        if (*at == '"')
            quoted[len++] = '\\';
        quoted[len++] = *at;
    }
    quoted[len] = '\0';
    (void)snprintf(text, sizeof text,
                   "{\"model\":\"x\",\"format\":\"json\",\"fields\":[{\"name\":\"v\",\"path\":\"%s\"}],"
                   "\"examples\":[{\"text\":\"%s\",\"values\":{\"v\":1}}]}",
                   path, quoted);
    return text;
}

START_TEST(json_pointers_follow_rfc_6901)
{
    static const char *const there[][2] = {
        {"/a/b", "{\"a\":{\"b\":1}}"},   {"a/b", "{\"a/b\":1}"}, {"/a~1b/m~0n", "{\"a/b\":{\"m~n\":1}}"},
        {"1.8.0", "{\"1.8.0\":1}"},      {"/0/1", "[[0,1]]"},    {"/a/10", "{\"a\":[0,0,0,0,0,0,0,0,0,0,1]}"},
        {"/a/00", "{\"a\":{\"00\":1}}"}, {"/", "{\"\":1}"},
    };
    static const char *const absent[][2] = {
        {"/a/2", "{\"a\":[0,1]}"},        {"/a/-1", "{\"a\":[0,1]}"}, {"/a/-0", "{\"a\":[1]}"},
        {"/a/+0", "{\"a\":[1]}"},         {"/a/00", "{\"a\":[1]}"},   {"/a/01", "{\"a\":[0,1]}"},
        {"/a/ 0", "{\"a\":[1]}"},         {"/a/0x0", "{\"a\":[1]}"},  {"/a/", "{\"a\":[1]}"},
        {"/a/-", "{\"a\":[1]}"},          {"/a/b", "{\"a\":1}"},      {"/99999999999999999999", "[1]"},
        {"/18446744073709551616", "[1]"},
    };

    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
        struct selkie_model *model = models_fixture_open(model_with_path(there[i][0], there[i][1]));
        ck_assert_str_eq(models_fixture_decode_text(model, there[i][1]), "{\"v\":1}");
        selkie_model_close(model);
    }
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        ck_assert_str_eq(models_fixture_refusal(model_with_path(absent[i][0], absent[i][1])),
                         "x.json:1: text: does not fit the model: v: is not in the payload");
}
END_TEST

/* Keys that are whole numbers, as in SenML (RFC 8428), where some are negative. */
START_TEST(whole_numbers_are_keys_of_cbor_in_their_usual_form)
{
    /* A path, the payload of the model's example with this key as text, another payload, and what comes out. */
    static const char *const cases[][4] = {
        {"2", "a1613201", "a10201", "{\"v\":1}"},
        {"-2", "a1622d3201", "a12101", "{\"v\":1}"},
        {"0", "a1613001", "a10001", "{\"v\":1}"},
        {"02", "a162303201", "a10201", "! v: is not in the payload"},
        {"+2", "a1622b3201", "a10201", "! v: is not in the payload"},
        {" 2", "a162203201", "a10201", "! v: is not in the payload"},
        {"-0", "a1622d3001", "a10001", "! v: is not in the payload"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char keys[64], example[64];
        (void)snprintf(keys, sizeof keys, ",\"path\":\"%s\"", cases[i][0]);
        (void)snprintf(example, sizeof example, "{\"hex\":\"%s\",\"values\":{\"v\":1}}", cases[i][1]);
        struct selkie_model *model = one("cbor", keys, example);
        ck_assert_str_eq(models_fixture_decode(model, cases[i][2]), cases[i][3]);
        selkie_model_close(model);
    }
}
END_TEST

START_TEST(cbor_that_is_hostile_is_refused)
{
    static const char *const numbers[][2] = {
        {"a161761901f4", "{\"v\":500}"},
        {"a1617639ffff", "{\"v\":-65536}"},
        {"a161761b7fffffffffffffff", "{\"v\":9223372036854775807}"},
        {"a161761b8000000000000000", "! v: is a whole number beyond 64 bits with sign"},
        {"a161763b7fffffffffffffff", "{\"v\":-9223372036854775808}"},
        {"a161763bffffffffffffffff", "! v: is a whole number beyond 64 bits with sign"},
        {"a16176f97e00", "! v: is NaN, not a number"},
        {"a16176f97c00", "! v: is infinite"},
        {"a16176fb7ff0000000000000", "! v: is infinite"},
        {"a16176fb40356e147ae147ae", "{\"v\":21.43}"},
        {"a16176c101", "{\"v\":1}"},                     /* tagged */
        {"bf617601ff", "{\"v\":1}"},                     /* of indefinite length */
        {"a17f6176ff01", "{\"v\":1}"},                   /* its key too */
        {"a17f60617660ff01", "{\"v\":1}"},               /* in pieces */
        {"bf6176019fffff", "! the payload is not CBOR"}, /* a key without a value */
        {"bf6176", "! the payload is not CBOR"},
        {"a2617601617602", "! v: its key is there twice"},
        {"a16176f6", "! v: is not in the payload"},
        {"a16176f7", "! v: is not in the payload"},
        {"a16176f5", "! v: is not a number"},
        {"a16176e0", "! the payload is not CBOR"}, /* a simple value that nobody has assigned */
        {"a161766101", "! v: is not a number"},
        {"a1617601ff", "! the payload has more bytes behind its CBOR item of 4"},
        {"a161760100", "! the payload has more bytes behind its CBOR item of 4"},
        {"01", "! v: is not in the payload"},
        {"", "! the payload is not CBOR"},
        {"9affffffff", "! the payload is not CBOR"}, /* four thousand million entries */
        {"bb7fffffffffffffff", "! the payload is not CBOR"},
        {"9b00000000ffffffff0101", "! the payload is not CBOR"},
        {"5b7fffffffffffffff00", "! the payload is not CBOR"},
        {"ff", "! the payload is not CBOR"},
    };
    static const char *const texts[][2] = {
        {"a161766161", "{\"v\":\"a\"}"},
        {"a161767f61616162ff", "{\"v\":\"ab\"}"},
        {"a1617660", "{\"v\":\"\"}"},
        {"a161767fff", "{\"v\":\"\"}"},
        {"a161766100", "! v: has control characters"},
        {"a161764161", "! v: is not text"},
    };
    struct selkie_model *model = one("cbor", "", "{\"hex\":\"a1617601\",\"values\":{\"v\":1}}");

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ck_assert_str_eq(models_fixture_decode(model, numbers[i][0]), numbers[i][1]);
    selkie_model_close(model);
    model = one("cbor", ",\"type\":\"text\"", "{\"hex\":\"a161766161\",\"values\":{\"v\":\"a\"}}");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_str_eq(models_fixture_decode(model, texts[i][0]), texts[i][1]);
    /* Not UTF-8: some versions of libcbor refuse it, others leave it to us. */
    ck_assert_int_eq(models_fixture_decode(model, "a1617661ff")[0], '!');
    ck_assert_int_eq(models_fixture_decode(model, "a1617662c328")[0], '!');
    selkie_model_close(model);
}
END_TEST

START_TEST(cbor_nested_as_deep_as_a_payload_can_be_is_read)
{
    static const char *const begins[] = {"81", "9f", "c1", "a1"};
    struct selkie_model *model = one("cbor", "", "{\"hex\":\"a1617601\",\"values\":{\"v\":1}}");
    char hex[801];

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        for (size_t at = 0; at < 800; at += 2)
            memcpy(hex + at, begins[i], 3);
        ck_assert_msg(strncmp(models_fixture_decode(model, hex), "! the payload is not CBOR", 25) == 0, "%s",
                      begins[i]);
        memcpy(hex + 798, "01", 3);
        ck_assert_msg(models_fixture_decode(model, hex)[0] == '!', "%s", begins[i]);
    }
    selkie_model_close(model);
}
END_TEST

START_TEST(text_is_pairs_with_anything_usual_between)
{
    static const char *const numbers[][2] = {
        {"v=21.43", "{\"v\":21.43}"},
        {" v=+21.430 ", "{\"v\":21.43}"},
        {"a=b,v=007;c=d&e=\r\n", "{\"v\":7}"},
        {"a=v=3 v=1", "{\"v\":1}"},
        {"v=-0", "{\"v\":0}"},
        {"v=.5", "{\"v\":0.5}"},
        {"v=1e3", "{\"v\":1000}"},
        {"v=1e999", "! v: is infinite"},
        {"v=0x10", "! v: is not a number"},
        {"v=nan", "! v: is not a number"},
        {"v=inf", "! v: is not a number"},
        {"v=", "! v: is not a number"},
        {"v=--1", "! v: is not a number"},
        {"v=1.2.3", "! v: is not a number"},
        {"v=99999999999999999999", "! v: is not a number"},
        {"v=1 v=2", "! v: its key is there twice"},
        {"V=1", "! v: is not in the payload"},
        {"hello", "! the payload is not key=value at byte 0"},
        {"v=1 =2", "! the payload is not key=value at byte 4"},
        {"", "! v: is not in the payload"},
    };
    static const char *const texts[][2] = {
        {"v=a", "{\"v\":\"a\"}"},
        {"v=", "{\"v\":\"\"}"},
        {"v=\x1b[2J", "! v: has control characters"},
        {"v=\xff", "! v: is not UTF-8"},
        {"v=\xc2\x85", "! v: has control characters"},
        {"v=\"<\"", "{\"v\":\"\\\"<\\\"\"}"},
    };
    static const char *const booleans[][2] = {
        {"v=true", "{\"v\":true}"}, {"v=false", "{\"v\":false}"}, {"v=1", "! v: is neither true nor false"}};

    check_texts(one("text", "", "{\"text\":\"v=1\",\"values\":{\"v\":1}}"), numbers,
                sizeof numbers / sizeof numbers[0]);
    check_texts(one("text", ",\"type\":\"text\"", "{\"text\":\"v=1\",\"values\":{\"v\":\"1\"}}"), texts,
                sizeof texts / sizeof texts[0]);
    check_texts(one("text", ",\"type\":\"boolean\"", "{\"text\":\"v=true\",\"values\":{\"v\":true}}"), booleans,
                sizeof booleans / sizeof booleans[0]);
}
END_TEST

START_TEST(payload_without_any_of_its_optional_fields_does_not_fit)
{
    struct selkie_model *model = one("text", ",\"optional\":true", "{\"text\":\"v=1\",\"values\":{\"v\":1}}");

    ck_assert_str_eq(models_fixture_decode_text(model, "x=1"), "! the payload has none of the model's fields");
    selkie_model_close(model);
}
END_TEST

START_TEST(values_have_at_most_4096_bytes)
{
    char text[8192] = "{\"model\":\"x\",\"format\":\"json\",\"fields\":[", payload[401];
    struct selkie_model *model;

    for (int i = 0; i < 16; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "%s{\"name\":\"f%d\",\"path\":\"v\",\"type\":\"text\"}", i > 0 ? "," : "", i);
    (void)strcat(text, "],\"examples\":[{\"text\":\"{\\\"v\\\":\\\"\\\"}\",\"values\":{");
    for (int i = 0; i < 16; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s\"f%d\":\"\"", i > 0 ? "," : "", i);
    (void)strcat(text, "}}]}");
    model = models_fixture_open(text);
    (void)snprintf(payload, sizeof payload, "{\"v\":\"%0247d\"}", 0); /* 16 * 247 + 2 + 10 * 8 + 6 * 9 + 15 - … */
    ck_assert_uint_le(strlen(models_fixture_decode_text(model, payload)), SELKIE_VALUES_MAX);
    ck_assert_int_eq(models_fixture_decode_text(model, payload)[0], '{');
    (void)snprintf(payload, sizeof payload, "{\"v\":\"%0260d\"}", 0);
    ck_assert_str_eq(models_fixture_decode_text(model, payload), "! the payload has values of more than 4096 bytes");
    selkie_model_close(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model_decode");
    TCase *tests = tcase_create("model_decode");

    tcase_add_checked_fixture(tests, models_fixture_set_up, models_fixture_tear_down);
    tcase_add_test(tests, each_type_has_its_size_sign_and_order);
    tcase_add_test(tests, bits_are_counted_from_the_least_significant_one);
    tcase_add_test(tests, scaled_numbers_are_short_and_exact);
    tcase_add_test(tests, no_scaled_number_has_noise);
    tcase_add_test(tests, number_outside_of_min_and_max_does_not_fit);
    tcase_add_test(tests, enum_gives_words_or_booleans);
    tcase_add_test(tests, shapes_are_chosen_by_a_value);
    tcase_add_test(tests, length_is_strict_unless_the_model_says_otherwise);
    tcase_add_test(tests, payload_longer_than_any_is_refused);
    tcase_add_test(tests, json_that_is_hostile_is_refused);
    tcase_add_test(tests, json_pointers_follow_rfc_6901);
    tcase_add_test(tests, whole_numbers_are_keys_of_cbor_in_their_usual_form);
    tcase_add_test(tests, cbor_that_is_hostile_is_refused);
    tcase_add_test(tests, cbor_nested_as_deep_as_a_payload_can_be_is_read);
    tcase_add_test(tests, text_is_pairs_with_anything_usual_between);
    tcase_add_test(tests, payload_without_any_of_its_optional_fields_does_not_fit);
    tcase_add_test(tests, values_have_at_most_4096_bytes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
