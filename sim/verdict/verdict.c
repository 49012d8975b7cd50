/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict/verdict.h"

#include "air/channel.h"
#include "attack/attacker.h"
#include "fleet/fleet.h"

#include <string.h>
#include <sys/resource.h>

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void account(struct selkie_world *world)
{
    struct selkie_metrics *metrics = &world->metrics;
    struct selkie_verify_tally tally = selkie_verify_tally(world->verify);

    selkie_metrics_set(metrics, NULL, "sent", (double)tally.sent);
    selkie_metrics_set(metrics, NULL, "delivered", (double)tally.delivered);
    selkie_metrics_set(metrics, NULL, "delivered_share", share(tally.delivered, tally.sent));
    selkie_metrics_set(metrics, NULL, "doubled", (double)tally.doubled);
    selkie_metrics_set(metrics, NULL, "lost_on_air", (double)tally.lost_on_air);
    selkie_metrics_set(metrics, NULL, "lost_on_air_share", share(tally.lost_on_air, tally.sent));
    selkie_metrics_set(metrics, NULL, "lost_elsewhere", (double)tally.lost_elsewhere);
    selkie_metrics_set(metrics, NULL, "forged", (double)tally.forged);
    selkie_metrics_set(metrics, NULL, "impersonated", (double)tally.impersonated);
    selkie_metrics_set(metrics, NULL, "unrefused_publishes",
                       selkie_metrics_get(metrics, "forged_publishes") -
                           selkie_metrics_get(metrics, "refused_publishes"));
}

static void times(struct selkie_world *world)
{
    struct selkie_metrics *metrics = &world->metrics;
    const struct selkie_sim_histogram *latency = selkie_verify_latency(world->verify), *wait = &world->wait;

    if (latency->count > 0) {
        selkie_metrics_set(metrics, NULL, "latency_p50_ms",
                           (double)selkie_sim_histogram_percentile(latency, 0.5) / 1e3);
        selkie_metrics_set(metrics, NULL, "latency_p90_ms",
                           (double)selkie_sim_histogram_percentile(latency, 0.9) / 1e3);
        selkie_metrics_set(metrics, NULL, "latency_p99_ms",
                           (double)selkie_sim_histogram_percentile(latency, 0.99) / 1e3);
        selkie_metrics_set(metrics, NULL, "latency_max_ms", (double)latency->max / 1e3);
    }
    if (wait->count > 0) {
        selkie_metrics_set(metrics, NULL, "wait_p50_ms", (double)selkie_sim_histogram_percentile(wait, 0.5) / 1e3);
        selkie_metrics_set(metrics, NULL, "wait_p99_ms", (double)selkie_sim_histogram_percentile(wait, 0.99) / 1e3);
    }
    selkie_metrics_set(metrics, NULL, "clock_lag_ms", (double)world->clock.lag_us / 1e3);
    selkie_metrics_set(metrics, NULL, "duration_s", (double)world->clock.now_us / 1e6);
    selkie_metrics_set(metrics, NULL, "wall_s", (double)(world->clock.wall_us - world->wall_start_us) / 1e6);
}

static void air(struct selkie_world *world)
{
    struct selkie_sim_radio_counts sum = {.signals = 0};
    uint64_t overrun = 0, dropped = 0;

    for (uint32_t i = 0; i < world->channel_count; i++) {
        const struct selkie_channel *channel = &world->channels[i];
        sum.signals += channel->radio.counts.signals;
        sum.collided += channel->radio.counts.collided;
        sum.busy_us += selkie_sim_radio_busy_us(&channel->radio, world->clock.now_us);
        sum.bytes_sent += channel->radio.counts.bytes_sent;
        overrun += channel->line.overrun;
        dropped += channel->dropped;
    }
    selkie_metrics_set(&world->metrics, NULL, "air_use",
                       share(sum.busy_us, world->clock.now_us * world->channel_count));
    selkie_metrics_set(&world->metrics, NULL, "collided_share", share(sum.collided, sum.signals));
    selkie_metrics_set(&world->metrics, NULL, "air_bytes", (double)sum.bytes_sent);
    selkie_metrics_set(&world->metrics, NULL, "line_overrun_bytes", (double)overrun);
    selkie_metrics_set(&world->metrics, NULL, "gateway_dropped", (double)dropped);
}

static void fleet(struct selkie_world *world)
{
    struct selkie_uplink_counts counts = selkie_fleet_counts(world);
    struct rusage usage;

    selkie_metrics_set(&world->metrics, NULL, "transmissions", counts.transmissions);
    selkie_metrics_set(&world->metrics, NULL, "acknowledged", counts.acknowledged);
    selkie_metrics_set(&world->metrics, NULL, "given_up", counts.given_up);
    selkie_metrics_set(&world->metrics, NULL, "skipped", (double)world->fleet->skipped);
    selkie_metrics_set(&world->metrics, NULL, "resets", (double)world->fleet->resets);
    selkie_metrics_set(&world->metrics, NULL, "key_changes", (double)world->fleet->key_changes);
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    selkie_metrics_set(&world->metrics, NULL, "cpu_s", cpu_s);
    selkie_metrics_set(&world->metrics, NULL, "memory_mb", (double)usage.ru_maxrss / 1024);
}

/* Frames that an attacker's gateway handed over and that nobody has decided on. */
static void unanswered(struct selkie_world *world)
{
    char name[SELKIE_METRIC_NAME_MAX];

    for (size_t i = 0; i < world->attacker_count; i++) {
        const struct selkie_attacker *attacker = &world->attackers[i];
        double waiting = 0;
        for (size_t j = 0; j < world->attacker_count; j++)
            waiting += world->attackers[j].plan->kind == attacker->plan->kind
                           ? (double)selkie_attacker_waiting(&world->attackers[j])
                           : 0;
        (void)snprintf(name, sizeof name, "%s.unanswered", selkie_attack_words[attacker->plan->kind]);
        if (attacker->gateway != NULL)
            selkie_metrics_set(&world->metrics, "results", name, waiting);
    }
}

void selkie_verdict_figures(struct selkie_world *world)
{
    account(world);
    times(world);
    air(world);
    fleet(world);
    unanswered(world);
}

static bool stated(const struct selkie_expect *expect, const char *name)
{
    for (size_t i = 0; i < expect->count; i++) {
        if (strcmp(expect->list[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Where the scenario speaks of the same figure, both have to hold. */
static int add(struct selkie_expect *expect, const char *name, const char *text)
{
    struct selkie_expectation wanted;
    int error = selkie_expect_parse(&wanted, text);

    for (size_t i = 0; error == 0 && i < expect->count; i++) {
        const struct selkie_expectation *there = &expect->list[i];
        if (strcmp(there->name, name) == 0 && there->relation == wanted.relation &&
            !(there->value < wanted.value || there->value > wanted.value))
            return 0;
    }
    return error < 0 ? error : selkie_expect_add(expect, name, text);
}

/* Whether what comes of such an attack can be told from what comes of others: attribution.h says where. */
static bool traced(const struct selkie_world *world, enum selkie_attack_kind kind)
{
    bool found = selkie_attack_of(kind)->needs != SELKIE_NEEDS_NOTHING;

    for (size_t i = 0; i < world->attacker_count && !found; i++) {
        const struct selkie_scenario_attack *plan = world->attackers[i].plan;
        found = plan->kind == kind && world->channels[plan->channel].virtual != NULL;
    }
    return found;
}

static bool needs_trace(const char *result)
{
    return strcmp(result, ".heard") != 0 && strcmp(result, ".delivered") != 0;
}

static int add_attack(const struct selkie_world *world, struct selkie_expect *expect, enum selkie_attack_kind kind)
{
    const struct selkie_attack *attack = selkie_attack_of(kind);
    char name[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(name, sizeof name, "attacks.%s", selkie_attack_words[kind]);
    int error = add(expect, name, ">=1");
    for (size_t i = 0; i < sizeof attack->must / sizeof attack->must[0] && attack->must[i][0] != NULL && error == 0;
         i++) {
        const char *metric = attack->must[i][0];
        if (metric[0] == '.' && needs_trace(metric) && !traced(world, kind))
            continue;
        (void)snprintf(name, sizeof name, "results.%s%s", selkie_attack_words[kind], metric);
        error = add(expect, metric[0] == '.' ? name : metric, attack->must[i][1]);
    }
    return error;
}

int selkie_verdict_expectations(const struct selkie_world *world, struct selkie_expect *expect)
{
    static const char *const always[] = {"forged", "lost_elsewhere"};
    int error = 0;

    *expect = world->scenario->expect;
    for (size_t i = 0; i < world->scenario->attack_count && error == 0; i++)
        error = add_attack(world, expect, world->scenario->attacks[i].kind);
    for (size_t i = 0; i < sizeof always / sizeof always[0] && error == 0; i++)
        error = stated(expect, always[i]) ? 0 : selkie_expect_add(expect, always[i], "0");
    return error;
}
