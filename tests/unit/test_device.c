/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md, sections 1 to 6, as a device keeps them. */
#define _GNU_SOURCE /* memmem */
#include "fake_device.h"
#include <check.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

/* Send and wait until it is out. */
static void send_text(const char *text)
{
    size_t before = fake.frame_count;
    ck_assert_int_eq(fake_device_send(text), 0);
    fake_device_await_ready();
    ck_assert_uint_gt(fake.frame_count, before);
}

static const struct fake_frame *last_frame(void)
{
    ck_assert_uint_gt(fake.frame_count, 0);
    ck_assert_uint_le(fake.frame_count, FAKE_FRAMES_MAX);
    return &fake.frames[fake.frame_count - 1];
}

START_TEST(registers_first_then_sends_data)
{
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE], first_id[SELKIE_ID_SIZE];
    struct selkie_message message;
    config.claim = (const uint8_t *)"shed 7";
    config.claim_len = 6;
    fake_device_start();
    send_text("21.5 C");
    ck_assert_uint_eq(fake.frame_count, 2);

    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[0]), 0);
    ck_assert_int_eq(message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(message.counter, 0);
    ck_assert_mem_eq(message.address, config.address, SELKIE_ADDRESS_SIZE);
    ck_assert_uint_eq(message.registration.flags, 0);
    ck_assert_uint_eq(message.registration.claim_len, 6);
    ck_assert_mem_eq(message.registration.claim, "shed 7", 6);
    ck_assert_uint_eq(message.registration.firmware_len, strlen(config.firmware));
    memcpy(first_id, message.id, sizeof first_id);

    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[1]), 0);
    ck_assert_int_eq(message.kind, SELKIE_DATA);
    ck_assert_uint_eq(message.counter, 1);
    ck_assert_mem_eq(message.id, first_id, sizeof first_id);
    ck_assert_uint_eq(message.data.payload_len, 6);
    ck_assert_mem_eq(message.data.payload, "21.5 C", 6);
    ck_assert_uint_eq(fake.broken_frames, 0);
}
END_TEST

START_TEST(the_id_is_never_in_clear)
{
    fake_device_start();
    send_text("a");
    for (size_t i = 0; i < fake.frame_count; i++)
        for (size_t at = 0; at + 4 <= SELKIE_ID_SIZE; at++)
            ck_assert_ptr_null(memmem(fake.frames[i].body, fake.frames[i].len, device.identity.id + at, 4));
}
END_TEST

START_TEST(sends_nothing_before_there_is_an_id)
{
    ck_assert_int_eq(fake_device_init(), 0);
    ck_assert_int_eq(fake_device_send("x"), SELKIE_ENOTREADY);
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_DEVICE_GATHERING);
    ck_assert_uint_lt(status.bits, status.bits_needed);
    ck_assert_int_eq(fake_device_send("x"), SELKIE_ENOTREADY);
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

START_TEST(one_message_at_a_time)
{
    fake_device_start();
    ck_assert_int_eq(fake_device_send("1"), 0);
    ck_assert_int_eq(fake_device_send("2"), SELKIE_EBUSY);
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_DEVICE_SENDING);
}
END_TEST

/* A reading that waits for its part of the interval goes at once when the application has another message. */
START_TEST(another_message_hurries_the_one_that_waits)
{
    fake_device_start();
    for (int i = 1; i <= 8; i++) {
        (void)fake_device_run(600000ull * (unsigned)i - fake.now_ms);
        ck_assert_int_eq(fake_device_send("reading"), 0);
        size_t before = fake.frame_count;
        (void)fake_device_run(10);
        if (i < 4 || fake.frame_count > before)
            continue;
        ck_assert_int_eq(fake_device_send("alarm"), SELKIE_EBUSY);
        (void)fake_device_run(5000);
        ck_assert_uint_eq(fake.frame_count, before + 1);
        return;
    }
    ck_abort_msg("no reading waited");
}
END_TEST

START_TEST(every_payload_length_up_to_400_goes)
{
    static const size_t lengths[] = {0, 1, 16, 399, 400};
    uint8_t payload[SELKIE_PAYLOAD_MAX + 1], plain[SELKIE_CIPHERTEXT_SIZE];
    struct selkie_message message;
    memset(payload, 0, sizeof payload); /* zeroes are what COBS has to hide */
    fake_device_start();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ck_assert_int_eq(selkie_device_send(&device, payload, lengths[i]), 0);
        fake_device_await_ready();
        ck_assert_int_eq(fake_port_open(&fake, &message, plain, last_frame()), 0);
        ck_assert_uint_eq(message.data.payload_len, lengths[i]);
    }
    ck_assert_int_eq(selkie_device_send(&device, payload, sizeof payload), SELKIE_EINVAL);
}
END_TEST

START_TEST(reset_draws_a_new_id_and_registers_it)
{
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE], old[SELKIE_ID_SIZE];
    struct selkie_message message;
    fake_device_start();
    memcpy(old, device.identity.id, sizeof old);
    ck_assert_int_eq(selkie_device_reset(&device), 0);
    ck_assert_ptr_null(memmem(&device, sizeof device, old, 4));
    ck_assert_int_eq(fake_device_send("x"), SELKIE_ENOTREADY);
    fake_device_await_ready();
    send_text("x");
    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[1]), 0);
    ck_assert_int_eq(message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(message.counter, 0);
    ck_assert_mem_ne(message.id, old, sizeof old);
}
END_TEST

START_TEST(same_port_same_times_same_bytes)
{
    struct fake_frame frames[2];
    fake_device_start();
    send_text("twice");
    memcpy(frames, fake.frames, sizeof frames);
    fake_device_tear_down();
    fake_device_set_up();
    fake_device_start();
    send_text("twice");
    ck_assert_mem_eq(frames[0].body, fake.frames[0].body, SELKIE_SEALED_SIZE);
    ck_assert_mem_eq(frames[1].body, fake.frames[1].body, SELKIE_SEALED_SIZE);
}
END_TEST

START_TEST(the_counters_end_wipes_the_id)
{
    fake_device_start();
    uint8_t old[SELKIE_ID_SIZE];
    memcpy(old, device.identity.id, sizeof old);
    device.identity.next_counter = SELKIE_COUNTER_LAST - 2;
    selkie_identity_advance(&device.identity);
    send_text("the last one");
    ck_assert_int_eq(fake_device_send("x"), SELKIE_EEXHAUSTED);
    ck_assert_ptr_null(memmem(&device, sizeof device, old, 4));
    ck_assert_uint_eq(fake.restarts, 1);
    fake_device_await_ready();
    ck_assert_uint_eq(status.next_counter, 1);
}
END_TEST

START_TEST(a_flipped_bit_in_the_identity_is_found)
{
    fake_device_start();
    for (size_t bit = 0; bit < 8 * sizeof device.identity; bit += 7) {
        ((uint8_t *)&device.identity)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (device.identity.next_counter == 0)
            continue;
        ck_assert_int_eq(fake_device_send("x"), SELKIE_ENOTREADY);
        ck_assert(!device.identified);
        fake_device_await_ready();
    }
    ck_assert_uint_gt(fake.restarts, 0);
}
END_TEST

START_TEST(an_id_lost_before_a_register_is_drawn_anew)
{
    /* By a flipped bit, or at the counter's end: the first to notice is the REGISTER that is due. */
    config.register_hours = 2;
    fake_device_start();
    if (_i == 0) {
        device.identity.id[0] ^= 1;
    } else {
        device.identity.next_counter = SELKIE_COUNTER_LAST - 1;
        selkie_identity_advance(&device.identity);
    }
    fake.now_ms += 2 * 3600000;
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_DEVICE_GATHERING);
    ck_assert_uint_eq(fake.restarts, 1);
    ck_assert_uint_le(status.wake_ms, fake.now_ms + 10);
    fake_device_await_ready();
    ck_assert_uint_eq(status.next_counter, 1);
}
END_TEST

START_TEST(a_reset_pays_what_the_duty_cycle_asks_for)
{
    config.uplink.duty_permille = 10;
    fake_device_start();
    uint64_t first_ms = fake.frames[0].at_ms;
    ck_assert_int_eq(selkie_device_reset(&device), 0);
    ck_assert_int_eq(fake_device_run(600000), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(fake.frame_count, 2);
    uint64_t air_ms = SELKIE_SEALED_SIZE * 8000u / config.uplink.bit_rate;
    ck_assert_uint_ge(fake.frames[1].at_ms - first_ms, 100 * air_ms);
}
END_TEST

START_TEST(a_register_that_cannot_be_made_silences)
{
    ck_assert_int_eq(fake_device_init(), 0);
    config.firmware = "changed\n"; /* by a fault: it is the caller's memory */
    ck_assert_int_eq(fake_device_run(60000), SELKIE_EINVAL);
    ck_assert_int_eq(fake_device_send("x"), SELKIE_EINVAL);
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

START_TEST(session_frames_follow_a_sealed_register)
{
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE], payload[SELKIE_PAYLOAD_MAX];
    struct selkie_message message;
    struct selkie_session session;
    struct selkie_frame frame;
    config.form = SELKIE_SESSION;
    fake_device_start();
    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[0]), 0);
    ck_assert_uint_eq(message.registration.flags, SELKIE_FLAG_SESSION);
    ck_assert_int_eq(selkie_session_derive(&session, message.address, message.id), 0);
    for (uint32_t counter = 1; counter < 10; counter++) {
        send_text("sixteen bytes!!!");
        ck_assert_uint_eq(last_frame()->len, SELKIE_SESSION_OVERHEAD + 16);
        ck_assert_int_eq(selkie_frame_decode(&frame, last_frame()->body, last_frame()->len), 0);
        ck_assert_int_eq(selkie_session_open(payload, &session, counter, &frame), 16);
        ck_assert_mem_eq(payload, "sixteen bytes!!!", 16);
    }
}
END_TEST

START_TEST(session_devices_seal_one_in_so_many)
{
    config.form = SELKIE_SESSION;
    config.sealed_every = 4;
    fake_device_start(); /* counter 0 is sealed */
    for (uint32_t counter = 1; counter < 20; counter++) {
        send_text("x");
        ck_assert_uint_eq(last_frame()->len, counter % 4 == 0 ? SELKIE_SEALED_SIZE : SELKIE_SESSION_OVERHEAD + 1);
    }
}
END_TEST

START_TEST(session_devices_seal_at_least_every_4096)
{
    unsigned since = 0, most = 0;
    config.form = SELKIE_SESSION;
    fake_device_start();
    for (int i = 0; i < 9000; i++) {
        fake.frame_count = 0;
        send_text("x");
        for (size_t j = 0; j < fake.frame_count; j++)
            since = fake.frames[j].len == SELKIE_SEALED_SIZE ? 0 : since + 1;
        most = since > most ? since : most;
    }
    ck_assert_uint_eq(most, SELKIE_SESSION_SEALED_EVERY - 1);
}
END_TEST

START_TEST(session_devices_seal_what_would_not_fit)
{
    config.form = SELKIE_SESSION;
    config.session_payload_max = 10;
    fake_device_start();
    send_text("0123456789");
    ck_assert_uint_eq(last_frame()->len, SELKIE_SESSION_OVERHEAD + 10);
    send_text("0123456789A");
    ck_assert_uint_eq(last_frame()->len, SELKIE_SEALED_SIZE);
}
END_TEST

START_TEST(a_config_out_of_its_bounds_is_refused)
{
    enum { CASES = 9 };
    const struct selkie_device_config good = config;
    struct selkie_device_config bad[CASES];
    for (size_t i = 0; i < CASES; i++)
        bad[i] = good;
    bad[0].sealed_every = 0;
    bad[1].sealed_every = SELKIE_SESSION_SEALED_EVERY + 1;
    bad[2].form = SELKIE_ACK;
    bad[3].claim_len = 1;
    bad[4].firmware = "a name that is longer than 32 characters";
    bad[5].firmware = "v1\n";
    bad[6].uplink.backoff_ms = UINT32_MAX;
    bad[7].uplink.duty_permille = 1001;
    bad[8].keys[1] = good.keys[0];
    ck_assert_int_eq(fake_device_init(), 0);
    for (size_t i = 0; i < CASES; i++) {
        config = bad[i];
        ck_assert_msg(fake_device_init() == SELKIE_EINVAL, "config %zu is taken", i);
        ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_EINVAL);
        ck_assert_int_eq(fake_device_send("x"), SELKIE_EINVAL);
    }
    config = good;
    config.keys[1] = good.keys[0];
    config.keys[1].key_id = 2;
    ck_assert_int_eq(fake_device_init(), 0);
}
END_TEST

START_TEST(a_device_is_small)
{
    ck_assert_uint_le(sizeof(struct selkie_device), 3072);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device");
    TCase *tc = tcase_create("device");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, fake_device_set_up, fake_device_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, registers_first_then_sends_data);
    tcase_add_test(tc, the_id_is_never_in_clear);
    tcase_add_test(tc, sends_nothing_before_there_is_an_id);
    tcase_add_test(tc, one_message_at_a_time);
    tcase_add_test(tc, another_message_hurries_the_one_that_waits);
    tcase_add_test(tc, every_payload_length_up_to_400_goes);
    tcase_add_test(tc, reset_draws_a_new_id_and_registers_it);
    tcase_add_test(tc, same_port_same_times_same_bytes);
    tcase_add_test(tc, the_counters_end_wipes_the_id);
    tcase_add_test(tc, a_flipped_bit_in_the_identity_is_found);
    tcase_add_loop_test(tc, an_id_lost_before_a_register_is_drawn_anew, 0, 2);
    tcase_add_test(tc, a_reset_pays_what_the_duty_cycle_asks_for);
    tcase_add_test(tc, a_register_that_cannot_be_made_silences);
    tcase_add_test(tc, session_frames_follow_a_sealed_register);
    tcase_add_test(tc, session_devices_seal_one_in_so_many);
    tcase_add_test(tc, session_devices_seal_at_least_every_4096);
    tcase_add_test(tc, session_devices_seal_what_would_not_fit);
    tcase_add_test(tc, a_config_out_of_its_bounds_is_refused);
    tcase_add_test(tc, a_device_is_small);
    return run_suite(suite);
}
