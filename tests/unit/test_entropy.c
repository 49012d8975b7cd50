/* SPDX-License-Identifier: Apache-2.0 */
/* Sources, their account, and what is drawn from them. */
#include <check.h>
#include <run_suite.h>
#include <selkie/device/entropy.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/random.h>

#define SAMPLES_MAX 4096

/* Two sources at most, each a list of samples that is read to its end. */
struct feed {
    uint32_t samples[SAMPLES_MAX];
    size_t count, at;
    int failure; /* returned instead */
};

static struct feed feeds[2];
static struct selkie_source sources[2];
static struct selkie_port port;
static struct selkie_entropy entropy;
static struct test_random rng;

static int read_feed(struct feed *feed, uint32_t *samples, size_t max)
{
    if (feed->failure != 0)
        return feed->failure;
    size_t count = feed->count - feed->at < max ? feed->count - feed->at : max;
    memcpy(samples, feed->samples + feed->at, count * sizeof samples[0]);
    feed->at += count;
    return (int)count;
}

static int read_first(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    return read_feed(&feeds[0], samples, max);
}

static int read_second(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    return read_feed(&feeds[1], samples, max);
}

static void set_up(void)
{
    memset(feeds, 0, sizeof feeds);
    rng.state = 3;
    sources[0] = (struct selkie_source){
        .kind = SELKIE_SOURCE_TRNG, .claim = 16, .width = 8, .dead_ms = 1000, .read = read_first};
    sources[1] = (struct selkie_source){.kind = SELKIE_SOURCE_EDGES,
                                        .claim = 16,
                                        .width = 8,
                                        .tick_hz = 1000000,
                                        .bounce_us = 20000,
                                        .read = read_second};
    port = (struct selkie_port){.sources = sources, .source_count = 1};
}

static void tear_down(void)
{
    selkie_entropy_wipe(&entropy);
}

static void begin(void)
{
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), 0);
}

static int gather_all(uint64_t now_ms)
{
    int more;
    do {
        more = selkie_entropy_gather(&entropy, &port, now_ms);
    } while (more > 0);
    return more;
}

static void add_random(struct feed *feed, size_t count)
{
    while (count-- > 0)
        feed->samples[feed->count++] = (uint8_t)test_random_next(&rng);
}

/* The edge of a press so many microseconds after the last one. */
static void press(struct feed *feed, uint32_t after_us)
{
    static uint32_t last;
    if (feed->count == 0)
        last = 0xfff00000u; /* the timer wraps on the way */
    last += after_us;
    feed->samples[feed->count++] = last;
}

/* A person at his ease: 120 to 600 ms. */
static uint32_t human(void)
{
    return 120000 + (uint32_t)test_random_below(&rng, 480000);
}

static void use_buttons_alone(void)
{
    sources[0] = sources[1];
    sources[0].read = read_first;
}

START_TEST(sources_that_port_h_does_not_allow_are_refused)
{
    const struct selkie_source good[2] = {sources[0], sources[1]};
    port.source_count = 0;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = SELKIE_PORT_SOURCES_MAX + 1;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = 1;
    sources[0].claim = 33;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    sources[0] = good[0];
    sources[0].read = NULL;
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    sources[0] = good[1];
    sources[0].tick_hz = 999999; /* too coarse a timer */
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    sources[0] = sources[1] = good[1];
    port.source_count = 2; /* two buttons are one source: one machine may press both */
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), SELKIE_EINVAL);
    port.source_count = 1;
    sources[0] = good[0];
    begin();
}
END_TEST

START_TEST(nothing_counts_before_the_start_up_test)
{
    begin();
    add_random(&feeds[0], 1023);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
    add_random(&feeds[0], 1);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(no_seed_below_320_bits)
{
    uint8_t seed[SELKIE_ENTROPY_SEED];
    use_buttons_alone();
    begin();
    press(&feeds[0], 0);
    for (int i = 0; i < 79; i++)
        press(&feeds[0], human());
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_lt(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, seed), SELKIE_ENOTREADY);
}
END_TEST

START_TEST(presses_earn_four_bits_each_whatever_is_claimed)
{
    use_buttons_alone();
    sources[0].claim = 32;
    begin();
    press(&feeds[0], 0);
    for (unsigned presses = 1; presses <= 140; presses++) {
        press(&feeds[0], human());
        ck_assert_int_eq(gather_all(0), 0);
        ck_assert_uint_le(selkie_entropy_bits(&entropy), 4 * presses);
    }
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(a_bounce_is_no_press)
{
    /* Each press is a burst of edges. Times in us after the first edge, as contacts do it: Ganssle ("A Guide to
     * Debouncing") measured 1.6 ms in the mean and 6.2 ms at most over eighteen kinds of switches. */
    static const uint32_t bursts[][6] = {{110, 260, 300, 720, 1480, 1600},
                                         {45, 95, 800, 810, 2400, 6150},
                                         {380, 1130, 1180, 1210, 1560, 0},
                                         {0},
                                         {12, 30, 55, 71, 160, 4020}};
    use_buttons_alone();
    begin();
    uint32_t time = 0;
    for (unsigned i = 0; i < 41; i++) {
        time += human();
        feeds[0].samples[feeds[0].count++] = time;
        for (unsigned j = 0; j < 6 && bursts[i % 5][j] != 0; j++)
            feeds[0].samples[feeds[0].count++] = time + bursts[i % 5][j];
    }
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_gt(feeds[0].count, 200);
    ck_assert_uint_le(selkie_entropy_bits(&entropy), 4 * 40);
    ck_assert_uint_ge(selkie_entropy_bits(&entropy), 4 * 24);
}
END_TEST

START_TEST(a_contact_that_never_rests_earns_nothing)
{
    use_buttons_alone();
    begin();
    for (unsigned i = 0; i < 2000; i++)
        press(&feeds[0], 100 + (uint32_t)test_random_below(&rng, 15000));
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

START_TEST(regular_presses_are_refused)
{
    /* 200 ms, with the jitter of a machine: under a millisecond. Its low bits look perfectly random. */
    use_buttons_alone();
    begin();
    for (unsigned i = 0; i < 60; i++)
        press(&feeds[0], 200000 + (uint32_t)test_random_below(&rng, 1000));
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

START_TEST(a_rhythm_is_refused)
{
    static const uint32_t rhythm[] = {150000, 300000, 150000, 600000};
    use_buttons_alone();
    begin();
    for (unsigned i = 0; i < 80; i++)
        press(&feeds[0], rhythm[i % 4] + (uint32_t)test_random_below(&rng, 1000));
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_machine_with_hiccups_is_refused)
{
    /* Every twelfth press comes late, so no 31 in a row are regular; but of 64, more than 56 are not a person's. */
    use_buttons_alone();
    begin();
    for (unsigned i = 0; i < 200; i++)
        press(&feeds[0], 200000 + (uint32_t)test_random_below(&rng, i % 12 == 0 ? 400000 : 1000));
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
}
END_TEST

/* Presses of a machine with 1 ms of jitter: refused before they make an ID. */
static void machine_is_refused(uint32_t (*interval)(unsigned i))
{
    use_buttons_alone();
    begin();
    for (unsigned i = 0; i < 90; i++) {
        press(&feeds[0], interval(i) + (uint32_t)test_random_below(&rng, 1000));
        int error = gather_all(0);
        ck_assert_uint_lt(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
        if (error < 0) {
            ck_assert_int_eq(error, SELKIE_EENTROPY);
            return;
        }
    }
    ck_abort_msg("90 presses of a machine were believed");
}

static unsigned period;

/* Apart by more than any tolerance, in no order that a difference would foretell. */
static uint32_t periodic(unsigned i)
{
    return 150000 + 7919 * (i % period * (i % period) % 61);
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

START_TEST(every_period_up_to_16_is_refused)
{
    period = (unsigned)_i;
    machine_is_refused(periodic);
}
END_TEST

START_TEST(a_ramp_is_refused)
{
    static uint32_t (*const ramps[])(unsigned i) = {rising, falling, rising_periodic, rising_quadratic};
    period = 5;
    machine_is_refused(ramps[_i]);
}
END_TEST

START_TEST(a_person_is_believed)
{
    /* A steady hand: 250 ms, give or take 60. It takes longer, but a hundred persons get there. */
    for (unsigned person = 0; person < 100; person++) {
        set_up();
        rng.state = person;
        use_buttons_alone();
        begin();
        unsigned presses = 0;
        while (selkie_entropy_bits(&entropy) < SELKIE_ENTROPY_NEEDED && ++presses < 400) {
            press(&feeds[0], 190000 + (uint32_t)test_random_below(&rng, 120000));
            ck_assert_int_eq(gather_all(0), 0);
        }
        ck_assert_uint_lt(presses, 400);
        selkie_entropy_wipe(&entropy);
    }
}
END_TEST

START_TEST(a_stuck_source_is_refused)
{
    begin();
    for (unsigned i = 0; i < 20; i++)
        feeds[0].samples[feeds[0].count++] = 0xff;
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
    ck_assert_int_eq(selkie_entropy_gather(&entropy, &port, 1), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_source_that_fails_is_refused)
{
    begin();
    feeds[0].failure = -1;
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
    feeds[0].failure = 0;
    add_random(&feeds[0], 2000);
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY); /* for good */
}
END_TEST

START_TEST(a_source_that_returns_nonsense_is_refused)
{
    begin();
    feeds[0].failure = 1000; /* more than was asked for */
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_dead_source_is_refused)
{
    begin();
    add_random(&feeds[0], 100);
    ck_assert_int_eq(gather_all(5000), 0);
    ck_assert_int_eq(gather_all(6000), 0);
    ck_assert_int_eq(gather_all(6001), SELKIE_EENTROPY);
}
END_TEST

START_TEST(a_person_may_take_his_time)
{
    use_buttons_alone();
    begin();
    press(&feeds[0], 0);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_int_eq(gather_all(86400000), 0);
}
END_TEST

START_TEST(a_failed_source_keeps_no_credit_and_the_other_carries)
{
    port.source_count = 2;
    begin();
    sources[0].dead_ms = 0;
    press(&feeds[1], 0);
    for (unsigned i = 0; i < 40; i++)
        press(&feeds[1], human());
    ck_assert_int_eq(gather_all(0), 0);
    unsigned from_buttons = selkie_entropy_bits(&entropy);
    ck_assert_uint_gt(from_buttons, 100);
    feeds[0].failure = -1;
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), from_buttons);
    for (unsigned i = 0; i < 120; i++)
        press(&feeds[1], human());
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), SELKIE_ENTROPY_NEEDED);
}
END_TEST

START_TEST(a_stop_after_the_start_up_takes_the_credit_back)
{
    begin();
    sources[0].claim = 1; /* far from enough yet */
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), 0);
    add_random(&feeds[0], 1100);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_uint_gt(selkie_entropy_bits(&entropy), 0);
    for (unsigned i = 0; i < 130; i++)
        feeds[0].samples[feeds[0].count++] = 1;
    ck_assert_int_eq(gather_all(0), SELKIE_EENTROPY);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
}
END_TEST

START_TEST(each_draw_needs_new_entropy)
{
    uint8_t first[SELKIE_ENTROPY_SEED], second[SELKIE_ENTROPY_SEED];
    begin();
    add_random(&feeds[0], 1024);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, first), 0);
    ck_assert_uint_eq(selkie_entropy_bits(&entropy), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, second), SELKIE_ENOTREADY);
    add_random(&feeds[0], 80);
    ck_assert_int_eq(gather_all(0), 0);
    ck_assert_int_eq(selkie_entropy_draw(&entropy, second), 0);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

START_TEST(one_sample_changes_the_whole_seed)
{
    uint8_t first[SELKIE_ENTROPY_SEED], second[SELKIE_ENTROPY_SEED];
    for (int run = 0; run < 2; run++) {
        set_up();
        begin();
        add_random(&feeds[0], 1024);
        feeds[0].samples[500] ^= (uint32_t)run;
        ck_assert_int_eq(gather_all(0), 0);
        ck_assert_int_eq(selkie_entropy_draw(&entropy, run == 0 ? first : second), 0);
        selkie_entropy_wipe(&entropy);
    }
    unsigned same = 0;
    for (size_t i = 0; i < sizeof first; i++)
        same += first[i] == second[i];
    ck_assert_uint_lt(same, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entropy");
    TCase *tc = tcase_create("entropy");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, sources_that_port_h_does_not_allow_are_refused);
    tcase_add_test(tc, nothing_counts_before_the_start_up_test);
    tcase_add_test(tc, no_seed_below_320_bits);
    tcase_add_test(tc, presses_earn_four_bits_each_whatever_is_claimed);
    tcase_add_test(tc, a_bounce_is_no_press);
    tcase_add_test(tc, a_contact_that_never_rests_earns_nothing);
    tcase_add_test(tc, regular_presses_are_refused);
    tcase_add_test(tc, a_rhythm_is_refused);
    tcase_add_test(tc, a_machine_with_hiccups_is_refused);
    tcase_add_loop_test(tc, every_period_up_to_16_is_refused, 1, 17);
    tcase_add_loop_test(tc, a_ramp_is_refused, 0, 4);
    tcase_add_test(tc, a_person_is_believed);
    tcase_add_test(tc, a_stuck_source_is_refused);
    tcase_add_test(tc, a_source_that_fails_is_refused);
    tcase_add_test(tc, a_source_that_returns_nonsense_is_refused);
    tcase_add_test(tc, a_dead_source_is_refused);
    tcase_add_test(tc, a_person_may_take_his_time);
    tcase_add_test(tc, a_failed_source_keeps_no_credit_and_the_other_carries);
    tcase_add_test(tc, a_stop_after_the_start_up_takes_the_credit_back);
    tcase_add_test(tc, each_draw_needs_new_entropy);
    tcase_add_test(tc, one_sample_changes_the_whole_seed);
    return run_suite(suite);
}
