/* SPDX-License-Identifier: Apache-2.0 */
/* A button as a source: who presses it, a person or a machine, and what its contact does.
 *
 * The contact is a model; test_entropy_recordings.c takes recordings of real ones. Its figures are published ones.
 * Duration of a bounce: 1,557 us in the mean and 6,200 us at most over 16 kinds of switches, some 300 presses each (J.
 * Ganssle, "A Guide to Debouncing", ganssle.com/debouncing.htm); up to 14 ms for 6 mm tactile buttons, up to 973 ms for
 * a worn push button (github.com/adamfk/bouncy-button-data, issues 23 and 6). Pauses within a bounce: mostly 2.5 to 230
 * us, up to some hundreds of edges (a trace in issue 12 there). */
#include "entropy_feed.h"
#include <check.h>
#include <math.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

START_TEST(no_seed_below_320_bits)
{
    uint8_t seed[SELKIE_ENTROPY_SEED];
    feed_buttons_alone();
    feed_begin();
    feed_press(&feeds[0], 0);
    for (int i = 0; i < 79; i++)
        feed_press(&feeds[0], feed_human());
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_lt(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, seed), SELKIE_ENOTREADY);
}
END_TEST

START_TEST(presses_earn_four_bits_each_whatever_is_claimed)
{
    feed_buttons_alone();
    sources[0].claim = 32;
    feed_begin();
    feed_press(&feeds[0], 0);
    for (unsigned presses = 1; presses <= 140; presses++) {
        feed_press(&feeds[0], feed_human());
        ck_assert_int_eq(feed_gather(0), 0);
        ck_assert_uint_le(selkie_entropy_bits(&entropy), 4 * presses);
    }
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(each_press_shows)
{
    /* Also those of the start-up test, which count for nothing until it is passed. */
    feed_buttons_alone();
    feed_begin();
    feed_press(&feeds[0], 0);
    for (unsigned i = 1; i < 100; i++) {
        feed_press(&feeds[0], 100000 + 9001 * i * i); /* none repeats an earlier one, nor its steps */
        ck_assert_int_eq(feed_gather(0), 0);
        if (i < 16) {
            ck_assert_uint_eq(selkie_entropy_progress(&entropy), 4 * i);
            ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
        } else {
            ck_assert_uint_eq(selkie_entropy_progress(&entropy), selkie_entropy_bits(&entropy));
        }
    }
}
END_TEST

struct bounce {
    uint32_t mean_us, most_us; /* how long it lasts */
    uint32_t bounce_us;        /* what the board says of it */
};

/* A contact that closes: the first edge, and the further ones of its bounce. Returns how many. */
static unsigned close_contact(struct feed *feed, uint32_t at_us, const struct bounce *bounce)
{
    double uniform = (1 + (double)test_random_below(&rng, 1000000)) / 1000001;
    double lasts = fmin(-log(uniform) * bounce->mean_us, bounce->most_us);
    unsigned edges = 1;
    feed->samples[feed->count++] = at_us;
    for (double after = 0; edges < 300; edges++) {
        uniform = (double)test_random_below(&rng, 1000000) / 1000000;
        after += 2.5 * pow(230 / 2.5, uniform); /* short pauses are the most */
        if (test_random_below(&rng, 50) == 0)
            after += lasts / 4; /* a leap */
        if (after > lasts || feed->count == FEED_SAMPLES_MAX)
            break;
        feed->samples[feed->count++] = at_us + (uint32_t)after;
    }
    return edges;
}

START_TEST(a_bouncing_button_counts_each_press_once)
{
    static const struct bounce kinds[] = {{1557, 6200, 20000}, {7000, 14000, 20000}, {150000, 300000, 100000}};
    const struct bounce *bounce = &kinds[_i];
    unsigned edges = 0;
    uint32_t at_us = 0;
    feed_buttons_alone();
    sources[0].bounce_us = bounce->bounce_us;
    feed_begin();
    for (unsigned press = 0; press < 41; press++) {
        at_us += bounce->most_us + bounce->bounce_us + feed_human();
        edges += close_contact(&feeds[0], at_us, bounce);
    }
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_gt(edges, 4 * 41);
    ck_assert_uint_le(selkie_entropy_bits(&entropy), 4 * 40);
    ck_assert_uint_ge(selkie_entropy_bits(&entropy), 4 * 24); /* by chance, some repeat one another */
}
END_TEST

START_TEST(a_press_and_its_release_earn_four_bits_together)
{
    /* What a port claims whose interrupt sees the contact open, too. */
    static const struct bounce contact = {1557, 6200, 20000};
    uint32_t at_us = 0;
    feed_buttons_alone();
    sources[0].claim = 8;
    feed_begin();
    for (unsigned presses = 1; presses <= 90; presses++) {
        at_us += contact.most_us + contact.bounce_us + feed_human();
        (void)close_contact(&feeds[0], at_us, &contact);
        at_us += contact.most_us + contact.bounce_us + feed_human() / 3;
        (void)close_contact(&feeds[0], at_us, &contact); /* it opens in the same way */
        ck_assert_int_eq(feed_gather(0), 0);
        ck_assert_uint_le(selkie_entropy_bits(&entropy), 4 * presses);
    }
    ck_assert_uint_ge(selkie_entropy_bits(&entropy), 2 * 90);
}
END_TEST

START_TEST(a_bounce_by_itself_is_refused)
{
    /* A board that says nothing of bounces. Their pauses are within a few milliseconds of one another, whatever
     * randomness is in them: one press is no entropy. */
    static const struct bounce kinds[] = {{1557, 6200, 0}, {7000, 14000, 0}};
    uint32_t at_us = 0;
    unsigned presses = 0;
    int error = 0;
    feed_buttons_alone();
    sources[0].bounce_us = 0;
    feed_begin();
    while (error == 0) {
        ck_assert_uint_lt(++presses, 41);
        at_us += feed_human();
        (void)close_contact(&feeds[0], at_us, &kinds[_i]);
        error = feed_gather(0);
        ck_assert_uint_le(selkie_entropy_bits(&entropy), 8 * presses); /* the press, and a leap */
    }
    ck_assert_int_eq(error, SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_contact_that_never_rests_earns_nothing)
{
    feed_buttons_alone();
    feed_begin();
    for (unsigned i = 0; i < 2000; i++)
        feed_press(&feeds[0], 100 + (uint32_t)test_random_below(&rng, 15000));
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

/* Presses of a machine with this jitter, whose low bits look perfectly random: refused for good before they earn so
 * many bits. */
static void machine_is_refused(uint32_t (*interval)(unsigned i), uint32_t jitter_us, unsigned bits)
{
    int error = 0;
    feed_buttons_alone();
    feed_begin();
    for (unsigned i = 0; error == 0; i++) {
        ck_assert_msg(i < 300, "300 presses of a machine were not refused");
        feed_press(&feeds[0], interval(i) + (uint32_t)test_random_below(&rng, jitter_us));
        error = feed_gather(0);
        ck_assert_uint_lt(selkie_entropy_bits(&entropy), bits);
    }
    ck_assert_int_eq(error, SELKIE_EENTROPY);
    ck_assert_uint_eq(selkie_entropy_alarms(&entropy), SELKIE_ENTROPY_ALARMS);
    for (unsigned i = 0; i < 200; i++)
        feed_press(&feeds[0], feed_human());
    ck_assert_int_eq(feed_gather(0), SELKIE_EENTROPY); /* it is not believed any more, whatever it does */
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}

static uint32_t regular(unsigned i)
{
    (void)i;
    return 200000;
}

START_TEST(regular_presses_are_refused)
{
    machine_is_refused(regular, 1000, SELKIE_ENTROPY_NEEDED / 2);
}
END_TEST

static uint32_t rhythm(unsigned i)
{
    static const uint32_t intervals[] = {150000, 300000, 150000, 600000};
    return intervals[i % 4];
}

START_TEST(a_rhythm_is_refused)
{
    machine_is_refused(rhythm, 1000, SELKIE_ENTROPY_NEEDED / 2);
}
END_TEST

/* Every twelfth press comes late, so no 31 in a row are regular; but of 64, more than 56 are not a person's. */
static uint32_t with_hiccups(unsigned i)
{
    return i % 12 == 0 ? 200000 + (uint32_t)test_random_below(&rng, 400000) : 200000;
}

START_TEST(a_machine_with_hiccups_is_refused)
{
    machine_is_refused(with_hiccups, 1000, SELKIE_ENTROPY_NEEDED / 2);
}
END_TEST

static unsigned period;

/* Apart by more than any tolerance, in no order that a difference would foretell. */
static uint32_t periodic(unsigned i)
{
    uint32_t power = 1;
    for (unsigned exponent = i % period; exponent > 0; exponent--)
        power = 2 * power % 61; /* all of 1 to 60, each once */
    return 150000 + 7919 * power;
}

static uint32_t rising(unsigned i)
{
    return 200000 + 5500 * i;
}

static uint32_t falling(unsigned i)
{
    return 900000 - 5500 * i;
}

static uint32_t rising_periodic(unsigned i)
{
    return periodic(i) + rising(i);
}

/* No randomness at all, but for what looks like it. */
static uint32_t rising_quadratic(unsigned i)
{
    return rising(i) + 37 * i * i % 256;
}

START_TEST(every_period_up_to_48_is_refused)
{
    /* The longest ones only just: before they repeat, they are as good as a person. */
    period = (unsigned)_i;
    machine_is_refused(periodic, 1000, SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(a_ramp_is_refused)
{
    static uint32_t (*const ramps[])(unsigned i) = {rising, falling, rising_periodic, rising_quadratic};
    period = 5;
    machine_is_refused(ramps[_i], 1000, SELKIE_ENTROPY_NEEDED / 2);
}
END_TEST

START_TEST(a_person_is_believed)
{
    /* A steady hand: 250 ms, give or take 60. It takes longer, but a hundred persons get there. */
    for (unsigned person = 0; person < 100; person++) {
        feed_set_up();
        rng.state = person;
        feed_buttons_alone();
        feed_begin();
        unsigned presses = 0;
        while (selkie_entropy_bits(&entropy) < SELKIE_ENTROPY_NEEDED && ++presses < 400) {
            feed_press(&feeds[0], 190000 + (uint32_t)test_random_below(&rng, 120000));
            ck_assert_int_eq(feed_gather(0), 0);
        }
        ck_assert_uint_lt(presses, 400);
        selkie_entropy_wipe(&entropy);
    }
}
END_TEST

START_TEST(a_person_may_take_his_time)
{
    feed_buttons_alone();
    feed_begin();
    feed_press(&feeds[0], 0);
    ck_assert_int_eq(feed_gather(0), 0);
    ck_assert_int_eq(feed_gather(86400000), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entropy_buttons");
    TCase *tc = tcase_create("entropy_buttons");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, feed_set_up, feed_tear_down);
    tcase_add_test(tc, no_seed_below_320_bits);
    tcase_add_test(tc, presses_earn_four_bits_each_whatever_is_claimed);
    tcase_add_test(tc, each_press_shows);
    tcase_add_loop_test(tc, a_bouncing_button_counts_each_press_once, 0, 3);
    tcase_add_test(tc, a_press_and_its_release_earn_four_bits_together);
    tcase_add_loop_test(tc, a_bounce_by_itself_is_refused, 0, 2);
    tcase_add_test(tc, a_contact_that_never_rests_earns_nothing);
    tcase_add_test(tc, regular_presses_are_refused);
    tcase_add_test(tc, a_rhythm_is_refused);
    tcase_add_test(tc, a_machine_with_hiccups_is_refused);
    tcase_add_loop_test(tc, every_period_up_to_48_is_refused, 1, 49);
    tcase_add_loop_test(tc, a_ramp_is_refused, 0, 4);
    tcase_add_test(tc, a_person_is_believed);
    tcase_add_test(tc, a_person_may_take_his_time);
    return run_suite(suite);
}
