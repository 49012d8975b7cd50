/* SPDX-License-Identifier: Apache-2.0 */
/* How an attempt goes through URIs and addresses, how it ends, and what the owner hears of it. */
#include "fake_paho.h"
#include "run_suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(an_address_needs_no_name_server)
{
    connect_to("mqtts://[::1]");
    ck_assert_ptr_null((void *)(uintptr_t)fake_lookup.done);
    expect_attempt(1, "mqtts://::1:8883", "::1"); /* as Paho compares it with the certificate */
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_int_eq(event->code, 65535);
    ck_assert(event->packet_max == SIZE_MAX);
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtts://[::1]");
    expect_nothing();
}
END_TEST

START_TEST(limits_of_the_broker_are_reported)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;
    MQTTProperty limits[] = {{.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, .value.integer2 = 20},
                             {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, .value.integer4 = 4000}};

    connect_to("mqtt://127.0.0.1");
    data.properties = (MQTTProperties){.count = 2, .max_count = 2, .array = limits};
    last()->connect.onSuccess5(last()->context, &data);
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_int_eq(event->code, 20);
    ck_assert_uint_eq(event->packet_max, 4000);
}
END_TEST

START_TEST(addresses_of_a_name_are_tried_in_turn)
{
    connect_to("mqtts://b.example");
    expect_nothing();
    ck_assert_uint_eq(fake_paho_count, 0);
    resolve("b.example", "192.0.2.1 192.0.2.2 2001:db8::1");
    expect_attempt(1, "mqtts://b.example:8883", "192.0.2.1"); /* the name stays: the certificate is for it */
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    expect_attempt(2, "mqtts://b.example:8883", "192.0.2.2");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    expect_attempt(3, "mqtts://b.example:8883", "2001:db8::1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
}
END_TEST

START_TEST(uris_are_tried_in_turn)
{
    connect_to("mqtt://127.0.0.1:1,mqtt://b.example,mqtt://[::1]:2");
    expect_attempt(1, "mqtt://127.0.0.1:1", "127.0.0.1");
    ck_assert_str_eq(selkie_mqtt_uri(client), settings.name);
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    resolve("b.example", "");
    expect_attempt(2, "mqtt://::1:2", "::1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtt://[::1]:2");
}
END_TEST

START_TEST(each_address_has_the_connect_timeout)
{
    connect_to("mqtt://b.example");
    resolve("b.example", "192.0.2.1 192.0.2.2");
    turn(60000);
    expect_attempt(2, "mqtt://b.example:1883", "192.0.2.2");
    ck_assert_int_eq(last()->connect.connectTimeout, 1);
    ck_assert(fake_pahos[0].destroyed);
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "192.0.2.1: no answer; 192.0.2.2: no answer");
    ck_assert_int_eq(event->code, 0);
}
END_TEST

START_TEST(a_name_server_that_does_not_answer_is_left)
{
    connect_to("mqtt://b.example,mqtt://127.0.0.1");
    turn(60000);
    ck_assert_ptr_null((void *)(uintptr_t)fake_lookup.done);
    expect_attempt(1, "mqtt://127.0.0.1:1883", "127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "mqtt://b.example: the name server does not answer; mqtt://127.0.0.1: no connection: "
                                  "closed port, or no way to the host");
    expect_nothing();
}
END_TEST

START_TEST(one_address_needs_no_mention)
{
    connect_to("mqtt://b.example");
    resolve("b.example", "");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "the host name has no address");
    connect_to("mqtt://127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect timeout");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "no answer");
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtt://127.0.0.1");
}
END_TEST

START_TEST(a_refusal_holds_for_all_addresses_of_a_name)
{
    connect_to("mqtt://b.example,mqtt://127.0.0.1");
    resolve("b.example", "192.0.2.1 192.0.2.2");
    report_failure(last(), MQTTREASONCODE_NOT_AUTHORIZED, NULL);
    expect_nothing();
    expect_attempt(2, "mqtt://127.0.0.1:1883", "127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_REFUSED);
    ck_assert_int_eq(event->code, MQTTREASONCODE_NOT_AUTHORIZED);
    ck_assert_str_eq(event->text, "mqtt://b.example at 192.0.2.1: Not authorized; mqtt://127.0.0.1: no connection: "
                                  "closed port, or no way to the host");
}
END_TEST

START_TEST(what_paho_does_not_begin_fails_as_an_event)
{
    fake_paho_connect_result = MQTTASYNC_FAILURE;
    connect_to("mqtt://127.0.0.1,mqtt://[::1]");
    fake_paho_connect_result = MQTTASYNC_SUCCESS;
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(event->text, "mqtt://127.0.0.1: Paho: "));
    ck_assert_ptr_nonnull(strstr(event->text, "; mqtt://[::1]: Paho: "));
    ck_assert_uint_eq(fake_paho_living, 0);
}
END_TEST

START_TEST(what_comes_of_an_earlier_connection_is_dropped)
{
    connect_one();
    struct fake_paho *first = last();
    connect_to("mqtt://127.0.0.1:2");
    ck_assert(first->destroyed);
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    last()->lost(last()->context, NULL);
    connect_to("mqtt://127.0.0.1:3");
    expect_nothing();
}
END_TEST

START_TEST(loss_has_the_brokers_reason)
{
    connect_one();
    last()->disconnected(last()->context, NULL, MQTTREASONCODE_SESSION_TAKEN_OVER);
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    ck_assert_int_eq(event->code, MQTTREASONCODE_SESSION_TAKEN_OVER);
    ck_assert(!selkie_mqtt_is_connected(client));
    ck_assert_int_eq(selkie_mqtt_subscribe(client, "t", 1), SELKIE_EIO);
}
END_TEST

START_TEST(leave_sends_the_will_or_not)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;

    ck_assert(!selkie_mqtt_disconnect(client, true));
    connect_one();
    ck_assert(selkie_mqtt_disconnect(client, true));
    ck_assert_int_eq(fake_paho_leave.reasonCode, MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE);
    fake_paho_leave.onSuccess5(fake_paho_leave.context, &data);
    expect(SELKIE_MQTT_DISCONNECTED);
    ck_assert(!selkie_mqtt_disconnect(client, false));
    connect_one();
    ck_assert(selkie_mqtt_disconnect(client, false));
    ck_assert_int_eq(fake_paho_leave.reasonCode, MQTTREASONCODE_NORMAL_DISCONNECTION);
}
END_TEST

START_TEST(leave_ends_an_attempt)
{
    connect_to("mqtt://b.example");
    ck_assert(!selkie_mqtt_disconnect(client, true));
    ck_assert_ptr_null((void *)(uintptr_t)fake_lookup.done);
    ck_assert(!next_event(1100));
}
END_TEST

/* Whether Paho reports a loss after the broker's DISCONNECT depends on what it was about to do. */
START_TEST(a_broker_that_disconnects_is_lost_once_whatever_paho_adds)
{
    for (int i = 0; i < 2; i++) {
        connect_one();
        last()->disconnected(last()->context, NULL, MQTTREASONCODE_ADMINISTRATIVE_ACTION);
        if (i == 1)
            last()->lost(last()->context, NULL);
        expect(SELKIE_MQTT_LOST);
        ck_assert(!next_event(100));
    }
}
END_TEST

START_TEST(it_connects_again_where_that_is_wanted)
{
    options.reconnect_s = 1;
    connect_one();
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    turn(60000);
    ck_assert_uint_eq(fake_paho_count, 2);
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_UNREACHABLE);
    turn(60000);
    ck_assert_uint_eq(fake_paho_count, 3);
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert(selkie_mqtt_disconnect(client, false));
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    ck_assert(!next_event(1100)); /* it was told to leave */
    ck_assert_uint_eq(fake_paho_count, 3);
}
END_TEST

/* The password of an attempt that was given up is not for the next broker. */
START_TEST(a_password_goes_to_the_broker_it_was_read_for_alone)
{
    char path[] = "/tmp/selkie-test-password-XXXXXX", why[SELKIE_MQTT_TEXT_MAX];
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, "secret", 6), 6);
    ck_assert_int_eq(close(file), 0);
    settings.username = "u";
    settings.password_file = path;
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://127.0.0.1"));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
    ck_assert_str_eq(last()->password, "secret");
    ck_assert_int_eq(unlink(path), 0);
    settings.username = NULL;
    settings.password_file = NULL;
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
    ck_assert_ptr_null(last()->connect.password);
}
END_TEST

START_TEST(a_password_that_cannot_be_read_begins_nothing)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    settings.username = "u";
    settings.password_file = "/nonexistent/password";
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://127.0.0.1"));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/password: No such file"));
    ck_assert_uint_eq(fake_paho_count, 0);
    ck_assert(!next_event(0));
}
END_TEST

/* Paho would go on with it, and connect. */
START_TEST(an_attempt_that_is_given_up_ends_at_once)
{
    connect_to("mqtt://127.0.0.1");
    report_success(last()); /* and it is too late: the time-out comes first */
    fake_paho_clock_us += 1010000;
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert(last()->destroyed);
    expect_nothing();
    ck_assert(!selkie_mqtt_is_connected(client));
    connect_to("mqtt://127.0.0.1");
    ck_assert(!selkie_mqtt_disconnect(client, true));
    ck_assert(last()->destroyed);
    connect_one();
    connect_to("mqtt://b.example"); /* a connection ends before a name is looked up for the next */
    ck_assert(last()->destroyed);
}
END_TEST

/* As after each look-up of a name that has several addresses. */
START_TEST(addresses_in_another_order_make_no_other_reason)
{
    char text[SELKIE_MQTT_TEXT_MAX];

    connect_to("mqtt://127.0.0.1,mqtt://b.example");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    resolve("b.example", "192.0.2.2 192.0.2.1");
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect completion failure");
    expect_nothing();
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect timeout");
    expect(SELKIE_MQTT_UNREACHABLE);
    (void)strcpy(text, event->text);
    ck_assert_str_eq(text, "mqtt://127.0.0.1: no connection: closed port, or no way to the host; mqtt://b.example at "
                           "192.0.2.1: no answer; "
                           "mqtt://b.example at 192.0.2.2: the broker closed the connection");
    connect_to("mqtt://127.0.0.1,mqtt://b.example");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    resolve("b.example", "192.0.2.1 192.0.2.2");
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect timeout");
    expect_nothing();
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect completion failure");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, text);
}
END_TEST

START_TEST(look_ups_that_wait_for_ever_are_a_reason)
{
    fake_lookup.result = SELKIE_EBUSY;
    connect_to("mqtt://b.example");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "the name server has not answered earlier look-ups yet");
}
END_TEST

START_TEST(a_loss_without_memory_for_its_event_is_made_up_for)
{
    options.reconnect_s = 1;
    connect_one();
    fake_paho_no_memory = true;
    last()->lost(last()->context, NULL);
    fake_paho_connected = false;
    turn(0);
    turn(60000); /* there is none for what is made up either */
    fake_paho_no_memory = false;
    expect(SELKIE_MQTT_LOST);
    expect_nothing();
    turn(60000);
    ck_assert_uint_eq(fake_paho_count, 2);
}
END_TEST

START_TEST(a_failure_without_memory_for_its_event_is_reported_later)
{
    connect_to("mqtt://127.0.0.1");
    fake_paho_no_memory = true;
    report_failure(last(), MQTTASYNC_FAILURE, NULL); /* runs into the time-out */
    turn(0);
    turn(60000);
    turn(0);
    fake_paho_no_memory = false;
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "no answer");
}
END_TEST

/* The owner may be late: the attempt after the pause does not hide that the one before failed. */
START_TEST(a_failure_is_reported_before_the_next_attempt)
{
    options.reconnect_s = 1;
    connect_to("mqtt://127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    turn(0);
    fake_paho_clock_us += 1100000;
    expect(SELKIE_MQTT_UNREACHABLE);
}
END_TEST

/* They are another document's: the first one is gone. */
START_TEST(the_same_settings_can_be_adopted)
{
    struct selkie_mqtt_settings same;

    connect_to("mqtt://127.0.0.1,mqtt://[::1]");
    same = settings;
    same.ca = "new";
    selkie_mqtt_adopt(client, &same);
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    expect_attempt(2, "mqtt://::1:1883", "::1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_client");
    TCase *tcase = tcase_create("mqtt_client");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_address_needs_no_name_server);
    tcase_add_test(tcase, limits_of_the_broker_are_reported);
    tcase_add_test(tcase, addresses_of_a_name_are_tried_in_turn);
    tcase_add_test(tcase, uris_are_tried_in_turn);
    tcase_add_test(tcase, each_address_has_the_connect_timeout);
    tcase_add_test(tcase, a_name_server_that_does_not_answer_is_left);
    tcase_add_test(tcase, one_address_needs_no_mention);
    tcase_add_test(tcase, a_refusal_holds_for_all_addresses_of_a_name);
    tcase_add_test(tcase, what_paho_does_not_begin_fails_as_an_event);
    tcase_add_test(tcase, what_comes_of_an_earlier_connection_is_dropped);
    tcase_add_test(tcase, loss_has_the_brokers_reason);
    tcase_add_test(tcase, leave_sends_the_will_or_not);
    tcase_add_test(tcase, leave_ends_an_attempt);
    tcase_add_test(tcase, a_broker_that_disconnects_is_lost_once_whatever_paho_adds);
    tcase_add_test(tcase, it_connects_again_where_that_is_wanted);
    tcase_add_test(tcase, a_password_goes_to_the_broker_it_was_read_for_alone);
    tcase_add_test(tcase, a_password_that_cannot_be_read_begins_nothing);
    tcase_add_test(tcase, an_attempt_that_is_given_up_ends_at_once);
    tcase_add_test(tcase, addresses_in_another_order_make_no_other_reason);
    tcase_add_test(tcase, look_ups_that_wait_for_ever_are_a_reason);
    tcase_add_test(tcase, a_loss_without_memory_for_its_event_is_made_up_for);
    tcase_add_test(tcase, a_failure_without_memory_for_its_event_is_reported_later);
    tcase_add_test(tcase, a_failure_is_reported_before_the_next_attempt);
    tcase_add_test(tcase, the_same_settings_can_be_adopted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
