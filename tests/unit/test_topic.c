/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, section 8: names in topics. Access is decided by these, so what is not exactly ours must be OTHER. */
#include <check.h>
#include <run_suite.h>
#include <selkie/topic.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t address[SELKIE_ADDRESS_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0xAB, 0xCD};

static enum selkie_topic_kind kind_of(const char *root, const char *text)
{
    struct selkie_topic topic;
    ck_assert_int_eq(selkie_topic_parse(&topic, root, text), 0);
    return topic.kind;
}

START_TEST(every_gateway_topic_is_written_and_read)
{
    static const struct {
        enum selkie_topic_kind kind;
        const char *text;
    } topics[] = {
        {SELKIE_TOPIC_GATEWAY_UP, "selkie/gateway/roof-1/up"},
        {SELKIE_TOPIC_GATEWAY_STATE, "selkie/gateway/roof-1/state"},
        {SELKIE_TOPIC_GATEWAY_STATS, "selkie/gateway/roof-1/stats"},
        {SELKIE_TOPIC_GATEWAY_RECEIPT, "selkie/gateway/roof-1/receipt"},
    };
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        char text[SELKIE_TOPIC_MAX];
        struct selkie_topic topic;
        ck_assert_int_eq(selkie_topic_gateway(text, "selkie", "roof-1", topics[i].kind), (int)strlen(topics[i].text));
        ck_assert_str_eq(text, topics[i].text);
        ck_assert_int_eq(selkie_topic_parse(&topic, "selkie", text), 0);
        ck_assert_int_eq(topic.kind, topics[i].kind);
        ck_assert_str_eq(topic.gateway, "roof-1");
    }
}
END_TEST

START_TEST(every_device_topic_is_written_and_read)
{
    static const struct {
        enum selkie_topic_kind kind;
        const char *text;
    } topics[] = {
        {SELKIE_TOPIC_DEVICE_UP, "selkie/device/001122334455abcd/up"},
        {SELKIE_TOPIC_DEVICE_STATE, "selkie/device/001122334455abcd/state"},
        {SELKIE_TOPIC_DEVICE_EVENT, "selkie/device/001122334455abcd/event"},
        {SELKIE_TOPIC_DEVICE_VALUES, "selkie/device/001122334455abcd/values"},
        {SELKIE_TOPIC_DEVICE_LATE, "selkie/device/001122334455abcd/values/late"},
    };
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        char text[SELKIE_TOPIC_MAX];
        struct selkie_topic topic;
        ck_assert_int_eq(selkie_topic_device(text, "selkie", address, topics[i].kind), (int)strlen(topics[i].text));
        ck_assert_str_eq(text, topics[i].text);
        ck_assert_int_eq(selkie_topic_parse(&topic, "selkie", text), 0);
        ck_assert_int_eq(topic.kind, topics[i].kind);
        ck_assert_mem_eq(topic.address, address, sizeof address);
    }
}
END_TEST

START_TEST(rejected_and_stats_are_written_and_read)
{
    char text[SELKIE_TOPIC_MAX];
    ck_assert_int_gt(selkie_topic_rejected(text, "a/b", "bad-seal"), 0);
    ck_assert_str_eq(text, "a/b/rejected/bad-seal");
    ck_assert_int_eq(kind_of("a/b", text), SELKIE_TOPIC_REJECTED);
    ck_assert_int_gt(selkie_topic_stats(text, "a/b"), 0);
    ck_assert_str_eq(text, "a/b/stats");
    ck_assert_int_eq(kind_of("a/b", text), SELKIE_TOPIC_STATS);
}
END_TEST

START_TEST(a_models_topic_is_written_and_read)
{
    char text[SELKIE_TOPIC_MAX], longest[SELKIE_TOPIC_MODEL_MAX + 2];
    struct selkie_topic topic;

    ck_assert_int_gt(selkie_topic_model(text, "a/b", "acme-th1.2_x"), 0);
    ck_assert_str_eq(text, "a/b/models/acme-th1.2_x");
    ck_assert_int_eq(selkie_topic_parse(&topic, "a/b", text), 0);
    ck_assert_int_eq(topic.kind, SELKIE_TOPIC_MODEL);
    ck_assert_str_eq(topic.model, "acme-th1.2_x");
    memset(longest, 'm', sizeof longest);
    longest[SELKIE_TOPIC_MODEL_MAX + 1] = '\0';
    ck_assert_int_eq(selkie_topic_model(text, "a/b", longest), SELKIE_EINVAL);
    longest[SELKIE_TOPIC_MODEL_MAX] = '\0';
    ck_assert_int_gt(selkie_topic_model(text, "a/b", longest), 0);
    ck_assert_int_eq(kind_of("a/b", text), SELKIE_TOPIC_MODEL);
    ck_assert_int_eq(selkie_topic_model(text, "a/b", ""), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_model(text, "a/b", "Acme"), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_model(text, "a/b", "a/b"), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_model(text, "#", "a"), SELKIE_EINVAL);
}
END_TEST

START_TEST(near_misses_are_other)
{
    static const char *const near[] = {
        "selkie/",
        "selkie/gateway",
        "selkie/gateway/up",
        "selkie/gateway//up",
        "selkie/gateway/a b/up",
        "selkie/gateway/roof/1/up",
        "selkie/gateway/roof/up/",
        "selkie/gateway/roof/upper",
        "selkie/gateway/roof/u",
        "selkie/gateway/roof/event",
        "selkie/gateways/roof/up",
        "selkie/device/001122334455abc/up",
        "selkie/device/001122334455abcde/up",
        "selkie/device/001122334455abcg/up",
        "selkie/device/001122334455ABCD/up", /* another topic than the lower-case one */
        "selkie/device/001122334455abcd/receipt",
        "selkie/device/001122334455abcd/up/x",
        "selkie/rejected",
        "selkie/rejected/",
        "selkie/rejected/a/b",
        "selkie/models",
        "selkie/models/",
        "selkie/models/Acme",
        "selkie/models/a/b",
        "selkie/device/001122334455abcd/value",
        "selkie/device/001122334455abcd/values/",
        "selkie/device/001122334455abcd/values/later",
        "selkie/device/001122334455abcd/late",
        "selkie/gateway/roof/values",
        "selkie/stats/",
        "selkie/stats2",
        "selkie//stats",
    };
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        ck_assert_msg(kind_of("selkie", near[i]) == SELKIE_TOPIC_OTHER, "%s", near[i]);
}
END_TEST

START_TEST(what_is_not_below_the_root_is_not_found)
{
    static const char *const outside[] = {"",      "selkie",           "selkies/stats", "Selkie/stats", "/selkie/stats",
                                          "stats", "$SYS/selkie/stats"};
    struct selkie_topic topic;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        ck_assert_int_eq(selkie_topic_parse(&topic, "selkie", outside[i]), SELKIE_ENOTFOUND);
    ck_assert_int_eq(selkie_topic_parse(&topic, "a/b", "a/stats"), SELKIE_ENOTFOUND);
}
END_TEST

START_TEST(gateway_names_are_letters_digits_and_three_marks)
{
    char longest[SELKIE_GATEWAY_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[SELKIE_GATEWAY_NAME_MAX + 1] = '\0';
    ck_assert(!selkie_gateway_name_valid(longest));
    longest[SELKIE_GATEWAY_NAME_MAX] = '\0';
    ck_assert(selkie_gateway_name_valid(longest));
    ck_assert(!selkie_gateway_name_valid(""));
    for (int c = 1; c < 256; c++) {
        const char name[] = {'a', (char)c, '\0'};
        bool allowed = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       (c < 128 && strchr("-_.", c) != NULL);
        ck_assert_int_eq(selkie_gateway_name_valid(name), allowed);
    }
}
END_TEST

START_TEST(roots_have_no_wildcards_dollars_or_empty_levels)
{
    static const char *const good[] = {"selkie", "a", "site/one/selkie", "a$", "Ünïcode"};
    static const char *const bad[] = {"",    "/",   "/a",   "a/",   "a//b", "+",     "a/+", "#",
                                      "a/#", "a+b", "$SYS", "$a/b", "a\nb", "a\x01", "\x7f"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(selkie_topic_root_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!selkie_topic_root_valid(bad[i]), "%s", bad[i]);
    char longest[SELKIE_TOPIC_ROOT_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[SELKIE_TOPIC_ROOT_MAX + 1] = '\0';
    ck_assert(!selkie_topic_root_valid(longest));
    longest[SELKIE_TOPIC_ROOT_MAX] = '\0';
    ck_assert(selkie_topic_root_valid(longest));
}
END_TEST

START_TEST(writers_refuse_what_is_not_allowed)
{
    char text[SELKIE_TOPIC_MAX];
    ck_assert_int_eq(selkie_topic_gateway(text, "selkie", "a/b", SELKIE_TOPIC_GATEWAY_UP), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_gateway(text, "selkie", "a", SELKIE_TOPIC_DEVICE_UP), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_gateway(text, "sel+kie", "a", SELKIE_TOPIC_GATEWAY_UP), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_device(text, "selkie", address, SELKIE_TOPIC_GATEWAY_UP), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_device(text, "#", address, SELKIE_TOPIC_DEVICE_UP), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_rejected(text, "selkie", ""), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_rejected(text, "selkie", "12345678901234567890123456789012"), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_topic_stats(text, ""), SELKIE_EINVAL);
}
END_TEST

START_TEST(longest_names_fit)
{
    char root[SELKIE_TOPIC_ROOT_MAX + 1] = {0}, name[SELKIE_GATEWAY_NAME_MAX + 1] = {0}, text[SELKIE_TOPIC_MAX];
    memset(root, 'r', sizeof root - 1);
    memset(name, 'n', sizeof name - 1);
    int len = selkie_topic_gateway(text, root, name, SELKIE_TOPIC_GATEWAY_RECEIPT);
    ck_assert_int_eq(len, 64 + 1 + 7 + 1 + 64 + 1 + 7);
    ck_assert_int_eq(kind_of(root, text), SELKIE_TOPIC_GATEWAY_RECEIPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topic");
    TCase *tc = tcase_create("topic");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, every_gateway_topic_is_written_and_read);
    tcase_add_test(tc, every_device_topic_is_written_and_read);
    tcase_add_test(tc, rejected_and_stats_are_written_and_read);
    tcase_add_test(tc, a_models_topic_is_written_and_read);
    tcase_add_test(tc, a_models_topic_is_written_and_read);
    tcase_add_test(tc, near_misses_are_other);
    tcase_add_test(tc, what_is_not_below_the_root_is_not_found);
    tcase_add_test(tc, gateway_names_are_letters_digits_and_three_marks);
    tcase_add_test(tc, roots_have_no_wildcards_dollars_or_empty_levels);
    tcase_add_test(tc, writers_refuse_what_is_not_allowed);
    tcase_add_test(tc, longest_names_fit);
    return run_suite(suite);
}
