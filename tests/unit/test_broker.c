/* SPDX-License-Identifier: Apache-2.0 */
/* What Paho reports and what of it is the broker's answer. The two calls that hand callbacks to Paho are wrapped at
 * link time; the test then plays Paho's part. */
#include "broker.h"
#include "run_suite.h"

#include <MQTTAsync.h>

#define TOKEN 7

int __wrap_MQTTAsync_send(MQTTAsync client, const char *topic, int len, const void *payload, int qos, int retained,
                          MQTTAsync_responseOptions *options);
int __wrap_MQTTAsync_subscribe(MQTTAsync client, const char *topic, int qos, MQTTAsync_responseOptions *options);

static sd_event *event;
static struct selkie_broker *broker;
static MQTTAsync_responseOptions taken; /* of the last command */
static struct selkie_broker_event heard;
static unsigned heard_count;

int __wrap_MQTTAsync_send(MQTTAsync client, const char *topic, int len, const void *payload, int qos, int retained,
                          MQTTAsync_responseOptions *options)
{
    (void)client;
    (void)topic;
    (void)len;
    (void)payload;
    (void)qos;
    (void)retained;
    options->token = TOKEN;
    taken = *options;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_subscribe(MQTTAsync client, const char *topic, int qos, MQTTAsync_responseOptions *options)
{
    (void)client;
    (void)topic;
    (void)qos;
    taken = *options;
    return MQTTASYNC_SUCCESS;
}

static bool on_event(void *context, const struct selkie_broker_event *item)
{
    (void)context;
    if (item->kind != SELKIE_BROKER_PUBLISHED && item->kind != SELKIE_BROKER_SUBSCRIBED)
        return true; /* that nobody listens there */
    heard = *item;
    heard_count++;
    return true;
}

static void setup(void)
{
    static char gateway[] = "roof";
    static char root[] = "selkie";
    static char uri[] = "tcp://127.0.0.1:1"; /* nobody listens; a connection that is not there yet is enough */
    struct selkie_config config = {.gateway = gateway, .root = root, .broker = {.uri = uri}};
    char why[SELKIE_BROKER_TEXT_MAX];

    ck_assert_int_ge(sd_event_new(&event), 0);
    broker = selkie_broker_open(event, on_event, NULL);
    ck_assert_ptr_nonnull(broker);
    ck_assert_int_eq(selkie_broker_connect(broker, &config, why), 0);
}

static void teardown(void)
{
    selkie_broker_close(broker);
    (void)sd_event_unref(event);
}

/* Paho reports a failure; returns how many events the loop then has. */
static unsigned fail_with(int code, enum MQTTReasonCodes reason)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;
    unsigned before = heard_count;

    data.token = TOKEN;
    data.code = code;
    data.reasonCode = reason;
    taken.onFailure5(taken.context, &data);
    while (sd_event_run(event, 0) > 0)
        ;
    return heard_count - before;
}

static void expect_only_refusals(void)
{
    ck_assert_uint_eq(fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_SUCCESS), 0);
    ck_assert_uint_eq(fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_QUOTA_EXCEEDED), 0);
    ck_assert_uint_eq(fail_with(MQTTASYNC_OPERATION_INCOMPLETE, MQTTREASONCODE_SUCCESS), 0);
    ck_assert_uint_eq(fail_with(0, MQTTREASONCODE_SUCCESS), 0);
    ck_assert_uint_eq(fail_with(0, MQTTREASONCODE_QUOTA_EXCEEDED), 1);
    ck_assert_int_eq(heard.code, MQTTREASONCODE_QUOTA_EXCEEDED);
}

START_TEST(publish_that_paho_gave_up_is_no_answer)
{
    static const struct selkie_spool_frame frame = {.seq = 1, .rx = 1, .port = "/dev/ttyUSB0", .len = 1};

    ck_assert_int_eq(selkie_broker_publish_frame(broker, &frame), TOKEN);
    expect_only_refusals();
    ck_assert_int_eq(heard.kind, SELKIE_BROKER_PUBLISHED);
    ck_assert_int_eq(heard.token, TOKEN);
}
END_TEST

START_TEST(subscription_that_paho_gave_up_is_no_answer)
{
    ck_assert_int_eq(selkie_broker_subscribe_receipts(broker), 0);
    expect_only_refusals();
    ck_assert_int_eq(heard.kind, SELKIE_BROKER_SUBSCRIBED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broker");
    TCase *tcase = tcase_create("broker");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, publish_that_paho_gave_up_is_no_answer);
    tcase_add_test(tcase, subscription_that_paho_gave_up_is_no_answer);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
