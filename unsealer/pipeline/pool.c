/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pool.h"
#include <selkie/clock.h>
#include <selkie/thread.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

/* The frames of one gateway. A lane exists while it holds a place. */
struct selkie_lane {
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    unsigned places;             /* jobs submitted and not released */
    struct selkie_job *order;    /* SEALED frames that are not ready, oldest first */
    struct selkie_job *unopened; /* the oldest in `order` that no worker has taken; NULL = none */
    bool in_turn;                /* the lane is in the pool's `turn` */
    struct selkie_lane *prev, *next;
    struct selkie_job *ready; /* in order; while there are any, the lane is in the pool's `ready` */
    struct selkie_lane *ready_prev, *ready_next;
    UT_hash_handle hh;
};

struct selkie_pool {
    struct selkie_keyring *keyring;
    unsigned intake_max;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t work;  /* for workers: a lane has a frame to open */
    pthread_cond_t news;  /* for the writer: ready, poked */
    pthread_cond_t poke;  /* for the writer: poked; frames do not wake it */
    struct selkie_lane *lanes;
    struct selkie_lane *turn;  /* lanes with frames to open; the first is served next */
    struct selkie_lane *ready; /* lanes with frames to decide; the first is served next */
    uint64_t submitted;
    unsigned places, unopened;
    int64_t next_us; /* the next group is not collected earlier */
    bool poked, stopping;

    unsigned workers;
    pthread_t threads[];
};

static struct selkie_lane *lane_of(struct selkie_pool *pool, const char *gateway)
{
    struct selkie_lane *lane;
    HASH_FIND_STR(pool->lanes, gateway, lane);
    if (lane)
        return lane;
    lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;
    snprintf(lane->gateway, sizeof lane->gateway, "%s", gateway);
    HASH_ADD_STR(pool->lanes, gateway, lane);
    return lane;
}

static void lane_leave(struct selkie_pool *pool, struct selkie_lane *lane)
{
    if (lane->places > 0)
        return;
    HASH_DEL(pool->lanes, lane);
    free(lane);
}

/* Insert a job into its lane's ready frames before `place`; NULL = at the end. */
static void make_ready(struct selkie_pool *pool, struct selkie_job *job, struct selkie_job *place)
{
    struct selkie_lane *lane = job->lane;

    if (!lane->ready)
        DL_APPEND2(pool->ready, lane, ready_prev, ready_next);
    if (place)
        DL_PREPEND_ELEM(lane->ready, place, job);
    else
        DL_APPEND(lane->ready, job);
}

static struct selkie_job *next_ready(struct selkie_pool *pool)
{
    struct selkie_lane *lane = pool->ready;
    struct selkie_job *job = lane->ready;

    DL_DELETE(lane->ready, job);
    job->prev = job->next = NULL;
    DL_DELETE2(pool->ready, lane, ready_prev, ready_next);
    if (lane->ready)
        DL_APPEND2(pool->ready, lane, ready_prev, ready_next);
    return job;
}

/* Make the opened frames at the head of a lane's order ready, each with the SESSION frames that waited for it. They go
 * before ready frames that were submitted later: a SESSION frame is ready at once, so it may have overtaken a SEALED
 * frame that was with a worker. */
static void advance(struct selkie_pool *pool, struct selkie_lane *lane)
{
    while (lane->order && lane->order->opened) {
        struct selkie_job *job = lane->order;
        struct selkie_job *place = lane->ready;
        DL_DELETE(lane->order, job);
        while (place && place->number < job->number)
            place = place->next;
        make_ready(pool, job, place);
        while (job->followers) {
            struct selkie_job *follower = job->followers;
            DL_DELETE(job->followers, follower);
            make_ready(pool, follower, place);
        }
    }
    if (pool->ready)
        pthread_cond_signal(&pool->news);
}

static struct selkie_job *next_unopened(struct selkie_pool *pool)
{
    struct selkie_lane *lane = pool->turn;
    struct selkie_job *job = lane->unopened;

    DL_DELETE(pool->turn, lane);
    lane->unopened = job->next;
    lane->in_turn = lane->unopened != NULL;
    if (lane->in_turn)
        DL_APPEND(pool->turn, lane);
    pool->unopened--;
    return job;
}

static void *worker(void *context)
{
    struct selkie_pool *pool = context;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->turn && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->stopping)
            break;
        struct selkie_job *job = next_unopened(pool);
        pthread_mutex_unlock(&pool->lock);
        selkie_job_open(job, pool->keyring);
        pthread_mutex_lock(&pool->lock);
        job->opened = true;
        advance(pool, job->lane);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int selkie_pool_open(struct selkie_pool **opened, struct selkie_keyring *keyring, unsigned workers, unsigned intake_max)
{
    struct selkie_pool *pool = calloc(1, sizeof *pool + workers * sizeof *pool->threads);

    *opened = NULL;
    if (!pool)
        return SELKIE_ENOMEM;
    pool->keyring = keyring;
    pool->intake_max = intake_max;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    selkie_thread_cond_init(&pool->news);
    selkie_thread_cond_init(&pool->poke);
    for (; pool->workers < workers; pool->workers++)
        if (selkie_thread_start(&pool->threads[pool->workers], worker, pool) < 0) {
            selkie_pool_close(pool);
            return SELKIE_ENOMEM;
        }
    *opened = pool;
    return 0;
}

static void free_jobs(struct selkie_job *jobs)
{
    for (struct selkie_job *job = jobs, *next; job; job = next) {
        next = job->next;
        free_jobs(job->followers);
        selkie_job_free(job);
    }
}

void selkie_pool_close(struct selkie_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->workers; i++)
        pthread_join(pool->threads[i], NULL);

    while (pool->lanes) {
        struct selkie_lane *lane = pool->lanes;
        free_jobs(lane->order);
        free_jobs(lane->ready);
        HASH_DEL(pool->lanes, lane);
        free(lane);
    }
    pthread_cond_destroy(&pool->poke);
    pthread_cond_destroy(&pool->news);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void enqueue(struct selkie_pool *pool, struct selkie_lane *lane, struct selkie_job *job)
{
    if (!selkie_job_needs_unsealing(job)) {
        make_ready(pool, job, NULL);
        pthread_cond_signal(&pool->news);
        return;
    }
    job->ordered = true;
    DL_APPEND(lane->order, job);
    pool->unopened++;
    if (!lane->unopened)
        lane->unopened = job;
    if (!lane->in_turn)
        DL_APPEND(pool->turn, lane);
    lane->in_turn = true;
    pthread_cond_signal(&pool->work);
}

int selkie_pool_submit(struct selkie_pool *pool, const struct selkie_arrival *arrival)
{
    int result = SELKIE_ENOMEM;
    struct selkie_job *job = selkie_job_new(arrival);
    if (!job)
        return result;

    pthread_mutex_lock(&pool->lock);
    struct selkie_lane *lane = lane_of(pool, job->gateway);
    if (!lane)
        goto out;
    result = lane->places < pool->intake_max - pool->places ? 0 : SELKIE_EFULL;
    if (result < 0) {
        lane_leave(pool, lane);
        goto out;
    }
    lane->places++;
    pool->places++;
    job->lane = lane;
    job->number = ++pool->submitted;
    enqueue(pool, lane, job);
    job = NULL;
out:
    pthread_mutex_unlock(&pool->lock);
    selkie_job_free(job);
    return result;
}

/* Whether the ready frames wait for more: if each is a seal in a stream from its gateway, and they are fewer than a
 * group. *until_us is the end of the wait. */
static bool gathering(const struct selkie_pool *pool, int64_t *until_us)
{
    const struct selkie_lane *lane;
    const struct selkie_job *job;
    unsigned count = 0;
    int64_t oldest_us = INT64_MAX;

    if (!pool->ready || pool->poked || pool->stopping)
        return false;
    for (lane = pool->ready; lane; lane = lane->ready_next) {
        if (!lane->unopened)
            return false;
        DL_FOREACH (lane->ready, job) {
            if (!job->ordered || ++count >= SELKIE_GATHER)
                return false;
        }
        if (lane->ready->opened_us < oldest_us)
            oldest_us = lane->ready->opened_us;
    }
    *until_us = oldest_us + SELKIE_GATHER_US;
    return true;
}

unsigned selkie_pool_collect(struct selkie_pool *pool, struct selkie_job *batch[], unsigned max, int64_t until_us)
{
    unsigned count = 0;

    pthread_mutex_lock(&pool->lock);
    while (!pool->ready && !pool->poked && selkie_thread_wait_until(&pool->news, &pool->lock, until_us))
        ;
    while (gathering(pool, &until_us) && selkie_thread_wait_until(&pool->news, &pool->lock, until_us))
        ;
    while (pool->ready && !pool->poked && selkie_thread_wait_until(&pool->poke, &pool->lock, pool->next_us))
        ;
    pool->poked = false;
    while (pool->ready && count < max)
        batch[count++] = next_ready(pool);
    /* Nothing waits if the group left frames behind. */
    pool->next_us = count > SELKIE_GATHER && !pool->ready ? selkie_clock_monotonic_us() + SELKIE_PACE_US : 0;
    pthread_mutex_unlock(&pool->lock);
    return count;
}

void selkie_pool_await_poke(struct selkie_pool *pool, int64_t until_us)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->poked && selkie_thread_wait_until(&pool->poke, &pool->lock, until_us))
        ;
    pool->poked = false;
    pthread_mutex_unlock(&pool->lock);
}

void selkie_pool_poke(struct selkie_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->poked = true;
    pthread_cond_signal(&pool->news);
    pthread_cond_signal(&pool->poke);
    pthread_mutex_unlock(&pool->lock);
}

/* Which frames of its lane a SESSION frame must not overtake. */
struct before {
    const struct selkie_job *job;
    const uint8_t (*addresses)[SELKIE_ADDRESS_SIZE];
    unsigned count; /* 0 = SEALED frames of any device */
};

static bool comes_before(const struct selkie_job *other, const struct before *before)
{
    const struct selkie_job *job = before->job;
    if (other->number >= job->number)
        return false;
    if (!other->ordered)
        return other->result == 0 &&
               memcmp(other->frame.session.session_tag, job->frame.session.session_tag, SELKIE_SESSION_TAG_SIZE) == 0;
    for (unsigned i = 0; i < before->count; i++)
        if (memcmp(other->frame.sealed.address, before->addresses[i], SELKIE_ADDRESS_SIZE) == 0)
            return true;
    return before->count == 0;
}

/* Let the job wait for the last of its predecessors that a worker still has to open. False if there is none. */
static bool follow(struct selkie_job *job, const struct before *before)
{
    struct selkie_job *sealed, *follower, *last = NULL;

    DL_FOREACH (job->lane->order, sealed) {
        bool found = comes_before(sealed, before);
        DL_FOREACH (sealed->followers, follower)
            found = found || comes_before(follower, before);
        if (found)
            last = sealed;
    }
    if (last)
        DL_APPEND(last->followers, job);
    return last != NULL;
}

/* Insert the job behind the last of its ready predecessors, in order of submission. False if there is none. */
static bool insert_ready(struct selkie_pool *pool, struct selkie_job *job, const struct before *before)
{
    struct selkie_job *other, *last = NULL;

    DL_FOREACH (job->lane->ready, other)
        if (comes_before(other, before))
            last = other;
    if (!last)
        return false;
    for (other = last->next; other && other->number < job->number;)
        other = other->next;
    make_ready(pool, job, other);
    return true;
}

bool selkie_pool_defer(struct selkie_pool *pool, struct selkie_job *job, const uint8_t addresses[][SELKIE_ADDRESS_SIZE],
                       unsigned count)
{
    const struct before before = {.job = job, .addresses = addresses, .count = count};

    pthread_mutex_lock(&pool->lock);
    bool deferred = follow(job, &before) || insert_ready(pool, job, &before);
    pthread_mutex_unlock(&pool->lock);
    return deferred;
}

void selkie_pool_release(struct selkie_pool *pool, struct selkie_job *job)
{
    pthread_mutex_lock(&pool->lock);
    job->lane->places--;
    pool->places--;
    lane_leave(pool, job->lane);
    pthread_mutex_unlock(&pool->lock);
    selkie_job_free(job);
}

void selkie_pool_depth(struct selkie_pool *pool, unsigned *frames, unsigned *unopened)
{
    pthread_mutex_lock(&pool->lock);
    *frames = pool->places;
    *unopened = pool->unopened;
    pthread_mutex_unlock(&pool->lock);
}
