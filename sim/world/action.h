/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of a scenario at their times: power cuts, key changes, outages. One thread. */
#ifndef SELKIE_SIM_ACTION_H
#define SELKIE_SIM_ACTION_H

#include <selkie/error.h>
#include <stdbool.h>

struct selkie_actions;
struct selkie_world;

SELKIE_USE_RESULT int selkie_actions_open(struct selkie_actions **actions, struct selkie_world *world);
void selkie_actions_close(struct selkie_actions *actions);

/* Whether something was taken away and is not back yet. */
bool selkie_actions_outage(const struct selkie_actions *actions);

#endif
