/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_stats.h"
#include "run_suite.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Two lines, each no more than its counters. */
static const struct selkie_radio_line_counters counted[] = {
    {.received = 20,
     .sealed = 21,
     .session = 22,
     .duplicate = 23,
     .foreign = 24,
     .filtered = 25,
     .crc = 26,
     .garbage = 27,
     .overlong = 28,
     .fragments = 32,
     .restored = 33,
     .sets_broken = 34,
     .sets_expired = 35,
     .sets_displaced = 36},
    {.received = 120, .sealed = 121, .session = 122},
};
static struct selkie_radio_line *const radios[] = {(struct selkie_radio_line *)&counted[0],
                                                   (struct selkie_radio_line *)&counted[1]};

const struct selkie_radio_line_counters *__wrap_selkie_radio_line_counters(struct selkie_radio_line *radio);
const struct selkie_radio_line_counters *__wrap_selkie_radio_line_counters(struct selkie_radio_line *radio)
{
    return (const struct selkie_radio_line_counters *)radio;
}

const struct selkie_ack_counters *__wrap_selkie_radio_line_acks(const struct selkie_radio_line *radio);
const struct selkie_ack_counters *__wrap_selkie_radio_line_acks(const struct selkie_radio_line *radio)
{
    static const struct selkie_ack_counters acks = {.acked = 29, .lost = 30, .overheard = 31};

    (void)radio;
    return &acks;
}

/* By the time 1,000 s after the boot. The first line is deaf. */
static struct selkie_hearing hearings[] = {{.bytes = 132, .frame_ms = 900000, .since_ms = 900000, .deaf = true},
                                           {.bytes = 33, .frame_ms = -1}};

const struct selkie_hearing *__wrap_selkie_radio_line_hearing(const struct selkie_radio_line *radio);
const struct selkie_hearing *__wrap_selkie_radio_line_hearing(const struct selkie_radio_line *radio)
{
    return radio == radios[0] ? &hearings[0] : &hearings[1];
}

const char *__wrap_selkie_radio_line_device(const struct selkie_radio_line *radio);
const char *__wrap_selkie_radio_line_device(const struct selkie_radio_line *radio)
{
    return radio == radios[0] ? "/dev/one" : "/dev/two";
}

static bool second_open;

bool __wrap_selkie_radio_line_is_open(const struct selkie_radio_line *radio);
bool __wrap_selkie_radio_line_is_open(const struct selkie_radio_line *radio)
{
    return radio == radios[0] || second_open;
}

static const char *fault = ""; /* of the second line */

const char *__wrap_selkie_radio_line_fault(const struct selkie_radio_line *radio);
const char *__wrap_selkie_radio_line_fault(const struct selkie_radio_line *radio)
{
    return radio == radios[0] ? "" : fault;
}

static struct selkie_gateway_stats stats_of(void)
{
    return (struct selkie_gateway_stats){
        .version = "1.2.3",
        .uptime_us = 61000000,
        .interval_s = 45,
        .now_ms = 1700000010000,
        .boot_ms = 1000000,
        .spooled = 11,
        .unstored = 12,
        .spool = {.frames = 7, .oldest_rx = 1700000000000, .dropped = 13},
        .forwarder = {.frames = {.sent = 14, .resent = 15, .receipted = 16}, .connects = 17, .conflicts = 18},
        .online = true,
        .certificate_end_ms = -1,
    };
}

static json_t *parse(const struct selkie_gateway_stats *stats)
{
    char *text = selkie_gateway_stats_json(stats);

    ck_assert_ptr_nonnull(text);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(json);
    free(text);
    return json;
}

static long long number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    ck_assert_msg(json_is_integer(value), "%s", key);
    return json_integer_value(value);
}

START_TEST(every_counter_is_told)
{
    static const struct {
        const char *key;
        long long value;
    } expected[] = {{"name_conflicts", 18}, {"interval", 45},  {"time", 1700000010000}, {"uptime", 61},
                    {"received", 0},        {"sealed", 0},     {"session", 0},          {"broken", 0},
                    {"spooled", 11},        {"unstored", 12},  {"dropped", 13},         {"sent", 14},
                    {"resent", 15},         {"receipted", 16}, {"connects", 17},        {"queue", 7},
                    {"oldest", 10}};
    struct selkie_gateway_stats stats = stats_of();
    json_t *json = parse(&stats);

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_int_eq(number(json, expected[i].key), expected[i].value);
    ck_assert_str_eq(json_string_value(json_object_get(json, "version")), "1.2.3");
    ck_assert_uint_eq(json_array_size(json_object_get(json, "lines")), 0);
    ck_assert_int_eq(number(json, "lines_deaf"), 0);
    ck_assert_int_eq(number(json, "lines_missing"), 0);
    ck_assert_int_eq(number(json, "lines_faulty"), 0);
    ck_assert_ptr_null(json_object_get(json, "certificate_end"));
    json_decref(json);
    stats.certificate_end_ms = 1800000000000;
    json = parse(&stats);
    ck_assert_int_eq(number(json, "certificate_end"), 1800000000000);
    json_decref(json);
}
END_TEST

START_TEST(every_line_is_told_and_summed_up)
{
    static const struct {
        const char *key;
        long long value;
    } line[] = {{"received", 20},       {"sealed", 21},   {"session", 22},      {"duplicates", 23},
                {"foreign", 24},        {"filtered", 25}, {"crc", 26},          {"garbage", 27},
                {"overlong", 28},       {"acked", 29},    {"acks_lost", 30},    {"acks_overheard", 31},
                {"fragments", 32},      {"restored", 33}, {"sets_broken", 34},  {"sets_expired", 35},
                {"sets_displaced", 36}, {"bytes", 132},   {"frame_age_s", 100}, {"deaf_s", 100}},
      sums[] = {{"received", 140}, {"sealed", 142},      {"session", 144},   {"broken", 26 + 27 + 28},
                {"lines_deaf", 1}, {"lines_missing", 1}, {"lines_faulty", 1}};
    struct selkie_gateway_stats stats = stats_of();

    stats.lines = radios;
    stats.line_count = 2;
    fault = "No such device";
    json_t *json = parse(&stats);
    const json_t *lines = json_object_get(json, "lines");
    ck_assert_uint_eq(json_array_size(lines), 2);
    const json_t *first = json_array_get(lines, 0);
    for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
        ck_assert_int_eq(number(first, line[i].key), line[i].value);
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
        ck_assert_int_eq(number(json, sums[i].key), sums[i].value);
    ck_assert_str_eq(json_string_value(json_object_get(first, "port")), "/dev/one");
    ck_assert(json_is_true(json_object_get(first, "open")));
    const json_t *second = json_array_get(lines, 1);
    ck_assert(json_is_false(json_object_get(second, "open")));
    ck_assert(json_is_null(json_object_get(second, "frame_age_s")));
    ck_assert(json_is_null(json_object_get(second, "deaf_s")));
    ck_assert_ptr_null(json_object_get(first, "fault"));
    ck_assert_str_eq(json_string_value(json_object_get(second, "fault")), "No such device");
    json_decref(json);
}
END_TEST

START_TEST(age_is_never_negative)
{
    struct selkie_gateway_stats stats = stats_of();

    stats.now_ms = stats.spool.oldest_rx - 1000; /* the clock was set back */
    json_t *json = parse(&stats);
    ck_assert_int_eq(number(json, "oldest"), 0);
    json_decref(json);
    stats = stats_of();
    stats.spool = (struct selkie_spool_info){0};
    json = parse(&stats);
    ck_assert_int_eq(number(json, "oldest"), 0);
    json_decref(json);
}
END_TEST

START_TEST(status_is_one_line_for_people)
{
    struct selkie_gateway_stats stats = stats_of();
    char status[SELKIE_GATEWAY_STATUS_MAX];

    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker ok, 7 waiting");
    stats.shared_name = true;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker used by another gateway of this name, 7 waiting");
    stats.shared_name = false;
    stats.online = false;
    stats.spool.frames = 0;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker unavailable, 0 waiting");
    stats.acknowledges_all = true;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker unavailable, 0 waiting, acknowledges every device");
    stats = stats_of();
    stats.lines = radios;
    stats.line_count = 2;
    fault = "init step 2 of 3: nothing came";
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(
        status, "serial 1 of 2 missing, storage ok, broker ok, 7 waiting, one: bytes, but no frames for 100 s, two: "
                "missing; /dev/two: init step 2 of 3: "
                "nothing came");
}
END_TEST

START_TEST(a_failing_disk_is_told)
{
    struct selkie_gateway_stats stats = stats_of();
    char status[SELKIE_GATEWAY_STATUS_MAX];

    stats.spool.slow = true;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage slow, broker ok, 7 waiting");
    stats.spool.held = 3;
    (void)strcpy(stats.spool.fault, "disk I/O error\xFF");
    char *text = selkie_gateway_stats_json(&stats);
    json_t *root = json_loads(text, 0, NULL), *storage = json_object_get(root, "storage");
    ck_assert(json_is_false(json_object_get(storage, "working")));
    ck_assert(json_is_true(json_object_get(storage, "slow")));
    ck_assert_int_eq(json_integer_value(json_object_get(storage, "held")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(storage, "fault")), "unknown");
    json_decref(root);
    free(text);
    (void)strcpy(stats.spool.fault, "disk I/O error");
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage failing (disk I/O error), broker ok, 7 waiting (3 in memory only)");
}
END_TEST

START_TEST(status_says_what_each_line_hears)
{
    struct selkie_gateway_stats stats = stats_of();
    char status[SELKIE_GATEWAY_STATUS_MAX];

    stats.lines = radios;
    stats.line_count = 1;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker ok, 7 waiting, bytes, but no frames for 100 s");
    hearings[0].deaf = false;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial ok, storage ok, broker ok, 7 waiting, last frame 100 s ago");
    stats.line_count = 2;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(
        status, "serial 1 of 2 missing, storage ok, broker ok, 7 waiting, one: last frame 100 s ago, two: missing");
    second_open = true;
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status,
                     "serial ok, storage ok, broker ok, 7 waiting, one: last frame 100 s ago, two: no frame yet");
    stats.lines = &radios[1];
    stats.line_count = 1;
    second_open = false; /* "missing" stands there already */
    selkie_gateway_stats_status(status, &stats);
    ck_assert_str_eq(status, "serial 1 of 1 missing, storage ok, broker ok, 7 waiting");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_stats");
    TCase *tcase = tcase_create("gateway_stats");

    tcase_add_test(tcase, every_counter_is_told);
    tcase_add_test(tcase, every_line_is_told_and_summed_up);
    tcase_add_test(tcase, age_is_never_negative);
    tcase_add_test(tcase, status_is_one_line_for_people);
    tcase_add_test(tcase, a_failing_disk_is_told);
    tcase_add_test(tcase, status_says_what_each_line_hears);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
