/* SPDX-License-Identifier: Apache-2.0 */
/* All parts of a run together, and what drives them: the event loop, the actions of the scenario, the observer of all
 * that the broker publishes, the operator. The parts below know each other in one direction only: cloud, air, fleet,
 * attack. One thread; Paho's threads see the event queue alone. */
#ifndef SELKIE_SIM_WORLD_H
#define SELKIE_SIM_WORLD_H

#include "attack/attackers.h"

#include <poll.h>

/* An action of the scenario at its times: power cuts, key changes, outages. */
struct selkie_action {
    struct selkie_world *world;
    const struct selkie_scenario_action *plan;
    struct selkie_sim_timer turn;
    struct selkie_prng random;
    bool away; /* an outage is on: the next turn ends it */
};

/* The subscriber to all that the broker publishes. It keeps its session, so nothing is missed during an outage of the
 * broker. Payloads go into the account, events and rejections into the metrics, the gateways' states to their channels.
 */
struct selkie_observer {
    struct selkie_sim_client client;
    unsigned granted; /* subscriptions, so far */
    bool ready;       /* all of them */
    bool met;         /* connected, once or more */
};

/* Approves, through $CONTROL, the devices that the scenario itself reset (and, under enrolment "approve", the new
 * ones), each by its own new ID; never an attacker's. Without approve_s in the scenario it does nothing. */
struct selkie_sim_operator {
    struct selkie_sim_client client;
    uint32_t open; /* devices that wait for approval */
    uint64_t looked_us;
};

struct selkie_world {
    const struct selkie_scenario *scenario;
    struct selkie_run run;
    struct selkie_account account;
    struct selkie_folder folder;
    struct selkie_sim_broker broker;
    struct selkie_observer observer;
    struct selkie_air air;
    struct selkie_fleet fleet;
    struct selkie_sim_operator approver;
    struct selkie_attackers *attackers;
    struct selkie_action actions[SELKIE_SCENARIO_ACTIONS_MAX];
    uint64_t wall_start_us;
    int signals;    /* a signalfd for SIGINT and SIGTERM */
    unsigned stops; /* how often somebody asked for the end */
    struct pollfd fds[SELKIE_SCENARIO_CHANNELS_MAX + 2];
};

/* The event loop: it lets virtual time run, and serves lines, MQTT events and signals. A plain poll; the clock says how
 * long it may wait. SIGINT and SIGTERM are blocked from now on, and read in the loop: open it before the first thread
 * (of Paho's) is made, since each has a mask of its own. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_loop_open(struct selkie_world *world);

/* One turn: wait at most `wait_us` of the wall for something to happen, then deal with it. Virtual time runs, for at
 * most so many timers. */
void selkie_loop_turn(struct selkie_world *world, uint64_t wait_us, size_t timers);

/* Wait, before virtual time begins, until every gateway listens and the observer has its subscriptions. Your own
 * gateways have no time limit, and stderr says where they are expected. Those started here have a limit, and a refusal
 * ends the run. SELKIE_EIO after a line on stderr, or where the end was asked for. */
SELKIE_USE_RESULT int selkie_ready_wait(struct selkie_world *world);

/* Connect and subscribe. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_observer_open(struct selkie_world *world);

/* Connect, if the scenario has an operator. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_operator_open(struct selkie_world *world);

/* A device begins with a new ID that will have to be approved; the broker has reported an approval. */
void selkie_sim_operator_expect(struct selkie_world *world, uint32_t device);
void selkie_sim_operator_approved(struct selkie_world *world, uint32_t device);

/* Approve what is due. Call now and then. */
void selkie_sim_operator_work(struct selkie_world *world);

/* Set the timers of the scenario's actions. */
SELKIE_USE_RESULT int selkie_actions_open(struct selkie_world *world);

/* Whether something was taken away and is not back yet. */
bool selkie_actions_outage(const struct selkie_world *world);

#endif
