/* SPDX-License-Identifier: Apache-2.0 */
/* NIST SP 800-90B, 4.4: what must be refused is refused, and soon; what is as good as claimed passes. */
#include <check.h>
#include <math.h>
#include <run_suite.h>
#include <selkie/device/health.h>
#include <stdlib.h>
#include <vectors/test_random.h>

/* 1 + the smallest k with P(X > k) <= 2^-30, X binomial over `window` with p = 2^-H: summed from the far end. */
static unsigned apt_by_formula(unsigned window, unsigned claim)
{
    long double p = powl(2.0L, -(long double)claim / 4), tail = 0;
    for (unsigned k = window;; k--) {
        tail += expl(lgammal(window + 1.0L) - lgammal(k + 1.0L) - lgammal(window - k + 1.0L) + k * logl(p) +
                     (window - k) * log1pl(-p));
        if (tail > powl(2.0L, -30))
            return k + 1;
    }
}

START_TEST(cutoffs_are_those_of_the_formulae)
{
    for (unsigned claim = 1; claim <= 32; claim++) {
        ck_assert_uint_eq(selkie_health_rct_cutoff(claim), 1 + (unsigned)ceill(30.0L / ((long double)claim / 4)));
        ck_assert_uint_eq(selkie_health_apt_cutoff(claim, false), apt_by_formula(512, claim));
        if (claim <= 4)
            ck_assert_uint_eq(selkie_health_apt_cutoff(claim, true), apt_by_formula(1024, claim));
    }
}
END_TEST

START_TEST(claims_beyond_the_width_are_refused)
{
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 0, 8), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_health_init(&health, 33, 8), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_health_init(&health, 5, 1), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_health_init(&health, 4, 0), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_health_init(&health, 4, 9), SELKIE_EINVAL);
    ck_assert_int_eq(selkie_health_init(&health, 32, 8), 0);
}
END_TEST

static uint32_t constant(size_t index, struct test_random *random)
{
    (void)index, (void)random;
    return 0x5a;
}

static uint32_t alternating(size_t index, struct test_random *random)
{
    (void)random;
    return index % 2 ? 0xff : 0;
}

static uint32_t counting(size_t index, struct test_random *random)
{
    (void)random;
    return (uint32_t)index;
}

static uint32_t counting_by_seven(size_t index, struct test_random *random)
{
    (void)random;
    return (uint32_t)(7 * index);
}

static uint32_t period_of_thirteen(size_t index, struct test_random *random)
{
    static const uint8_t period[] = {3, 141, 59, 26, 53, 58, 97, 93, 23, 84, 62, 64, 33};
    (void)random;
    return period[index % sizeof period];
}

/* Half of the samples are one value: one bit of min-entropy where four were claimed. */
static uint32_t biased(size_t index, struct test_random *random)
{
    (void)index;
    uint64_t draw = test_random_next(random);
    return draw & 0x100 ? 0x42 : (uint32_t)(draw & 0xff);
}

/* Good, and then dead: as a TRNG whose oscillator stops. */
static uint32_t stops(size_t index, struct test_random *random)
{
    return index < 5000 ? (uint32_t)test_random_next(random) : 0;
}

static const struct {
    const char *name;
    uint32_t (*next)(size_t index, struct test_random *random);
    unsigned limit; /* refused within so many samples */
} bad[] = {
    {"constant", constant, 10},
    {"alternating", alternating, 30},
    {"counting", counting, 20},
    {"counting by seven", counting_by_seven, 20},
    {"a period of thirteen", period_of_thirteen, 32 + 13 + 8}, /* the anchor at 32 lasts so long */
    {"biased", biased, 1024},
    {"stops", stops, 5020},
};

/* Samples until the first that is refused, or `count`. */
static unsigned accepted(struct selkie_health *health, uint32_t (*next)(size_t index, struct test_random *random),
                         uint64_t seed, unsigned count)
{
    struct test_random random = {seed};
    for (unsigned i = 0; i < count; i++) {
        if (selkie_health_sample(health, next(i, &random)) < 0)
            return i;
    }
    return count;
}

START_TEST(bad_streams_are_refused_soon)
{
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 16, 8), 0);
    unsigned refused = accepted(&health, bad[_i].next, 7, 10000) + 1;
    ck_assert_msg(refused <= bad[_i].limit, "%s: refused after %u", bad[_i].name, refused);
}
END_TEST

START_TEST(bits_that_alternate_are_refused)
{
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 4, 1), 0);
    int error = 0;
    for (unsigned i = 0; error == 0 && i < 100; i++)
        error = selkie_health_sample(&health, i % 2);
    ck_assert_int_eq(error, SELKIE_EENTROPY);
}
END_TEST

/* Samples until the first that is refused, of a stream that repeats `period` random samples after `settling` others. */
static unsigned periodic_accepted(struct selkie_health *health, unsigned period, unsigned settling, unsigned count)
{
    static uint8_t repeated[1024];
    struct test_random random = {period};
    test_random_fill(&random, repeated, period);
    for (unsigned i = 0; i < count; i++) {
        uint32_t sample = i < settling ? (uint32_t)test_random_next(&random) : repeated[i % period];
        if (selkie_health_sample(health, sample) < 0)
            return i;
    }
    return count;
}

START_TEST(each_period_is_found_within_the_start_up_test)
{
    /* One bit, a nibble, a byte; from the first sample on or after a source has settled. */
    static const struct {
        unsigned claim, width, longest;
    } kinds[] = {{1, 1, 226}, {1, 8, 226}, {2, 8, 452}, {3, 4, 472}, {4, 1, 482}, {16, 8, 504}, {32, 8, 508}};
    struct selkie_health health;
    for (unsigned period = 1; period <= kinds[_i].longest; period++) {
        for (unsigned settling = 0; settling < 512; settling += 73) {
            ck_assert_int_eq(selkie_health_init(&health, kinds[_i].claim, kinds[_i].width), 0);
            unsigned refused = periodic_accepted(&health, period, settling, 1024) + 1;
            ck_assert_msg(refused <= 1024, "period %u from sample %u on was not found", period, settling);
        }
    }
}
END_TEST

START_TEST(a_period_that_begins_late_is_found_later)
{
    /* The anchor at sample 8192 is the first that repeats, and lasts long enough for any of these. */
    static const unsigned periods[] = {13, 50, 100, 256, 1000};
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 16, 8), 0);
    ck_assert_uint_lt(periodic_accepted(&health, periods[_i], 5000, 16384), 8192 + periods[_i] + 8);
}
END_TEST

/* The stream is random but for `len` samples that begin at each of three places, the first of which is an anchor's. */
static int repeat_at(struct selkie_health *health, const unsigned places[static 3], unsigned len)
{
    struct test_random random = {5};
    int error = 0;
    for (unsigned i = 1; error == 0 && i < 512; i++) {
        uint32_t sample = (uint32_t)test_random_next(&random);
        for (unsigned place = 0; place < 3; place++) {
            if (i - places[place] < len)
                sample = 1 + i - places[place];
        }
        error = selkie_health_sample(health, sample);
    }
    return error;
}

START_TEST(what_comes_back_has_the_weight_that_was_claimed)
{
    static const struct {
        unsigned claim, len, places[3];
        int error;
    } streams[] = {
        {12, 9, {256, 300, 411}, 0}, /* 3 bits: 10 in a row are too many */
        {12, 10, {256, 300, 411}, SELKIE_EENTROPY},
        {1, 60, {256, 340, 430}, 0}, /* a quarter: 120 are, and only a period brings them back at the same distance */
        {1, 60, {256, 340, 424}, SELKIE_EENTROPY},
    };
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, streams[_i].claim, 8), 0);
    ck_assert_int_eq(repeat_at(&health, streams[_i].places, streams[_i].len), streams[_i].error);
}
END_TEST

static uint32_t uniform(size_t index, struct test_random *random)
{
    (void)index;
    return (uint8_t)test_random_next(random);
}

/* An ADC whose upper bits hardly move. */
static uint32_t noise_in_two_bits(size_t index, struct test_random *random)
{
    (void)index;
    return 0x7f0 | (uint32_t)(test_random_next(random) & 3);
}

START_TEST(uniform_samples_pass_whatever_was_claimed)
{
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, (unsigned)_i, 8), 0);
    ck_assert_uint_eq(accepted(&health, uniform, (uint64_t)_i, 200000), 200000);
}
END_TEST

START_TEST(a_bias_that_was_claimed_passes)
{
    /* The same half-constant source, with the one bit that it has. */
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 4, 8), 0);
    ck_assert_uint_eq(accepted(&health, biased, 8, 200000), 200000);
}
END_TEST

START_TEST(only_the_claimed_bits_count)
{
    struct selkie_health health;
    ck_assert_int_eq(selkie_health_init(&health, 4, 2), 0);
    ck_assert_uint_eq(accepted(&health, noise_in_two_bits, 9, 200000), 200000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("health");
    TCase *tc = tcase_create("health");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, cutoffs_are_those_of_the_formulae);
    tcase_add_test(tc, claims_beyond_the_width_are_refused);
    tcase_add_loop_test(tc, bad_streams_are_refused_soon, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, bits_that_alternate_are_refused);
    tcase_add_loop_test(tc, each_period_is_found_within_the_start_up_test, 0, 7);
    tcase_add_loop_test(tc, a_period_that_begins_late_is_found_later, 0, 5);
    tcase_add_loop_test(tc, what_comes_back_has_the_weight_that_was_claimed, 0, 4);
    tcase_add_loop_test(tc, uniform_samples_pass_whatever_was_claimed, 1, 33);
    tcase_add_test(tc, a_bias_that_was_claimed_passes);
    tcase_add_test(tc, only_the_claimed_bits_count);
    return run_suite(suite);
}
