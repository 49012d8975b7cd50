/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of a run share: its time, whether it can go on, and its place on stderr. One thread. */
#ifndef SELKIE_SIM_RUN_H
#define SELKIE_SIM_RUN_H

#include "core/virtual_clock.h"

struct selkie_run {
    struct selkie_sim_clock clock;
    int64_t epoch_ms; /* the time of day at virtual time 0; so long ago that virtual time never overtakes the wall's */
    bool failed;      /* something broke that is none of the scenario's: the run ends, and has no verdict */
};

/* Virtual time as a gateway reports it: milliseconds since 1970. */
int64_t selkie_run_rx_ms(const struct selkie_run *run);

/* Set a timer; without memory the run has failed, and says so. */
void selkie_run_set(struct selkie_run *run, struct selkie_sim_timer *timer, uint64_t due_us);

/* One line to stderr, clear of the live view. */
void selkie_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Called before each line, so that the live view can clear its place on the terminal. NULL = nobody. */
void selkie_say_hook(void (*clear)(void *context), void *context);

/* The run cannot go on: one sentence on stderr, once. */
void selkie_run_fail(struct selkie_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
