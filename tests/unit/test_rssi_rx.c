/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a radio that appends a byte to each of its packets, with every byte of the line lost or changed in turn. */
#include "rssi_rx.h"
#include "run_suite.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES = 4, BODY = 20 };

struct stream {
    uint8_t bytes[FRAMES * (SELKIE_LINK_WIRE_SIZE(BODY) + 1)];
    uint8_t owner[FRAMES * (SELKIE_LINK_WIRE_SIZE(BODY) + 1)]; /* which frame the byte is part of; FRAMES = of none */
    size_t len;
};

static uint8_t bodies[FRAMES][BODY];
static struct selkie_rssi_rx rx;

static void set_up(void)
{
    for (int i = 0; i < FRAMES; i++)
        for (int j = 0; j < BODY; j++)
            bodies[i][j] = (uint8_t)(j == 0 ? 0x10 : j % 5 == 0 ? 0 : 16 * i + j);
    rx.appended = true;
    selkie_rssi_rx_init(&rx);
}

/* The frames one behind the other, each with the byte, if there is one, behind it. Neither that byte nor the 0x00 that
 * begins a frame is part of a frame: the frame can do without. */
static void put(struct stream *stream, int strength)
{
    stream->len = 0;
    for (uint8_t i = 0; i < FRAMES; i++) {
        int len = selkie_link_encode(stream->bytes + stream->len, SELKIE_LINK_WIRE_SIZE(BODY), bodies[i], BODY);
        ck_assert_int_gt(len, 0);
        memset(stream->owner + stream->len, i, (size_t)len);
        stream->owner[stream->len] = FRAMES;
        stream->len += (size_t)len;
        if (strength >= 0) {
            stream->bytes[stream->len] = (uint8_t)strength;
            stream->owner[stream->len++] = FRAMES;
        }
    }
}

/* Which frames come out: bit i for frame i. `errors` counts the others. */
static unsigned receive(const uint8_t *bytes, size_t len, unsigned *errors)
{
    unsigned found = 0;

    for (size_t i = 0; i < len; i++) {
        int result = selkie_rssi_rx_byte(&rx, bytes[i]);
        *errors += result < 0;
        if (result <= 0)
            continue;
        if (result == BODY + 1) /* 0x01 in place of the 0x00 is one more zero to COBS, which the CRC does not see */
            continue;
        ck_assert_int_eq(result, BODY);
        for (unsigned j = 0; j < FRAMES; j++)
            if (memcmp(rx.body, bodies[j], BODY) == 0) {
                ck_assert_uint_eq(found >> j, 0); /* each once, in order */
                found |= 1u << j;
            }
    }
    return found;
}

static const unsigned all = (1u << FRAMES) - 1;

/* -1: the radio appends nothing, although it should. */
START_TEST(whatever_the_byte_is_all_frames_come_and_nothing_is_an_error)
{
    struct stream stream;
    unsigned errors = 0;

    put(&stream, _i);
    ck_assert_uint_eq(receive(stream.bytes, stream.len, &errors), all);
    ck_assert_uint_eq(errors, 0);
}
END_TEST

START_TEST(a_byte_that_is_lost_costs_no_frame_but_its_own)
{
    struct stream stream;
    uint8_t without[sizeof stream.bytes];

    put(&stream, _i);
    for (size_t lost = 0; lost < stream.len; lost++) {
        unsigned errors = 0, own = stream.owner[lost] == FRAMES ? 0 : 1u << stream.owner[lost];
        memcpy(without, stream.bytes, lost);
        memcpy(without + lost, stream.bytes + lost + 1, stream.len - lost - 1);
        selkie_rssi_rx_init(&rx);
        unsigned found = receive(without, stream.len - 1, &errors);
        /* The 0x00 behind a frame can be missing too, if the next one's is there and no other byte between. */
        ck_assert_uint_eq(found | own, all);
        if (own == 0)
            ck_assert_uint_eq(errors, 0);
    }
}
END_TEST

START_TEST(a_byte_that_is_changed_costs_no_frame_but_those_beside_it)
{
    struct stream stream;

    put(&stream, 0xA9);
    for (size_t at = 0; at < stream.len; at++)
        for (unsigned change = 1; change < 256; change++) {
            unsigned errors = 0;
            /* A 0x00 that is changed joins what it should part. */
            unsigned behind = at + 1 < stream.len && stream.owner[at + 1] < FRAMES ? 1u << stream.owner[at + 1] : 0;
            unsigned own = stream.owner[at] < FRAMES ? 1u << stream.owner[at] : behind;
            stream.bytes[at] ^= (uint8_t)change;
            selkie_rssi_rx_init(&rx);
            ck_assert_uint_eq(receive(stream.bytes, stream.len, &errors) | own, all);
            stream.bytes[at] ^= (uint8_t)change;
        }
}
END_TEST

START_TEST(frames_that_share_a_zero_come_with_the_byte_and_without)
{
    struct stream stream;
    uint8_t shared[sizeof stream.bytes];
    unsigned errors = 0;
    size_t len = 0;

    put(&stream, -1);
    for (size_t i = 0; i < stream.len; i++)
        if (i == 0 || stream.bytes[i] != 0 || stream.bytes[i - 1] != 0)
            shared[len++] = stream.bytes[i];
    ck_assert_uint_eq(receive(shared, len, &errors), all);
    put(&stream, 0xA9);
    for (size_t i = len = 0; i < stream.len; i++)
        if (i == 0 || stream.owner[i] < FRAMES || stream.bytes[i] != 0) /* a module that cuts off the first 0x00 */
            shared[len++] = stream.bytes[i];
    ck_assert_uint_eq(receive(shared, len, &errors), all);
    ck_assert_uint_eq(errors, 0);
}
END_TEST

START_TEST(noise_is_counted_once_and_costs_nothing_behind_its_zero)
{
    static const uint8_t noise[] = {7, 7, 7, 7, 7, 0, 0xA9};
    struct stream stream;
    unsigned errors = 0;

    put(&stream, 0xA9);
    ck_assert_uint_eq(receive(noise, sizeof noise, &errors), 0);
    ck_assert_uint_eq(errors, 1);
    ck_assert_uint_eq(receive(stream.bytes, stream.len, &errors), all);
    ck_assert_uint_eq(errors, 1);
}
END_TEST

START_TEST(without_the_setting_it_is_the_link_receiver)
{
    static struct selkie_link_rx plain;
    struct stream stream;

    rx.appended = false;
    selkie_link_rx_init(&plain);
    put(&stream, 0xA9);
    srand(1);
    for (int round = 0; round < 1000; round++)
        for (size_t i = 0; i < stream.len; i++) {
            uint8_t byte = (uint8_t)(rand() % 64 == 0 ? rand() : stream.bytes[i]);
            ck_assert_int_eq(selkie_rssi_rx_byte(&rx, byte), selkie_link_rx_byte(&plain, byte));
            ck_assert_int_eq(selkie_rssi_rx_inside(&rx), selkie_link_rx_inside(&plain));
            ck_assert_ptr_eq(rx.body, rx.link.body);
        }
}
END_TEST

/* E220-400T30S User Manual, register REG3: dBm = -(256 - RSSI). */
START_TEST(the_byte_tells_dbm_and_nothing_that_no_radio_measures)
{
    ck_assert_int_eq(selkie_rssi_of(0xFF), -1);
    ck_assert_int_eq(selkie_rssi_of(0xA9), -87);
    ck_assert_int_eq(selkie_rssi_of(0x80), -128);
    ck_assert_int_eq(selkie_rssi_of(56), -200);
    ck_assert_int_eq(selkie_rssi_of(55), 0);
    ck_assert_int_eq(selkie_rssi_of(0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rssi_rx");
    TCase *tcase = tcase_create("rssi_rx");

    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_loop_test(tcase, whatever_the_byte_is_all_frames_come_and_nothing_is_an_error, -1, 256);
    tcase_add_loop_test(tcase, a_byte_that_is_lost_costs_no_frame_but_its_own, -1, 256);
    tcase_add_test(tcase, a_byte_that_is_changed_costs_no_frame_but_those_beside_it);
    tcase_add_test(tcase, frames_that_share_a_zero_come_with_the_byte_and_without);
    tcase_add_test(tcase, noise_is_counted_once_and_costs_nothing_behind_its_zero);
    tcase_add_test(tcase, without_the_setting_it_is_the_link_receiver);
    tcase_add_test(tcase, the_byte_tells_dbm_and_nothing_that_no_radio_measures);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
