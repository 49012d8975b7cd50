/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches Paho, and what of Paho's reports reaches the owner. */
#include "fake_paho.h"
#include "run_suite.h"

#include <string.h>

START_TEST(options_reach_paho)
{
    settings.username = "u";
    settings.keepalive_s = 77;
    settings.ca = "ca.pem";
    options.will_topic = "w";
    options.will_payload = "off";
    connect_to("mqtts://127.0.0.1");
    const MQTTAsync_connectOptions *connect = &last()->connect;
    ck_assert_int_eq(connect->keepAliveInterval, 77);
    ck_assert_int_eq(connect->cleanstart, 1);
    ck_assert_uint_eq(fake_paho_expiry_s, 0);
    ck_assert_int_eq(connect->automaticReconnect, 0);
    ck_assert_str_eq(connect->username, "u");
    ck_assert_ptr_null(connect->password);
    ck_assert_ptr_nonnull(connect->ssl);
    ck_assert_ptr_nonnull(connect->will);
    options.username = "v";
    options.password = "secret";
    options.keep_session = true;
    connect_to("mqtt://127.0.0.1");
    connect = &last()->connect;
    ck_assert_int_eq(connect->cleanstart, 0);
    ck_assert_uint_eq(fake_paho_expiry_s, 3600);
    ck_assert_str_eq(connect->username, "v");
    ck_assert_str_eq(last()->password, "secret");
    ck_assert_ptr_null(connect->ssl);
}
END_TEST

/* A failure of the last command. True: the owner hears of it. */
static bool fail_with(int code, enum MQTTReasonCodes reason)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;

    data.token = TOKEN;
    data.code = code;
    data.reasonCode = reason;
    fake_paho_taken.onFailure5(fake_paho_taken.context, &data);
    return next_event(0);
}

static void expect_only_refusals(void)
{
    ck_assert(!fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_SUCCESS));
    ck_assert(!fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_QUOTA_EXCEEDED));
    ck_assert(!fail_with(MQTTASYNC_OPERATION_INCOMPLETE, MQTTREASONCODE_SUCCESS));
    ck_assert(!fail_with(0, MQTTREASONCODE_SUCCESS));
    ck_assert(fail_with(0, MQTTREASONCODE_QUOTA_EXCEEDED));
    ck_assert_int_eq(event->code, MQTTREASONCODE_QUOTA_EXCEEDED);
}

START_TEST(publish_that_paho_gave_up_is_no_answer)
{
    const struct selkie_mqtt_message message = {.topic = "t", .payload = "x", .len = 1, .qos = 1, .answer = true};

    ck_assert_int_eq(selkie_mqtt_publish(client, &message), SELKIE_EIO); /* not connected */
    connect_one();
    ck_assert_int_eq(selkie_mqtt_publish(client, &message), TOKEN);
    expect_only_refusals();
    ck_assert_int_eq(event->kind, SELKIE_MQTT_PUBLISHED);
    ck_assert_int_eq(event->token, TOKEN);
}
END_TEST

static const struct {
    int result, error;
} locals[] = {
    {MQTTASYNC_DISCONNECTED, SELKIE_EIO},
    {MQTTASYNC_MAX_BUFFERED_MESSAGES, SELKIE_EFULL},
    {MQTTASYNC_NO_MORE_MSGIDS, SELKIE_EFULL},
    {MQTTASYNC_BAD_UTF8_STRING, SELKIE_EMALFORMED},
    {-99, SELKIE_ENOMEM},
    {MQTTASYNC_BAD_QOS, SELKIE_EINVAL},
};

START_TEST(what_paho_does_not_take_has_its_own_error)
{
    const struct selkie_mqtt_message message = {.topic = "t", .payload = "x", .len = 1, .qos = 1};

    connect_one();
    fake_paho_send_result = locals[_i].result;
    ck_assert_int_eq(selkie_mqtt_publish(client, &message), locals[_i].error);
}
END_TEST

START_TEST(subscription_that_paho_gave_up_is_no_answer)
{
    connect_one();
    ck_assert_int_eq(selkie_mqtt_subscribe(client, "t", 1), 0);
    expect_only_refusals();
    ck_assert_int_eq(event->kind, SELKIE_MQTT_SUBSCRIBED);
}
END_TEST

struct pair {
    const char *name, *value;
};

/* As Paho hands it over: without a NUL behind the payload. */
static void receive(const char *payload, size_t len, const struct pair *pairs, size_t count)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTProperty properties[3 * SELKIE_MQTT_PROPERTIES_MAX];
    char topic[] = "selkie/device/0011223344556677/up";

    ck_assert_uint_le(count, sizeof properties / sizeof properties[0]);
    for (size_t i = 0; i < count; i++) {
        MQTTProperty *property = &properties[i];
        property->identifier = MQTTPROPERTY_CODE_USER_PROPERTY;
        property->value.data = (MQTTLenString){(int)strlen(pairs[i].name), (char *)(uintptr_t)pairs[i].name};
        property->value.value = (MQTTLenString){(int)strlen(pairs[i].value), (char *)(uintptr_t)pairs[i].value};
    }
    message.properties = (MQTTProperties){.count = (int)count, .max_count = (int)count, .array = properties};
    message.payload = (void *)(uintptr_t)payload;
    message.payloadlen = (int)len;
    message.retained = count == 0;
    ck_assert_int_eq(last()->message(last()->context, topic, 0, &message), 1);
    expect(SELKIE_MQTT_MESSAGE);
    ck_assert_str_eq(event->topic, "selkie/device/0011223344556677/up");
    ck_assert_uint_eq(event->len, len);
    ck_assert_mem_eq(event->payload, payload, len);
    ck_assert(event->retained == (count == 0));
}

static const char *const wanted[] = {"counter", "gateway", "rx", "form", NULL};

START_TEST(the_plugins_properties_are_found_among_others)
{
    static const struct pair pairs[] = {
        {"count", "x"},   {"counters", "x"},  {"", "x"},        {"counter", "4294967295"},
        {"Gateway", "x"}, {"form", "sealed"}, {"port", "/dev"}, {"gateway", "roof"}};

    options.properties = wanted;
    connect_one();
    receive("21\0\xFF\n", 5, pairs, sizeof pairs / sizeof pairs[0]);
    ck_assert_str_eq(selkie_mqtt_event_property(event, "counter"), "4294967295");
    ck_assert_str_eq(selkie_mqtt_event_property(event, "gateway"), "roof");
    ck_assert_str_eq(selkie_mqtt_event_property(event, "form"), "sealed");
    ck_assert_ptr_null(selkie_mqtt_event_property(event, "rx")); /* when it was heard is not always known */
    ck_assert_ptr_null(selkie_mqtt_event_property(event, "port"));
    ck_assert_uint_eq(event->property_count, 3);
    receive("", 0, NULL, 0);
    ck_assert_uint_eq(event->property_count, 0);
}
END_TEST

START_TEST(properties_without_end_are_kept_within_bounds)
{
    char value[200];
    struct pair pairs[3 * SELKIE_MQTT_PROPERTIES_MAX];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        pairs[i] = (struct pair){"gateway", value};
    options.properties = wanted;
    connect_one();
    receive("", 0, pairs, sizeof pairs / sizeof pairs[0]);
    ck_assert_uint_le(event->property_count, SELKIE_MQTT_PROPERTIES_MAX);
    const char *kept = selkie_mqtt_event_property(event, "gateway");
    ck_assert_uint_ge(strlen(kept), 64); /* as long as a gateway's name may be */
    ck_assert_uint_le(strlen(kept), SELKIE_MQTT_VALUE_MAX);
    ck_assert_uint_eq(strspn(kept, "v"), strlen(kept));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_paho");
    TCase *tcase = tcase_create("mqtt_paho");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, options_reach_paho);
    tcase_add_test(tcase, publish_that_paho_gave_up_is_no_answer);
    tcase_add_loop_test(tcase, what_paho_does_not_take_has_its_own_error, 0, sizeof locals / sizeof locals[0]);
    tcase_add_test(tcase, subscription_that_paho_gave_up_is_no_answer);
    tcase_add_test(tcase, the_plugins_properties_are_found_among_others);
    tcase_add_test(tcase, properties_without_end_are_kept_within_bounds);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
