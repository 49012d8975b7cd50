/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict/verdict.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void account(struct selkie_world *world)
{
    struct selkie_metrics *metrics = &world->account.metrics;
    struct selkie_verify_tally tally = selkie_verify_tally(world->account.verify);

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
    struct selkie_metrics *metrics = &world->account.metrics;
    const struct selkie_sim_histogram *latency = selkie_verify_latency(world->account.verify),
                                      *wait = &world->account.wait;

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
    selkie_metrics_set(metrics, NULL, "clock_lag_ms", (double)world->run.clock.lag_us / 1e3);
    selkie_metrics_set(metrics, NULL, "duration_s", (double)world->run.clock.now_us / 1e6);
    selkie_metrics_set(metrics, NULL, "wall_s", (double)(world->run.clock.wall_us - world->wall_start_us) / 1e6);
}

static void air(struct selkie_world *world)
{
    struct selkie_sim_radio_counts sum = {.signals = 0};
    uint64_t overrun = 0, dropped = 0;

    for (uint32_t i = 0; i < world->air->count; i++) {
        const struct selkie_channel *channel = &world->air->channels[i];
        sum.signals += channel->radio.counts.signals;
        sum.collided += channel->radio.counts.collided;
        sum.busy_us += selkie_sim_radio_busy_us(&channel->radio, world->run.clock.now_us);
        sum.bytes_sent += channel->radio.counts.bytes_sent;
        overrun += channel->line.overrun;
        dropped += channel->dropped;
    }
    selkie_metrics_set(&world->account.metrics, NULL, "air_use",
                       share(sum.busy_us, world->run.clock.now_us * world->air->count));
    selkie_metrics_set(&world->account.metrics, NULL, "collided_share", share(sum.collided, sum.signals));
    selkie_metrics_set(&world->account.metrics, NULL, "air_bytes", (double)sum.bytes_sent);
    selkie_metrics_set(&world->account.metrics, NULL, "line_overrun_bytes", (double)overrun);
    selkie_metrics_set(&world->account.metrics, NULL, "gateway_dropped", (double)dropped);
}

static void fleet(struct selkie_world *world)
{
    struct selkie_uplink_counts counts = selkie_fleet_counts(world->fleet);
    struct rusage usage;

    selkie_metrics_set(&world->account.metrics, NULL, "transmissions", counts.transmissions);
    selkie_metrics_set(&world->account.metrics, NULL, "acknowledged", counts.acknowledged);
    selkie_metrics_set(&world->account.metrics, NULL, "given_up", counts.given_up);
    selkie_metrics_set(&world->account.metrics, NULL, "skipped", (double)world->fleet->skipped);
    selkie_metrics_set(&world->account.metrics, NULL, "resets", (double)world->fleet->resets);
    selkie_metrics_set(&world->account.metrics, NULL, "key_changes", (double)world->fleet->key_changes);
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    selkie_metrics_set(&world->account.metrics, NULL, "cpu_s", cpu_s);
    selkie_metrics_set(&world->account.metrics, NULL, "memory_mb", (double)usage.ru_maxrss / 1024);
}

/* Frames that an attacker's gateway handed over and that nobody has decided on. */
static void unanswered(struct selkie_world *world)
{
    char name[SELKIE_METRIC_NAME_MAX];

    for (size_t i = 0; i < world->attackers->count; i++) {
        const struct selkie_attacker *attacker = &world->attackers->list[i];
        (void)snprintf(name, sizeof name, "%s.unanswered", attacker->name);
        if (attacker->gateway)
            selkie_metrics_set(&world->account.metrics, "results", name,
                               (double)selkie_attackers_waiting(world->attackers, attacker->plan->kind));
    }
}

void selkie_verdict_metrics(struct selkie_world *world)
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

    for (size_t i = 0; i < world->attackers->count && !found; i++)
        found = world->attackers->list[i].plan->kind == kind && world->attackers->list[i].channel->virtual;
    return found;
}

static bool needs_trace(const char *result, size_t len)
{
    return strncmp(result, ".heard", len) != 0 && strncmp(result, ".delivered", len) != 0;
}

static int add_attack(const struct selkie_world *world, struct selkie_expect *expect, enum selkie_attack_kind kind)
{
    char name[SELKIE_METRIC_NAME_MAX], relation[16];

    (void)snprintf(name, sizeof name, "attacks.%s", selkie_attack_words[kind]);
    int error = add(expect, name, ">=1");
    for (const char *must = selkie_attack_of(kind)->must; *must != '\0' && error == 0; must += strspn(must, " ")) {
        size_t len = strcspn(must, "=<>"), whole = strcspn(must, " ");
        bool own = must[0] == '.';
        (void)snprintf(name, sizeof name, "%s%s%.*s", own ? "results." : "", own ? selkie_attack_words[kind] : "",
                       (int)len, must);
        (void)snprintf(relation, sizeof relation, "%.*s", (int)(whole - len), must + len);
        if (!own || !needs_trace(must, len) || traced(world, kind))
            error = add(expect, name, relation);
        must += whole;
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
