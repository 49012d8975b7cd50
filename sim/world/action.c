/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of a scenario at their times: power cuts, key changes, outages. */
#include "world/world.h"

#include <string.h>

static void meet(struct selkie_world *world, enum selkie_action_kind kind, uint32_t device)
{
    if (kind == SELKIE_ACTION_KEY) {
        selkie_fleet_next_key(&world->fleet, device);
        return;
    }
    if (kind == SELKIE_ACTION_OUTAGE)
        selkie_fleet_power(&world->fleet, device, false);
    else
        selkie_fleet_reset(&world->fleet, device);
    if (strcmp(world->scenario->broker.rebind, "approve") == 0)
        selkie_sim_operator_expect(world, device);
}

/* A share of the devices meets the action. */
static void meet_share(struct selkie_action *action)
{
    struct selkie_world *world = action->world;
    uint32_t left = world->fleet.count, wanted = (uint32_t)(action->plan->share * left + 0.5);

    /* Exactly so many, each as likely as the other (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
    for (uint32_t i = 0; wanted > 0; i++, left--) {
        if (selkie_prng_below(&action->random, left) >= wanted)
            continue;
        wanted--;
        meet(world, action->plan->kind, i);
    }
}

static int toggle_broker(struct selkie_world *world, bool back, bool kill)
{
    if (!back) {
        selkie_sim_broker_stop(&world->broker, kill);
        return 0;
    }
    selkie_metrics_count(&world->account.metrics, NULL, "broker_starts");
    return selkie_sim_broker_start(&world->broker);
}

/* Bring the power back to all that have none. */
static void bring_power(struct selkie_world *world)
{
    for (uint32_t i = 0; i < world->fleet.count; i++)
        selkie_fleet_power(&world->fleet, i, true);
}

/* Take away the broker or gateways, or bring them back. */
static void toggle(struct selkie_action *action)
{
    struct selkie_world *world = action->world;
    const struct selkie_scenario_action *plan = action->plan;
    bool back = action->away, broker = plan->kind < SELKIE_ACTION_GATEWAY_STOP;
    bool kill = plan->kind == SELKIE_ACTION_BROKER_KILL || plan->kind == SELKIE_ACTION_GATEWAY_KILL;
    int error = broker ? toggle_broker(world, back, kill) : 0;

    action->away = !back;
    for (uint32_t i = 0; i < world->air.count && !broker && error == 0; i++) {
        if (plan->channel >= 0 && (uint32_t)plan->channel != i)
            continue;
        if (back)
            error = selkie_channel_start(&world->air.channels[i]);
        else
            selkie_channel_stop(&world->air.channels[i], kill);
    }
    if (error < 0)
        selkie_run_fail(&world->run, "cannot restart what the scenario stopped");
}

static void on_turn(struct selkie_sim_timer *timer)
{
    struct selkie_action *action = SELKIE_TIMER_OWNER(timer, selkie_action, turn);
    struct selkie_world *world = action->world;
    const struct selkie_scenario_action *plan = action->plan;
    double next_s = plan->every_s;

    if (plan->kind == SELKIE_ACTION_RESET || plan->kind == SELKIE_ACTION_KEY) {
        meet_share(action);
    } else {
        if (plan->kind != SELKIE_ACTION_OUTAGE)
            toggle(action);
        else if (action->away)
            bring_power(world);
        else
            meet_share(action);
        if (plan->kind == SELKIE_ACTION_OUTAGE)
            action->away = !action->away;
        next_s = action->away ? plan->for_s : plan->every_s - plan->for_s;
    }
    if (next_s > 0 && (action->away || !world->fleet.quiet))
        selkie_run_set(&world->run, timer, world->run.clock.now_us + (uint64_t)(next_s * 1e6));
}

int selkie_actions_open(struct selkie_world *world)
{
    for (size_t i = 0; i < world->scenario->action_count; i++) {
        struct selkie_action *action = &world->actions[i];
        action->world = world;
        action->plan = &world->scenario->actions[i];
        action->turn.run = on_turn;
        selkie_prng_init(&action->random, world->scenario->seed, SELKIE_PRNG_ACTION, i);
        selkie_run_set(&world->run, &action->turn, (uint64_t)(action->plan->at_s * 1e6));
    }
    return world->run.failed ? SELKIE_ENOMEM : 0;
}

bool selkie_actions_outage(const struct selkie_world *world)
{
    bool away = false;

    for (size_t i = 0; i < world->scenario->action_count; i++)
        away = away || (world->actions[i].away && world->actions[i].plan->kind != SELKIE_ACTION_OUTAGE);
    return away;
}
