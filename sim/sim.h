/* SPDX-License-Identifier: Apache-2.0 */
/* A run from start to verdict: open the parts, let time run, wait for the last deliveries, compare, report. One thread.
 */
#ifndef SELKIE_SIM_SIM_H
#define SELKIE_SIM_SIM_H

#include "scenario/scenario.h"

struct selkie_sim_options {
    const char *report; /* HTML file; NULL = none */
    const char *json;   /* file, "-" = stdout; NULL = none */
    bool stdout_taken;  /* one of the two is there, and must stand alone: the summary goes to stderr */
    bool quiet;         /* no live view, no summary */
    bool keep;          /* keep the run's folder */
};

/* Returns the program's exit status: 0 if every expectation held, else 1. */
int selkie_sim_run(const struct selkie_scenario *scenario, const struct selkie_sim_options *options);

#endif
