/* SPDX-License-Identifier: Apache-2.0 */
#include "core/virtual_clock.h"

#include <stdlib.h>
#include <string.h>

void selkie_sim_clock_init(struct selkie_sim_clock *clock, double speed, uint64_t wall_us)
{
    memset(clock, 0, sizeof *clock);
    clock->speed = speed;
    clock->wall_us = wall_us;
    clock->end_us = SELKIE_NEVER;
}

void selkie_sim_clock_wipe(struct selkie_sim_clock *clock)
{
    free(clock->heap);
    memset(clock, 0, sizeof *clock);
}

static bool earlier(const struct selkie_sim_timer *a, const struct selkie_sim_timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void put(struct selkie_sim_clock *clock, size_t place, struct selkie_sim_timer *timer)
{
    clock->heap[place - 1] = timer;
    timer->place = place;
}

/* Move a timer from its place to where it belongs, towards the top or away from it. */
static void sift(struct selkie_sim_clock *clock, struct selkie_sim_timer *timer)
{
    size_t place = timer->place, child;

    while (place > 1 && earlier(timer, clock->heap[place / 2 - 1])) {
        put(clock, place, clock->heap[place / 2 - 1]);
        place /= 2;
    }
    while ((child = place * 2) <= clock->count) {
        if (child < clock->count && earlier(clock->heap[child], clock->heap[child - 1]))
            child++;
        if (!earlier(clock->heap[child - 1], timer))
            break;
        put(clock, place, clock->heap[child - 1]);
        place = child;
    }
    put(clock, place, timer);
}

static int grow(struct selkie_sim_clock *clock)
{
    size_t room = clock->room > 0 ? 2 * clock->room : 64;
    struct selkie_sim_timer **heap = realloc(clock->heap, room * sizeof(struct selkie_sim_timer *));

    if (!heap)
        return SELKIE_ENOMEM;
    clock->heap = heap;
    clock->room = room;
    return 0;
}

int selkie_sim_clock_set(struct selkie_sim_clock *clock, struct selkie_sim_timer *timer, uint64_t due_us)
{
    if (timer->place == 0) {
        if (clock->count == clock->room && grow(clock) < 0)
            return SELKIE_ENOMEM;
        put(clock, ++clock->count, timer);
    }
    timer->due_us = due_us > clock->now_us ? due_us : clock->now_us;
    timer->order = clock->order++;
    sift(clock, timer);
    return 0;
}

void selkie_sim_clock_clear(struct selkie_sim_clock *clock, struct selkie_sim_timer *timer)
{
    size_t place = timer->place;

    if (place == 0)
        return;
    timer->place = 0;
    struct selkie_sim_timer *last = clock->heap[--clock->count];
    if (last == timer)
        return;
    put(clock, place, last);
    sift(clock, last);
}

/* What the wall has granted since the last turn. */
static void grant(struct selkie_sim_clock *clock, uint64_t wall_us)
{
    if (!clock->held && wall_us > clock->wall_us)
        clock->ahead_us += (double)(wall_us - clock->wall_us) * clock->speed;
    clock->wall_us = wall_us;
}

static bool due(const struct selkie_sim_clock *clock, const struct selkie_sim_timer *timer)
{
    if (timer->due_us > clock->end_us)
        return false;
    return clock->speed <= 0 || (double)(timer->due_us - clock->now_us) <= clock->ahead_us;
}

static void advance(struct selkie_sim_clock *clock, uint64_t to_us)
{
    if (clock->speed > 0)
        clock->ahead_us -= (double)(to_us - clock->now_us);
    clock->now_us = to_us;
}

/* Nothing is due: time passes by itself, so that what comes in from outside now happens now; but not past the end. */
static void pass(struct selkie_sim_clock *clock)
{
    uint64_t room_us = clock->end_us - clock->now_us;

    if (clock->speed > 0 && clock->ahead_us < (double)room_us)
        advance(clock, clock->now_us + (uint64_t)clock->ahead_us);
    else if (clock->end_us != SELKIE_NEVER)
        advance(clock, clock->end_us);
    if (clock->now_us == clock->end_us)
        clock->ahead_us = 0;
}

uint64_t selkie_sim_clock_turn(struct selkie_sim_clock *clock, uint64_t wall_us, size_t limit)
{
    grant(clock, wall_us);
    for (; clock->count > 0 && !clock->held && limit > 0 && due(clock, clock->heap[0]); limit--) {
        struct selkie_sim_timer *timer = clock->heap[0];
        selkie_sim_clock_clear(clock, timer);
        advance(clock, timer->due_us);
        if (clock->speed > 0 && clock->ahead_us > (double)clock->lag_us)
            clock->lag_us = (uint64_t)clock->ahead_us;
        timer->run(timer);
    }
    if (clock->held)
        return SELKIE_NEVER;
    const struct selkie_sim_timer *next = clock->count > 0 ? clock->heap[0] : NULL;
    if (next && due(clock, next))
        return 0;
    pass(clock);
    if (!next || clock->now_us == clock->end_us)
        return SELKIE_NEVER;
    return (uint64_t)(((double)(next->due_us - clock->now_us) - clock->ahead_us) / clock->speed) + 1;
}
