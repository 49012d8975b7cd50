/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: each payload is accounted for, nothing forged passes for genuine, and expectations say what they mean.
 */
#include "account/metrics.h"
#include "account/payload.h"
#include "account/verify.h"
#include "scenario/expect.h"

#include <check.h>
#include <run_suite.h>
#include <selkie/histogram.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vectors/test_random.h>

static struct selkie_verify account, *const verify = &account; /* of two devices */

static void set_up(void)
{
    ck_assert_int_eq(selkie_verify_open(verify, 2), 0);
}

static void tear_down(void)
{
    selkie_verify_close(verify);
}

static void expect_tally(uint64_t sent, uint64_t delivered, uint64_t doubled, uint64_t lost_on_air,
                         uint64_t lost_elsewhere)
{
    struct selkie_verify_tally tally = selkie_verify_tally(verify);

    ck_assert_uint_eq(tally.sent, sent);
    ck_assert_uint_eq(tally.delivered, delivered);
    ck_assert_uint_eq(tally.doubled, doubled);
    ck_assert_uint_eq(tally.lost_on_air, lost_on_air);
    ck_assert_uint_eq(tally.lost_elsewhere, lost_elsewhere);
}

START_TEST(each_payload_is_in_one_account)
{
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(selkie_verify_sent(verify, 1), i);
    expect_tally(200, 0, 0, 200, 0);
    for (uint32_t i = 0; i < 150; i++)
        selkie_verify_heard(verify, 1, i, SELKIE_VERIFY_BY(0), 1000);
    selkie_verify_heard(verify, 1, 3, SELKIE_VERIFY_BY(1), 2000); /* by a second gateway */
    expect_tally(200, 0, 0, 50, 150);
    for (uint32_t i = 0; i < 140; i++)
        ck_assert_int_eq(selkie_verify_delivered(verify, 1, i, 3000), SELKIE_VERIFY_FIRST);
    ck_assert_int_eq(selkie_verify_delivered(verify, 1, 0, 3000), SELKIE_VERIFY_AGAIN);
    /* An attacker recorded it and no gateway of ours heard it, but it came out. */
    ck_assert_int_eq(selkie_verify_delivered(verify, 1, 199, 3000), SELKIE_VERIFY_FIRST);
    expect_tally(200, 141, 1, 49, 10);
    selkie_verify_heard(verify, 1, 199, SELKIE_VERIFY_BY_ATTACKERS, 4000);
    expect_tally(200, 141, 1, 49, 10);
    selkie_verify_unhear(verify, 1, 130, 145, SELKIE_VERIFY_BY_ANYBODY);
    expect_tally(200, 141, 1, 54, 5);
}
END_TEST

START_TEST(a_payload_is_lost_only_with_the_last_gateway_that_had_it)
{
    ck_assert_int_eq(selkie_verify_sent(verify, 0), 0);
    selkie_verify_heard(verify, 0, 0, SELKIE_VERIFY_BY(0), 1000);
    selkie_verify_heard(verify, 0, 0, SELKIE_VERIFY_BY(1), 1100);
    selkie_verify_unhear(verify, 0, 0, 1, SELKIE_VERIFY_BY(0));
    expect_tally(1, 0, 0, 0, 1); /* the second has it, and it must come out */
    selkie_verify_unhear(verify, 0, 0, 1, SELKIE_VERIFY_BY(0));
    expect_tally(1, 0, 0, 0, 1);
    selkie_verify_unhear(verify, 0, 0, 1, SELKIE_VERIFY_BY(1));
    expect_tally(1, 0, 0, 1, 0);
}
END_TEST

START_TEST(a_number_never_sent_and_a_device_that_is_not_there_are_forged)
{
    ck_assert_int_eq(selkie_verify_sent(verify, 0), 0);
    ck_assert_int_eq(selkie_verify_delivered(verify, 0, 1, 0), SELKIE_VERIFY_FORGED);
    ck_assert_int_eq(selkie_verify_delivered(verify, 1, 0, 0), SELKIE_VERIFY_FORGED);
    ck_assert_int_eq(selkie_verify_delivered(verify, 2, 0, 0), SELKIE_VERIFY_FORGED);
    ck_assert_uint_eq(selkie_verify_tally(verify).forged, 3);
    expect_tally(1, 0, 0, 1, 0);
}
END_TEST

START_TEST(latency_runs_from_the_first_gateway_to_the_first_arrival)
{
    ck_assert_int_eq(selkie_verify_sent(verify, 0), 0);
    selkie_verify_heard(verify, 0, 0, SELKIE_VERIFY_BY(0), 1000);
    selkie_verify_heard(verify, 0, 0, SELKIE_VERIFY_BY(1), 1900);
    (void)selkie_verify_delivered(verify, 0, 0, 2000);
    (void)selkie_verify_delivered(verify, 0, 0, 9000);
    ck_assert_uint_eq(verify->latency.count, 1);
    ck_assert_uint_eq(verify->latency.max, 1000);
}
END_TEST

START_TEST(percentiles_are_within_a_sixteenth)
{
    struct selkie_histogram histogram = {.count = 0};

    for (int64_t i = 1; i <= 100000; i++)
        selkie_histogram_add(&histogram, i);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t is = selkie_histogram_percentile(&histogram, percent / 100.0), exact = 1000u * (uint64_t)percent;
        ck_assert_uint_ge(is, exact);
        ck_assert_uint_le(is, exact + exact / 16 + 1);
    }
    ck_assert_uint_eq(selkie_histogram_percentile(&histogram, 1), 100000);
    for (unsigned bucket = 0; bucket + 1 < SELKIE_HISTOGRAM_BUCKETS; bucket++) {
        struct selkie_histogram one = {.count = 0};
        selkie_histogram_add(&one, (int64_t)selkie_histogram_edge(bucket) - 1);
        selkie_histogram_add(&one, (int64_t)selkie_histogram_edge(bucket));
        ck_assert_uint_eq(one.buckets[bucket], 1);
        ck_assert_uint_eq(one.buckets[bucket + 1], 1);
    }
}
END_TEST

static char *csv_file(void)
{
    static char path[] = "/tmp/selkie-csv-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(dprintf(fd, "12.5,now\r\n\nn=3 k=00,then\n"), 25);
    (void)close(fd);
    return path;
}

START_TEST(a_payload_tells_who_made_it_and_one_changed_bit_is_seen)
{
    enum selkie_payload_kind kind = (enum selkie_payload_kind)_i;
    struct selkie_payload_plan plan, other;
    struct selkie_payload_walk walk;
    uint8_t bytes[SELKIE_PAYLOAD_MAX];
    uint32_t number;
    char error[256];
    char *file = csv_file();

    ck_assert_int_eq(selkie_payload_plan_open(&plan, kind, 16, file, 1, error), 0);
    ck_assert_int_eq(selkie_payload_plan_open(&other, kind, 16, file, 2, error), 0);
    (void)unlink(file);
    selkie_payload_walk_init(&walk, 1, 5);
    for (uint32_t n = 0; n < 20; n++) {
        size_t len = selkie_payload_make(&plan, &walk, SELKIE_MADE_BY_DEVICE, 5, n, bytes);
        ck_assert_uint_le(len, SELKIE_PAYLOAD_MAX);
        ck_assert_int_eq(selkie_payload_check(&plan, 5, bytes, len, &number), SELKIE_MADE_BY_DEVICE);
        ck_assert_uint_eq(number, n);
        ck_assert_int_eq(selkie_payload_check(&plan, 6, bytes, len, &number), SELKIE_EREFUSED);
        ck_assert_int_eq(selkie_payload_check(&other, 5, bytes, len, &number), SELKIE_EREFUSED);
        ck_assert_int_eq(selkie_payload_check(&plan, 5, bytes, len - 1, &number), SELKIE_EREFUSED);
        for (size_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ck_assert_int_eq(selkie_payload_check(&plan, 5, bytes, len, &number), SELKIE_EREFUSED);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        bytes[len] = 0;
        ck_assert_int_eq(selkie_payload_check(&plan, 5, bytes, len + 1, &number), SELKIE_EREFUSED);
    }
    size_t len = selkie_payload_make(&plan, &walk, SELKIE_MADE_BY_THIEF, 5, 7, bytes);
    ck_assert_int_eq(selkie_payload_check(&plan, 5, bytes, len, &number), SELKIE_MADE_BY_THIEF);
    selkie_payload_plan_close(&plan);
    selkie_payload_plan_close(&other);
}
END_TEST

START_TEST(random_bytes_are_nobodys_payload)
{
    struct selkie_payload_plan plan;
    struct test_random random = {.state = 9};
    uint8_t bytes[SELKIE_PAYLOAD_MAX];
    uint32_t number;
    char error[256];

    ck_assert_int_eq(selkie_payload_plan_open(&plan, (enum selkie_payload_kind)_i, 16, NULL, 1, error), 0);
    for (int i = 0; i < 10000; i++) {
        size_t len = test_random_below(&random, sizeof bytes + 1);
        test_random_fill(&random, bytes, len);
        ck_assert_int_eq(selkie_payload_check(&plan, 0, bytes, len, &number), SELKIE_EREFUSED);
    }
    selkie_payload_plan_close(&plan);
}
END_TEST

START_TEST(a_csv_file_that_is_missing_or_empty_is_named)
{
    struct selkie_payload_plan plan;
    char path[] = "/tmp/selkie-test-csv-XXXXXX", error[256], expected[256];
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_CSV, 0, "/nonexistent.csv", 1, error), SELKIE_EIO);
    ck_assert_str_eq(error, "/nonexistent.csv: No such file or directory");
    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_CSV, 0, path, 1, error), SELKIE_EIO);
    (void)snprintf(expected, sizeof expected, "%s: has no lines to send", path);
    ck_assert_str_eq(error, expected);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* whose other end may never come */
    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_CSV, 0, path, 1, error), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(error, ": is a FIFO, not a file"));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_csv_line_that_is_too_long_is_named_not_cut)
{
    struct selkie_payload_plan plan;
    char path[] = "/tmp/selkie-test-csv-XXXXXX", error[256], expected[256];
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(dprintf(fd, "short\n\n%0*d\nshort\n", SELKIE_PAYLOAD_TEXT_MAX, 1), 0);
    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_CSV, 0, path, 1, error), 0);
    ck_assert_uint_eq(plan.line_count, 3);
    selkie_payload_plan_close(&plan);
    ck_assert_int_gt(dprintf(fd, "%0*d\n", SELKIE_PAYLOAD_TEXT_MAX + 1, 1), 0);
    ck_assert_int_eq(selkie_payload_plan_open(&plan, SELKIE_PAYLOAD_CSV, 0, path, 1, error), SELKIE_EIO);
    (void)snprintf(expected, sizeof expected, "%s:5: is longer than 360 bytes", path);
    ck_assert_str_eq(error, expected);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static const struct {
    const char *text;
    double is;
    bool holds;
} relations[] = {
    {"3", 3, true},   {"3", 4, false},     {"==3", 3, true}, {">=0.98", 0.98, true}, {">=0.98", 0.9799, false},
    {"<=5", 5, true}, {"<=5", 5.1, false}, {">1", 1, false}, {">1", 2, true},        {"<1", 0.5, true},
    {"<1", 1, false}, {"-1", -1, true},    {"0", 0, true},   {"0", 1, false}};

START_TEST(a_relation_holds_as_it_reads)
{
    struct selkie_expect expect = {.count = 0};
    struct selkie_metrics metrics = {.count = 0};
    char text[128];

    ck_assert_int_eq(selkie_expect_add(&expect, "events.clone", relations[_i].text), 0);
    selkie_metrics_set(&metrics, "events.clone", relations[_i].is);
    ck_assert_int_eq(selkie_expect_holds(&expect.list[0], &metrics), relations[_i].holds);
    selkie_expect_format(text, &expect.list[0], &metrics);
    ck_assert_ptr_nonnull(strstr(text, "events.clone"));
    ck_assert_int_eq(strstr(text, "but is") == NULL, relations[_i].holds);
}
END_TEST

START_TEST(a_time_that_nothing_took_holds_nothing)
{
    struct selkie_metrics metrics = {.count = 0};
    struct selkie_expect expect = {.count = 0};
    char text[128];

    ck_assert_int_eq(selkie_expect_add(&expect, "latency_p99_ms", "<=500"), 0);
    ck_assert_int_eq(selkie_expect_add(&expect, "doubled", "0"), 0);
    ck_assert(!selkie_expect_holds(&expect.list[0], &metrics));
    ck_assert(selkie_expect_holds(&expect.list[1], &metrics)); /* never counted is none */
    selkie_expect_format(text, &expect.list[0], &metrics);
    ck_assert_str_eq(text, "latency_p99_ms <= 500, but there is none");
    selkie_metrics_set(&metrics, "latency_p99_ms", 500);
    ck_assert(selkie_expect_holds(&expect.list[0], &metrics));
}
END_TEST

START_TEST(a_relation_that_cannot_be_read_is_refused)
{
    static const char *const wrong[] = {"", ">=", "=>1", "1x", "x", ">= ", "nan", "inf", "!=1", "1 2"};
    struct selkie_expectation expectation;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(selkie_expect_parse(&expectation, wrong[i]), SELKIE_EINVAL);
}
END_TEST

START_TEST(figures_beyond_the_table_are_left_out_and_harm_nothing)
{
    struct selkie_metrics metrics = {.count = 0};
    char name[64];

    for (int i = 0; i < 2 * SELKIE_METRICS_MAX; i++) {
        (void)snprintf(name, sizeof name, "a-name-that-is-longer-than-there-is-room-for-it-%d", i);
        selkie_metrics_count(&metrics, "group", name);
        (void)snprintf(name, sizeof name, "%d", i);
        selkie_metrics_set(&metrics, name, i);
    }
    ck_assert_uint_eq(metrics.count, SELKIE_METRICS_MAX);
    ck_assert_double_eq(selkie_metrics_get(&metrics, "5"), 5);
    (void)snprintf(name, sizeof name, "%d", 2 * SELKIE_METRICS_MAX - 1);
    ck_assert_double_eq(selkie_metrics_get(&metrics, name), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim verify");
    TCase *tcase = tcase_create("account");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, each_payload_is_in_one_account);
    tcase_add_test(tcase, a_payload_is_lost_only_with_the_last_gateway_that_had_it);
    tcase_add_test(tcase, a_number_never_sent_and_a_device_that_is_not_there_are_forged);
    tcase_add_test(tcase, latency_runs_from_the_first_gateway_to_the_first_arrival);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("verdict");
    tcase_add_test(tcase, percentiles_are_within_a_sixteenth);
    tcase_add_loop_test(tcase, a_payload_tells_who_made_it_and_one_changed_bit_is_seen, SELKIE_PAYLOAD_CONSTANT,
                        SELKIE_PAYLOAD_CSV + 1);
    tcase_add_loop_test(tcase, random_bytes_are_nobodys_payload, SELKIE_PAYLOAD_CONSTANT, SELKIE_PAYLOAD_SENSOR + 1);
    tcase_add_test(tcase, a_csv_file_that_is_missing_or_empty_is_named);
    tcase_add_test(tcase, a_csv_line_that_is_too_long_is_named_not_cut);
    tcase_add_loop_test(tcase, a_relation_holds_as_it_reads, 0, sizeof relations / sizeof relations[0]);
    tcase_add_test(tcase, a_time_that_nothing_took_holds_nothing);
    tcase_add_test(tcase, a_relation_that_cannot_be_read_is_refused);
    tcase_add_test(tcase, figures_beyond_the_table_are_left_out_and_harm_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
