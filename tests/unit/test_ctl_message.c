/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a broker's message, and the queue between Paho's thread and ours. */
#include "message.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *name, *value;
};

/* As Paho hands it over: without a NUL behind the payload, and gone afterwards. */
static struct ctl_message *receive(const void *payload, size_t len, const struct pair *pairs, size_t count)
{
    MQTTAsync_message from = MQTTAsync_message_initializer;
    MQTTProperty properties[16];

    ck_assert_uint_le(count, sizeof properties / sizeof properties[0]);
    for (size_t i = 0; i < count; i++) {
        MQTTProperty *property = &properties[i];
        property->identifier = MQTTPROPERTY_CODE_USER_PROPERTY;
        property->value.data = (MQTTLenString){(int)strlen(pairs[i].name), (char *)(uintptr_t)pairs[i].name};
        property->value.value = (MQTTLenString){(int)strlen(pairs[i].value), (char *)(uintptr_t)pairs[i].value};
    }
    from.properties = (MQTTProperties){.count = (int)count, .max_count = (int)count, .array = properties};
    if (len > 0) {
        from.payload = malloc(len);
        memcpy(from.payload, payload, len);
    }
    from.payloadlen = (int)len;
    struct ctl_message *message = ctl_message_new("selkie/device/0011223344556677/up", &from);
    ck_assert_ptr_nonnull(message);
    ck_assert_str_eq(message->topic, "selkie/device/0011223344556677/up");
    free(from.payload);
    return message;
}

START_TEST(a_message_outlives_pahos_with_its_bytes_as_they_were)
{
    static const uint8_t bytes[] = {'2', '1', 0, 0xFF, '\n'};
    struct ctl_message *message = receive(bytes, sizeof bytes, NULL, 0);

    ck_assert_uint_eq(message->len, sizeof bytes);
    ck_assert_mem_eq(message->payload, bytes, sizeof bytes);
    ck_assert_uint_eq(message->payload[sizeof bytes], '\0');
    ck_assert(!message->retained);
    ctl_message_free(message);
}
END_TEST

START_TEST(an_empty_payload_is_an_empty_text)
{
    struct ctl_message *message = receive(NULL, 0, NULL, 0);

    ck_assert_uint_eq(message->len, 0);
    ck_assert_str_eq((const char *)message->payload, "");
    ctl_message_free(message);
}
END_TEST

START_TEST(a_retained_message_is_known_as_one)
{
    MQTTAsync_message from = MQTTAsync_message_initializer;

    from.retained = 1;
    struct ctl_message *message = ctl_message_new("selkie/stats", &from);
    ck_assert(message->retained);
    ctl_message_free(message);
}
END_TEST

START_TEST(the_plugins_properties_are_found_among_others)
{
    static const struct pair pairs[] = {
        {"count", "x"},   {"counters", "x"},  {"", "x"},        {"counter", "4294967295"},
        {"Gateway", "x"}, {"form", "sealed"}, {"port", "/dev"}, {"gateway", "roof"}};
    struct ctl_message *message = receive("", 0, pairs, sizeof pairs / sizeof pairs[0]);

    ck_assert_str_eq(ctl_message_property(message, "counter"), "4294967295");
    ck_assert_str_eq(ctl_message_property(message, "gateway"), "roof");
    ck_assert_str_eq(ctl_message_property(message, "form"), "sealed");
    ck_assert_ptr_null(ctl_message_property(message, "rx")); /* when it was heard is not always known */
    ck_assert_ptr_null(ctl_message_property(message, "port"));
    ck_assert_uint_eq(message->property_count, 3);
    ctl_message_free(message);
}
END_TEST

START_TEST(properties_without_end_are_kept_within_bounds)
{
    char value[200];
    struct pair pairs[3 * CTL_PROPERTIES_MAX];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        pairs[i] = (struct pair){"gateway", value};
    struct ctl_message *message = receive("", 0, pairs, sizeof pairs / sizeof pairs[0]);
    ck_assert_uint_le(message->property_count, CTL_PROPERTIES_MAX);
    const char *kept = ctl_message_property(message, "gateway");
    ck_assert_uint_ge(strlen(kept), 64); /* as long as a gateway's name may be */
    ck_assert_uint_lt(strlen(kept), sizeof message->properties[0].value);
    ck_assert_uint_eq(strspn(kept, "v"), strlen(kept));
    ctl_message_free(message);
}
END_TEST

static struct ctl_message *numbered(size_t number)
{
    char text[24];

    return receive(text, (size_t)snprintf(text, sizeof text, "%zu", number), NULL, 0);
}

static void expect_next(struct ctl_inbox *inbox, size_t number)
{
    struct ctl_message *message = ctl_inbox_next(inbox);

    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(strtoul((const char *)message->payload, NULL, 10), number);
    ck_assert_ptr_null(message->next);
    ctl_message_free(message);
}

START_TEST(messages_come_out_in_order_also_after_the_queue_was_empty)
{
    struct ctl_inbox inbox;

    ctl_inbox_init(&inbox);
    ck_assert_ptr_null(ctl_inbox_next(&inbox));
    for (size_t round = 0; round < 3; round++) {
        ctl_inbox_put_take(&inbox, numbered(1));
        ctl_inbox_put_take(&inbox, numbered(2));
        expect_next(&inbox, 1);
        ctl_inbox_put_take(&inbox, numbered(3));
        expect_next(&inbox, 2);
        expect_next(&inbox, 3);
        ck_assert_ptr_null(ctl_inbox_next(&inbox));
        ck_assert_uint_eq(inbox.waiting, 0);
    }
    ck_assert_uint_eq(inbox.dropped, 0);
}
END_TEST

START_TEST(a_full_queue_keeps_what_waits_and_counts_what_it_drops)
{
    struct ctl_inbox inbox;

    ctl_inbox_init(&inbox);
    for (size_t i = 0; i < CTL_INBOX_MAX + 3; i++)
        ctl_inbox_put_take(&inbox, numbered(i));
    ck_assert_uint_eq(inbox.waiting, CTL_INBOX_MAX);
    ck_assert_uint_eq(inbox.dropped, 3);
    expect_next(&inbox, 0);
    ctl_inbox_put_take(&inbox, numbered(7000000)); /* there is room again */
    for (size_t i = 1; i < CTL_INBOX_MAX; i++)
        expect_next(&inbox, i);
    expect_next(&inbox, 7000000);
    ck_assert_ptr_null(ctl_inbox_next(&inbox));
    ck_assert_uint_eq(inbox.dropped, 3);
}
END_TEST

START_TEST(a_message_that_there_was_no_memory_for_counts_as_dropped)
{
    struct ctl_inbox inbox;

    ctl_inbox_init(&inbox);
    ctl_inbox_put_take(&inbox, NULL);
    ck_assert_uint_eq(inbox.dropped, 1);
    ck_assert_ptr_null(ctl_inbox_next(&inbox));
}
END_TEST

START_TEST(a_queue_that_was_wiped_is_empty_and_may_be_used)
{
    struct ctl_inbox inbox;

    ctl_inbox_init(&inbox);
    ctl_inbox_put_take(&inbox, numbered(1));
    ctl_inbox_put_take(&inbox, numbered(2));
    ctl_inbox_wipe(&inbox);
    ck_assert_ptr_null(ctl_inbox_next(&inbox));
    ctl_inbox_put_take(&inbox, numbered(3));
    expect_next(&inbox, 3);
    ctl_inbox_wipe(&inbox);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_message");
    TCase *tcase = tcase_create("ctl_message");

    tcase_add_test(tcase, a_message_outlives_pahos_with_its_bytes_as_they_were);
    tcase_add_test(tcase, an_empty_payload_is_an_empty_text);
    tcase_add_test(tcase, a_retained_message_is_known_as_one);
    tcase_add_test(tcase, the_plugins_properties_are_found_among_others);
    tcase_add_test(tcase, properties_without_end_are_kept_within_bounds);
    tcase_add_test(tcase, messages_come_out_in_order_also_after_the_queue_was_empty);
    tcase_add_test(tcase, a_full_queue_keeps_what_waits_and_counts_what_it_drops);
    tcase_add_test(tcase, a_message_that_there_was_no_memory_for_counts_as_dropped);
    tcase_add_test(tcase, a_queue_that_was_wiped_is_empty_and_may_be_used);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
