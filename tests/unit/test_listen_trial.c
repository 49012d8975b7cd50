/* SPDX-License-Identifier: Apache-2.0 */
/* Which speed --listen says looks right, for a device at each speed, with a receiver's UART modelled bit by bit; and
 * what it prints of a body. */
#include "listen/listen.h"
#include "listen/listen_trial.h"
#include "run_suite.h"
#include "uart_model.h"

#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <stdlib.h>
#include <string.h>

static const unsigned speeds[] = {1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200};

#define SPEEDS (sizeof speeds / sizeof speeds[0])

static struct selkie_listen_trial trials[SPEEDS];

static size_t sealed_wire(uint8_t wire[static SELKIE_LINK_WIRE_MAX], unsigned seed)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    srand(seed);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(rand() >> 7);
    selkie_frame_put_sealed_header(body, 1, (const uint8_t[SELKIE_ADDRESS_SIZE]){1, 2, 3, 4, 5, 6, 7, 8});
    int len = selkie_link_encode(wire, SELKIE_LINK_WIRE_MAX, body, sizeof body);
    ck_assert_int_gt(len, 0);
    return (size_t)len;
}

static void feed(struct selkie_listen_trial *trial, const uint8_t *wire, size_t len, unsigned sent_baud, bool errors)
{
    static uint8_t heard[SELKIE_LINK_WIRE_MAX * 128];
    unsigned count = 0;
    size_t fill = uart_receive(heard, sizeof heard, trial->baud, wire, len, sent_baud, &count);

    for (size_t i = 0; i < fill; i++)
        (void)!selkie_listen_trial_byte(trial, heard[i]);
    trial->errors_known = errors;
    trial->errors += errors ? count : 0;
    selkie_listen_trial_silence(trial);
}

/* The line carries two frames sent at this speed, one byte of each changed if `damage`; every speed is tried. */
static const struct selkie_listen_trial *best_of(unsigned sent_baud, bool damage, bool errors, bool *proven)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    for (size_t i = 0; i < SPEEDS; i++) {
        selkie_listen_trial_init(&trials[i], speeds[i]);
        for (unsigned frame = 0; frame < 2; frame++) {
            size_t len = sealed_wire(wire, frame + 1);
            wire[400] = damage ? (uint8_t)(wire[400] == 1 ? 2 : wire[400] ^ 1) : wire[400];
            feed(&trials[i], wire, len, sent_baud, errors);
        }
    }
    return selkie_listen_trial_best(trials, SPEEDS, proven);
}

START_TEST(the_speed_with_frames_is_right)
{
    bool proven;

    for (size_t i = 0; i < SPEEDS; i++) {
        const struct selkie_listen_trial *best = best_of(speeds[i], false, false, &proven);
        ck_assert_ptr_nonnull(best);
        ck_assert_uint_eq(best->baud, speeds[i]);
        ck_assert_uint_eq(best->frames, 2);
        ck_assert(proven);
    }
}
END_TEST

/* A radio that damages every frame still says at which speed it talks. */
START_TEST(a_speed_that_had_frames_stays_right_after_noise_and_another_turn)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    bool proven;

    best_of(9600, false, false, &proven);
    for (size_t i = 0; i < SPEEDS; i++) {
        selkie_listen_trial_again(&trials[i]);
        ck_assert(!selkie_listen_trial_is_over(&trials[i]));
        memset(wire, 0x55, sizeof wire);
        feed(&trials[i], wire, sizeof wire, trials[i].baud, false);
    }
    const struct selkie_listen_trial *best = selkie_listen_trial_best(trials, SPEEDS, &proven);
    ck_assert(proven);
    ck_assert_uint_eq(best->baud, 9600);
    ck_assert_uint_eq(best->frames, 2);
}
END_TEST

START_TEST(broken_frames_at_the_right_speed_look_more_right_than_the_rest)
{
    bool proven;

    for (size_t errors = 0; errors < 2; errors++)
        for (size_t i = 0; i < SPEEDS; i++) {
            const struct selkie_listen_trial *best = best_of(speeds[i], true, errors, &proven);
            ck_assert_msg(best && best->baud == speeds[i], "%u looks like %u", speeds[i], best ? best->baud : 0);
            ck_assert(!proven);
        }
}
END_TEST

START_TEST(noise_and_silence_have_no_speed)
{
    bool proven;

    for (size_t i = 0; i < SPEEDS; i++)
        selkie_listen_trial_init(&trials[i], speeds[i]);
    ck_assert_ptr_null(selkie_listen_trial_best(trials, SPEEDS, &proven));
    srand(3);
    for (size_t i = 0; i < SPEEDS; i++)
        for (unsigned byte = 0; byte < 4000; byte++)
            (void)!selkie_listen_trial_byte(&trials[i], (uint8_t)(rand() >> 7));
    ck_assert_ptr_null(selkie_listen_trial_best(trials, SPEEDS, &proven));
    ck_assert(!proven);
}
END_TEST

START_TEST(a_speed_has_its_chance_before_the_next)
{
    struct selkie_listen_trial trial;
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    selkie_listen_trial_init(&trial, 9600);
    ck_assert(!selkie_listen_trial_is_over(&trial));
    for (unsigned click = 0; click < 100; click++) { /* a few bytes of noise are no transmission */
        (void)!selkie_listen_trial_byte(&trial, 0x55);
        selkie_listen_trial_silence(&trial);
    }
    ck_assert(!selkie_listen_trial_is_over(&trial));
    size_t len = sealed_wire(wire, 1);
    feed(&trial, wire, len - 100, 9600, false);
    ck_assert(!selkie_listen_trial_is_over(&trial));
    feed(&trial, wire, len - 100, 9600, false);
    ck_assert(selkie_listen_trial_is_over(&trial));

    selkie_listen_trial_init(&trial, 9600); /* noise without an end */
    for (unsigned i = 0; i < 4096; i++) {
        ck_assert(!selkie_listen_trial_is_over(&trial));
        (void)!selkie_listen_trial_byte(&trial, 0x55);
    }
    ck_assert(selkie_listen_trial_is_over(&trial));

    selkie_listen_trial_init(&trial, 9600); /* after a frame, more patience, but not for ever: it may be chance */
    feed(&trial, wire, len, 9600, false);
    ck_assert_uint_eq(trial.frames, 1);
    for (unsigned i = 0; i < 15; i++) {
        feed(&trial, wire, 400, 9600, false);
        ck_assert(!selkie_listen_trial_is_over(&trial));
    }
    feed(&trial, wire, 400, 9600, false);
    ck_assert(selkie_listen_trial_is_over(&trial));
}
END_TEST

/* An E220 appends a byte to each packet: neither that byte nor its absence costs a frame. */
START_TEST(a_byte_behind_each_frame_breaks_nothing)
{
    struct selkie_listen_trial trial;
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    selkie_listen_trial_init(&trial, 9600);
    for (unsigned i = 0; i < 8; i++) {
        size_t len = sealed_wire(wire, i);
        feed(&trial, wire, len, 9600, false);
        if (i % 2 == 0)
            (void)!selkie_listen_trial_byte(&trial, (uint8_t)(0x9A + i));
    }
    ck_assert_uint_eq(trial.frames, 8);
    ck_assert_uint_eq(trial.broken, 0);
}
END_TEST

static void expect(const uint8_t *body, size_t len, const char *expected)
{
    char text[SELKIE_LISTEN_TEXT_MAX];

    selkie_listen_describe(text, body, len);
    ck_assert_str_eq(text, expected);
}

START_TEST(each_kind_of_body_is_named)
{
    uint8_t sealed[SELKIE_SEALED_SIZE] = {0x10, 7, 0, 0x11, 0x22, 0x33, 0xAA, 0xBB, 0xCC, 0xDD};
    uint8_t session[SELKIE_SESSION_OVERHEAD + 3] = {0x11, 0xDE, 0xAD, 0xBE, 0xEF, 0x01, 0x02};
    uint8_t fragment[SELKIE_FRAGMENT_HEADER_SIZE + 48] = {SELKIE_FRAGMENT_HEAD, 0x1A, 0x2B, 11, 12};

    expect(sealed, sizeof sealed, "SEALED    address 00112233aabbccdd  key 7  522 bytes");
    expect(session, sizeof session, "SESSION   tag deadbeef  counter_low 258  18 bytes");
    expect((const uint8_t[]){0x12, 0x29, 0xB1}, 3, "ACK       of the body with CRC 29b1  3 bytes");
    expect(fragment, sizeof fragment, "FRAGMENT  set 1a2b  index 12, 11 make the body  53 bytes");
    expect((const uint8_t[]){0x25}, 1, "foreign   version 2, type 5  1 bytes");
    expect(sealed, 5, "foreign   version 1, type 0  5 bytes"); /* not the length of its type */
    expect(fragment, 5, "foreign   version 1, type 3  5 bytes");
}
END_TEST

/* Any bytes at all: what is printed is printable, and fits. */
START_TEST(no_body_steers_the_terminal)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    char text[SELKIE_LISTEN_TEXT_MAX];

    srand(5);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = round % 8 == 0 ? sizeof body : 1 + (size_t)rand() % 60;
        for (size_t i = 0; i < len; i++)
            body[i] = (uint8_t)(rand() >> 7);
        body[0] = (uint8_t)(round % 3 ? 0x10 | round % 5 : round >> 3);
        selkie_listen_describe(text, body, len);
        ck_assert_uint_lt(strlen(text), sizeof text - 1);
        for (const char *at = text; *at != '\0'; at++)
            ck_assert_msg(*at >= ' ' && *at <= '~', "%s", text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listen_trial");
    TCase *tcase = tcase_create("listen_trial");

    tcase_add_test(tcase, the_speed_with_frames_is_right);
    tcase_add_test(tcase, a_speed_that_had_frames_stays_right_after_noise_and_another_turn);
    tcase_add_test(tcase, broken_frames_at_the_right_speed_look_more_right_than_the_rest);
    tcase_add_test(tcase, noise_and_silence_have_no_speed);
    tcase_add_test(tcase, a_speed_has_its_chance_before_the_next);
    tcase_add_test(tcase, a_byte_behind_each_frame_breaks_nothing);
    tcase_add_test(tcase, each_kind_of_body_is_named);
    tcase_add_test(tcase, no_body_steers_the_terminal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
