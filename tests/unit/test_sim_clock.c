/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time runs events in order, at its speed, and not while it is held. */
#include "core/virtual_clock.h"

#include <check.h>
#include <run_suite.h>
#include <stdlib.h>
#include <vectors/test_random.h>

struct probe {
    struct selkie_sim_timer event;
    struct selkie_sim_clock *clock;
    uint64_t ran_us;
    unsigned runs;
    unsigned turn; /* which one it was among all */
};

static unsigned turns;

static void ran(struct selkie_sim_timer *event)
{
    struct probe *probe = (struct probe *)event;

    probe->ran_us = probe->clock->now_us;
    probe->turn = turns++;
    probe->runs++;
}

static void set(struct selkie_sim_clock *clock, struct probe *probe, uint64_t due_us)
{
    probe->event.run = ran;
    probe->clock = clock;
    ck_assert_int_eq(selkie_sim_clock_set(clock, &probe->event, due_us), 0);
}

START_TEST(events_run_in_order_whatever_order_they_were_set_in)
{
    enum { COUNT = 500 };
    struct selkie_sim_clock clock;
    struct probe *probes = calloc(COUNT, sizeof *probes);
    struct test_random random = {.state = 1};

    selkie_sim_clock_init(&clock, 0, 0);
    for (int i = 0; i < COUNT; i++)
        set(&clock, &probes[i], test_random_below(&random, 100));
    for (int i = 0; i < COUNT; i += 3) /* move some, clear others */
        set(&clock, &probes[i], test_random_below(&random, 100));
    for (int i = 1; i < COUNT; i += 3)
        selkie_sim_clock_clear(&clock, &probes[i].event);
    ck_assert_uint_eq(selkie_sim_clock_turn(&clock, 0, SIZE_MAX), SELKIE_NEVER);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(probes[i].runs, i % 3 == 1 ? 0 : 1);
        for (int j = 0; j < COUNT && probes[i].runs == 1; j++) {
            if (probes[j].runs == 1 && probes[i].event.due_us < probes[j].event.due_us)
                ck_assert_uint_lt(probes[i].turn, probes[j].turn);
            if (probes[j].runs == 1 && probes[i].event.due_us == probes[j].event.due_us &&
                probes[i].event.order < probes[j].event.order)
                ck_assert_uint_lt(probes[i].turn, probes[j].turn);
        }
    }
    selkie_sim_clock_wipe(&clock);
    free(probes);
}
END_TEST

START_TEST(a_speed_of_sixty_makes_a_minute_of_a_second)
{
    struct selkie_sim_clock clock;
    struct probe probe = {.runs = 0};

    selkie_sim_clock_init(&clock, 60, 1000);
    set(&clock, &probe, 60 * SELKIE_SEC_US);
    uint64_t wait = selkie_sim_clock_turn(&clock, 1000, SIZE_MAX);
    ck_assert_uint_ge(wait, SELKIE_SEC_US);
    ck_assert_uint_le(wait, SELKIE_SEC_US + 2);
    (void)selkie_sim_clock_turn(&clock, 1000 + SELKIE_SEC_US / 2, SIZE_MAX);
    ck_assert_uint_eq(probe.runs, 0);
    ck_assert_uint_eq(clock.now_us, 30 * SELKIE_SEC_US);
    (void)selkie_sim_clock_turn(&clock, 1000 + wait, SIZE_MAX);
    ck_assert_uint_eq(probe.runs, 1);
    ck_assert_uint_eq(probe.ran_us, 60 * SELKIE_SEC_US);
    selkie_sim_clock_wipe(&clock);
}
END_TEST

START_TEST(held_time_stands_still_and_is_not_made_up_for)
{
    struct selkie_sim_clock clock;
    struct probe probe = {.runs = 0};

    selkie_sim_clock_init(&clock, 1, 0);
    set(&clock, &probe, 1000);
    clock.held = true;
    ck_assert_uint_eq(selkie_sim_clock_turn(&clock, 5000, SIZE_MAX), SELKIE_NEVER);
    clock.held = false;
    ck_assert_uint_eq(selkie_sim_clock_turn(&clock, 5000, SIZE_MAX), 1001);
    ck_assert_uint_eq(probe.runs, 0);
    (void)selkie_sim_clock_turn(&clock, 6001, SIZE_MAX);
    ck_assert_uint_eq(probe.runs, 1);
    selkie_sim_clock_wipe(&clock);
}
END_TEST

START_TEST(a_world_that_is_too_slow_is_told_how_far_it_fell_behind)
{
    struct selkie_sim_clock clock;
    struct probe one = {.runs = 0}, two = {.runs = 0};

    selkie_sim_clock_init(&clock, 1, 0);
    set(&clock, &one, 10);
    set(&clock, &two, 20);
    ck_assert_uint_eq(selkie_sim_clock_turn(&clock, 1000, 1), 0);
    ck_assert_uint_eq(one.runs, 1);
    ck_assert_uint_eq(two.runs, 0);
    (void)selkie_sim_clock_turn(&clock, 1000, 1);
    ck_assert_uint_eq(two.ran_us, 20); /* its own time, not the wall's */
    ck_assert_uint_eq(clock.lag_us, 990);
    ck_assert_uint_eq(clock.now_us, 1000);
    selkie_sim_clock_wipe(&clock);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim clock");
    TCase *tcase = tcase_create("clock");

    tcase_add_test(tcase, events_run_in_order_whatever_order_they_were_set_in);
    tcase_add_test(tcase, a_speed_of_sixty_makes_a_minute_of_a_second);
    tcase_add_test(tcase, held_time_stands_still_and_is_not_made_up_for);
    tcase_add_test(tcase, a_world_that_is_too_slow_is_told_how_far_it_fell_behind);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
