/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include "verdict/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEAVING_S      600 /* virtual time in which what is under way at the end may still leave the devices */
#define LEAVING_TIMERS 16  /* a turn: each is followed by a look whether all have left */
#define TIMERS_A_TURN  512
#define SERIES_SLOT_US 100000u
#define WRITE_OFF_US   1000000u
#define SETTLE_TIMES   20       /* at the end: so many times settle_s at most, whatever still comes in */
#define DAY_MS         86400000 /* for what a run takes beyond its duration */
#define CALM_US        400000u  /* at the end: so long without an arrival, in case a double is on its way */

struct run {
    struct selkie_world world;
    struct selkie_view view;
    struct selkie_sim_verdict verdict;
    uint64_t held_us; /* on the wall: since when time waits */
    uint64_t written_off;
    uint64_t spooled;  /* in virtual gateways, when last looked */
    FILE *json, *html; /* reports, open until they are written; NULL: none */
};

static int open_account(struct selkie_world *world)
{
    const struct selkie_scenario *scenario = world->scenario;
    const struct selkie_scenario_fleet *fleet = &scenario->fleet;
    struct selkie_account *account = &world->account;
    char text[256];

    selkie_series_init(&account->series, SERIES_SLOT_US);
    account->attribution.run = &world->run;
    account->attribution.metrics = &account->metrics;
    int error = selkie_payload_plan_open(&account->plan, fleet->payload, fleet->payload_size, fleet->payload_file,
                                         scenario->seed, text);
    if (error < 0)
        selkie_say("%s", text);
    return error < 0 ? error : selkie_verify_open(&account->verify, fleet->devices);
}

/* Parts in the order in which they need each other; each reports by itself what went wrong. Close it then, too. */
static int open_world(struct selkie_world *world, const struct selkie_scenario *scenario)
{
    struct selkie_run *run = &world->run;

    world->scenario = scenario;
    world->broker.process.pidfd = world->broker.hold = -1;
    run->epoch_ms = selkie_clock_ms() - (int64_t)(scenario->duration_s * 1e3) - DAY_MS;
    selkie_sim_clock_init(&run->clock, scenario->speed, selkie_wall_us());
    int error = selkie_loop_open(world);
    if (error == 0)
        error = selkie_folder_open(&world->folder);
    if (error == 0)
        error = open_account(world);
    if (error == 0)
        error = selkie_sim_broker_open(&world->broker, run, &scenario->broker, &world->folder);
    if (error == 0)
        error = selkie_observer_open(world);
    if (error == 0)
        error = selkie_air_open(&world->air, run, scenario, &world->account, &world->broker);
    if (error == 0)
        error = selkie_fleet_open(&world->fleet, run, scenario, &world->account, &world->broker, &world->air);
    if (error == 0)
        error = selkie_sim_operator_open(world);
    if (error == 0)
        error = selkie_attackers_open(&world->attackers, &world->fleet);
    if (error == 0)
        error = selkie_actions_open(world);
    return error;
}

static void close_world(struct selkie_world *world, bool keep)
{
    if (world->signals >= 0)
        (void)close(world->signals);
    selkie_attackers_close(world->attackers);
    selkie_sim_client_close(&world->approver.client);
    selkie_fleet_close(&world->fleet);
    selkie_air_close(&world->air);
    selkie_sim_client_close(&world->observer.client);
    selkie_sim_broker_close(&world->broker);
    selkie_attribution_close(&world->account.attribution);
    selkie_verify_close(&world->account.verify);
    selkie_payload_plan_close(&world->account.plan);
    selkie_sim_clock_wipe(&world->run.clock);
    selkie_folder_close(&world->folder, keep);
}

static uint64_t spooled(const struct selkie_world *world)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < world->air.count; i++)
        sum += world->air.channels[i].virtual ? selkie_vgateway_waiting(world->air.channels[i].virtual) : 0;
    return sum;
}

/* Frames that time waits for: payloads that gateways have and that may still be delivered, or all that virtual gateways
 * have and nobody has decided on, if that is more: a REGISTER costs the broker as much. Frames that are still missing
 * while nothing else arrives are written off for this purpose, though not in the account. */
static uint64_t backlog(struct run *run, uint64_t now_us)
{
    struct selkie_world *world = &run->world;
    uint64_t waiting = selkie_verify_tally(&world->account.verify).waiting, in_spools = spooled(world);

    if (in_spools < run->spooled) /* a receipt came */
        world->account.last_arrival_us = now_us;
    run->spooled = in_spools;
    if (in_spools > waiting)
        waiting = in_spools;
    if (now_us > world->account.last_arrival_us + WRITE_OFF_US && now_us > run->held_us + WRITE_OFF_US)
        run->written_off = waiting;
    if (run->written_off > waiting)
        run->written_off = waiting;
    return waiting - run->written_off;
}

/* Whether time has to wait for the real parts: not at its natural speed, nor while something is taken away. */
static bool too_far_ahead(struct run *run)
{
    struct selkie_world *world = &run->world;
    const struct selkie_scenario *scenario = world->scenario;
    uint64_t now_us = selkie_wall_us();

    if (scenario->backlog == 0 || (scenario->speed > 0 && scenario->speed <= 1))
        return false;
    /* The time that a program takes to start is not part of the scenario's outage. */
    for (uint32_t i = 0; i < world->air.count; i++) {
        if (!selkie_channel_comes_back(&world->air.channels[i]))
            continue;
        run->held_us = world->account.last_arrival_us = now_us;
        return true;
    }
    if (selkie_actions_outage(world)) {
        world->account.last_arrival_us = now_us;
        return false;
    }
    bool ahead = backlog(run, now_us) >= scenario->backlog;
    for (uint32_t i = 0; i < world->air.count && !ahead; i++)
        ahead = selkie_channel_congested(&world->air.channels[i]);
    if (!ahead || !world->run.clock.held)
        run->held_us = now_us;
    return ahead;
}

static void turn(struct run *run, size_t limit)
{
    struct selkie_world *world = &run->world;

    world->run.clock.held = too_far_ahead(run);
    selkie_loop_turn(&run->world, 1000000, limit);
    selkie_view_update(&run->view, world);
}

static bool going_on(const struct run *run)
{
    return !run->world.run.failed && run->world.stops == 0;
}

/* Let the devices send what they have taken. */
static void let_leave(struct run *run)
{
    struct selkie_world *world = &run->world;
    uint64_t limit_us = world->run.clock.now_us + (uint64_t)LEAVING_S * SELKIE_SEC_US;

    world->fleet.quiet = true;
    world->run.clock.end_us = limit_us;
    while (going_on(run) && world->run.clock.now_us < limit_us && world->run.clock.count > 0 &&
           (!selkie_fleet_idle(&world->fleet) || selkie_actions_outage(world)))
        turn(run, LEAVING_TIMERS);
}

static bool calm(const struct selkie_world *world, uint64_t now_us)
{
    return spooled(world) == 0 && selkie_attackers_waiting(world->attackers, SELKIE_ATTACK_KINDS) == 0 &&
           selkie_verify_tally(&world->account.verify).waiting == 0 && world->approver.open == 0 &&
           now_us > world->account.last_arrival_us + CALM_US;
}

/* Wait for the delivery of what the gateways have. */
static void settle(struct run *run)
{
    struct selkie_world *world = &run->world;
    uint64_t now_us = selkie_wall_us(), patience_us = (uint64_t)(world->scenario->settle_s * 1e6);
    uint64_t limit_us = now_us + SETTLE_TIMES * patience_us;

    selkie_fleet_settle(&world->fleet);
    world->broker.receipt_wait_us = patience_us / 3;
    world->account.last_arrival_us = now_us;
    /* A second Ctrl-C ends this wait, too. */
    for (; now_us < world->account.last_arrival_us + patience_us && now_us < limit_us && !world->run.failed &&
           !calm(world, now_us) && run->world.stops < 2;
         now_us = selkie_wall_us()) {
        selkie_loop_turn(&run->world, CALM_US, 0);
        selkie_view_update(&run->view, world);
    }
}

/* Returns whether the run passed, and whether that could be written. */
static bool report(struct run *run, const struct selkie_sim_options *options)
{
    struct selkie_world *world = &run->world;
    struct selkie_sim_verdict *verdict = &run->verdict;

    selkie_verdict_reach(verdict, world);
    bool good = verdict->held;
    if (!options->quiet)
        selkie_view_summary(world, verdict, options->stdout_taken ? stderr : stdout);
    if (run->json)
        good = selkie_sim_report_json(world, verdict, run->json, options->json) == 0 && good;
    if (run->html)
        good = selkie_sim_report_html(world, verdict, run->html, options->report) == 0 && good;
    run->json = run->html = NULL;
    return good;
}

static bool open_reports(struct run *run, const struct selkie_sim_options *options)
{
    run->json = options->json ? selkie_sim_report_open(options->json) : NULL;
    run->html = options->report ? selkie_sim_report_open(options->report) : NULL;
    return (run->json || !options->json) && (run->html || !options->report);
}

static void close_reports(struct run *run)
{
    if (run->json && run->json != stdout)
        (void)fclose(run->json);
    if (run->html && run->html != stdout)
        (void)fclose(run->html);
}

int selkie_sim_run(const struct selkie_scenario *scenario, const struct selkie_sim_options *options)
{
    struct run *run = calloc(1, sizeof *run);
    bool good = false;

    if (!run) {
        selkie_say("%s", selkie_error_text(SELKIE_ENOMEM));
        return EXIT_FAILURE;
    }
    selkie_view_init(&run->view, options->quiet);
    bool ready = open_reports(run, options) && open_world(&run->world, scenario) == 0;
    if (ready)
        selkie_scenario_weigh(scenario, &run->world.account.plan);
    if (ready && selkie_ready_wait(&run->world) == 0) {
        uint64_t end_us = (uint64_t)(scenario->duration_s * 1e6);
        run->world.account.last_arrival_us = selkie_wall_us();
        run->world.run.clock.end_us = end_us;
        while (going_on(run) && run->world.run.clock.now_us < end_us)
            turn(run, TIMERS_A_TURN);
        let_leave(run);
        settle(run);
        selkie_view_end(&run->view);
        good = report(run, options);
    }
    close_world(&run->world, options->keep);
    close_reports(run);
    free(run);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
