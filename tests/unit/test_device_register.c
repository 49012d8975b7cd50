/* SPDX-License-Identifier: Apache-2.0 */
/* When a device registers: at boot, after its hours, and again where nobody acknowledged it. */
#include "fake_device.h"
#include <check.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS     60000u
#define HOUR_MS       3600000u
#define REGISTERS_MAX 400
#define AIR_MS(len)   ((uint64_t)(len)*8000 / 2000) /* at 2 kbit/s */

static struct selkie_link_rx ack_rx;

/* A device that sends, and a gateway that is there at times. */
static struct {
    bool gateway_up;     /* it acknowledges */
    bool deaf_to_sealed; /* long frames do not get through */
    uint64_t reading_ms; /* a reading so often; 0: none */
    uint64_t next_ms;    /* the next reading */
    size_t session_frames;
    size_t transmissions;          /* of REGISTERs, repeats included */
    uint64_t at_ms[REGISTERS_MAX]; /* each REGISTER, when it first went out */
    size_t registers;
    uint64_t last_end_ms, last_air_ms; /* of the last frame */
} life;

static void set_up(void)
{
    fake_device_set_up();
    memset(&life, 0, sizeof life);
}

/* With ACKs, in SESSION's form: nothing but a REGISTER is sealed. */
static void expect_acks(void)
{
    config.ack_rx = &ack_rx;
    config.form = SELKIE_SESSION;
    ck_assert_int_eq(fake_device_init(), 0);
}

/* Look at the frame that just went out, and answer it. */
static void hear(void)
{
    static uint8_t last[SELKIE_SEALED_SIZE];
    const struct fake_frame *frame = &fake.frames[0];
    bool sealed = frame->len == SELKIE_SEALED_SIZE;
    ck_assert_uint_eq(fake.frame_count, 1);
    fake.frame_count = 0;
    if (config.uplink.duty_permille == 10) /* the silence after each frame, and the end of this one is not yet out */
        ck_assert_uint_ge(frame->at_ms, life.last_end_ms + 99 * life.last_air_ms);
    life.last_air_ms = AIR_MS(frame->len);
    life.last_end_ms = frame->at_ms + life.last_air_ms;
    if (sealed) {
        life.transmissions++;
        if (memcmp(last, frame->body, sizeof last) != 0) {
            ck_assert_uint_lt(life.registers, REGISTERS_MAX);
            life.at_ms[life.registers++] = frame->at_ms;
        }
        memcpy(last, frame->body, sizeof last);
    } else {
        life.session_frames++;
    }
    if (life.gateway_up && !(sealed && life.deaf_to_sealed))
        fake_port_acknowledge(&fake, frame->body, frame->len);
}

static void live(uint64_t duration_ms)
{
    uint64_t end_ms = fake.now_ms + duration_ms;
    while (fake.now_ms < end_ms) {
        int state = selkie_device_poll(&device, fake.now_ms, &status);
        ck_assert_int_ge(state, 0);
        bool sent = fake.frame_count > 0;
        if (sent)
            hear();
        bool due = life.reading_ms > 0 && fake.now_ms >= life.next_ms;
        uint64_t wake_ms = status.wake_ms;
        if (state == SELKIE_DEVICE_READY && due) {
            ck_assert_int_eq(fake_device_send("sixteen bytes!!!"), 0);
            life.next_ms = fake.now_ms + life.reading_ms;
            wake_ms = fake.now_ms;
        } else if (state == SELKIE_DEVICE_READY && life.reading_ms > 0 && life.next_ms < wake_ms) {
            wake_ms = life.next_ms;
        }
        if (sent && wake_ms > fake.now_ms + 1)
            wake_ms = fake.now_ms + 1; /* an ACK may have been heard */
        fake.now_ms = wake_ms < end_ms ? wake_ms : end_ms;
    }
}

START_TEST(registers_again_after_its_hours_under_the_next_counter)
{
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE];
    struct selkie_message message;
    config.register_hours = 2;
    fake_device_start();
    ck_assert_int_eq(fake_device_send("1"), 0);
    fake_device_await_ready();
    uint64_t began = fake.now_ms;
    ck_assert_int_eq(fake_port_run(&fake, &device, -1, began + 2 * 3600000 + 60000, &status), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(fake.frame_count, 3);
    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[2]), 0);
    ck_assert_int_eq(message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(message.counter, 2);
    ck_assert_uint_ge(fake.frames[2].at_ms, 2 * 3600000);
}
END_TEST

START_TEST(a_sender_that_never_pauses_registers_all_the_same)
{
    unsigned registers = 0;
    config.form = SELKIE_SESSION; /* so that nothing but a REGISTER is sealed */
    config.register_hours = 1;
    config.uplink.bit_rate = 1000;
    fake_device_start();
    uint64_t end_ms = fake.now_ms + 3 * 3600000 + 60000;
    static const uint8_t payload[SELKIE_PAYLOAD_MAX];
    while (fake.now_ms < end_ms) {
        fake.frame_count = 0;
        int state = selkie_device_poll(&device, fake.now_ms, &status);
        ck_assert_int_ge(state, 0);
        if (fake.frame_count > 0 && fake.frames[0].len == SELKIE_SEALED_SIZE)
            registers++;
        if (state == SELKIE_DEVICE_READY)
            ck_assert_int_eq(selkie_device_send(&device, payload, sizeof payload), 0);
        else if (status.wake_ms > fake.now_ms)
            fake.now_ms = status.wake_ms;
    }
    ck_assert_uint_eq(registers, 3);
}
END_TEST

START_TEST(an_acknowledged_register_is_not_made_again_before_its_hours)
{
    life.gateway_up = true;
    life.reading_ms = MINUTE_MS;
    expect_acks();
    live(24 * HOUR_MS);
    ck_assert_uint_eq(life.registers, 1);
    ck_assert_uint_eq(life.transmissions, 1);
    ck_assert_uint_gt(life.session_frames, 1400);
    live(HOUR_MS);
    ck_assert_uint_eq(life.registers, 2);
}
END_TEST

START_TEST(without_acks_a_register_is_not_made_again_before_its_hours)
{
    ck_assert_int_eq(fake_device_init(), 0);
    live(24 * HOUR_MS);
    ck_assert_uint_eq(life.registers, 1);
}
END_TEST

/* A broker keeps frames of a session that it does not know for an hour, and 256 of them. */
START_TEST(session_frames_on_a_one_way_link_are_understood_within_the_hour)
{
    config.form = SELKIE_SESSION;
    config.register_hours = _i == 0 ? 24 : 0;
    life.reading_ms = MINUTE_MS;
    ck_assert_int_eq(fake_device_init(), 0);
    live(40 * MINUTE_MS);
    ck_assert_uint_eq(life.registers, 2);
    ck_assert_uint_ge(life.at_ms[1], 16 * MINUTE_MS);
    live(24 * HOUR_MS);
    ck_assert_uint_ge(life.registers, 6);
    ck_assert_uint_le(life.registers, 9);
    ck_assert_uint_eq(life.transmissions, (size_t)config.uplink.register_times * life.registers);
    ck_assert_uint_gt(life.session_frames, 1400);
}
END_TEST

START_TEST(a_register_that_nobody_heard_is_made_again_ever_more_rarely)
{
    life.reading_ms = _i == 0 ? 0 : 10 * MINUTE_MS; /* with or without anything else to say */
    expect_acks();
    live(HOUR_MS);
    ck_assert_uint_ge(life.registers, 5);
    live(23 * HOUR_MS);
    ck_assert_uint_le(life.registers, 13);
    ck_assert_uint_le(life.transmissions, (size_t)config.uplink.ack_tries * life.registers);
    for (size_t i = 2; i < life.registers; i++)
        ck_assert_uint_gt(life.at_ms[i] - life.at_ms[i - 2], life.at_ms[i - 1] - life.at_ms[i - 2]);
    ck_assert_uint_gt(life.at_ms[life.registers - 1] - life.at_ms[life.registers - 2], 2 * HOUR_MS);
}
END_TEST

START_TEST(even_if_it_is_never_repeated_otherwise)
{
    config.register_hours = 0;
    expect_acks();
    live(72 * HOUR_MS);
    ck_assert_uint_ge(life.registers, 11);
    for (size_t i = 1; i < life.registers; i++)
        ck_assert_uint_le(life.at_ms[i] - life.at_ms[i - 1], 24 * HOUR_MS + MINUTE_MS);
    life.gateway_up = true;
    live(48 * HOUR_MS);
    size_t registers = life.registers;
    live(240 * HOUR_MS);
    ck_assert_uint_eq(life.registers, registers); /* it was heard */
}
END_TEST

START_TEST(a_gateway_that_comes_late_hears_it_soon)
{
    /* Within minutes, within hours, within a day: sooner than the hour for which a broker keeps frames of a session
     * that it does not know. */
    static const uint64_t late_ms[] = {5 * MINUTE_MS, 3 * HOUR_MS, 20 * HOUR_MS};
    life.reading_ms = 10 * MINUTE_MS;
    expect_acks();
    live(late_ms[_i]);
    size_t before = life.registers;
    life.gateway_up = true;
    live(50 * MINUTE_MS);
    ck_assert_uint_eq(life.registers, before + 1);
    live(20 * HOUR_MS);
    ck_assert_uint_eq(life.registers, before + 1);
}
END_TEST

START_TEST(the_first_ack_after_long_brings_it_at_once)
{
    life.reading_ms = 10 * MINUTE_MS;
    expect_acks();
    live(20 * HOUR_MS);
    size_t before = life.registers, unheard = life.session_frames;
    life.gateway_up = true;
    while (life.registers == before)
        live(1000);
    ck_assert_uint_eq(life.session_frames, unheard + 1);
}
END_TEST

START_TEST(a_gateway_that_hears_short_frames_only_is_not_flooded)
{
    life.reading_ms = 2 * MINUTE_MS;
    life.gateway_up = life.deaf_to_sealed = true;
    expect_acks();
    live(24 * HOUR_MS);
    ck_assert_uint_gt(life.session_frames, 500);
    uint64_t on_air_ms = life.transmissions * AIR_MS(SELKIE_SEALED_SIZE);
    ck_assert_uint_le(on_air_ms, 24 * HOUR_MS / 40);
}
END_TEST

START_TEST(registering_again_keeps_the_duty_cycle)
{
    config.uplink.duty_permille = 10;
    life.reading_ms = 10 * MINUTE_MS;
    expect_acks();
    live(48 * HOUR_MS); /* hear() looks at each frame */
    ck_assert_uint_ge(life.registers, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_register");
    TCase *tc = tcase_create("device_register");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, fake_device_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, registers_again_after_its_hours_under_the_next_counter);
    tcase_add_test(tc, a_sender_that_never_pauses_registers_all_the_same);
    tcase_add_test(tc, an_acknowledged_register_is_not_made_again_before_its_hours);
    tcase_add_test(tc, without_acks_a_register_is_not_made_again_before_its_hours);
    tcase_add_loop_test(tc, session_frames_on_a_one_way_link_are_understood_within_the_hour, 0, 2);
    tcase_add_loop_test(tc, a_register_that_nobody_heard_is_made_again_ever_more_rarely, 0, 2);
    tcase_add_test(tc, even_if_it_is_never_repeated_otherwise);
    tcase_add_loop_test(tc, a_gateway_that_comes_late_hears_it_soon, 0, 3);
    tcase_add_test(tc, the_first_ack_after_long_brings_it_at_once);
    tcase_add_test(tc, a_gateway_that_hears_short_frames_only_is_not_flooded);
    tcase_add_test(tc, registering_again_keeps_the_duty_cycle);
    return run_suite(suite);
}
