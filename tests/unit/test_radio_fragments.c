/* SPDX-License-Identifier: Apache-2.0 */
/* A radio line that hears fragments: what comes of them, and when it is acknowledged. */
#include "radio_fixture.h"
#include "run_suite.h"
#include "timer.h"

#include <poll.h>
#include <selkie/clock.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <string.h>
#include <unistd.h>

static bool ack_is_there(void)
{
    struct pollfd readable = {.fd = master, .events = POLLIN};

    return poll(&readable, 1, 0) > 0;
}

static void wait_for(int64_t us)
{
    int64_t end = selkie_clock_monotonic_us() + us;

    while (selkie_clock_monotonic_us() < end)
        ck_assert_int_ge(sd_event_run(event, 1000), 0);
}

START_TEST(fragments_give_their_body_as_if_it_had_come_whole)
{
    static const char *prefixes[] = {"42"};
    uint8_t body[SELKIE_SEALED_SIZE], other[SELKIE_SEALED_SIZE];

    config.allow = prefixes;
    config.allow_count = 1;
    radio_sealed_of(body, 0x42);
    radio_sealed_of(other, 0x77); /* not allowed */
    for (uint8_t index = 0; index < 13; index++) {
        if (index != 3)
            radio_send_fragment(body, sizeof body, index);
        if (index != 7)
            radio_send_fragment(other, sizeof other, index);
    }
    radio_turn_until(24 + 2);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->fragments, 24);
    ck_assert_uint_eq(counters->restored, 2);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->sealed, 2);
    ck_assert_uint_eq(counters->filtered, 1);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.len, sizeof body);
    ck_assert_mem_eq(heard.body, body, sizeof body);
}
END_TEST

START_TEST(fragments_that_give_no_body_are_counted)
{
    static const uint8_t no_fragment[] = {0x13, 1, 2, 0, 0, 1, 2, 3, 4}; /* no chunks: of a version to come */
    uint8_t body[SELKIE_SEALED_SIZE], forged[SELKIE_FRAGMENT_SIZE_MAX];
    struct selkie_fragment_plan plan;

    radio_sealed_of(body, 1);
    ck_assert_int_eq(selkie_fragment_make_plan(&plan, body, sizeof body, 58), 0);
    size_t len = selkie_fragment_write(forged, &plan, body, sizeof body, 12);
    forged[20] ^= 1;
    radio_send_body(forged, len);
    for (uint8_t index = 0; index < 10; index++)
        radio_send_fragment(body, sizeof body, index);
    for (uint8_t set = 0; set < SELKIE_FRAGMENT_SETS + 2; set++) {
        radio_sealed_of(body, set);
        radio_send_fragment(body, sizeof body, 0);
    }
    radio_send_body(no_fragment, sizeof no_fragment);
    radio_turn_until(11 + SELKIE_FRAGMENT_SETS + 2 + 1);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->sets_broken, 1);
    ck_assert_uint_eq(counters->sets_displaced, 2);
    ck_assert_uint_eq(counters->restored, 0);
    ck_assert_uint_eq(counters->foreign, 1);
    ck_assert_uint_eq(heard.count, 1); /* the foreign one: the plugin rejects it */
}
END_TEST

#define FRAGMENTS_MS 150

/* A transmission at a pace that is slower than the quiet time, with parity behind the last fragment that was needed.
 * The body is acknowledged behind all of it; false: this machine was so late that a gateway may think it over before.
 */
static bool transmission_is_acknowledged_behind_its_end(const uint8_t *body, uint8_t first, bool repeat)
{
    uint8_t ack[SELKIE_ACK_SIZE], expected[SELKIE_ACK_SIZE];
    size_t before = heard.count;
    int64_t start = selkie_clock_monotonic_us();

    selkie_frame_put_ack(expected, body, SELKIE_SEALED_SIZE);
    for (uint8_t i = 0; i < 13; i++) {
        radio_send_fragment(body, SELKIE_SEALED_SIZE, first + i);
        for (int64_t next = start + (i + 1) * FRAGMENTS_MS * SELKIE_MS_US; selkie_clock_monotonic_us() < next;)
            ck_assert_int_ge(sd_event_run(event, 1000), 0);
        if (selkie_clock_monotonic_us() - start > ((i + 1) * FRAGMENTS_MS + FRAGMENTS_MS / 4) * SELKIE_MS_US)
            return false;
        if (heard.count > before)
            selkie_radio_line_ack(radio, body, SELKIE_SEALED_SIZE, repeat);
        ck_assert(!ack_is_there());
    }
    ck_assert_uint_eq(heard.count, before + 1);
    radio_await_ack(ack);
    ck_assert_mem_eq(ack, expected, sizeof ack);
    return true;
}

START_TEST(ack_waits_for_the_end_of_the_fragments_and_comes_again_for_a_repeat)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    bool done = false;

    for (uint8_t try = 0; !done && try < 8; try++) {
        radio_sealed_of(body, try);
        done = transmission_is_acknowledged_behind_its_end(body, 0, false);
        wait_for(2 * FRAGMENTS_MS * SELKIE_MS_US); /* the device, for an ACK that it does not hear */
        done = done && transmission_is_acknowledged_behind_its_end(body, 13, true);
        wait_for(2 * FRAGMENTS_MS * SELKIE_MS_US);
        while (ack_is_there())
            radio_await_ack((uint8_t[SELKIE_ACK_SIZE]){0});
    }
    ck_assert_msg(done, "this machine is too busy for the test");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radio_fragments");
    TCase *tcase = tcase_create("radio_fragments");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, radio_setup, radio_teardown);
    tcase_add_test(tcase, fragments_give_their_body_as_if_it_had_come_whole);
    tcase_add_test(tcase, fragments_that_give_no_body_are_counted);
    tcase_add_test(tcase, ack_waits_for_the_end_of_the_fragments_and_comes_again_for_a_repeat);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
