/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber that sees what comes out: payloads for the account, events and rejections for the figures, gateways'
 * states for the start. One thread. */
#ifndef SELKIE_SIM_OBSERVER_H
#define SELKIE_SIM_OBSERVER_H

#include "world/world.h"

/* What every forged event, state or statistic of an attacker's says; a genuine one never does. */
#define SELKIE_OBSERVER_MARK "selkie-sim: forged"

struct selkie_observer;

/* Connect and subscribe. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_observer_open(struct selkie_world *world);
void selkie_observer_close(struct selkie_world *world);

bool selkie_observer_ready(const struct selkie_observer *observer); /* every subscription was granted */
bool selkie_observer_connected(const struct selkie_observer *observer);

#endif
