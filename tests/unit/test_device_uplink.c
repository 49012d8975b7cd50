/* SPDX-License-Identifier: Apache-2.0 */
/* When a device is on the air: never over others, never for longer than it may, and never for ever. */
#include "fake_port.h"
#include <check.h>
#include <run_suite.h>
#include <selkie/device/uplink.h>
#include <stdlib.h>
#include <string.h>

#define AIR_MS(len) (((uint64_t)(len)*8000 + 1999) / 2000) /* at 2 kbit/s */

static struct fake_port fake;
static struct selkie_uplink_settings settings;
static struct selkie_uplink uplink;
static struct selkie_link_rx rx;
static struct selkie_drbg drbg;
static const uint8_t first[100] = {0x10, 1}, second[100] = {0x10, 2};

static void seed_drbg(uint8_t number)
{
    uint8_t seed[48] = {number};
    selkie_drbg_init(&drbg);
    ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
}

static void set_up(void)
{
    fake_port_init(&fake, 1);
    settings = (struct selkie_uplink_settings){.bit_rate = 2000,
                                               .quiet_ms = 50,
                                               .backoff_ms = 200,
                                               .spread_ms = 10000,
                                               .ack_ms = 300,
                                               .register_times = 3,
                                               .data_times = 1,
                                               .ack_tries = 4};
    seed_drbg(1);
    selkie_uplink_init(&uplink, &settings, NULL);
}

/* ACKs are expected. */
static void set_up_with_acks(void)
{
    set_up();
    selkie_uplink_init(&uplink, &settings, &rx);
}

static void tear_down(void)
{
    selkie_drbg_wipe(&drbg);
    fake_port_free(&fake);
}

static void put(enum selkie_uplink_slot_name slot, const uint8_t body[static 100])
{
    ck_assert_int_eq(selkie_uplink_put(&uplink, slot, body, 100), 0);
}

/* Run until nothing is left to do or the time is over. */
static void run(uint64_t until_ms)
{
    for (;;) {
        uint64_t wake_ms = selkie_uplink_poll(&uplink, &fake.port, &drbg, fake.now_ms);
        if (wake_ms > until_ms)
            return;
        ck_assert_uint_ge(wake_ms, fake.now_ms);
        fake.now_ms = wake_ms;
    }
}

static void run_until(enum selkie_uplink_phase phase)
{
    while (uplink.phase != phase)
        run(fake.now_ms), fake.now_ms++;
}

static bool sent(size_t index, const uint8_t body[static 100])
{
    ck_assert_uint_lt(index, fake.frame_count);
    return fake.frames[index].len == 100 && memcmp(fake.frames[index].body, body, 100) == 0;
}

START_TEST(a_frame_goes_once_and_the_slot_is_free)
{
    put(SELKIE_UPLINK_DATA, first);
    ck_assert_int_eq(selkie_uplink_put(&uplink, SELKIE_UPLINK_DATA, second, 100), SELKIE_EBUSY);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert(sent(0, first));
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
    ck_assert_uint_eq(fake.broken_frames, 0);
}
END_TEST

START_TEST(a_body_that_is_too_long_is_refused)
{
    uint8_t body[SELKIE_SEALED_SIZE + 1] = {0};
    ck_assert_int_eq(selkie_uplink_put(&uplink, SELKIE_UPLINK_DATA, body, sizeof body), SELKIE_ESPACE);
    ck_assert_int_eq(selkie_uplink_put(&uplink, SELKIE_UPLINK_DATA, body, 0), SELKIE_EINVAL);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
}
END_TEST

START_TEST(the_register_goes_first_and_is_repeated_at_random_distances)
{
    put(SELKIE_UPLINK_DATA, second);
    put(SELKIE_UPLINK_REGISTER, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 4);
    ck_assert(sent(0, first));
    unsigned registers = 0;
    for (size_t i = 0; i < 4; i++)
        registers += sent(i, first);
    ck_assert_uint_eq(registers, 3);
    ck_assert_uint_ne(fake.frames[2].at_ms - fake.frames[1].at_ms, fake.frames[3].at_ms - fake.frames[2].at_ms);
}
END_TEST

START_TEST(frames_do_not_overlap_on_the_air)
{
    size_t wire = SELKIE_LINK_WIRE_SIZE(100) - 1; /* one COBS code: less than 254 bytes */
    settings.data_times = 5;
    settings.spread_ms = 0;
    put(SELKIE_UPLINK_DATA, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 5);
    for (size_t i = 1; i < 5; i++)
        ck_assert_uint_ge(fake.frames[i].at_ms - fake.frames[i - 1].at_ms, AIR_MS(wire) - 10);
}
END_TEST

START_TEST(a_busy_line_is_waited_for)
{
    fake.quiet_ms = 10; /* someone was heard 10 ms ago, again and again */
    put(SELKIE_UPLINK_DATA, first);
    run(60000);
    ck_assert_uint_eq(fake.frame_count, 0);
    fake.quiet_ms = 50;
    run(120000);
    ck_assert_uint_eq(fake.frame_count, 1);
}
END_TEST

START_TEST(a_line_that_cannot_be_judged_is_busy)
{
    fake.fails[FAKE_RADIO_QUIET] = true;
    put(SELKIE_UPLINK_DATA, first);
    run(60000);
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

START_TEST(two_devices_that_collide_do_not_collide_again)
{
    /* Both were cut short by the same busy line at the same time: their random waits part them. */
    uint64_t at[2];
    for (uint8_t i = 0; i < 2; i++) {
        tear_down();
        set_up();
        seed_drbg((uint8_t)(10 + i));
        put(SELKIE_UPLINK_DATA, first);
        run(60000);
        at[i] = fake.frames[0].at_ms;
        ck_assert_uint_le(at[i], 1000 + 200 + AIR_MS(SELKIE_LINK_WIRE_SIZE(100)));
    }
    ck_assert_uint_ne(at[0], at[1]);
}
END_TEST

START_TEST(an_ack_ends_the_retries)
{
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake_port_acknowledge(&fake, first, 100);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
    ck_assert_uint_eq(uplink.counts.given_up, 0);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
}
END_TEST

START_TEST(an_ack_before_the_end_counts_as_well)
{
    /* The line is faster than the air that it stands for. What is put right after the ACK is another frame. */
    settings.ack_tries = 1;
    settings.duty_permille = 10;
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_ON_AIR);
    uint64_t began = uplink.began_ms;
    fake_port_acknowledge(&fake, first, 100);
    run(fake.now_ms);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));

    put(SELKIE_UPLINK_DATA, second);
    while (fake.frame_count < 2) {
        ck_assert(selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
        run(fake.now_ms), fake.now_ms++;
    }
    ck_assert(sent(1, second));
    ck_assert_uint_ge(fake.frames[1].at_ms - began, 100 * AIR_MS(SELKIE_LINK_WIRE_SIZE(100) - 1));
    fake_port_acknowledge(&fake, second, 100);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 2);
    ck_assert_uint_eq(uplink.counts.acknowledged, 2);
    ck_assert_uint_eq(uplink.counts.given_up, 0);
}
END_TEST

START_TEST(a_late_ack_counts_as_well)
{
    put(SELKIE_UPLINK_DATA, first);
    while (fake.frame_count == 0 || uplink.phase != SELKIE_UPLINK_IDLE)
        run(fake.now_ms + 1), fake.now_ms++;
    fake_port_acknowledge(&fake, first, 100); /* its time was over */
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
}
END_TEST

START_TEST(the_ack_of_another_frame_does_not)
{
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake_port_acknowledge(&fake, second, 100);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, settings.ack_tries);
    ck_assert_uint_eq(uplink.counts.acknowledged, 0);
}
END_TEST

START_TEST(retries_are_bounded_and_the_next_message_goes)
{
    put(SELKIE_UPLINK_DATA, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, settings.ack_tries);
    ck_assert_uint_eq(uplink.counts.given_up, 1);
    for (size_t i = 0; i < fake.frame_count; i++)
        ck_assert(sent(i, first)); /* a repeat is the same bytes */
    put(SELKIE_UPLINK_DATA, second);
    run(2000000);
    ck_assert(sent(settings.ack_tries, second));
}
END_TEST

START_TEST(with_acks_a_message_waits_for_the_registers_ack)
{
    put(SELKIE_UPLINK_DATA, second);
    put(SELKIE_UPLINK_REGISTER, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake_port_acknowledge(&fake, first, 100);
    run(1000000);
    ck_assert(sent(0, first));
    ck_assert(sent(1, second));
}
END_TEST

START_TEST(a_gateway_that_never_answers_does_not_stop_the_messages)
{
    put(SELKIE_UPLINK_DATA, second);
    put(SELKIE_UPLINK_REGISTER, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 2u * settings.ack_tries);
    ck_assert(sent(settings.ack_tries, second));
    ck_assert_uint_eq(uplink.counts.given_up, 2);
}
END_TEST

START_TEST(the_duty_cycle_is_kept)
{
    uint64_t air = AIR_MS(SELKIE_LINK_WIRE_SIZE(100) - 1);
    settings.duty_permille = 10;
    settings.data_times = 10;
    settings.spread_ms = 0;
    put(SELKIE_UPLINK_DATA, first);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 10);
    uint64_t took = fake.frames[9].at_ms - fake.frames[0].at_ms;
    ck_assert_uint_ge(took, 9 * (air - 10) * 100);
    ck_assert_uint_le(took, 9 * (air + 10) * (100 + 16) + 9 * 200);
}
END_TEST

START_TEST(what_was_broken_off_is_paid_for)
{
    settings.duty_permille = 10;
    fake.write_limit = 40;
    put(SELKIE_UPLINK_DATA, first);
    while (uplink.written < 40)
        run(fake.now_ms), fake.now_ms++;
    uint64_t began = uplink.began_ms;
    fake.fails[FAKE_RADIO_WRITE] = true;
    run_until(SELKIE_UPLINK_IDLE);
    size_t written = uplink.written;
    fake.fails[FAKE_RADIO_WRITE] = false;
    fake.write_limit = 0;
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_ge(fake.frames[0].at_ms - began, 100 * AIR_MS(written));
}
END_TEST

START_TEST(what_is_forgotten_is_paid_for)
{
    /* Half handed over, or on the air. */
    static const enum selkie_uplink_phase phases[] = {SELKIE_UPLINK_WRITING, SELKIE_UPLINK_ON_AIR};
    settings.duty_permille = 10;
    fake.write_limit = 60;
    put(SELKIE_UPLINK_DATA, first);
    run_until(phases[_i]);
    uint64_t began = uplink.began_ms;
    size_t written = uplink.written;
    ck_assert_uint_ge(written, 60);
    selkie_uplink_forget(&uplink);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
    fake.write_limit = 0;
    size_t before = fake.frame_count;
    put(SELKIE_UPLINK_DATA, second);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, before + 1);
    ck_assert(sent(before, second));
    ck_assert_uint_ge(fake.frames[before].at_ms - began, 100 * AIR_MS(written));
}
END_TEST

static unsigned endless_reads;

static int read_endlessly(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    memset(bytes, 0xa5, size);
    ck_assert_uint_lt(++endless_reads, 10000000);
    return (int)size;
}

START_TEST(a_radio_that_never_stops_hearing_does_not_keep_us)
{
    fake.port.radio_read = read_endlessly;
    endless_reads = 0;
    uint64_t wake_ms = selkie_uplink_poll(&uplink, &fake.port, &drbg, fake.now_ms);
    ck_assert_uint_le(endless_reads, 32);
    ck_assert_uint_eq(wake_ms, fake.now_ms + 1); /* for the rest */
    put(SELKIE_UPLINK_DATA, first);
    run(5000);
    ck_assert_uint_ge(fake.frame_count, 1);
    ck_assert(sent(0, first));
}
END_TEST

START_TEST(settings_out_of_their_bounds_are_refused)
{
    const struct selkie_uplink_settings good = settings;
    ck_assert(selkie_uplink_settings_valid(&settings));
    uint32_t *const waits[] = {&settings.quiet_ms, &settings.backoff_ms, &settings.spread_ms, &settings.ack_ms};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        *waits[i] = 3600000;
        ck_assert(selkie_uplink_settings_valid(&settings));
        *waits[i] = 3600001;
        ck_assert(!selkie_uplink_settings_valid(&settings));
        settings = good;
    }
    settings.duty_permille = 1000;
    ck_assert(selkie_uplink_settings_valid(&settings));
    settings.duty_permille = 1001;
    ck_assert(!selkie_uplink_settings_valid(&settings));

    settings = good;
    settings.bit_rate = 0;
    ck_assert(selkie_uplink_settings_valid(&settings));
    settings.duty_permille = 10; /* of what? */
    ck_assert(!selkie_uplink_settings_valid(&settings));
}
END_TEST

START_TEST(a_radio_that_takes_a_byte_at_a_time_gets_them_all)
{
    fake.write_limit = 1;
    put(SELKIE_UPLINK_DATA, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert(sent(0, first));
}
END_TEST

START_TEST(a_radio_that_fails_is_tried_again)
{
    fake.fails[FAKE_RADIO_WRITE] = true;
    put(SELKIE_UPLINK_DATA, first);
    run(20000);
    ck_assert_uint_eq(fake.frame_count, 0);
    ck_assert_uint_gt(uplink.counts.radio_errors, 3);
    ck_assert(selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
    fake.fails[FAKE_RADIO_WRITE] = false;
    run(60000);
    ck_assert(sent(0, first));
}
END_TEST

START_TEST(a_radio_that_fails_midway_leaves_no_whole_frame)
{
    fake.write_limit = 40;
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_WRITING);
    fake.fails[FAKE_RADIO_WRITE] = true;
    run(fake.now_ms + 5);
    fake.fails[FAKE_RADIO_WRITE] = false;
    fake.write_limit = 0;
    run(60000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert(sent(0, first));
    ck_assert_uint_eq(fake.broken_frames, 1);
}
END_TEST

START_TEST(noise_on_the_line_is_no_ack)
{
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    test_random_fill(&fake.random, fake.heard, sizeof fake.heard);
    fake.heard_len = sizeof fake.heard;
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, settings.ack_tries);
    ck_assert_uint_eq(uplink.counts.acknowledged, 0);
}
END_TEST

/* The times at which `count` devices in step send the same frame for the first time, sorted. */
static void first_times(enum selkie_uplink_slot_name slot, uint64_t at[], uint8_t count)
{
    for (uint8_t i = 0; i < count; i++) {
        tear_down();
        set_up();
        seed_drbg((uint8_t)(i + 1));
        put(slot, first);
        run(1000000);
        at[i] = fake.frames[0].at_ms;
        for (uint8_t k = i; k > 0 && at[k] < at[k - 1]; k--) {
            uint64_t later = at[k - 1];
            at[k - 1] = at[k];
            at[k] = later;
        }
    }
}

START_TEST(devices_that_boot_together_register_one_after_the_other)
{
    uint64_t at[64];
    first_times(SELKIE_UPLINK_REGISTER, at, 64);
    uint64_t air = AIR_MS(SELKIE_LINK_WIRE_SIZE(100)), width = at[63] - at[0];
    ck_assert_uint_ge(width, 12 * air);
    ck_assert_uint_le(width, 18 * air);
    ck_assert_uint_ge(at[32] - at[0], width / 4); /* and not in a heap */
    ck_assert_uint_le(at[32] - at[0], 3 * width / 4);
}
END_TEST

/* Put a message, run until it is out, and return how long that took. */
static uint64_t wait_of(const uint8_t body[static 100])
{
    uint64_t put_ms = fake.now_ms;
    size_t before = fake.frame_count;
    put(SELKIE_UPLINK_DATA, body);
    while (selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA))
        run(fake.now_ms + 10), fake.now_ms += 10;
    ck_assert_uint_eq(fake.frame_count, before + 1);
    return fake.frames[before].at_ms - put_ms;
}

#define INTERVAL_MS 600000
#define SOON_MS     (200 + 500)

START_TEST(a_message_at_a_regular_interval_waits_for_a_part_of_it)
{
    uint64_t sum = 0, least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < 40; i++) {
        fake.now_ms = (i + 1) * (uint64_t)INTERVAL_MS;
        uint64_t waited = wait_of(first);
        ck_assert_uint_lt(waited, INTERVAL_MS);
        if (i < 2)
            continue;
        sum += waited;
        least = waited < least ? waited : least;
        most = waited > most ? waited : most;
    }
    ck_assert_uint_ge(sum / 38, INTERVAL_MS / 3);
    ck_assert_uint_lt(least, INTERVAL_MS / 4);
    ck_assert_uint_gt(most, INTERVAL_MS / 2);
}
END_TEST

START_TEST(a_message_at_a_regular_interval_is_out_before_the_next_one)
{
    for (unsigned i = 0; i < 300; i++) { /* an application that sends by its clock, and asks no further */
        fake.now_ms = 10000 + i * 2500;
        put(SELKIE_UPLINK_DATA, first);
        run(fake.now_ms + 2499);
    }
    ck_assert_uint_eq(fake.frame_count, 300);
}
END_TEST

START_TEST(a_message_out_of_turn_goes_at_once_and_hurries_the_one_that_waits)
{
    for (unsigned i = 0; i < 4; i++) {
        fake.now_ms = (i + 1) * (uint64_t)INTERVAL_MS;
        (void)wait_of(first);
    }
    fake.now_ms = 5 * (uint64_t)INTERVAL_MS + INTERVAL_MS / 2;
    ck_assert_uint_le(wait_of(second), SOON_MS);
    fake.now_ms = 7 * (uint64_t)INTERVAL_MS;
    (void)wait_of(first);
    fake.now_ms = 8 * (uint64_t)INTERVAL_MS + INTERVAL_MS / 2;
    size_t before = fake.frame_count;
    put(SELKIE_UPLINK_DATA, first);
    run(fake.now_ms);
    ck_assert_uint_eq(fake.frame_count, before); /* it waits */
    ck_assert_int_eq(selkie_uplink_put(&uplink, SELKIE_UPLINK_DATA, second, 100), SELKIE_EBUSY);
    run(fake.now_ms + SOON_MS);
    ck_assert_uint_eq(fake.frame_count, before + 1);
}
END_TEST

START_TEST(the_wait_behind_a_duty_silence_is_drawn_behind_it)
{
    uint64_t waits[16], least = UINT64_MAX, most = 0;
    for (uint8_t i = 0; i < 16; i++) {
        tear_down();
        set_up();
        seed_drbg((uint8_t)(i + 1));
        settings.duty_permille = 10;
        put(SELKIE_UPLINK_DATA, first);
        while (selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA))
            run(fake.now_ms + 1), fake.now_ms++;
        put(SELKIE_UPLINK_DATA, second);
        run(1000000);
        waits[i] = fake.frames[1].at_ms - fake.frames[0].at_ms;
        least = waits[i] < least ? waits[i] : least;
        most = waits[i] > most ? waits[i] : most;
    }
    uint64_t air = AIR_MS(SELKIE_LINK_WIRE_SIZE(100) - 1);
    ck_assert_uint_ge(least, 100 * (air - 10));
    ck_assert_uint_ge(most - least, 8 * air);
    ck_assert_uint_le(most - least, 17 * air);
}
END_TEST

START_TEST(no_repeat_goes_later_than_eight_minutes_after_the_first)
{
    settings.duty_permille = 2;
    settings.register_times = 20;
    put(SELKIE_UPLINK_REGISTER, first);
    run(100000000);
    ck_assert_uint_ge(fake.frame_count, 2);
    ck_assert_uint_lt(fake.frame_count, 20);
    ck_assert_uint_le(fake.frames[fake.frame_count - 1].at_ms - fake.frames[0].at_ms, 480000);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_REGISTER));
}
END_TEST

START_TEST(a_line_that_is_never_quiet_is_sent_on_in_the_end)
{
    settings.patience_ms = 100000;
    fake.quiet_ms = 0; /* a receiver without squelch */
    put(SELKIE_UPLINK_DATA, first);
    run(90000);
    ck_assert_uint_eq(fake.frame_count, 0);
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_LINE_BUSY);
    uint64_t since_ms = uplink.trouble_ms;
    ck_assert_uint_le(since_ms, 2000);
    run(400000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_LINE_BUSY); /* it still is */
    ck_assert_uint_eq(uplink.trouble_ms, since_ms);
    fake.now_ms = 400000;
    put(SELKIE_UPLINK_DATA, second); /* the next one need not wait so long */
    run(410000);
    ck_assert_uint_eq(fake.frame_count, 2);
    fake.now_ms = 410000;
    fake.quiet_ms = 50;
    put(SELKIE_UPLINK_DATA, first);
    run(420000);
    ck_assert_uint_eq(fake.frame_count, 3);
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_CLEAR);
}
END_TEST

/* Somebody else is on the air for two seconds, and then nobody for the tenth of one. */
static int traffic(void *context)
{
    (void)context;
    return fake.now_ms % 2100 < 2000 ? 0 : (int)(fake.now_ms % 2100 - 2000) % 49;
}

START_TEST(a_line_with_gaps_is_no_noise)
{
    settings.patience_ms = 10000;
    fake.port.radio_quiet_ms = traffic;
    put(SELKIE_UPLINK_DATA, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

/* A receiver without squelch: a byte of noise every 4 ms, or 16 ms where a USB adapter collects them. */
static uint64_t noise_ms;

static int noise(void *context)
{
    (void)context;
    return (int)(fake.now_ms % noise_ms);
}

START_TEST(a_line_that_is_never_quiet_for_long_is_noise)
{
    noise_ms = _i == 0 ? 4 : 17;
    settings.quiet_ms = 20;
    settings.patience_ms = 10000;
    fake.port.radio_quiet_ms = noise;
    put(SELKIE_UPLINK_DATA, first);
    run(120000);
    ck_assert_uint_eq(fake.frame_count, 1);
}
END_TEST

/* Nobody polled for an hour: the radio was unplugged. */
START_TEST(a_repeat_that_was_due_long_ago_is_dropped)
{
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake.now_ms += 3600000;
    run(fake.now_ms + 900000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_eq(uplink.counts.given_up, 1);
}
END_TEST

START_TEST(no_repeat_goes_when_the_radio_took_none_for_too_long)
{
    settings.patience_ms = 3600000;
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake.stalled = true;
    run(fake.now_ms + 600000);
    fake.stalled = false;
    run(fake.now_ms + 100000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_eq(uplink.counts.given_up, 1);
    put(SELKIE_UPLINK_DATA, second);
    run(fake.now_ms + 10000);
    ck_assert_uint_ge(fake.frame_count, 2);
    ck_assert(sent(1, second));
}
END_TEST

START_TEST(a_radio_that_takes_no_byte_gets_the_frame_anew)
{
    settings.patience_ms = 5000;
    fake.write_limit = 40;
    put(SELKIE_UPLINK_DATA, first);
    while (uplink.written < 40)
        run(fake.now_ms), fake.now_ms++;
    fake.stalled = true;
    run(fake.now_ms + 4000);
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_STALLED);
    ck_assert_uint_eq(uplink.counts.radio_errors, 0);
    run(fake.now_ms + 4000);
    ck_assert_uint_ge(uplink.counts.radio_errors, 1);
    fake.stalled = false;
    run(fake.now_ms + 60000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert(sent(0, first));
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_CLEAR);
}
END_TEST

static int (*write_fake)(void *context, const uint8_t *bytes, size_t len);

/* A line that is slower than the loop: it takes bytes at every second look only. */
static int hesitate(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    return fake.now_ms % 2 == 0 ? 0 : write_fake(&fake, bytes, len < 40 ? len : 40);
}

START_TEST(a_radio_that_hesitates_does_not_end_the_trouble_with_a_busy_line)
{
    settings.patience_ms = 100000;
    write_fake = fake.port.radio_write;
    fake.port.radio_write = hesitate;
    fake.quiet_ms = 0;
    put(SELKIE_UPLINK_DATA, first);
    run(400000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_int_eq(uplink.trouble, SELKIE_UPLINK_LINE_BUSY);
    fake.now_ms = 400000;
    put(SELKIE_UPLINK_DATA, second);
    run(410000);
    ck_assert_uint_eq(fake.frame_count, 2);
}
END_TEST

START_TEST(what_the_radio_adds_counts_as_air)
{
    uint64_t air = AIR_MS(SELKIE_LINK_WIRE_SIZE(100) - 1 + 30) + 400;
    settings.preamble_ms = 400;
    settings.packet_overhead = 30;
    settings.duty_permille = 100;
    settings.data_times = 2;
    settings.spread_ms = 0;
    put(SELKIE_UPLINK_DATA, first);
    run(1000000);
    ck_assert_uint_eq(fake.frame_count, 2);
    ck_assert_uint_ge(fake.frames[1].at_ms - fake.frames[0].at_ms, 10 * (air - 10));
}
END_TEST

START_TEST(without_a_gateway_the_tries_become_fewer_and_an_ack_brings_them_back)
{
    static const size_t tries[] = {4, 2, 1, 1, 1};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        size_t before = fake.frame_count;
        fake.now_ms += 1000003 * (i + 1); /* not regular */
        put(SELKIE_UPLINK_DATA, first);
        run(fake.now_ms + 900000);
        ck_assert_uint_eq(fake.frame_count - before, tries[i]);
    }
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    fake_port_acknowledge(&fake, first, 100);
    run(fake.now_ms + 900000);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
    size_t before = fake.frame_count;
    fake.now_ms += 5000017;
    put(SELKIE_UPLINK_DATA, second);
    run(fake.now_ms + 900000);
    ck_assert_uint_eq(fake.frame_count - before, 4);
}
END_TEST

START_TEST(nothing_is_sent_into_a_frame_whose_radio_pauses)
{
    /* Half of another device's frame was heard; the radio says that the line is quiet. */
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(100)];
    int len = selkie_link_encode(wire, sizeof wire, second, 100);
    ck_assert_int_gt(len, 60);
    memcpy(fake.heard, wire, 60);
    fake.heard_len = 60;
    put(SELKIE_UPLINK_DATA, first);
    run(2000);
    ck_assert_uint_eq(fake.frame_count, 0);
    if (_i == 0) { /* the rest comes */
        memcpy(fake.heard, wire + 60, (size_t)len - 60);
        fake.heard_at = 0;
        fake.heard_len = (size_t)len - 60;
    }
    run(2000 + (_i == 0 ? 1000 : 30000)); /* or never does: no frame is that long */
    ck_assert_uint_ge(fake.frame_count, 1);
}
END_TEST

START_TEST(an_ack_in_the_last_slot_is_in_time)
{
    settings.bit_rate = 300;
    settings.ack_ms = 100;
    put(SELKIE_UPLINK_DATA, first);
    run_until(SELKIE_UPLINK_LISTENING);
    uint64_t slot_ms = 8 * 8000 / 300 + 10;
    ck_assert_uint_ge(uplink.until_ms - fake.now_ms, settings.quiet_ms + 4 * slot_ms + 8 * 8000 / 300 - 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_uplink");
    TCase *tc = tcase_create("device_uplink");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_frame_goes_once_and_the_slot_is_free);
    tcase_add_test(tc, a_body_that_is_too_long_is_refused);
    tcase_add_test(tc, the_register_goes_first_and_is_repeated_at_random_distances);
    tcase_add_test(tc, frames_do_not_overlap_on_the_air);
    tcase_add_test(tc, a_busy_line_is_waited_for);
    tcase_add_test(tc, a_line_that_cannot_be_judged_is_busy);
    tcase_add_test(tc, two_devices_that_collide_do_not_collide_again);
    tcase_add_test(tc, the_duty_cycle_is_kept);
    tcase_add_test(tc, what_was_broken_off_is_paid_for);
    tcase_add_loop_test(tc, what_is_forgotten_is_paid_for, 0, 2);
    tcase_add_test(tc, settings_out_of_their_bounds_are_refused);
    tcase_add_test(tc, a_radio_that_takes_a_byte_at_a_time_gets_them_all);
    tcase_add_test(tc, a_radio_that_fails_is_tried_again);
    tcase_add_test(tc, a_radio_that_fails_midway_leaves_no_whole_frame);
    tcase_add_test(tc, devices_that_boot_together_register_one_after_the_other);
    tcase_add_test(tc, a_message_at_a_regular_interval_waits_for_a_part_of_it);
    tcase_add_test(tc, a_message_at_a_regular_interval_is_out_before_the_next_one);
    tcase_add_test(tc, a_message_out_of_turn_goes_at_once_and_hurries_the_one_that_waits);
    tcase_add_test(tc, the_wait_behind_a_duty_silence_is_drawn_behind_it);
    tcase_add_test(tc, no_repeat_goes_later_than_eight_minutes_after_the_first);
    tcase_add_test(tc, a_line_that_is_never_quiet_is_sent_on_in_the_end);
    tcase_add_test(tc, a_line_with_gaps_is_no_noise);
    tcase_add_loop_test(tc, a_line_that_is_never_quiet_for_long_is_noise, 0, 2);
    tcase_add_test(tc, a_radio_that_takes_no_byte_gets_the_frame_anew);
    tcase_add_test(tc, a_radio_that_hesitates_does_not_end_the_trouble_with_a_busy_line);
    tcase_add_test(tc, what_the_radio_adds_counts_as_air);

    TCase *acks = tcase_create("acks");
    suite_add_tcase(suite, acks);
    tcase_add_checked_fixture(acks, set_up_with_acks, tear_down);
    tcase_add_test(acks, an_ack_ends_the_retries);
    tcase_add_test(acks, an_ack_before_the_end_counts_as_well);
    tcase_add_test(acks, a_late_ack_counts_as_well);
    tcase_add_test(acks, the_ack_of_another_frame_does_not);
    tcase_add_test(acks, retries_are_bounded_and_the_next_message_goes);
    tcase_add_test(acks, with_acks_a_message_waits_for_the_registers_ack);
    tcase_add_test(acks, a_gateway_that_never_answers_does_not_stop_the_messages);
    tcase_add_test(acks, a_radio_that_never_stops_hearing_does_not_keep_us);
    tcase_add_test(acks, noise_on_the_line_is_no_ack);
    tcase_add_test(acks, no_repeat_goes_when_the_radio_took_none_for_too_long);
    tcase_add_test(acks, a_repeat_that_was_due_long_ago_is_dropped);
    tcase_add_test(acks, without_a_gateway_the_tries_become_fewer_and_an_ack_brings_them_back);
    tcase_add_loop_test(acks, nothing_is_sent_into_a_frame_whose_radio_pauses, 0, 2);
    tcase_add_test(acks, an_ack_in_the_last_slot_is_in_time);
    return run_suite(suite);
}
