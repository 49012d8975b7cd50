/* SPDX-License-Identifier: Apache-2.0 */
/* Order within a gateway, fairness between gateways, which frames share a commit, and what a full intake does. */
#include "pipeline/pool.h"
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <stdlib.h>
#include <string.h>

static struct selkie_keyring *keyring;
static struct selkie_pool *pool;

static void setup(void)
{
    keyring = kit_keyring(NULL);
}

static void open_pool(unsigned workers, unsigned intake_max)
{
    ck_assert_int_eq(selkie_pool_open(&pool, keyring, workers, intake_max), 0);
}

static void teardown(void)
{
    selkie_pool_close(pool);
    selkie_keyring_close(keyring);
}

static int submit(const char *gateway, const struct kit_body *body, uint64_t seq)
{
    const struct selkie_arrival arrival = {.body = body->bytes,
                                           .len = body->len,
                                           .gateway = gateway,
                                           .has_seq = true,
                                           .seq = seq,
                                           .rx_ms = -1,
                                           .age_ms = -1};
    return selkie_pool_submit(pool, &arrival);
}

static struct selkie_job *next(void)
{
    struct selkie_job *job;
    ck_assert_uint_eq(selkie_pool_collect(pool, &job, 1, selkie_clock_monotonic_us() + 10000000), 1);
    return job;
}

START_TEST(a_gateway_keeps_its_order_with_any_number_of_workers)
{
    struct kit_device device = kit_device(1, 1);

    open_pool(4, 4096);
    for (uint64_t seq = 0; seq < 60; seq++) {
        struct kit_body body = kit_data(&device, "x");
        ck_assert_int_eq(submit(seq % 3 ? "a" : "b", &body, seq), 0);
    }
    uint64_t last[2] = {0, 0};
    for (int i = 0; i < 60; i++) {
        struct selkie_job *job = next();
        uint64_t *before = &last[job->gateway[0] - 'a'];
        ck_assert(job->seq >= *before);
        *before = job->seq;
        ck_assert_int_eq(job->result, 0);
        selkie_pool_release(pool, job);
    }
}
END_TEST

START_TEST(a_flood_does_not_hold_up_another_gateway)
{
    enum { FLOOD = 300, WORKERS = 2 };
    struct kit_device flood = kit_device(1, 1), quiet = kit_device(2, 1);
    struct selkie_job *jobs[FLOOD + 1], *other = NULL;
    struct kit_body body = kit_data(&quiet, "x");

    open_pool(WORKERS, 1024);
    struct kit_body flooding = kit_data(&flood, "x");
    for (uint64_t seq = 0; seq < FLOOD; seq++)
        ck_assert_int_eq(submit("flood", &flooding, seq), 0);
    ck_assert_int_eq(submit("quiet", &body, 0), 0);
    for (int i = 0; i <= FLOOD; i++) {
        jobs[i] = next();
        if (strcmp(jobs[i]->gateway, "quiet") == 0)
            other = jobs[i];
    }
    /* How many of the flood were begun while the other waited for a worker. */
    int before = 0;
    for (int i = 0; i <= FLOOD; i++)
        before += jobs[i]->opening_us > other->submitted_us && jobs[i]->opening_us < other->opening_us;
    ck_assert_int_le(before, 2 * WORKERS);
    for (int i = 0; i <= FLOOD; i++)
        selkie_pool_release(pool, jobs[i]);
}
END_TEST

/* Nor where the flood needs no worker. */
START_TEST(what_is_ready_is_taken_from_the_gateways_in_turn)
{
    enum { FLOOD = 100, QUIET = 3 };
    struct kit_device flood = kit_device(1, 1), quiet = kit_device(2, 1);
    struct selkie_job *batch[4 * QUIET];
    uint64_t expected[2] = {0, 0};

    open_pool(1, 1024);
    for (uint64_t seq = 0; seq < FLOOD; seq++) {
        struct kit_body body = kit_session(&flood, "x");
        ck_assert_int_eq(submit("flood", &body, seq), 0);
    }
    for (uint64_t seq = 0; seq < QUIET; seq++) {
        struct kit_body body = kit_session(&quiet, "x");
        ck_assert_int_eq(submit("quiet", &body, seq), 0);
    }
    ck_assert_uint_eq(selkie_pool_collect(pool, batch, 4 * QUIET, 0), 4 * QUIET);
    for (unsigned i = 0; i < 4 * QUIET; i++) {
        bool is_quiet = strcmp(batch[i]->gateway, "quiet") == 0;
        ck_assert(is_quiet == (i < 2 * QUIET && i % 2 == 1));
        ck_assert_uint_eq(batch[i]->seq, expected[is_quiet]++);
        selkie_pool_release(pool, batch[i]);
    }
}
END_TEST

enum { STREAM = 64 };

/* In how many groups a stream of seals is collected. */
static unsigned groups_of_a_stream(void)
{
    struct kit_device device = kit_device(1, 1);
    struct selkie_job *jobs[STREAM];
    unsigned count = 0, groups = 0;

    for (uint64_t seq = 0; seq < STREAM; seq++) {
        struct kit_body body = kit_data(&device, "x");
        ck_assert_int_eq(submit("a", &body, seq), 0);
    }
    for (; count < STREAM; groups++)
        count += selkie_pool_collect(pool, jobs + count, STREAM - count, selkie_clock_monotonic_us() + 10000000);
    for (unsigned i = 0; i < STREAM; i++) {
        ck_assert_uint_eq(jobs[i]->seq, i);
        selkie_pool_release(pool, jobs[i]);
    }
    return groups;
}

/* Else each frame of a backlog would cost a commit. A machine that is too busy to open two in the time for which they
 * are gathered may have a calmer moment later. */
START_TEST(a_stream_of_seals_is_handed_over_in_groups)
{
    unsigned groups, streams = 0;

    open_pool(1, 1024);
    while ((groups = groups_of_a_stream()) > STREAM / 2)
        ck_assert_msg(++streams < 20, "%u groups of %u", groups, STREAM);
}
END_TEST

/* The time from before a group of SESSION frames is collected until a single frame is that came right after it. */
static int64_t collect_after_group(unsigned size, bool poked)
{
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_session(&device, "x");
    struct selkie_job *jobs[STREAM];

    for (unsigned i = 0; i < size; i++)
        ck_assert_int_eq(submit("a", &body, i), 0);
    int64_t start = selkie_clock_monotonic_us();
    ck_assert_uint_eq(selkie_pool_collect(pool, jobs, STREAM, start), size);
    ck_assert_int_eq(submit("a", &body, size), 0);
    if (poked)
        selkie_pool_poke(pool);
    jobs[size] = next();
    int64_t took = selkie_clock_monotonic_us() - start;
    for (unsigned i = 0; i <= size; i++)
        selkie_pool_release(pool, jobs[i]);
    return took;
}

/* SESSION frames need no worker that would make them gather: else a stream of them would cost a commit for each
 * handful. What follows a smaller group does not wait, nor does anything after a poke. A machine that is too busy to
 * show it may have a calmer moment later. */
START_TEST(groups_of_session_frames_are_spread)
{

    open_pool(1, 1024);
    for (int i = 0; i < 3; i++)
        ck_assert_int_ge(collect_after_group(SELKIE_GATHER + 1, false), SELKIE_PACE_US);
    for (int tries = 1; collect_after_group(SELKIE_GATHER, false) >= SELKIE_PACE_US; tries++)
        ck_assert_int_lt(tries, 100);
    for (int tries = 1; collect_after_group(SELKIE_GATHER + 1, true) >= SELKIE_PACE_US; tries++)
        ck_assert_int_lt(tries, 100);
}
END_TEST

START_TEST(a_full_intake_refuses_and_leaves_room_for_others)
{
    struct kit_body body = {.len = 1, .bytes = {0x20}};
    unsigned frames, unopened, taken = 0;

    open_pool(1, 64);
    while (submit("flood", &body, 0) == 0)
        taken++;
    ck_assert_uint_eq(taken, 32);
    ck_assert_int_eq(submit("flood", &body, 0), SELKIE_EFULL);
    for (taken = 0; submit("other", &body, 0) == 0; taken++)
        ;
    ck_assert_uint_eq(taken, 16);
    ck_assert_int_eq(submit("third", &body, 0), 0);
    selkie_pool_depth(pool, &frames, &unopened);
    ck_assert_uint_eq(frames, 49);
    ck_assert_uint_eq(unopened, 0);
    selkie_pool_release(pool, next());
}
END_TEST

START_TEST(a_deferred_frame_comes_right_after_what_it_waits_for)
{
    struct kit_device device = kit_device(1, 1), stranger = kit_device(2, 1);
    struct kit_body first = kit_data(&device, "1"), session = kit_session(&device, "2"), third = kit_data(&device, "3");

    open_pool(1, 1024);
    ck_assert_int_eq(submit("a", &first, 1), 0);
    ck_assert_int_eq(submit("a", &session, 2), 0);
    ck_assert_int_eq(submit("a", &third, 3), 0);
    struct selkie_job *job = next();
    ck_assert_uint_eq(job->seq, 2);
    const uint8_t(*own)[SELKIE_ADDRESS_SIZE] = &device.address, (*other)[SELKIE_ADDRESS_SIZE] = &stranger.address;
    ck_assert(!selkie_pool_defer(pool, job, other, 1));
    ck_assert(selkie_pool_defer(pool, job, own, 1));
    for (uint64_t seq = 1; seq <= 3; seq++) {
        job = next();
        ck_assert_uint_eq(job->seq, seq);
        if (job->frame.type == SELKIE_SESSION)
            ck_assert(!selkie_pool_defer(pool, job, own, 1));
        selkie_pool_release(pool, job);
    }
}
END_TEST

START_TEST(a_session_frame_does_not_overtake_one_of_its_tag_that_waits)
{
    struct kit_device device = kit_device(1, 1), stranger = kit_device(2, 1), third = kit_device(3, 1);
    struct kit_body sealed = kit_data(&stranger, "x"), first = kit_session(&device, "1"),
                    second = kit_session(&device, "2"), other = kit_session(&third, "1");

    /* No worker: the SEALED frame stays unopened. */
    open_pool(0, 1024);
    ck_assert_int_eq(submit("a", &sealed, 1), 0);
    ck_assert_int_eq(submit("a", &first, 2), 0);
    ck_assert_int_eq(submit("a", &second, 3), 0);
    ck_assert_int_eq(submit("a", &other, 4), 0);
    struct selkie_job *job = next();
    ck_assert_uint_eq(job->seq, 2);
    /* Nobody knows it. Then another gateway hands over its registration, and the second is known. */
    ck_assert(selkie_pool_defer(pool, job, NULL, 0));
    job = next();
    ck_assert_uint_eq(job->seq, 3);
    ck_assert(selkie_pool_defer(pool, job, &device.address, 1));
    job = next();
    ck_assert_uint_eq(job->seq, 4);
    ck_assert(!selkie_pool_defer(pool, job, &third.address, 1));
    selkie_pool_release(pool, job);
}
END_TEST

START_TEST(a_session_frame_does_not_overtake_a_sealed_one_in_a_batch)
{
    struct kit_device device = kit_device(1, 1);
    struct kit_body sealed = kit_data(&device, "1"), session = kit_session(&device, "2");
    struct selkie_job *batch[4];
    unsigned frames, unopened = 1;

    open_pool(1, 1024);
    ck_assert_int_eq(submit("a", &sealed, 1), 0);
    ck_assert_int_eq(submit("a", &session, 2), 0);
    /* The one worker has the second once it is done with the first. */
    ck_assert_int_eq(submit("b", &sealed, 3), 0);
    while (unopened > 0)
        selkie_pool_depth(pool, &frames, &unopened);
    unsigned count = selkie_pool_collect(pool, batch, 4, selkie_clock_monotonic_us() + 10000000);
    /* Of the other gateway's frame, which may have been opened by now, nothing is said. */
    uint64_t expected = 1;
    for (unsigned i = 0; i < count; i++) {
        if (batch[i]->seq != 3)
            ck_assert_uint_eq(batch[i]->seq, expected++);
        selkie_pool_release(pool, batch[i]);
    }
    ck_assert_uint_eq(expected, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_gateway_keeps_its_order_with_any_number_of_workers);
    tcase_add_test(tcase, a_flood_does_not_hold_up_another_gateway);
    tcase_add_test(tcase, what_is_ready_is_taken_from_the_gateways_in_turn);
    tcase_add_test(tcase, a_stream_of_seals_is_handed_over_in_groups);
    tcase_add_test(tcase, groups_of_session_frames_are_spread);
    tcase_add_test(tcase, a_full_intake_refuses_and_leaves_room_for_others);
    tcase_add_test(tcase, a_deferred_frame_comes_right_after_what_it_waits_for);
    tcase_add_test(tcase, a_session_frame_does_not_overtake_one_of_its_tag_that_waits);
    tcase_add_test(tcase, a_session_frame_does_not_overtake_a_sealed_one_in_a_batch);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
