/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run: all metrics by name, and which expectations held. One thread. */
#ifndef SELKIE_SIM_VERDICT_H
#define SELKIE_SIM_VERDICT_H

#include "world/world.h"

struct selkie_verdict {
    bool held;                   /* all of them, and the run did not break */
    struct selkie_expect expect; /* of the scenario and of its attacks */
    unsigned held_count;
    bool holds[SELKIE_EXPECT_MAX];
    char text[SELKIE_EXPECT_MAX][128]; /* as selkie_expect_format writes it */
};

/* Put the metrics together; may be called during the run, too. */
void selkie_verdict_metrics(struct selkie_world *world);

/* Put the metrics together and compare them with the scenario's expectations, those of its attacks, and that nothing
 * was forged or lost elsewhere where the scenario says nothing about these metrics. What failed is said on stderr. */
void selkie_verdict_reach(struct selkie_verdict *verdict, struct selkie_world *world);

#endif
