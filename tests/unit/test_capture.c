/* SPDX-License-Identifier: Apache-2.0 */
/* Capture times: a gateway whose clock is wrong, and one that lies, make no alarm and no replay of what its neighbours
 * hand over; and the order of two voices is heard. PROTOCOL.md, sections 7 and 8. */
#include "model/capture.h"
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>

#define NOW    INT64_C(1700000000000)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct {
    int64_t rx_ms, age_ms, expected_ms;
    enum selkie_clock clock;
} arrivals[] = {
    {NOW - 1, 0, NOW, SELKIE_CLOCK_PROMPT},
    {NOW, MINUTE, NOW - MINUTE, SELKIE_CLOCK_PROMPT},
    {NOW - 3 * DAY, MINUTE + 1, NOW - MINUTE - 1, SELKIE_CLOCK_AGE},
    {NOW + DAY, DAY, NOW - DAY, SELKIE_CLOCK_AGE},
    {-1, NOW, 0, SELKIE_CLOCK_AGE},
    {NOW - DAY, NOW + 1, NOW - DAY, SELKIE_CLOCK_GATEWAY}, /* before 1970: no age at all */
    {NOW - DAY, INT64_MAX, NOW - DAY, SELKIE_CLOCK_GATEWAY},
    {INT64_MAX, INT64_MAX, NOW, SELKIE_CLOCK_ARRIVAL},
    {NOW, -1, NOW, SELKIE_CLOCK_GATEWAY},
    {0, -1, 0, SELKIE_CLOCK_GATEWAY},
    {NOW + 1, -1, NOW, SELKIE_CLOCK_ARRIVAL}, /* it is ahead */
    {-1, -1, NOW, SELKIE_CLOCK_ARRIVAL},
    {INT64_MIN, INT64_MIN, NOW, SELKIE_CLOCK_ARRIVAL},
};

START_TEST(a_capture_is_the_arrival_less_the_age_and_never_later_than_the_arrival)
{
    const struct selkie_arrival arrival = {
        .gateway = "roof", .rx_ms = arrivals[_i].rx_ms, .age_ms = arrivals[_i].age_ms};
    struct selkie_capture capture = selkie_capture_at_arrival(&arrival, NOW);

    ck_assert_int_eq(capture.rx_ms, arrivals[_i].expected_ms);
    ck_assert_int_eq(capture.clock, arrivals[_i].clock);
}
END_TEST

/* The gateway "wrong" hands over each frame first, with this clock; then its neighbour "right" does, whose clock is
 * right and which sends an age. */
static const struct {
    const char *what;
    int64_t off_ms;
    int64_t age_ms; /* -1 = none */
} clocks[] = {
    {"an hour behind, with age", -HOUR, 0}, {"an hour behind, of an earlier version", -HOUR, -1},
    {"three days behind", -3 * DAY, -1},    {"a year ahead", 365 * DAY, -1},
    {"lies about its age", 0, 3 * DAY},     {"lies absurdly", 0, INT64_MAX},
};

START_TEST(a_wrong_clock_makes_no_replay_of_what_a_neighbour_hands_over)
{
    enum { READINGS = 12 };
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .silent_after_s = 600};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_event(host, "registered");
    for (uint32_t i = 1; i <= READINGS; i++) {
        struct kit_body body = kit_session(&device, "x");
        int64_t now_ms = selkie_clock_ms();
        kit_receipt(host, kit_submit_aged(host, "wrong", &body, now_ms + clocks[_i].off_ms, clocks[_i].age_ms));
        kit_receipt(host, kit_submit_aged(host, "right", &body, now_ms, 0));
        kit_expect_payload(host, &device, i, "x");
    }
    ck_assert_msg(kit_stat(host, "frames", "duplicate") == READINGS, "%s", clocks[_i].what);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0); /* nobody is silent, and nobody a clone */
    kit_close(host);
}
END_TEST

/* The neighbour is the first, and then the gateway whose clock is wrong. */
START_TEST(a_wrong_clock_makes_no_replay_of_its_own_duplicates)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");

    kit_receipt(host, kit_submit_aged(host, "right", &body, 0, 0));
    kit_receipt(host, kit_submit_aged(host, "wrong", &body, selkie_clock_ms() + clocks[_i].off_ms, clocks[_i].age_ms));
    ck_assert_int_eq(kit_stat(host, "frames", "duplicate"), 1);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

/* Its clock was set between the two captures of a frame; an age goes by another clock. */
START_TEST(a_clock_that_was_set_in_between_makes_no_replay)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");
    int64_t now_ms = selkie_clock_ms();

    kit_receipt(host, kit_submit_aged(host, "g1", &body, now_ms - 3 * DAY, 5));
    kit_receipt(host, kit_submit_aged(host, "g1", &body, now_ms, 5));
    ck_assert_int_eq(kit_stat(host, "frames", "duplicate"), 1);
    kit_close(host);
}
END_TEST

static const struct {
    const char *first_gateway;
    int64_t first_rx_ms, first_age_ms; /* rx before now */
    const char *gateway;
    int64_t rx_ms, age_ms;
    bool replay;
} repeats[] = {
    {"g1", 0, HOUR, "g1", 0, 0, true}, /* it kept the first for an hour, and says so */
    {"g1", HOUR, -1, "g1", 0, -1, true},
    {"g1", 0, HOUR, "g2", 0, 0, false}, /* a neighbour may have it from the same time */
    {"g1", HOUR, -1, "g2", 0, -1, false},
    {"g1", HOUR, -1, "g1", 0, 0, false}, /* by two clocks */
    {"g1", HOUR, -1, "g2", 0, 0, false},
    {"g1", 0, 9 * MINUTE, "g1", 0, 0, false},
};

START_TEST(a_replay_is_told_by_comparable_times_alone)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");
    int64_t now_ms = selkie_clock_ms();

    kit_receipt(host, kit_submit_aged(host, repeats[_i].first_gateway, &body, now_ms - repeats[_i].first_rx_ms,
                                      repeats[_i].first_age_ms));
    kit_receipt(host,
                kit_submit_aged(host, repeats[_i].gateway, &body, now_ms - repeats[_i].rx_ms, repeats[_i].age_ms));
    ck_assert_int_eq(kit_stat(host, "frames", "duplicate"), !repeats[_i].replay);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), repeats[_i].replay);
    kit_close(host);
}
END_TEST

/* The same for frames that wait: of a pending ID, and of an unknown session. */
START_TEST(a_replay_of_what_waits_is_told_by_the_same_rule)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .enrolment = SELKIE_ENROL_APPROVE};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1), stranger = kit_device(2, 1);
    struct kit_body bodies[] = {kit_data(&device, "x"), kit_session(&stranger, "x")};
    int64_t now_ms = selkie_clock_ms();

    for (int i = 0; i < 2; i++) {
        const struct kit_body *body = &bodies[i];
        kit_receipt(host, kit_submit_aged(host, "g1", body, now_ms - HOUR, HOUR));
        kit_receipt(host, kit_submit_aged(host, "g2", body, now_ms, 0));
        kit_receipt(host, kit_submit_aged(host, "g1", body, now_ms, -1));
        ck_assert_int_eq(kit_stat(host, "frames", "duplicate"), 2 * (i + 1));
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
        kit_receipt(host, kit_submit_aged(host, "g1", body, now_ms, 0));
        kit_expect_rejected(host, "replay");
    }
    kit_close(host);
}
END_TEST

/* What waited comes out with the time and the clock of its capture, also over a restart. */
START_TEST(the_clock_survives_parking_the_outbox_and_a_restart)
{
    static const int64_t ages_ms[] = {0, DAY, -1, -1};
    static const enum selkie_clock expected[] = {SELKIE_CLOCK_PROMPT, SELKIE_CLOCK_AGE, SELKIE_CLOCK_GATEWAY,
                                                 SELKIE_CLOCK_ARRIVAL};
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .enrolment = SELKIE_ENROL_APPROVE};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);
    int64_t now_ms = selkie_clock_ms();

    for (int i = 0; i < 4; i++) {
        struct kit_body body = kit_session(&device, "x"); /* unmatched, then parked, then in the outbox */
        kit_receipt(host, kit_submit_aged(host, "g1", &body, i == 3 ? now_ms + DAY : now_ms - HOUR, ages_ms[i]));
    }
    kit_submit_wait(host, registration);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    for (int run = 0; run < 2; run++) {
        for (int i = 0; i < 4; i++) {
            struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
            ck_assert_int_eq(output->clock, expected[i]);
            ck_assert_int_le(output->rx_ms, selkie_clock_ms());
            ck_assert_int_ge(output->rx_ms, i == 1 ? now_ms - DAY : now_ms - HOUR);
            selkie_output_free(output);
        }
        kit_close(host); /* nothing was delivered */
        host = kit_open(&options);
    }
    kit_close(host);
}
END_TEST

/* A thief's jump of the counter, and then the device below it: captured by this gateway, and so much later. */
static const struct {
    const char *gateway;
    int64_t jump_age_ms, late_age_ms;
    bool rings;
} orders[] = {
    {"g1", 11 * MINUTE, 0, true},  /* by one gateway's ages */
    {"g2", 11 * MINUTE, 0, false}, /* the first may have lied */
    {"g1", 9 * MINUTE, 0, false},  /* not long enough */
    {"g1", 0, DAY, false},         /* it was cut off: captured before */
    {"g2", 0, DAY, false},
};

START_TEST(two_voices_ring_once_and_are_both_heard)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1), thief;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_event(host, "registered");
    thief = device;
    thief.counter += 200000;
    struct kit_body body = kit_data(&thief, "forged");
    kit_receipt(host, kit_submit_aged(host, "g1", &body, 0, orders[_i].jump_age_ms));
    kit_expect_payload(host, &device, 200001, "forged");
    kit_event(host, "lost");
    for (uint32_t c = 1; c <= 3; c++) {
        body = kit_session(&device, "x");
        kit_receipt(host, kit_submit_aged(host, orders[_i].gateway, &body, 0, orders[_i].late_age_ms));
        kit_expect_payload(host, &device, c, "x");
    }
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), orders[_i].rings);
    if (orders[_i].rings) {
        json_t *event = kit_expect_event(host, "clone");
        ck_assert_str_eq(json_string_value(json_object_get(event, "proof")), "order");
        ck_assert_int_eq(json_integer_value(json_object_get(event, "counter")), 1);
        json_decref(event);
    }
    kit_close(host);
}
END_TEST

START_TEST(two_bodies_are_the_other_proof)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1), thief = device;

    kit_submit_wait(host, kit_data(&device, "x"));
    kit_event(host, "registered");
    kit_submit_wait(host, kit_data(&thief, "y"));
    json_t *event = kit_expect_event(host, "clone");
    ck_assert_str_eq(json_string_value(json_object_get(event, "proof")), "body");
    json_decref(event);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capture");
    TCase *tcase = tcase_create("capture");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, a_capture_is_the_arrival_less_the_age_and_never_later_than_the_arrival, 0,
                        (int)(sizeof arrivals / sizeof *arrivals));
    tcase_add_loop_test(tcase, a_wrong_clock_makes_no_replay_of_what_a_neighbour_hands_over, 0,
                        (int)(sizeof clocks / sizeof *clocks));
    tcase_add_loop_test(tcase, a_wrong_clock_makes_no_replay_of_its_own_duplicates, 0,
                        (int)(sizeof clocks / sizeof *clocks));
    tcase_add_test(tcase, a_clock_that_was_set_in_between_makes_no_replay);
    tcase_add_loop_test(tcase, a_replay_is_told_by_comparable_times_alone, 0, (int)(sizeof repeats / sizeof *repeats));
    tcase_add_test(tcase, a_replay_of_what_waits_is_told_by_the_same_rule);
    tcase_add_test(tcase, the_clock_survives_parking_the_outbox_and_a_restart);
    tcase_add_loop_test(tcase, two_voices_ring_once_and_are_both_heard, 0, (int)(sizeof orders / sizeof *orders));
    tcase_add_test(tcase, two_bodies_are_the_other_proof);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
