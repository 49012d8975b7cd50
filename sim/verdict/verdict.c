/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict/verdict.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static void set(struct selkie_world *world, const char *name, double value)
{
    selkie_metrics_set(&world->account.metrics, name, value);
}

static void set_count(struct selkie_world *world, const char *name, uint64_t value)
{
    set(world, name, (double)value);
}

static void set_share(struct selkie_world *world, const char *name, uint64_t part, uint64_t whole)
{
    set(world, name, whole == 0 ? 0 : (double)part / (double)whole);
}

static void set_percentile(struct selkie_world *world, const char *name, const struct selkie_histogram *histogram,
                           double share)
{
    if (histogram->count > 0)
        set(world, name, (double)selkie_histogram_percentile(histogram, share) / 1e3);
}

static void account(struct selkie_world *world)
{
    const struct selkie_metrics *metrics = &world->account.metrics;
    struct selkie_verify_tally tally = selkie_verify_tally(&world->account.verify);

    set_count(world, "sent", tally.sent);
    set_count(world, "delivered", tally.delivered);
    set_share(world, "delivered_share", tally.delivered, tally.sent);
    set_count(world, "doubled", tally.doubled);
    set_count(world, "lost_on_air", tally.lost_on_air);
    set_share(world, "lost_on_air_share", tally.lost_on_air, tally.sent);
    set_count(world, "lost_elsewhere", tally.lost_elsewhere);
    set_count(world, "forged", tally.forged);
    set_count(world, "impersonated", tally.impersonated);
    set(world, "unrefused_publishes",
        selkie_metrics_get(metrics, "forged_publishes") - selkie_metrics_get(metrics, "refused_publishes"));
}

static void times(struct selkie_world *world)
{
    const struct selkie_histogram *latency = &world->account.verify.latency;
    const struct selkie_sim_clock *clock = &world->run.clock;

    set_percentile(world, "latency_p50_ms", latency, 0.5);
    set_percentile(world, "latency_p90_ms", latency, 0.9);
    set_percentile(world, "latency_p99_ms", latency, 0.99);
    if (latency->count > 0)
        set(world, "latency_max_ms", (double)latency->max / 1e3);
    set_percentile(world, "wait_p50_ms", &world->account.wait, 0.5);
    set_percentile(world, "wait_p99_ms", &world->account.wait, 0.99);
    set(world, "clock_lag_ms", (double)clock->lag_us / 1e3);
    set(world, "duration_s", (double)clock->now_us / 1e6);
    set(world, "wall_s", (double)(clock->wall_us - world->wall_start_us) / 1e6);
}

static void air(struct selkie_world *world)
{
    struct selkie_sim_radio_counts sum = {.signals = 0};
    uint64_t overrun = 0, overflow = 0, dropped = 0, now_us = world->run.clock.now_us;

    for (uint32_t i = 0; i < world->air.count; i++) {
        const struct selkie_channel *channel = &world->air.channels[i];
        sum.signals += channel->radio.counts.signals;
        sum.collided += channel->radio.counts.collided;
        sum.busy_us += selkie_sim_radio_busy_us(&channel->radio, now_us);
        sum.bytes_sent += channel->radio.counts.bytes_sent;
        sum.packets_lost += channel->radio.counts.packets_lost;
        overflow += selkie_channel_overflow(channel);
        overrun += channel->line.overrun;
        dropped += channel->dropped;
    }
    set_share(world, "air_use", sum.busy_us, now_us * world->air.count);
    set_share(world, "collided_share", sum.collided, sum.signals);
    set_count(world, "air_bytes", sum.bytes_sent);
    set_count(world, "packets_lost", sum.packets_lost);
    set_count(world, "radio_overflow_bytes", overflow);
    set_count(world, "line_overrun_bytes", overrun);
    set_count(world, "gateway_dropped", dropped);
}

static void fleet(struct selkie_world *world)
{
    uint64_t transmissions = 0, acknowledged = 0, given_up = 0;
    struct rusage usage;

    for (uint32_t i = 0; i < world->fleet.count; i++) {
        const struct selkie_uplink_counts *counts = &world->fleet.devices[i].device.uplink.counts;
        transmissions += counts->transmissions;
        acknowledged += counts->acknowledged;
        given_up += counts->given_up;
    }
    set_count(world, "transmissions", transmissions);
    set_count(world, "acknowledged", acknowledged);
    set_count(world, "given_up", given_up);
    set_share(world, "acknowledged_share", acknowledged, transmissions);
    set_count(world, "skipped", world->fleet.skipped);
    set_count(world, "resets", world->fleet.resets);
    set_count(world, "key_changes", world->fleet.key_changes);
    (void)getrusage(RUSAGE_SELF, &usage);
    set(world, "cpu_s",
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    set(world, "memory_mb", (double)usage.ru_maxrss / 1024);
}

/* Frames that an attacker's gateway handed over and that nobody has decided on. */
static void unanswered(struct selkie_world *world)
{
    char name[SELKIE_METRIC_NAME_MAX];

    for (size_t i = 0; i < world->attackers->count; i++) {
        const struct selkie_attacker *attacker = &world->attackers->list[i];
        (void)snprintf(name, sizeof name, "results.%s.unanswered", attacker->name);
        if (attacker->gateway)
            set_count(world, name, selkie_attackers_waiting(world->attackers, attacker->plan->kind));
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

/* Whether rejections and alarms can be attributed to such an attack: attribution.h says where. */
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
    int error = selkie_expect_add(expect, name, ">=1");
    for (const char *must = selkie_attack_of(kind)->must; *must != '\0' && error == 0; must += strspn(must, " ")) {
        size_t len = strcspn(must, "=<>"), whole = strcspn(must, " ");
        bool own = must[0] == '.';
        (void)snprintf(name, sizeof name, "%s%s%.*s", own ? "results." : "", own ? selkie_attack_words[kind] : "",
                       (int)len, must);
        (void)snprintf(relation, sizeof relation, "%.*s", (int)(whole - len), must + len);
        if (!own || !needs_trace(must, len) || traced(world, kind))
            error = selkie_expect_add(expect, name, relation);
        must += whole;
    }
    return error;
}

/* Where scenario and attack speak of the same figure, both have to hold. SELKIE_EFULL: more than SELKIE_EXPECT_MAX. */
static int collect(struct selkie_expect *expect, const struct selkie_world *world)
{
    static const char *const always[] = {"forged", "lost_elsewhere"};
    /* A run in which nothing happened shows nothing. */
    static const char *const something[] = {"sent", "delivered"};
    /* Without an attacker nothing may ring. */
    static const char *const in_peace[] = {"events.clone", "events.takeover", "rejected.replay", "rejected.clone"};
    int error = 0;

    *expect = world->scenario->expect;
    for (size_t i = 0; i < world->scenario->attack_count && error == 0; i++)
        error = add_attack(world, expect, world->scenario->attacks[i].kind);
    for (size_t i = 0; i < sizeof always / sizeof always[0] && error == 0; i++)
        error = stated(expect, always[i]) ? 0 : selkie_expect_add(expect, always[i], "0");
    for (size_t i = 0; i < sizeof something / sizeof something[0] && error == 0; i++)
        if (!stated(expect, something[i]))
            error = selkie_expect_add(expect, something[i], ">=1");
    for (size_t i = 0; i < sizeof in_peace / sizeof in_peace[0] && error == 0; i++)
        if (world->scenario->attack_count == 0 && !stated(expect, in_peace[i]))
            error = selkie_expect_add(expect, in_peace[i], "0");
    return error;
}

void selkie_verdict_reach(struct selkie_sim_verdict *verdict, struct selkie_world *world)
{
    const struct selkie_metrics *metrics = &world->account.metrics;

    memset(verdict, 0, sizeof *verdict);
    selkie_verdict_metrics(world);
    verdict->held = collect(&verdict->expect, world) == 0;
    if (!verdict->held)
        selkie_say("more than %d expectations, with those of the attacks", SELKIE_EXPECT_MAX);
    for (size_t i = 0; i < verdict->expect.count; i++) {
        verdict->holds[i] = selkie_expect_holds(&verdict->expect.list[i], metrics);
        selkie_expect_format(verdict->text[i], &verdict->expect.list[i], metrics);
        if (!verdict->holds[i])
            selkie_say("expected %s", verdict->text[i]);
        verdict->held_count += verdict->holds[i];
    }
    verdict->interrupted = world->stops > 0;
    if (verdict->interrupted)
        selkie_say("interrupted: what did not happen any more cannot pass");
    verdict->held =
        verdict->held && verdict->held_count == verdict->expect.count && !world->run.failed && !verdict->interrupted;
}
