/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run: all figures by name, and which expectations held. One thread. */
#ifndef SELKIE_SIM_VERDICT_H
#define SELKIE_SIM_VERDICT_H

#include "world/world.h"

/* Put the figures together; may be called on the way, too. */
void selkie_verdict_metrics(struct selkie_world *world);

/* The scenario's expectations, those of its attacks, and that nothing was forged or lost elsewhere where the scenario
 * does not speak of these figures. SELKIE_EFULL for more than SELKIE_EXPECT_MAX. */
SELKIE_USE_RESULT int selkie_verdict_expectations(const struct selkie_world *world, struct selkie_expect *expect);

#endif
