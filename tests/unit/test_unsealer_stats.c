/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of selkie/stats: each has its name, and together they account for every frame. */
#include "pipeline/pipeline_stats.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <stdlib.h>
#include <string.h>

static struct kit_host *host;

static void setup(void)
{
    host = kit_open(&(struct selkie_unsealer_options){.state_dir = kit_dir()});
}

static void teardown(void)
{
    kit_close(host);
}

static json_t *get_stats(void)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL);

    ck_assert(json_is_object(stats));
    free(text);
    return stats;
}

static json_int_t number(const json_t *stats, const char *group, const char *member)
{
    const json_t *value = json_object_get(json_object_get(stats, group), member);

    ck_assert_msg(json_is_integer(value), "%s has no number %s", group, member);
    return json_integer_value(value);
}

static json_int_t sum(const json_t *group)
{
    const char *name;
    json_t *value;
    json_int_t all = 0;

    json_object_foreach ((json_t *)(uintptr_t)group, name, value)
        all += json_integer_value(value);
    return all;
}

START_TEST(each_counter_has_its_name)
{
    static const struct {
        const char *group, *members[13];
    } groups[] = {
        {"frames",
         {"accepted", "sealed", "session", "late", "duplicate", "parked", "released", "lost", "given_up", "undecoded"}},
        {"rejected", {"malformed", "unknown-key", "bad-seal", "replay", "clone", "stale", "unknown", "revoked"}},
        {"events",
         {"registered", "reset", "approved", "denied", "readmitted", "revoked", "clone", "takeover", "claim", "lost",
          "silent", "forgotten"}},
        {"devices", {"unlisted", "pending", "total", "active", "silent"}},
        {"dropped", {"intake_full", "key_away"}},
        {"queues", {"intake", "unopened", "outputs", "parked", "unmatched"}},
        {"storage", {"failing_since", "failures", "commits"}},
    };
    static const char *const stages[] = {"unseal_wait", "unseal", "decide_wait", "decide", "commit", "total"};
    static const char *const figures[] = {"count", "p50", "p90", "p99", "max"};
    json_t *stats = get_stats(), *latency = json_object_get(stats, "latency_us");

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        for (const char *const *name = groups[i].members; *name != NULL; name++)
            ck_assert_int_eq(number(stats, groups[i].group, *name), 0); /* nothing has happened yet */
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        for (size_t j = 0; j < sizeof figures / sizeof figures[0]; j++)
            ck_assert_int_eq(number(latency, stages[i], figures[j]), 0);
    ck_assert(json_is_true(json_object_get(json_object_get(stats, "storage"), "working")));
    ck_assert(json_is_false(json_object_get(json_object_get(stats, "storage"), "damaged")));
    ck_assert_int_gt(json_integer_value(json_object_get(stats, "started")), 1700000000000); /* ms since the epoch */
    ck_assert_int_ge(json_integer_value(json_object_get(stats, "time")),
                     json_integer_value(json_object_get(stats, "started")));
    json_decref(stats);
}
END_TEST

START_TEST(every_frame_is_counted_once_under_what_became_of_it)
{
    struct kit_device device = kit_device(1, 0), twin = kit_device(1, 1), revoked = kit_device(2, 0);
    struct kit_body bodies[10];
    size_t count = 0;

    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000002\"}");
    kit_do(host, "{\"command\":\"revokeDevice\",\"address\":\"0200000000000002\"}");
    bodies[count++] = kit_register(&device, NULL, NULL);
    bodies[count++] = kit_data(&device, "1");
    bodies[count++] = bodies[1]; /* a duplicate */
    bodies[count++] = kit_session(&device, "2");
    device.counter += 3; /* lost */
    bodies[count++] = kit_data(&device, "6");
    bodies[count++] = kit_data(&twin, "parked"); /* a reset waits for the administrator */
    bodies[count++] = kit_data(&revoked, "7");
    bodies[count] = bodies[1];
    bodies[count++].bytes[SELKIE_SEALED_SIZE - 1] ^= 1; /* a bad seal */
    bodies[count] = bodies[1];
    bodies[count++].bytes[1] = 77; /* an unknown key */
    bodies[count] = bodies[1];
    bodies[count++].len = 3; /* malformed */
    ck_assert_uint_eq(count, sizeof bodies / sizeof bodies[0]);
    for (size_t i = 0; i < count; i++)
        kit_submit_wait(host, bodies[i]);

    json_t *stats = get_stats(), *rejected = json_object_get(stats, "rejected"),
           *latency = json_object_get(stats, "latency_us");
    ck_assert_int_eq(number(stats, "frames", "sealed"), 3);
    ck_assert_int_eq(number(stats, "frames", "session"), 1);
    ck_assert_int_eq(number(stats, "frames", "accepted"), 4);
    ck_assert_int_eq(number(stats, "frames", "duplicate"), 1);
    ck_assert_int_eq(number(stats, "frames", "parked"), 1);
    ck_assert_int_eq(number(stats, "frames", "lost"), 3);
    ck_assert_int_eq(number(stats, "queues", "parked"), 1);
    ck_assert_int_eq(number(stats, "rejected", "revoked"), 1);
    ck_assert_int_eq(number(stats, "rejected", "bad-seal"), 1);
    ck_assert_int_eq(number(stats, "rejected", "unknown-key"), 1);
    ck_assert_int_eq(number(stats, "rejected", "malformed"), 1);
    ck_assert_int_eq(sum(rejected), 4);
    ck_assert_int_eq(number(stats, "events", "registered"), 1);
    ck_assert_int_eq(number(stats, "events", "lost"), 1);
    ck_assert_int_eq(number(stats, "events", "reset"), 1);
    ck_assert_int_eq(number(stats, "events", "revoked"), 1);
    ck_assert_int_eq(number(stats, "devices", "total"), 2);
    ck_assert_int_eq(number(stats, "devices", "active"), 1);
    ck_assert_int_eq(number(latency, "total", "count"), (json_int_t)count);
    ck_assert_int_eq(number(latency, "decide_wait", "count"), (json_int_t)count);
    ck_assert_int_eq(number(latency, "decide", "count"), (json_int_t)count);
    ck_assert_int_eq(number(latency, "unseal", "count"), (json_int_t)count - 2); /* all but SESSION and malformed */
    ck_assert_int_eq(number(latency, "commit", "count"), number(stats, "storage", "commits"));
    ck_assert_int_le(number(latency, "total", "p50"), number(latency, "total", "p99"));
    ck_assert_int_le(number(latency, "total", "p99"), number(latency, "total", "max"));
    ck_assert_int_gt(number(latency, "total", "max"), 0);
    json_decref(stats);
}
END_TEST

START_TEST(what_the_administrator_approves_was_parked_and_is_released)
{
    struct kit_device device = kit_device(1, 0), twin = kit_device(1, 1);
    struct kit_body first = kit_data(&device, "1"), parked = kit_data(&twin, "2");

    kit_submit_wait(host, first);
    kit_submit_wait(host, parked);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    json_t *stats = get_stats();
    ck_assert_int_eq(number(stats, "frames", "parked"), 1);
    ck_assert_int_eq(number(stats, "frames", "released"), 1);
    ck_assert_int_eq(number(stats, "queues", "parked"), 0);
    json_decref(stats);
}
END_TEST

START_TEST(percentiles_are_at_most_a_sixteenth_too_high)
{
    static const unsigned per_mille[] = {1, 10, 500, 900, 990, 999, 1000};
    struct selkie_histogram histogram = {.count = 0};

    ck_assert_uint_eq(selkie_histogram_percentile(&histogram, 0.5), 0);
    for (int64_t us = 1; us <= 100000; us++)
        selkie_histogram_add(&histogram, us);
    for (size_t i = 0; i < sizeof per_mille / sizeof per_mille[0]; i++) {
        uint64_t exact = 100 * per_mille[i], read = selkie_histogram_percentile(&histogram, per_mille[i] / 1000.0);
        ck_assert_uint_ge(read, exact);
        ck_assert_uint_le(read, exact + exact / 16);
    }
    ck_assert_uint_eq(histogram.max, 100000);
}
END_TEST

START_TEST(times_of_any_size_are_counted)
{
    static const struct {
        int64_t us;
        uint64_t read;
    } cases[] = {{INT64_MIN, 0}, {-1, 0}, {0, 0}, {7, 7}, {8, 8}, {UINT32_MAX, UINT32_MAX}, {INT64_MAX, INT64_MAX}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct selkie_histogram histogram = {.count = 0};
        selkie_histogram_add(&histogram, cases[i].us);
        ck_assert_uint_eq(selkie_histogram_percentile(&histogram, 0.5), cases[i].read);
        ck_assert_uint_eq(histogram.max, cases[i].read);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unsealer_stats");
    TCase *tcase = tcase_create("unsealer_stats");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_counter_has_its_name);
    tcase_add_test(tcase, every_frame_is_counted_once_under_what_became_of_it);
    tcase_add_test(tcase, what_the_administrator_approves_was_parked_and_is_released);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("histogram");
    tcase_add_test(tcase, percentiles_are_at_most_a_sixteenth_too_high);
    tcase_add_test(tcase, times_of_any_size_are_counted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
