/* SPDX-License-Identifier: Apache-2.0 */
/* A radio line whose radio appends a byte to each packet: how strongly it received it. */
#include "radio_fixture.h"
#include "run_suite.h"

#include <selkie/clock.h>
#include <selkie/frame.h>
#include <string.h>
#include <unistd.h>

/* Turn the loop until so many bodies were heard. */
static void turn_until_heard(size_t bodies)
{
    int64_t limit = selkie_clock_monotonic_us() + RADIO_PATIENCE_US;

    while (heard.count < bodies && selkie_clock_monotonic_us() < limit)
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
    ck_assert_uint_eq(heard.count, bodies);
}

/* From now on the radio appends a byte. */
static void append_rssi(void)
{
    line.rssi = SELKIE_LINE_RSSI_BYTE;
    selkie_radio_line_configure(radio, &config, &line);
}

static const uint8_t a_session[SELKIE_SESSION_OVERHEAD] = {0x11, 1, 2, 3};

START_TEST(strength_comes_from_the_byte_behind_a_frame)
{
    append_rssi();
    radio_send_body(a_session, sizeof a_session);
    radio_send_bytes((const uint8_t[]){0xA9}, 1);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, -87);
    ck_assert_uint_eq(heard.len, sizeof a_session);
    ck_assert_mem_eq(heard.body, a_session, sizeof a_session);
    radio_send_body(a_session, sizeof a_session);
    radio_send_bytes((const uint8_t[]){0x80}, 1);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, -128);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->garbage + counters->crc + counters->overlong, 0);
}
END_TEST

START_TEST(strength_may_come_in_a_read_of_its_own)
{
    append_rssi();
    radio_send_body(a_session, sizeof a_session);
    ck_assert_int_ge(sd_event_run(event, RADIO_PATIENCE_US), 0); /* reads the frame: the byte is not there yet */
    ck_assert_uint_eq(heard.count, 0);
    radio_send_bytes((const uint8_t[]){0xA9}, 1);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, -87);
}
END_TEST

START_TEST(body_does_not_wait_for_a_byte_that_does_not_come)
{
    uint8_t ack[SELKIE_ACK_SIZE];

    append_rssi();
    radio_send_body(a_session, sizeof a_session);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, 0);
    selkie_radio_line_ack(radio, a_session, sizeof a_session, false);
    radio_await_ack(ack);
    radio_send_bytes((const uint8_t[]){0xA9}, 1); /* it comes too late */
    radio_send_body(a_session, sizeof a_session);
    radio_send_bytes((const uint8_t[]){0xAA}, 1);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, -86);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->garbage, 0);
}
END_TEST

START_TEST(frame_right_behind_another_takes_no_strength_from_it)
{
    append_rssi();
    radio_send_body(a_session, sizeof a_session);
    radio_send_body(a_session, sizeof a_session);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, 0);
    radio_send_body(a_session, sizeof a_session);
    radio_send_bytes((const uint8_t[]){0}, 1); /* -256 dBm is no strength */
    turn_until_heard(3);
    ck_assert_int_eq(heard.rssi, 0);
}
END_TEST

/* Each fragment is a packet with a byte of its own; of the one that another follows at once, the strength is unknown.
 */
START_TEST(strength_of_fragments_is_their_mean)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    append_rssi();
    radio_sealed_of(body, 0x42);
    for (uint8_t index = 0; index < 11; index++) {
        radio_send_fragment(body, sizeof body, index);
        if (index != 5)
            radio_send_bytes((const uint8_t[]){index < 5 ? 0xB0 : 0x9C}, 1); /* -80 and -100 */
    }
    turn_until_heard(1);
    ck_assert_uint_eq(heard.len, sizeof body);
    ck_assert_mem_eq(heard.body, body, sizeof body);
    ck_assert_int_eq(heard.rssi, -90);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->garbage + counters->crc + counters->overlong, 0);
}
END_TEST

START_TEST(body_that_waits_is_handed_on_when_the_line_goes_and_at_the_end)
{
    append_rssi();
    radio_send_body(a_session, sizeof a_session);
    selkie_radio_line_read_rest(radio);
    ck_assert_uint_eq(heard.count, 1);
    radio_send_body(a_session, sizeof a_session);
    ck_assert_int_ge(sd_event_run(event, RADIO_PATIENCE_US), 0);
    (void)close(master);
    master = -1;
    turn_until_heard(2);
}
END_TEST

START_TEST(without_the_setting_the_byte_is_noise_and_no_body_waits)
{
    radio_send_body(a_session, sizeof a_session);
    radio_send_bytes((const uint8_t[]){0xA9}, 1);
    ck_assert_int_ge(sd_event_run(event, RADIO_PATIENCE_US), 0);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_int_eq(heard.rssi, 0);
    radio_send_body(a_session, sizeof a_session);
    radio_turn_until(3);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->garbage, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radio_strength");
    TCase *tcase = tcase_create("radio_strength");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, radio_setup, radio_teardown);
    tcase_add_test(tcase, strength_comes_from_the_byte_behind_a_frame);
    tcase_add_test(tcase, strength_may_come_in_a_read_of_its_own);
    tcase_add_test(tcase, body_does_not_wait_for_a_byte_that_does_not_come);
    tcase_add_test(tcase, frame_right_behind_another_takes_no_strength_from_it);
    tcase_add_test(tcase, strength_of_fragments_is_their_mean);
    tcase_add_test(tcase, body_that_waits_is_handed_on_when_the_line_goes_and_at_the_end);
    tcase_add_test(tcase, without_the_setting_the_byte_is_noise_and_no_body_waits);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
