/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/expect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In this order, by which ">" is not taken for the beginning of ">=". */
static const char *const relations[] = {[SELKIE_EQUAL] = "==",
                                        [SELKIE_AT_LEAST] = ">=",
                                        [SELKIE_AT_MOST] = "<=",
                                        [SELKIE_ABOVE] = ">",
                                        [SELKIE_BELOW] = "<"};

/* The metrics that a scenario may name, by group. The attacks are scenario.h's; the rest is PROTOCOL.md, sections 7 and
 * 8. */
static const char *const figures[] = {
    "sent", "delivered", "delivered_share", "doubled", "lost_on_air", "lost_on_air_share", "lost_elsewhere", "forged",
    "impersonated", "rejected_total", "unrefused_publishes",
    /* times */
    "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_max_ms", "wait_p50_ms", "wait_p99_ms",
    "clock_lag_ms", "duration_s", "wall_s",
    /* air */
    "air_use", "collided_share", "air_bytes", "packets_lost", "radio_overflow_bytes", "line_overrun_bytes",
    "gateway_dropped",
    /* fleet */
    "transmissions", "acknowledged", "acknowledged_share", "given_up", "skipped", "resets", "key_changes", NULL};
static const char *const program[] = {"cpu_s",    "memory_mb", "gateway_starts", "broker_starts", "entropy_alarms",
                                      "approved", NULL};
static const char *const events[] = {"registered", "reset",  "approved", "denied", "revoked",   "clone",
                                     "lost",       "silent", "takeover", "claim",  "forgotten", NULL};
static const char *const reasons[] = {"malformed", "unknown-key",   "bad-seal", "replay",       "clone",
                                      "stale",     "claim",         "retired",  "not-listed",   "denied",
                                      "unknown",   "revoked",       "removed",  "pending-full", "parking-full",
                                      "tag-full",  "registry-full", NULL};
static const char *const results[] = {"heard", "delivered", "rejected", "refused", "unanswered", NULL};

int selkie_expect_parse(struct selkie_expectation *expectation, const char *text)
{
    char *end;

    expectation->relation = SELKIE_EQUAL;
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        size_t len = strlen(relations[i]);
        if (strncmp(text, relations[i], len) == 0) {
            expectation->relation = (enum selkie_relation)i;
            text += len;
            break;
        }
    }
    expectation->value = strtod(text, &end);
    return end == text || *end != '\0' || !isfinite(expectation->value) ? SELKIE_EINVAL : 0;
}

int selkie_expect_add(struct selkie_expect *expect, const char *name, const char *text)
{
    struct selkie_expectation wanted;
    int error = selkie_expect_parse(&wanted, text);

    (void)snprintf(wanted.name, sizeof wanted.name, "%.*s", SELKIE_METRIC_NAME_MAX - 1, name);
    for (size_t i = 0; i < expect->count && error == 0; i++) {
        const struct selkie_expectation *there = &expect->list[i];
        if (strcmp(there->name, wanted.name) == 0 && there->relation == wanted.relation &&
            !(there->value < wanted.value || there->value > wanted.value))
            return 0;
    }
    if (error == 0 && expect->count == SELKIE_EXPECT_MAX)
        error = SELKIE_EFULL;
    if (error == 0)
        expect->list[expect->count++] = wanted;
    return error;
}

static void read_one(struct selkie_expect *expect, struct selkie_settings_object *object, const char *group,
                     const char *key)
{
    char name[2 * SELKIE_METRIC_NAME_MAX], text[64];

    if (!selkie_settings_has(object, key))
        return;
    if (selkie_settings_is_string(object, key))
        (void)snprintf(text, sizeof text, "%s", selkie_settings_string(object, key, "0"));
    else
        (void)snprintf(text, sizeof text, "%.17g", selkie_settings_number(object, key, -1e15, 1e15, 0));
    (void)snprintf(name, sizeof name, "%s%s%s", group ? group : "", group ? "." : "", key);
    int error = selkie_expect_add(expect, name, text);
    if (error == SELKIE_EFULL)
        selkie_settings_reject(object, key, "more than %d expectations", SELKIE_EXPECT_MAX);
    else if (error < 0)
        selkie_settings_reject(object, key, "must be a number, or one behind ==, >=, <=, > or <");
}

static void read_keys(struct selkie_expect *expect, struct selkie_settings_object *object, const char *group,
                      const char *prefix, const char *const keys[])
{
    char key[SELKIE_METRIC_NAME_MAX];

    for (; *keys; keys++) {
        (void)snprintf(key, sizeof key, "%s%s", prefix, *keys);
        read_one(expect, object, group, key);
    }
}

static void read_group(struct selkie_expect *expect, struct selkie_settings_object *object, const char *group,
                       const char *const keys[])
{
    struct selkie_settings_object *inner = selkie_settings_object(object, group, false);

    read_keys(expect, inner, group, "", keys);
    selkie_settings_end(inner);
}

/* What came of one attack: its own counts, its frames by the reason of their rejection, alarms that name them. */
static void read_result(struct selkie_expect *expect, struct selkie_settings_object *object, const char *attack)
{
    char group[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(group, sizeof group, "results.%s", attack);
    read_keys(expect, object, group, "", results);
    read_keys(expect, object, group, "", reasons);
    read_keys(expect, object, group, "alarm-", events);
    selkie_settings_end(object);
}

void selkie_expect_read(struct selkie_expect *expect, struct selkie_settings_object *object,
                        const char *const attacks[])
{
    read_keys(expect, object, NULL, "", figures);
    read_keys(expect, object, NULL, "", program);
    read_group(expect, object, "events", events);
    read_group(expect, object, "rejected", reasons);
    read_group(expect, object, "attacks", attacks);
    struct selkie_settings_object *inner = selkie_settings_object(object, "results", false);
    for (size_t i = 0; attacks[i]; i++)
        read_result(expect, selkie_settings_object(inner, attacks[i], false), attacks[i]);
    selkie_settings_end(inner);
    selkie_settings_end(object);
}

/* A time that nothing took is not 0, it is not there. */
static bool missing(const struct selkie_expectation *expectation, const struct selkie_metrics *metrics)
{
    const char *name = expectation->name;
    bool measured = strncmp(name, "latency_", strlen("latency_")) == 0 || strncmp(name, "wait_", strlen("wait_")) == 0;

    return measured && !selkie_metrics_has(metrics, name);
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
    const char *sign = expectation->relation == SELKIE_EQUAL ? "=" : relations[expectation->relation];
    double is = selkie_metrics_get(metrics, expectation->name);
    const char *verb = selkie_expect_holds(expectation, metrics) ? "is" : "but is";
    int len = snprintf(text, 128, "%s %s %.6g, ", expectation->name, sign, expectation->value);

    if (missing(expectation, metrics))
        (void)snprintf(text + len, 128 - (size_t)len, "but there is none");
    else
        (void)snprintf(text + len, 128 - (size_t)len, "%s %.6g", verb, is);
}
