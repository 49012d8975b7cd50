/* SPDX-License-Identifier: Apache-2.0 */
/* A radio that sends packets: what a device hands to it is put together again by the gateway's receiver, whatever
 * packets the air loses, and the device keeps the pauses, the airtime and the turns on the air. */
#include "fake_port.h"
#include <check.h>
#include <run_suite.h>
#include <selkie/device/uplink.h>
#include <selkie/fragment.h>
#include <string.h>

#define PACKET 58
#define GAP_MS 120
#define K      11 /* FRAGMENTs of data of a SEALED body in packets of 58 bytes */
#define N      13 /* with two of parity */
#define WIRE   58 /* bytes of each on the line: chunks of 48 */

static struct fake_port fake;
static struct selkie_uplink_settings settings;
static struct selkie_uplink uplink;
static struct selkie_link_rx rx;
static struct selkie_drbg drbg;
static struct selkie_fragment_rx receiver;
static uint8_t sealed[SELKIE_SEALED_SIZE], other[SELKIE_SEALED_SIZE];

static void set_up(void)
{
    static const uint8_t seed[48] = {1};

    fake_port_init(&fake, 1);
    settings = (struct selkie_uplink_settings){.bit_rate = 2400,
                                               .quiet_ms = 50,
                                               .backoff_ms = 200,
                                               .packet_max = PACKET,
                                               .packet_gap_ms = GAP_MS,
                                               .parity = 2,
                                               .ack_ms = 300,
                                               .register_times = 1,
                                               .data_times = 1,
                                               .ack_tries = 3};
    selkie_drbg_init(&drbg);
    ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
    selkie_uplink_init(&uplink, &settings, NULL);
    selkie_fragment_rx_init(&receiver);
    test_random_fill(&fake.random, sealed, sizeof sealed);
    test_random_fill(&fake.random, other, sizeof other);
    sealed[0] = other[0] = 0x10;
}

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

static void put(const uint8_t *body, size_t len)
{
    ck_assert_int_eq(selkie_uplink_put(&uplink, SELKIE_UPLINK_DATA, body, len), 0);
}

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

/* Run for so long. */
static void pass(uint64_t duration_ms)
{
    uint64_t end_ms = fake.now_ms + duration_ms;

    run(end_ms);
    fake.now_ms = end_ms;
}

/* Run until so many packets are out. */
static void run_to_packet(size_t count)
{
    uint64_t end_ms = fake.now_ms + 3600000;

    while (fake.frame_count < count && fake.now_ms < end_ms)
        run(fake.now_ms), fake.now_ms++;
    ck_assert_uint_eq(fake.frame_count, count);
}

/* Run for so long, and expect no further packet. */
static void expect_silence(uint64_t duration_ms)
{
    size_t before = fake.frame_count;

    pass(duration_ms);
    ck_assert_uint_eq(fake.frame_count, before);
}

static uint8_t index_of(size_t frame)
{
    ck_assert_uint_lt(frame, fake.frame_count);
    ck_assert_uint_lt(frame, FAKE_FRAMES_MAX);
    ck_assert_uint_eq(fake.frames[frame].body[0], SELKIE_FRAGMENT_HEAD);
    return fake.frames[frame].body[4];
}

/* Receive a packet. True once the body is whole; it is `body` then. */
static bool receive(struct selkie_fragment_rx *to, size_t frame, const uint8_t *body, size_t len)
{
    struct selkie_fragment_body whole;
    const struct fake_frame *packet = &fake.frames[frame];
    int result = selkie_fragment_rx_put(to, packet->body, packet->len, packet->at_ms, &whole);

    ck_assert_int_ge(result, 0);
    if (result == 0)
        return false;
    ck_assert_uint_eq(whole.len, len);
    ck_assert_mem_eq(whole.bytes, body, len);
    return !whole.again;
}

static uint64_t air_ms(size_t len)
{
    return (len * 8000 + settings.bit_rate - 1) / settings.bit_rate;
}

/* Send a body once; lose packets a and b of the first `count`, and expect the others to give it back. */
static void expect_whole_without(size_t a, size_t b, size_t count, const uint8_t *body, size_t len)
{
    bool whole = false;

    selkie_fragment_rx_init(&receiver);
    for (size_t i = 0; i < count; i++)
        if (i != a && i != b)
            whole = receive(&receiver, i, body, len) || whole;
    ck_assert(whole);
}

START_TEST(a_body_is_whole_whatever_two_packets_are_lost)
{
    static const uint16_t packets[] = {19, 33, 58, 61, 100, 200, 252, 257, 258, 261};
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE)];

    settings.packet_max = packets[_i];
    put(sealed, sizeof sealed);
    run(10000000);
    size_t count = fake.frame_count;
    ck_assert_uint_le(count, FAKE_FRAMES_MAX);
    ck_assert_uint_eq(fake.broken_frames, 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(index_of(i), i);
        ck_assert_int_le(selkie_link_encode(wire, sizeof wire, fake.frames[i].body, fake.frames[i].len), packets[_i]);
    }
    for (size_t a = 0; a < count; a++)
        for (size_t b = a; b < count; b++)
            expect_whole_without(a, b, count, sealed, sizeof sealed);
    ck_assert_uint_eq(uplink.counts.transmissions, 1);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
}
END_TEST

START_TEST(parity_is_as_much_as_was_asked_for)
{
    settings.parity = (uint8_t)_i;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, K + (size_t)_i);
    bool whole = false;
    for (size_t i = (size_t)_i; i < fake.frame_count; i++)
        whole = receive(&receiver, i, sealed, sizeof sealed) || whole;
    ck_assert(whole);
}
END_TEST

START_TEST(a_body_that_fits_one_packet_goes_whole)
{
    put(sealed, PACKET - 5); /* delimiters, code, CRC */
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 1);
    ck_assert_uint_eq(fake.frames[0].len, PACKET - 5);
    ck_assert_mem_eq(fake.frames[0].body, sealed, PACKET - 5);

    put(sealed, PACKET - 4);
    run(20000000);
    ck_assert_uint_eq(fake.frame_count, 1 + 2 + 2);
    for (size_t i = 1; i < 5; i++)
        ck_assert_uint_eq(index_of(i), i - 1);
    fake.frames[1] = fake.frames[3], fake.frames[2] = fake.frames[4]; /* the parity alone */
    ck_assert(!receive(&receiver, 1, sealed, PACKET - 4));
    ck_assert(receive(&receiver, 2, sealed, PACKET - 4));
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

START_TEST(each_repeat_goes_on_with_new_fragments_and_begins_again_beyond_255)
{
    settings.data_times = 45;
    put(sealed, sizeof sealed);
    for (size_t t = 0; t < 45; t++) {
        run_to_packet(N);
        for (size_t i = 0; i < N; i++)
            ck_assert_uint_eq(index_of(i), (t * N + i) % 256);
        fake.frame_count = 0;
    }
    expect_silence(3600000);
}
END_TEST

START_TEST(what_was_heard_of_an_earlier_transmission_counts)
{
    settings.data_times = 2;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 2 * N);
    bool whole = false;
    for (size_t i = 0; i < 2 * N; i++) { /* seven of the first are lost, and eight of the second */
        size_t at = i % N;
        if ((i < N && at >= 6) || (i >= N && at < 8))
            continue;
        whole = receive(&receiver, i, sealed, sizeof sealed) || whole;
    }
    ck_assert(whole);
}
END_TEST

START_TEST(each_packet_has_its_airtime_and_its_pause)
{
    settings.preamble_ms = 30;
    settings.packet_overhead = 12;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, N);
    for (size_t i = 1; i < N; i++) {
        uint64_t distance_ms = fake.frames[i].at_ms - fake.frames[i - 1].at_ms;
        ck_assert_uint_ge(distance_ms, 30 + air_ms(WIRE + 12) + GAP_MS);
        ck_assert_uint_le(distance_ms, 30 + air_ms(WIRE + 12) + GAP_MS + 1);
    }
}
END_TEST

START_TEST(the_pause_is_kept_where_the_bit_rate_is_not_known)
{
    settings.bit_rate = 0;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, N);
    ck_assert_uint_ge(fake.frames[N - 1].at_ms - fake.frames[0].at_ms, (N - 1) * GAP_MS);
    ck_assert_uint_le(fake.frames[N - 1].at_ms - fake.frames[0].at_ms, (N - 1) * (GAP_MS + 1));
}
END_TEST

START_TEST(the_duty_cycle_counts_all_packets_and_no_pause)
{
    uint64_t air = N * (30 + air_ms(WIRE + 12));

    settings.preamble_ms = 30;
    settings.packet_overhead = 12;
    settings.duty_permille = 10;
    settings.data_times = 2;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 2 * N);
    uint64_t silent_ms = fake.frames[N].at_ms - fake.frames[N - 1].at_ms;
    ck_assert_uint_ge(silent_ms, air * 99);
    ck_assert_uint_le(silent_ms, air * 99 + 1000 + 200);
}
END_TEST

START_TEST(a_radio_that_takes_a_byte_at_a_time_gets_them_all)
{
    fake.write_limit = 1;
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, N);
    expect_whole_without(0, 12, N, sealed, sizeof sealed);
    ck_assert_uint_eq(fake.broken_frames, 0);
}
END_TEST

START_TEST(a_radio_that_fails_midway_gets_the_set_anew)
{
    /* Before it can be whole, the same fragments; behind that, new ones. */
    size_t before = _i == 0 ? 4 : K;

    settings.duty_permille = 10;
    put(sealed, sizeof sealed);
    run_to_packet(before);
    uint64_t failed_ms = fake.now_ms + 60000;
    fake.fails[FAKE_RADIO_WRITE] = true;
    while (uplink.counts.radio_errors == 0 && fake.now_ms < failed_ms)
        run(fake.now_ms), fake.now_ms++;
    ck_assert_uint_eq(uplink.counts.radio_errors, 1);
    fake.fails[FAKE_RADIO_WRITE] = false;
    failed_ms = fake.now_ms;
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, before + N);
    for (size_t i = 0; i < N; i++)
        ck_assert_uint_eq(index_of(before + i), (_i == 0 ? 0 : N) + i);
    ck_assert_uint_ge(fake.frames[before].at_ms - failed_ms, before * air_ms(WIRE) * 99 - GAP_MS - 1);
    ck_assert_uint_le(fake.frames[before].at_ms - failed_ms, before * air_ms(WIRE) * 99 + 20000);
}
END_TEST

START_TEST(a_radio_that_stalls_midway_sends_no_body_that_is_old)
{
    /* A short body: its parity alone would give it back, and so would an hour later. */
    settings.patience_ms = 3600000;
    settings.data_times = 3;
    put(sealed, 60);
    run_to_packet(2);
    fake.stalled = true;
    pass(500000); /* more than the eight minutes after which nothing is repeated */
    fake.stalled = false;
    expect_silence(3600000);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
}
END_TEST

START_TEST(time_in_which_the_radio_takes_nothing_is_no_airtime)
{
    settings.patience_ms = 60000;
    settings.duty_permille = 100;
    put(sealed, sizeof sealed);
    run_to_packet(4);
    fake.stalled = true;
    uint64_t stalled_ms = fake.now_ms;
    pass(70000);
    fake.stalled = false;
    ck_assert_uint_ge(uplink.counts.radio_errors, 1);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 4 + N);
    ck_assert_uint_le(fake.frames[4].at_ms - stalled_ms, 70000 + 4 * air_ms(WIRE) * 9 + 20000);
}
END_TEST

START_TEST(what_is_forgotten_between_two_packets_is_paid_for)
{
    settings.duty_permille = 10;
    put(sealed, sizeof sealed);
    run_to_packet(4);
    uint64_t forgot_ms = fake.now_ms;
    selkie_uplink_forget(&uplink);
    put(other, sizeof other);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 4 + N);
    ck_assert_uint_ge(fake.frames[4].at_ms - forgot_ms, 4 * air_ms(WIRE) * 99);
    for (size_t i = 0; i < N; i++)
        fake.frames[i] = fake.frames[4 + i];
    expect_whole_without(3, 7, N, other, sizeof other);
}
END_TEST

START_TEST(another_senders_pause_is_not_taken_for_a_quiet_line)
{
    /* Its radio is silent on our line for so long, and a little longer now and then. */
    uint64_t silence_ms = SELKIE_FRAGMENT_PAUSE_MS(GAP_MS + air_ms(PACKET));

    ck_assert_uint_gt(silence_ms, GAP_MS + air_ms(PACKET));
    fake.quiet_ms = (int)(silence_ms + settings.quiet_ms - 1);
    put(sealed, sizeof sealed);
    run(20000);
    ck_assert_uint_eq(fake.frame_count, 0);
    fake.quiet_ms++;
    run(3000000);
    ck_assert_uint_eq(fake.frame_count, N);
}
END_TEST

START_TEST(packets_that_hold_no_fragment_are_refused)
{
    static const uint16_t good[] = {0, SELKIE_PACKET_MIN, SELKIE_PACKET_MAX};
    static const uint16_t bad[] = {1, SELKIE_PACKET_MIN - 1, SELKIE_PACKET_MAX + 1, UINT16_MAX};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        settings.packet_max = good[i];
        ck_assert(selkie_uplink_settings_valid(&settings));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settings.packet_max = bad[i];
        ck_assert(!selkie_uplink_settings_valid(&settings));
    }
    settings.packet_max = PACKET;
    settings.parity = SELKIE_FRAGMENT_CHUNKS_MAX + 1;
    ck_assert(!selkie_uplink_settings_valid(&settings));
    settings.parity = 2; /* a gateway would take what comes later for a repeat */
    settings.packet_gap_ms = (uint16_t)(SELKIE_FRAGMENT_PACE_MAX_MS - selkie_pacing_air_ms(&settings, PACKET));
    ck_assert(selkie_uplink_settings_valid(&settings));
    settings.packet_gap_ms++;
    ck_assert(!selkie_uplink_settings_valid(&settings));
}
END_TEST

/* With ACKs. */

START_TEST(an_ack_in_a_pause_ends_the_rest)
{
    /* The gateway has the body once it has K of them, or what it lacked of the first transmission. */
    size_t packets = _i == 0 ? K : N + 1;

    put(sealed, sizeof sealed);
    run_to_packet(packets);
    fake_port_acknowledge(&fake, sealed, sizeof sealed);
    expect_silence(1000000);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
    ck_assert_uint_eq(uplink.counts.given_up, 0);
    ck_assert(!selkie_uplink_busy(&uplink, SELKIE_UPLINK_DATA));
}
END_TEST

START_TEST(behind_an_ack_in_a_pause_the_packets_are_paid_for)
{
    settings.duty_permille = 10;
    put(sealed, sizeof sealed);
    run_to_packet(K);
    uint64_t acknowledged_ms = fake.now_ms;
    fake_port_acknowledge(&fake, sealed, sizeof sealed);
    run(fake.now_ms);
    put(other, sizeof other);
    run_to_packet(K + 1);
    ck_assert_uint_ge(fake.frames[K].at_ms - acknowledged_ms, K * air_ms(WIRE) * 99);
    ck_assert_uint_eq(index_of(K), 0);
}
END_TEST

START_TEST(an_ack_for_what_nobody_can_have_is_forged)
{
    put(sealed, sizeof sealed);
    run_to_packet(K - 1);
    fake_port_acknowledge(&fake, sealed, sizeof sealed);
    run(fake.now_ms + 100000);
    ck_assert_uint_ge(fake.frame_count, N);
    ck_assert_uint_eq(uplink.counts.acknowledged, 0);
}
END_TEST

START_TEST(an_ack_while_the_radio_takes_no_packet_ends_the_rest)
{
    put(sealed, sizeof sealed);
    run_to_packet(K);
    fake.stalled = true;
    pass(1000);
    fake_port_acknowledge(&fake, sealed, sizeof sealed);
    run(fake.now_ms);
    fake.stalled = false;
    expect_silence(1000000);
    ck_assert_uint_eq(uplink.counts.acknowledged, 1);
}
END_TEST

START_TEST(without_an_ack_all_tries_bring_new_fragments)
{
    put(sealed, sizeof sealed);
    run(10000000);
    ck_assert_uint_eq(fake.frame_count, 3 * N);
    for (size_t i = 0; i < 3 * N; i++)
        ck_assert_uint_eq(index_of(i), i);
    ck_assert_uint_eq(uplink.counts.given_up, 1);
}
END_TEST

START_TEST(an_ack_is_waited_for_until_a_gateway_has_found_the_line_quiet)
{
    put(sealed, sizeof sealed);
    run_to_packet(N);
    while (uplink.phase != SELKIE_UPLINK_LISTENING)
        run(fake.now_ms), fake.now_ms++;
    uint64_t slot_ms = air_ms(8) + 10, pause_ms = SELKIE_FRAGMENT_PAUSE_MS(GAP_MS + air_ms(PACKET));
    ck_assert_uint_ge(uplink.until_ms - fake.now_ms, 50 + pause_ms + 5 * slot_ms + 2 * GAP_MS - 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_packets");
    TCase *tc = tcase_create("device_packets");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_body_is_whole_whatever_two_packets_are_lost, 0, 10);
    tcase_add_loop_test(tc, parity_is_as_much_as_was_asked_for, 0, 12);
    tcase_add_test(tc, a_body_that_fits_one_packet_goes_whole);
    tcase_add_test(tc, a_body_that_is_too_long_is_refused);
    tcase_add_test(tc, each_repeat_goes_on_with_new_fragments_and_begins_again_beyond_255);
    tcase_add_test(tc, what_was_heard_of_an_earlier_transmission_counts);
    tcase_add_test(tc, each_packet_has_its_airtime_and_its_pause);
    tcase_add_test(tc, the_pause_is_kept_where_the_bit_rate_is_not_known);
    tcase_add_test(tc, the_duty_cycle_counts_all_packets_and_no_pause);
    tcase_add_test(tc, a_radio_that_takes_a_byte_at_a_time_gets_them_all);
    tcase_add_loop_test(tc, a_radio_that_fails_midway_gets_the_set_anew, 0, 2);
    tcase_add_test(tc, a_radio_that_stalls_midway_sends_no_body_that_is_old);
    tcase_add_test(tc, time_in_which_the_radio_takes_nothing_is_no_airtime);
    tcase_add_test(tc, what_is_forgotten_between_two_packets_is_paid_for);
    tcase_add_test(tc, another_senders_pause_is_not_taken_for_a_quiet_line);
    tcase_add_test(tc, packets_that_hold_no_fragment_are_refused);

    TCase *acks = tcase_create("acks");
    suite_add_tcase(suite, acks);
    tcase_add_checked_fixture(acks, set_up_with_acks, tear_down);
    tcase_add_loop_test(acks, an_ack_in_a_pause_ends_the_rest, 0, 2);
    tcase_add_test(acks, behind_an_ack_in_a_pause_the_packets_are_paid_for);
    tcase_add_test(acks, an_ack_for_what_nobody_can_have_is_forged);
    tcase_add_test(acks, an_ack_while_the_radio_takes_no_packet_ends_the_rest);
    tcase_add_test(acks, without_an_ack_all_tries_bring_new_fragments);
    tcase_add_test(acks, an_ack_is_waited_for_until_a_gateway_has_found_the_line_quiet);
    return run_suite(suite);
}
