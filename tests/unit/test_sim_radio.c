/* SPDX-License-Identifier: Apache-2.0 */
/* The air: how long signals take, what overlaps, fades and noise make of them, who is deaf when, what can be sensed;
 * what an air of packets loses, and how a module cuts and drops. */
#include "air/modem.h"
#include "air/radio.h"

#include <check.h>
#include <run_suite.h>
#include <string.h>

#define BYTE_US 4000u /* at 2 kbit/s */

struct ear {
    uint8_t bytes[100000];
    size_t len;
    unsigned calls;
};

static void on_heard(void *context, const uint8_t *bytes, size_t len)
{
    struct ear *ear = context;

    ck_assert_uint_le(ear->len + len, sizeof ear->bytes);
    memcpy(ear->bytes + ear->len, bytes, len);
    ear->len += len;
    ear->calls++;
}

static struct selkie_sim_radio radio;
static struct ear ear; /* each test has a process of its own */

static void tear_down(void)
{
    selkie_sim_radio_wipe(&radio);
}

static void listen_to(struct selkie_sim_radio_options options, uint64_t seed)
{
    selkie_sim_radio_init(&radio, &options, seed, 0);
    radio.on_heard = on_heard;
    radio.context = &ear;
}

static void send(uint32_t source, uint64_t at_us, const void *bytes, size_t len)
{
    selkie_sim_radio_advance(&radio, at_us);
    ck_assert_int_eq(selkie_sim_radio_send(&radio, source, bytes, len), 0);
}

/* Advance as a caller would: each time when it is due. */
static void run(void)
{
    uint64_t next_us;

    while ((next_us = selkie_sim_radio_next_us(&radio)) != UINT64_MAX)
        selkie_sim_radio_advance(&radio, next_us);
}

START_TEST(a_frame_takes_its_bits_and_comes_out_as_it_went_in)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000}, 1);
    uint8_t frame[528];

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    ck_assert_uint_eq(selkie_sim_radio_duration_us(&radio, sizeof frame), 528 * BYTE_US);
    send(1, 1000, frame, sizeof frame);
    selkie_sim_radio_advance(&radio, 1000 + 528 * BYTE_US - 1);
    ck_assert_uint_eq(ear.len, 527);
    ck_assert_uint_eq(selkie_sim_radio_next_us(&radio), 1000 + 528 * BYTE_US);
    run();
    ck_assert_mem_eq(ear.bytes, frame, sizeof frame);
    ck_assert_uint_eq(radio.counts.busy_us, 528 * BYTE_US);
    ck_assert_uint_eq(selkie_sim_radio_busy_us(&radio, radio.busy_until_us), 528 * BYTE_US);
    ck_assert_uint_eq(selkie_sim_radio_busy_us(&radio, radio.busy_until_us - BYTE_US), 527 * BYTE_US); /* not yet */
    ck_assert_uint_eq(radio.counts.collided, 0);
    ck_assert_ptr_null(radio.signals);
}
END_TEST

START_TEST(chunks_come_out_while_the_frame_is_on_the_air)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000, .chunk = 4}, 1);

    send(1, 0, "0123456789", 10);
    ck_assert_uint_eq(selkie_sim_radio_next_us(&radio), 4 * BYTE_US);
    run();
    ck_assert_uint_eq(ear.calls, 3);
    ck_assert_mem_eq(ear.bytes, "0123456789", 10);
}
END_TEST

START_TEST(an_overlap_garbles_just_the_bytes_that_overlap)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000}, 3);
    uint8_t first[100], second[100];

    memset(first, 0xaa, sizeof first);
    memset(second, 0xbb, sizeof second);
    send(1, 0, first, sizeof first);
    send(2, 60 * BYTE_US, second, sizeof second);
    run();
    /* The receiver stays with the first to its end, then takes the rest of the second. */
    ck_assert_uint_eq(ear.len, 160);
    unsigned intact = 0;
    for (size_t i = 0; i < 60; i++)
        ck_assert_uint_eq(ear.bytes[i], 0xaa);
    for (size_t i = 60; i < 100; i++)
        intact += ear.bytes[i] == 0xaa;
    ck_assert_uint_lt(intact, 5);
    for (size_t i = 100; i < 160; i++)
        ck_assert_uint_eq(ear.bytes[i], 0xbb);
    ck_assert_uint_eq(radio.counts.collided, 2);
    ck_assert_uint_eq(radio.counts.busy_us, 160 * BYTE_US);
}
END_TEST

START_TEST(a_gateway_that_sends_is_deaf_and_devices_hear_it)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000}, 4);
    uint8_t echo[16];
    uint64_t cursor = 0;

    send(1, 0, "abcdefghij", 10);
    send(SELKIE_SIM_RADIO_GATEWAY, 20 * BYTE_US, "ACK", 3);
    run();
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 3);
    ck_assert_mem_eq(echo, "ACK", 3);
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 0);

    send(1, 100 * BYTE_US, "0123456789", 10);
    send(SELKIE_SIM_RADIO_GATEWAY, 103 * BYTE_US, "XY", 2);
    run();
    ck_assert_uint_eq(ear.len, 18);
    ck_assert_mem_eq(ear.bytes, "abcdefghij01256789", 18);
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 2);
    ck_assert(memcmp(echo, "XY", 2) != 0); /* a device was on the air as well */
}
END_TEST

START_TEST(others_sense_a_signal_after_the_turn_around_and_its_sender_never)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000, .sense_us = 5000}, 5);

    ck_assert_uint_ge(selkie_sim_radio_quiet_us(&radio, 2, 50000), 50000);
    send(1, 100000, "0123456789", 10); /* until 140000 */
    ck_assert_uint_gt(selkie_sim_radio_quiet_us(&radio, 2, 104000), 0);
    ck_assert_uint_eq(selkie_sim_radio_quiet_us(&radio, 2, 105000), 0);
    ck_assert_uint_gt(selkie_sim_radio_quiet_us(&radio, 1, 105000), 0);
    run();
    ck_assert_uint_eq(selkie_sim_radio_quiet_us(&radio, 2, 147000), 7000);
    send(3, 150000, "01", 2); /* until 158000 */
    run();
    ck_assert_uint_eq(selkie_sim_radio_quiet_us(&radio, 3, 160000), 20000);
    ck_assert_uint_eq(selkie_sim_radio_quiet_us(&radio, 1, 160000), 2000);
}
END_TEST

START_TEST(bit_errors_come_at_their_rate)
{
    listen_to((struct selkie_sim_radio_options){.noise = {.bit_errors = 0.01}}, 6);
    static const uint8_t zeros[1000];
    unsigned wrong = 0;

    for (int i = 0; i < 100; i++)
        send(1, 0, zeros, sizeof zeros);
    ck_assert_uint_eq(ear.len, 100000);
    for (size_t i = 0; i < ear.len; i++)
        wrong += (unsigned)__builtin_popcount(ear.bytes[i]);
    ck_assert_uint_gt(wrong, 7500); /* 8000 expected, standard deviation 89 */
    ck_assert_uint_lt(wrong, 8500);
}
END_TEST

START_TEST(bytes_are_lost_at_their_rate)
{
    listen_to((struct selkie_sim_radio_options){.noise = {.lost_bytes = 0.1}}, 7);
    static const uint8_t zeros[1000];

    for (int i = 0; i < 100; i++)
        send(1, 0, zeros, sizeof zeros);
    ck_assert_uint_gt(ear.len, 89500); /* 90000 expected, standard deviation 95 */
    ck_assert_uint_lt(ear.len, 90500);
}
END_TEST

/* A byte of an ACK that is lost does not come later. */
START_TEST(bytes_of_a_gateway_are_lost_at_their_rate_too)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000, .noise = {.lost_bytes = 0.1}}, 9);
    uint8_t echo[16];
    uint64_t cursor = 0;
    size_t heard = 0;

    for (int i = 0; i < 1000; i++) {
        send(SELKIE_SIM_RADIO_GATEWAY, (uint64_t)i * 20 * BYTE_US, "0123456789", 10);
        run();
        heard += selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo);
    }
    ck_assert_uint_gt(heard, 8850); /* 9000 expected, standard deviation 30 */
    ck_assert_uint_lt(heard, 9150);
}
END_TEST

START_TEST(bursts_come_at_their_rate_and_leave_the_rest_alone)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000, .noise = {.burst_every_s = 1, .burst_s = 0.1}}, 8);
    static const uint8_t zeros[90000]; /* 360 s */
    unsigned wrong = 0, bursts = 0;

    send(1, 0, zeros, sizeof zeros);
    run();
    for (size_t i = 0; i < ear.len; i++) {
        wrong += ear.bytes[i] != 0;
        bursts += i > 10 && ear.bytes[i] != 0 && memcmp(ear.bytes + i - 10, zeros, 10) == 0;
    }
    /* 9 % of the time; 327 bursts expected. */
    ck_assert_uint_gt(wrong, 6000);
    ck_assert_uint_lt(wrong, 11000);
    ck_assert_uint_gt(bursts, 200);
    ck_assert_uint_lt(bursts, 450);
}
END_TEST

START_TEST(a_faded_path_is_silent_and_the_other_is_not)
{
    listen_to((struct selkie_sim_radio_options){.bit_rate = 2000, .fade_share = 0.3, .fade_s = 1}, 9);
    uint8_t frame[10];
    unsigned whole = 0;

    for (unsigned i = 0; i < 1000; i++) { /* one frame within each stretch of a second */
        memset(frame, (int)(i & 0xff), sizeof frame);
        ear.len = 0;
        send(1, i * 1000000ull + 1000, frame, sizeof frame);
        run();
        ck_assert(ear.len == 0 || ear.len == sizeof frame);
        whole += ear.len == sizeof frame;
    }
    ck_assert_uint_gt(whole, 640);
    ck_assert_uint_lt(whole, 760);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_air_and_another_one_does_not)
{
    const struct selkie_sim_radio_options options = {
        .bit_rate = 2000,
        .fade_share = 0.1,
        .fade_s = 0.5,
        .noise = {.bit_errors = 0.01, .lost_bytes = 0.01, .burst_every_s = 1, .burst_s = 0.1}};
    static struct ear ears[3];
    uint8_t frame[100];

    memset(frame, 0x55, sizeof frame);
    for (int i = 0; i < 3; i++) {
        listen_to(options, i < 2 ? 42 : 43);
        radio.context = &ears[i];
        for (unsigned n = 0; n < 50; n++)
            send(n % 3, n * 77 * BYTE_US, frame, sizeof frame);
        run();
        selkie_sim_radio_wipe(&radio);
    }
    ck_assert_uint_gt(ears[0].len, 2000);
    ck_assert(ears[0].len == ears[1].len && memcmp(ears[0].bytes, ears[1].bytes, ears[0].len) == 0);
    ck_assert(ears[0].len != ears[2].len || memcmp(ears[0].bytes, ears[2].bytes, ears[0].len) != 0);
}
END_TEST

static const struct selkie_sim_radio_options packets = {.bit_rate = 2000,
                                                        .packet = {.bytes = 58, .gap_us = 10 * BYTE_US, .buffer = 512}};

START_TEST(a_packet_arrives_whole_and_at_its_end)
{
    listen_to(packets, 10);

    send(1, 0, "0123456789", 10);
    selkie_sim_radio_advance(&radio, 10 * BYTE_US - 1);
    ck_assert_uint_eq(ear.len, 0);
    run();
    ck_assert_uint_eq(ear.calls, 1);
    ck_assert_uint_eq(ear.len, 10);
    ck_assert_mem_eq(ear.bytes, "0123456789", 10);
    ck_assert_uint_eq(radio.counts.packets_lost, 0);
    ck_assert_ptr_null(radio.signals);
}
END_TEST

START_TEST(a_packet_that_another_overlaps_is_lost_with_it_and_the_next_is_not)
{
    listen_to(packets, 11);

    send(1, 0, "0123456789", 10);
    send(2, 9 * BYTE_US, "abcdefghij", 10);
    send(1, 30 * BYTE_US, "ABCD", 4);
    run();
    ck_assert_uint_eq(ear.len, 4);
    ck_assert_mem_eq(ear.bytes, "ABCD", 4);
    ck_assert_uint_eq(radio.counts.packets_lost, 2);
}
END_TEST

START_TEST(a_gateway_that_sends_within_a_packet_loses_it)
{
    listen_to(packets, 12);

    send(1, 0, "0123456789", 10);
    send(SELKIE_SIM_RADIO_GATEWAY, 5 * BYTE_US, "A", 1);
    run();
    ck_assert_uint_eq(ear.len, 0);
    ck_assert_uint_eq(radio.counts.packets_lost, 1);
}
END_TEST

START_TEST(devices_hear_a_gateways_packet_whole_or_not_at_all)
{
    listen_to(packets, 13);
    uint8_t echo[16];
    uint64_t cursor = 0;

    send(SELKIE_SIM_RADIO_GATEWAY, 0, "ACK!", 4);
    selkie_sim_radio_advance(&radio, 4 * BYTE_US - 1);
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 0);
    run();
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 4);
    ck_assert_mem_eq(echo, "ACK!", 4);
    send(SELKIE_SIM_RADIO_GATEWAY, 20 * BYTE_US, "ACK!", 4);
    send(1, 23 * BYTE_US, "01", 2);
    run();
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 0);
    radio.options.packet.loss = 1;
    send(SELKIE_SIM_RADIO_GATEWAY, 50 * BYTE_US, "ACK!", 4);
    run();
    ck_assert_uint_eq(selkie_sim_radio_listen(&radio, &cursor, echo, sizeof echo), 0);
}
END_TEST

/* A wrong bit, a lost byte, a fade: the module's checksum finds each. */
START_TEST(noise_and_fades_lose_whole_packets)
{
    static const struct selkie_sim_radio_options spoiled[] = {
        {.noise = {.bit_errors = 0.001}}, {.noise = {.lost_bytes = 0.01}}, {.fade_share = 0.3, .fade_s = 1}};
    struct selkie_sim_radio_options options = spoiled[_i];
    uint8_t packet[50];

    options.bit_rate = packets.bit_rate;
    options.packet = packets.packet;
    listen_to(options, 14);
    for (unsigned i = 0; i < 1000; i++) {
        memset(packet, (int)(i & 0xff), sizeof packet);
        ear.len = ear.calls = 0;
        send(1, i * 1000000ull + 1000, packet, sizeof packet);
        run();
        ck_assert_uint_le(ear.calls, 1);
        ck_assert(ear.calls == 0 || (ear.len == sizeof packet && memcmp(ear.bytes, packet, sizeof packet) == 0));
    }
    ck_assert_uint_gt(radio.counts.packets_lost, 200); /* 330, 395 and 300 expected, standard deviation 16 at most */
    ck_assert_uint_lt(radio.counts.packets_lost, 500);
}
END_TEST

START_TEST(packets_are_lost_at_their_rate_and_by_each_receiver_for_itself)
{
    struct selkie_sim_radio_options options = packets;
    unsigned heard[2] = {0}, both = 0;
    bool whole[2][4000];

    options.packet.loss = 0.05;
    for (uint32_t index = 0; index < 2; index++) {
        selkie_sim_radio_init(&radio, &options, 15, index);
        radio.on_heard = on_heard;
        radio.context = &ear;
        for (unsigned i = 0; i < 4000; i++) {
            ear.len = 0;
            send(1, i * 1000000ull, "0123456789", 10);
            run();
            whole[index][i] = ear.len == 10;
            heard[index] += whole[index][i];
            both += index == 1 && !whole[0][i] && !whole[1][i];
        }
        ck_assert_uint_gt(heard[index], 3730); /* 3800 expected, standard deviation 14 */
        ck_assert_uint_lt(heard[index], 3870);
        ck_assert_uint_eq(radio.counts.packets_lost, 4000 - heard[index]);
        selkie_sim_radio_wipe(&radio);
    }
    ck_assert_uint_lt(both, 40); /* 10 expected */
}
END_TEST

static struct {
    uint8_t bytes[2000];
    size_t lens[50];
    uint64_t at_us[50];
    size_t len;
    unsigned count;
    uint64_t now_us;
    int error;
} sent;

static int on_packet(void *context, const uint8_t *packet, size_t len)
{
    (void)context;
    ck_assert_uint_le(sent.len + len, sizeof sent.bytes);
    ck_assert_uint_lt(sent.count, 50);
    memcpy(sent.bytes + sent.len, packet, len);
    sent.len += len;
    sent.lens[sent.count] = len;
    sent.at_us[sent.count++] = sent.now_us;
    return sent.error;
}

static struct selkie_sim_modem modem;

static void close_modem(void)
{
    selkie_sim_modem_close(&modem);
}

static void open_modem(void)
{
    ck_assert_int_eq(selkie_sim_modem_open(&modem, &packets), 0);
    modem.transmit = on_packet;
}

static void feed(uint64_t at_us, const uint8_t *bytes, size_t len)
{
    sent.now_us = at_us;
    ck_assert_int_eq(selkie_sim_modem_write(&modem, bytes, len, at_us), 0);
}

static void run_modem(uint64_t until_us)
{
    while (selkie_sim_modem_next_us(&modem) <= until_us) {
        sent.now_us = selkie_sim_modem_next_us(&modem);
        ck_assert_int_eq(selkie_sim_modem_advance(&modem, sent.now_us), 0);
    }
}

static const uint8_t *counted(void)
{
    static uint8_t bytes[1000];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    return bytes;
}

START_TEST(a_full_packet_leaves_at_once_and_the_next_after_its_time_and_the_gap)
{
    feed(1000, counted(), 130);
    ck_assert_uint_eq(sent.count, 1);
    run_modem(UINT64_MAX - 1);
    ck_assert_uint_eq(sent.count, 3);
    ck_assert(sent.lens[0] == 58 && sent.lens[1] == 58 && sent.lens[2] == 14);
    ck_assert_uint_eq(sent.at_us[0], 1000);
    ck_assert_uint_eq(sent.at_us[1], 1000 + (58 + 10) * BYTE_US);
    ck_assert_uint_eq(sent.at_us[2], 1000 + 2 * (58 + 10) * BYTE_US);
    ck_assert_mem_eq(sent.bytes, counted(), 130);
    ck_assert_uint_eq(modem.dropped, 0);
    ck_assert_uint_eq(selkie_sim_modem_next_us(&modem), UINT64_MAX);
}
END_TEST

START_TEST(a_short_packet_leaves_when_the_line_pauses)
{
    const uint8_t *bytes = counted();

    feed(1000, bytes, 20);
    run_modem(3000);
    feed(3000, bytes + 20, 20); /* within the pause: the same packet */
    ck_assert_uint_eq(sent.count, 0);
    run_modem(UINT64_MAX - 1);
    ck_assert_uint_eq(sent.count, 1);
    ck_assert_uint_eq(sent.lens[0], 40);
    ck_assert_uint_eq(sent.at_us[0], 3000 + SELKIE_SIM_MODEM_PAUSE_US);
    feed(10000000, bytes, 5);
    run_modem(UINT64_MAX - 1);
    ck_assert_uint_eq(sent.count, 2);
    ck_assert_uint_eq(sent.lens[1], 5);
}
END_TEST

/* Two fragments of 50 bytes that come too fast do not stay apart. */
START_TEST(what_comes_while_the_module_sends_is_cut_anew)
{
    const uint8_t *bytes = counted();

    feed(0, bytes, 58);
    feed(20000, bytes, 50);
    feed(40000, bytes + 50, 50);
    run_modem(UINT64_MAX - 1);
    ck_assert_uint_eq(sent.count, 3);
    ck_assert(sent.lens[1] == 58 && sent.lens[2] == 42);
    ck_assert_mem_eq(sent.bytes + 58, bytes, 100);
}
END_TEST

START_TEST(a_full_buffer_drops_what_does_not_fit)
{
    const uint8_t *bytes = counted();

    feed(0, bytes, 600); /* 58 are sent at once, 512 wait */
    ck_assert_uint_eq(modem.dropped, 30);
    feed(1000, bytes, 100); /* full */
    ck_assert_uint_eq(modem.dropped, 130);
    feed((58 + 10) * BYTE_US, bytes, 100); /* the second packet has left */
    ck_assert_uint_eq(modem.dropped, 172);
    run_modem(UINT64_MAX - 1);
    ck_assert_uint_eq(sent.len, 58 + 512 + 58);
    ck_assert_mem_eq(sent.bytes, bytes, 570);
    ck_assert_mem_eq(sent.bytes + 570, bytes, 58);
}
END_TEST

START_TEST(what_the_air_refuses_is_told)
{
    sent.error = SELKIE_ENOMEM;
    ck_assert_int_eq(selkie_sim_modem_write(&modem, counted(), 58, 0), SELKIE_ENOMEM);
    ck_assert_int_eq(selkie_sim_modem_write(&modem, counted(), 10, 1000), 0);
    ck_assert_int_eq(selkie_sim_modem_advance(&modem, 10000000), SELKIE_ENOMEM);
}
END_TEST

static TCase *packet_tests(void)
{
    TCase *tcase = tcase_create("packets");

    tcase_add_checked_fixture(tcase, NULL, tear_down);
    tcase_add_test(tcase, a_packet_arrives_whole_and_at_its_end);
    tcase_add_test(tcase, a_packet_that_another_overlaps_is_lost_with_it_and_the_next_is_not);
    tcase_add_test(tcase, a_gateway_that_sends_within_a_packet_loses_it);
    tcase_add_test(tcase, devices_hear_a_gateways_packet_whole_or_not_at_all);
    tcase_add_loop_test(tcase, noise_and_fades_lose_whole_packets, 0, 3);
    tcase_add_test(tcase, packets_are_lost_at_their_rate_and_by_each_receiver_for_itself);
    return tcase;
}

static TCase *modem_tests(void)
{
    TCase *tcase = tcase_create("modem");

    tcase_add_checked_fixture(tcase, open_modem, close_modem);
    tcase_add_test(tcase, a_full_packet_leaves_at_once_and_the_next_after_its_time_and_the_gap);
    tcase_add_test(tcase, a_short_packet_leaves_when_the_line_pauses);
    tcase_add_test(tcase, what_comes_while_the_module_sends_is_cut_anew);
    tcase_add_test(tcase, a_full_buffer_drops_what_does_not_fit);
    tcase_add_test(tcase, what_the_air_refuses_is_told);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("sim radio");
    TCase *tcase = tcase_create("radio");

    tcase_add_checked_fixture(tcase, NULL, tear_down);
    tcase_add_test(tcase, a_frame_takes_its_bits_and_comes_out_as_it_went_in);
    tcase_add_test(tcase, chunks_come_out_while_the_frame_is_on_the_air);
    tcase_add_test(tcase, an_overlap_garbles_just_the_bytes_that_overlap);
    tcase_add_test(tcase, a_gateway_that_sends_is_deaf_and_devices_hear_it);
    tcase_add_test(tcase, others_sense_a_signal_after_the_turn_around_and_its_sender_never);
    tcase_add_test(tcase, bit_errors_come_at_their_rate);
    tcase_add_test(tcase, bytes_are_lost_at_their_rate);
    tcase_add_test(tcase, bytes_of_a_gateway_are_lost_at_their_rate_too);
    tcase_add_test(tcase, bursts_come_at_their_rate_and_leave_the_rest_alone);
    tcase_add_test(tcase, a_faded_path_is_silent_and_the_other_is_not);
    tcase_add_test(tcase, the_same_seed_gives_the_same_air_and_another_one_does_not);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, packet_tests());
    suite_add_tcase(suite, modem_tests());
    return run_suite(suite);
}
