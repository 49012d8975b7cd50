/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: which timer is due when, and how fast virtual time runs against wall time. The simulated parts
 * (devices, air, attackers) run in virtual time, the real parts (gateways, broker) in wall time. Timers of the same
 * time run in the order in which they were set, so the same seed gives the same run. No I/O; heap for the list of
 * timers; one thread. */
#ifndef SELKIE_SIM_VIRTUAL_CLOCK_H
#define SELKIE_SIM_VIRTUAL_CLOCK_H

#include <selkie/clock.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_MS_US  1000u
#define SELKIE_SEC_US 1000000u
#define SELKIE_NEVER  UINT64_MAX

/* Something that will happen. Lives in the struct of whom it concerns; zeroed before its first use, not moved while it
 * is set. */
struct selkie_sim_timer {
    void (*run)(struct selkie_sim_timer *timer);
    uint64_t due_us;
    uint64_t order;
    size_t place; /* in the heap, counted from 1; 0 = not set */
};

/* The struct that a timer is in, from its `run`. */
#define SELKIE_TIMER_OWNER(timer, type, member) ((struct type *)((char *)(timer)-offsetof(struct type, member)))

struct selkie_sim_clock {
    uint64_t now_us;  /* virtual time since the start */
    uint64_t wall_us; /* the wall's time at the last turn */
    uint64_t lag_us;  /* the furthest that virtual time fell behind its speed */
    double ahead_us;  /* virtual time that the wall has granted, beyond now_us */
    double speed;     /* virtual seconds a second; 0 = as fast as it goes */
    bool held;        /* the caller sets it: time stands still, and what the wall grants meanwhile is not made up for */
    uint64_t end_us;  /* nothing runs after this, and time stops there; the caller sets it. SELKIE_NEVER = never */
    uint64_t order;
    struct selkie_sim_timer **heap;
    size_t count, room;
};

/* The time on the wall, from a steady clock. */
static inline uint64_t selkie_wall_us(void)
{
    return (uint64_t)selkie_clock_monotonic_us();
}

/* speed as in the struct; wall_us: a steady clock's time now. */
void selkie_sim_clock_init(struct selkie_sim_clock *clock, double speed, uint64_t wall_us);
void selkie_sim_clock_wipe(struct selkie_sim_clock *clock);

/* Let an event run at a time (not before now); one that is set already is moved. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_sim_clock_set(struct selkie_sim_clock *clock, struct selkie_sim_timer *timer,
                                           uint64_t due_us);
void selkie_sim_clock_clear(struct selkie_sim_clock *clock, struct selkie_sim_timer *timer);

/* Run what is due by now, `limit` events at most. Returns how long the caller may wait, in microseconds of the wall,
 * before the next turn: 0 = more is due at once, SELKIE_NEVER = nothing is set, or time is held. */
uint64_t selkie_sim_clock_turn(struct selkie_sim_clock *clock, uint64_t wall_us, size_t limit);

#endif
