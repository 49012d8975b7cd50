/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/expect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer ones first: ">" is the beginning of ">=". */
static const struct {
    const char *text;
    enum selkie_relation relation;
} relations[] = {
    {">=", SELKIE_AT_LEAST}, {"<=", SELKIE_AT_MOST}, {"==", SELKIE_EQUAL}, {">", SELKIE_ABOVE}, {"<", SELKIE_BELOW},
};

/* The figures that a scenario may speak of, by group. Which attacks there are, attacker.c alone knows; the rest is
 * PROTOCOL.md, sections 7 and 8. */
static const char *const plain[] = {"sent",
                                    "delivered",
                                    "delivered_share",
                                    "doubled",
                                    "lost_on_air",
                                    "lost_on_air_share",
                                    "lost_elsewhere",
                                    "forged",
                                    "impersonated",
                                    "rejected_total",
                                    "unrefused_publishes",
                                    "latency_p50_ms",
                                    "latency_p90_ms",
                                    "latency_p99_ms",
                                    "latency_max_ms",
                                    "wait_p50_ms",
                                    "wait_p99_ms",
                                    "clock_lag_ms",
                                    "duration_s",
                                    "wall_s",
                                    "air_use",
                                    "collided_share",
                                    "air_bytes",
                                    "line_overrun_bytes",
                                    "gateway_dropped",
                                    "transmissions",
                                    "acknowledged",
                                    "given_up",
                                    "skipped",
                                    "resets",
                                    "key_changes",
                                    "cpu_s",
                                    "memory_mb",
                                    "gateway_starts",
                                    "broker_starts",
                                    "entropy_alarms",
                                    "approved"};
static const char *const events[] = {"registered", "reset", "approved", "denied", "revoked", "clone", "lost", "silent"};
static const char *const reasons[] = {"malformed", "unknown-key",  "bad-seal",     "replay",  "clone",   "stale",
                                      "claim",     "retired",      "not-listed",   "denied",  "unknown", "revoked",
                                      "removed",   "pending-full", "parking-full", "tag-full"};
static const char *const results[] = {"heard", "delivered", "rejected", "refused", "unanswered"};

int selkie_expect_parse(struct selkie_expectation *expectation, const char *text)
{
    char *end;

    expectation->relation = SELKIE_EQUAL;
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        size_t len = strlen(relations[i].text);
        if (strncmp(text, relations[i].text, len) == 0) {
            expectation->relation = relations[i].relation;
            text += len;
            break;
        }
    }
    expectation->value = strtod(text, &end);
    return end == text || *end != '\0' || !isfinite(expectation->value) ? SELKIE_EINVAL : 0;
}

int selkie_expect_add(struct selkie_expect *expect, const char *name, const char *text)
{
    if (expect->count == SELKIE_EXPECT_MAX)
        return SELKIE_EFULL;
    struct selkie_expectation *expectation = &expect->list[expect->count];
    (void)snprintf(expectation->name, sizeof expectation->name, "%s", name);
    int error = selkie_expect_parse(expectation, text);
    if (error == 0)
        expect->count++;
    return error;
}

static void read_one(struct selkie_expect *expect, struct selkie_settings_object *object, const char *group,
                     const char *key)
{
    char name[SELKIE_METRIC_NAME_MAX], text[64];

    if (selkie_settings_is_string(object, key))
        (void)snprintf(text, sizeof text, "%s", selkie_settings_string(object, key, "0"));
    else
        (void)snprintf(text, sizeof text, "%.17g", selkie_settings_number(object, key, -1e15, 1e15, 0));
    if (!selkie_settings_has(object, key))
        return;
    (void)snprintf(name, sizeof name, "%s%s%s", group ? group : "", group ? "." : "", key);
    int error = selkie_expect_add(expect, name, text);
    if (error == SELKIE_EFULL)
        selkie_settings_reject(object, key, "more than %d expectations", SELKIE_EXPECT_MAX);
    else if (error < 0)
        selkie_settings_reject(object, key, "must be a number, or one behind ==, >=, <=, > or <");
}

static void read_group(struct selkie_expect *expect, struct selkie_settings_object *object, const char *group,
                       const char *const keys[], size_t count)
{
    struct selkie_settings_object *inner = !group ? object : selkie_settings_object(object, group, false);

    for (size_t i = 0; i < count && inner; i++)
        read_one(expect, inner, group, keys[i]);
    if (group && inner)
        selkie_settings_end(inner);
}

/* What came of one attack: its own counts, its frames by the reason of their rejection, alarms that name them. */
static void read_result(struct selkie_expect *expect, struct selkie_settings_object *object, const char *attack)
{
    char group[SELKIE_METRIC_NAME_MAX], alarm[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(group, sizeof group, "results.%s", attack);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        read_one(expect, object, group, results[i]);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        read_one(expect, object, group, reasons[i]);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        (void)snprintf(alarm, sizeof alarm, "alarm-%s", events[i]);
        read_one(expect, object, group, alarm);
    }
    selkie_settings_end(object);
}

static void read_results(struct selkie_expect *expect, struct selkie_settings_object *object,
                         const char *const attacks[], size_t attack_count)
{
    for (size_t i = 0; i < attack_count && object; i++) {
        struct selkie_settings_object *result = selkie_settings_object(object, attacks[i], false);
        if (result)
            read_result(expect, result, attacks[i]);
    }
    if (object)
        selkie_settings_end(object);
}

void selkie_expect_read(struct selkie_expect *expect, struct selkie_settings_object *object,
                        const char *const attacks[], size_t attack_count)
{
    if (!object)
        return;
    read_group(expect, object, NULL, plain, sizeof plain / sizeof plain[0]);
    read_group(expect, object, "events", events, sizeof events / sizeof events[0]);
    read_group(expect, object, "rejected", reasons, sizeof reasons / sizeof reasons[0]);
    read_group(expect, object, "attacks", attacks, attack_count);
    read_results(expect, selkie_settings_object(object, "results", false), attacks, attack_count);
    selkie_settings_end(object);
}

/* A time that nothing took is not 0, it is not there. */
static bool missing(const struct selkie_expectation *expectation, const struct selkie_metrics *metrics)
{
    static const char *const measured[] = {"latency_", "wait_"};
    bool is_measured = false;

    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++)
        is_measured = is_measured || strncmp(expectation->name, measured[i], strlen(measured[i])) == 0;
    return is_measured && !selkie_metrics_has(metrics, expectation->name);
}

bool selkie_expect_holds(const struct selkie_expectation *expectation, const struct selkie_metrics *metrics)
{
    double is = selkie_metrics_get(metrics, expectation->name), wanted = expectation->value;

    if (missing(expectation, metrics))
        return false;
    switch (expectation->relation) {
    case SELKIE_AT_LEAST:
        return is >= wanted;
    case SELKIE_AT_MOST:
        return is <= wanted;
    case SELKIE_ABOVE:
        return is > wanted;
    case SELKIE_BELOW:
        return is < wanted;
    default:
        return fabs(is - wanted) < 1e-9;
    }
}

void selkie_expect_format(char text[static 128], const struct selkie_expectation *expectation,
                          const struct selkie_metrics *metrics)
{
    static const char *const signs[] = {[SELKIE_EQUAL] = "=",
                                        [SELKIE_AT_LEAST] = ">=",
                                        [SELKIE_AT_MOST] = "<=",
                                        [SELKIE_ABOVE] = ">",
                                        [SELKIE_BELOW] = "<"};
    double is = selkie_metrics_get(metrics, expectation->name);
    const char *verb = selkie_expect_holds(expectation, metrics) ? "is" : "but is";
    int len = snprintf(text, 128, "%s %s %.6g, ", expectation->name, signs[expectation->relation], expectation->value);

    if (missing(expectation, metrics))
        (void)snprintf(text + len, 128 - (size_t)len, "but there is none");
    else
        (void)snprintf(text + len, 128 - (size_t)len, "%s %.6g", verb, is);
}
