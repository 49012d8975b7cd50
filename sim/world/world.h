/* SPDX-License-Identifier: Apache-2.0 */
/* All parts of a run together: for what drives them (the folder world/) and for the verdict. The parts themselves know
 * each other in one direction only: cloud, air, fleet, attack. One thread; Paho's threads see the event queue alone. */
#ifndef SELKIE_SIM_WORLD_H
#define SELKIE_SIM_WORLD_H

#include "attack/attackers.h"
#include "cloud/observer.h"
#include "cloud/operator.h"

struct selkie_world {
    const struct selkie_scenario *scenario;
    struct selkie_run run;
    struct selkie_account account;
    struct selkie_folder folder;
    struct selkie_sim_broker broker;
    struct selkie_observer *observer;
    struct selkie_air *air;
    struct selkie_fleet *fleet;
    struct selkie_sim_operator *operator; /* NULL = nobody approves anything */
    struct selkie_attackers *attackers;
    struct selkie_actions *actions;
    uint64_t wall_start_us;
};

#endif
