/* SPDX-License-Identifier: Apache-2.0 */
/* Silence counts the time in which a device could be heard: while the receiver runs and a gateway is there.
 * PROTOCOL.md, section 8. Time passes as the test wants. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AFTER_S 600
#define HOUR_S  3600
#define DAY_S   86400

static atomic_long wall_s, steady_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);

    now->tv_sec += atomic_load(clock == CLOCK_REALTIME ? &wall_s : &steady_s);
    return result;
}

static struct kit_host *host;
static struct selkie_unsealer_options options;
static struct kit_device device;
static struct kit_body first; /* of the device */

static void sleep_s(long seconds)
{
    atomic_fetch_add(&wall_s, seconds);
    atomic_fetch_add(&steady_s, seconds);
}

/* The receiver has a turn. */
static void turn(void)
{
    kit_do(host, "{\"command\":\"getStats\"}");
}

/* Time passes, and a gateway publishes its counters each 30 s. */
static void listen_s(long seconds)
{
    for (long s = 0; s < seconds; s += 30) {
        sleep_s(30);
        selkie_unsealer_hear_gateway(kit_unsealer(host), 0);
        turn();
    }
}

static void expect_silent(unsigned count)
{
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), count);
    if (count)
        kit_event(host, "silent");
}

/* Seconds go by in which a gateway publishes its stats that seldom. */
static void listen_to_one_of(long seconds, unsigned interval_s)
{
    for (long s = 0; s < seconds; s += interval_s) {
        sleep_s((long)interval_s);
        selkie_unsealer_hear_gateway(kit_unsealer(host), interval_s);
        turn();
    }
}

static void begin(void)
{
    options = (struct selkie_unsealer_options){.state_dir = kit_dir(), .silent_after_s = AFTER_S};
    host = kit_open(&options);
    device = kit_device(1, 1);
    first = kit_data(&device, "x");
    kit_submit_wait(host, first);
    kit_event(host, "registered");
}

static void end(void)
{
    kit_close(host);
}

/* Check measures how long a test took, and has room for half an hour. */
static void return_to_now(void)
{
    atomic_store(&wall_s, 0);
    atomic_store(&steady_s, 0);
}

/* devices.silent of the stats. */
static json_int_t silent_devices(void)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL);
    json_int_t silent = json_integer_value(json_object_get(json_object_get(stats, "devices"), "silent"));

    json_decref(stats);
    free(text);
    return silent;
}

/* The number is counted each minute, in a turn of the receiver's own. */
static void expect_silent_devices(json_int_t expected)
{
    sleep_s(60);
    for (int turns = 0; turns < 1000 && silent_devices() != expected; turns++)
        turn();
    ck_assert_int_eq(silent_devices(), expected);
}

START_TEST(the_stats_count_who_is_silent)
{
    struct kit_device other = kit_device(2, 1);

    expect_silent_devices(0);
    kit_submit_wait(host, kit_data(&other, "x"));
    kit_event(host, "registered");
    listen_s(AFTER_S + AFTER_S / 4);
    kit_event(host, "silent");
    kit_event(host, "silent");
    expect_silent_devices(2);
    kit_close(host); /* a restart forgets nobody */
    host = kit_open(&options);
    expect_silent_devices(2);
    kit_submit_wait(host, kit_data(&other, "y"));
    expect_silent_devices(1);
    kit_do(host, "{\"command\":\"revokeDevice\",\"address\":\"0200000000000001\"}");
    expect_silent_devices(0);
}
END_TEST

START_TEST(silence_is_reported_once_after_its_time)
{
    listen_s(AFTER_S - 60);
    expect_silent(0);
    listen_s(AFTER_S / 4);
    expect_silent(1);
    listen_s(AFTER_S);
    expect_silent(0);
}
END_TEST

/* Whether the next state says so. */
static void expect_state_silent(bool silent)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);

    ck_assert_int_eq(strstr((const char *)output->data, "\"silent\":true") != NULL, silent);
    ck_assert_ptr_nonnull(strstr((const char *)output->data, "\"status\":\"active\""));
    selkie_output_free(output);
}

START_TEST(the_state_says_silent_while_the_alarm_stands)
{
    expect_state_silent(false);
    listen_s(AFTER_S + AFTER_S / 4);
    expect_silent(1);
    expect_state_silent(true);
    kit_submit_wait(host, kit_data(&device, "y"));
    expect_state_silent(false);
    listen_s(AFTER_S + AFTER_S / 4);
    expect_silent(1);
    expect_state_silent(true);
    kit_receipt(host, kit_submit_from(host, "g2", &first, 0)); /* a duplicate: it lives */
    expect_state_silent(false);
}
END_TEST

/* Of the states that have come. */
static unsigned states_without_silence(void)
{
    unsigned count = 0;

    while (kit_waiting(host, SELKIE_OUTPUT_STATE) > 0) {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        count += strstr((const char *)output->data, "\"silent\"") == NULL;
        selkie_output_free(output);
    }
    return count;
}

/* Put a copy of each row beside it, which differs in one byte of the address. */
static void double_rows(const char *table, const char *differs, int byte)
{
    kit_execute(options.state_dir,
                "CREATE TEMP TABLE copy AS SELECT * FROM %s; UPDATE copy SET address ="
                " CAST(substr(address, 1, %d) || x'77' || substr(address, %d) AS BLOB)%s;"
                " INSERT INTO %s SELECT * FROM copy",
                table, byte, byte + 2, differs, table);
}

/* After a restart or a reload, which is the same to the library: more devices than end in one step. */
START_TEST(without_a_time_of_silence_nobody_is_silent)
{
    enum { BYTES = 6, OTHERS = 5 * (1 << BYTES) - 1 };

    for (unsigned i = 0; i < 4; i++) {
        struct kit_device other = kit_device(2 + i, 1);
        kit_submit_wait(host, kit_data(&other, "x"));
    }
    listen_s(AFTER_S + AFTER_S / 4);
    expect_silent_devices(5);
    kit_close(host);
    for (int byte = 1; byte <= BYTES; byte++) {
        double_rows("device", "", byte);
        double_rows("binding", ", id_hash = randomblob(32), number = number + (SELECT max(number) FROM binding)", byte);
    }
    host = kit_open(&options);
    expect_silent_devices(OTHERS + 1);
    kit_close(host);
    options.silent_after_s = 0;
    host = kit_open(&options);
    unsigned ended = 0;
    for (int turns = 0; turns < 1000 && ended <= OTHERS; turns++) {
        sleep_s(1);
        turn();
        ended += states_without_silence();
    }
    ck_assert_uint_eq(ended, OTHERS + 1);
    expect_silent_devices(0);
    listen_s(2 * AFTER_S);
    ck_assert_uint_eq(states_without_silence(), 0); /* each once */
    expect_silent_devices(0);
    return_to_now();
}
END_TEST

START_TEST(a_gateway_with_seldom_stats_is_heard_and_one_that_says_any_number_is_not_believed)
{
    selkie_unsealer_hear_gateway(kit_unsealer(host), 600);
    listen_to_one_of(AFTER_S + AFTER_S / 4, 600);
    expect_silent(1);
    kit_submit_wait(host, kit_data(&device, "y"));
    selkie_unsealer_hear_gateway(kit_unsealer(host), UINT32_MAX);
    sleep_s(3 * HOUR_S); /* it has gone, and an hour is what counts of its word */
    turn();
    expect_silent(0);
    return_to_now();
}
END_TEST

START_TEST(an_outage_of_all_gateways_does_not_count)
{
    listen_s(AFTER_S / 2);
    sleep_s(30);
    turn();
    sleep_s(HOUR_S / 2);
    turn();
    expect_silent(0);
    listen_s(AFTER_S - 60); /* their spools drain */
    expect_silent(0);
    listen_s(AFTER_S / 4);
    expect_silent(1);
    return_to_now();
}
END_TEST

START_TEST(a_stopped_receiver_does_not_count)
{
    kit_delivered(host);
    kit_close(host);
    sleep_s(HOUR_S);
    host = kit_open(&options);
    turn();
    listen_s(AFTER_S - 60);
    while (kit_waiting(host, SELKIE_OUTPUT_EVENT)) /* of the outbox */
        kit_event(host, "registered");
    listen_s(AFTER_S / 4);
    expect_silent(1);
    return_to_now();
}
END_TEST

START_TEST(a_clock_that_is_set_silences_nobody)
{
    static const long shifts_s[] = {DAY_S, -DAY_S};

    listen_s(60);
    atomic_fetch_add(&wall_s, shifts_s[_i]);
    listen_s(AFTER_S - 60);
    expect_silent(0);
    listen_s(2 * AFTER_S);
    expect_silent(1);
}
END_TEST

START_TEST(a_duplicate_shows_that_the_device_lives_and_costs_few_commits)
{
    for (int i = 0; i < 10; i++) {
        listen_s(120);
        kit_receipt(host, kit_submit_aged(host, "g2", &first, 0, 0));
        expect_silent(0);
    }
    json_int_t commits = kit_stat(host, "storage", "commits");
    for (int i = 0; i < 100; i++)
        kit_receipt(host, kit_submit_aged(host, "g2", &first, 0, 0));
    ck_assert_int_le(kit_stat(host, "storage", "commits"), commits + 1);
}
END_TEST

START_TEST(a_duplicate_ends_a_silence)
{
    listen_s(AFTER_S + AFTER_S / 4);
    expect_silent(1);
    kit_receipt(host, kit_submit_from(host, "g2", &first, 0));
    listen_s(AFTER_S + AFTER_S / 4);
    expect_silent(1);
}
END_TEST

START_TEST(a_replay_keeps_nobody_from_being_silent)
{
    for (int i = 0; i < 6; i++) {
        listen_s(AFTER_S / 4);
        kit_receipt(host, kit_submit_from(host, "g1", &first, selkie_clock_ms() - 1));
    }
    ck_assert_uint_ge(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 1);
    listen_s(AFTER_S);
    expect_silent(1);
}
END_TEST

/* Heard by one gateway at once; an hour later by another one, from the air. */
START_TEST(a_replay_by_way_of_another_gateway_is_told)
{
    struct kit_body body = kit_session(&device, "y");

    kit_receipt(host, kit_submit_aged(host, "g1", &body, 0, 20));
    listen_s(660);
    kit_receipt(host, kit_submit_aged(host, "g2", &body, 0, 20));
    kit_expect_rejected(host, "replay");
}
END_TEST

/* A thief jumps ahead; the device goes on below, heard by another gateway. */
START_TEST(two_voices_are_told_across_gateways)
{
    struct kit_device thief = device;

    thief.counter += 200000;
    struct kit_body body = kit_data(&thief, "forged");
    kit_receipt(host, kit_submit_aged(host, "g1", &body, 0, 20));
    kit_event(host, "lost");
    sleep_s(15); /* the tenth comes after 555 s, the eleventh after 615, whatever the test itself takes */
    for (int i = 0; i < 11; i++) {
        body = kit_session(&device, "y");
        kit_receipt(host, kit_submit_aged(host, "g2", &body, 0, 20));
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), i == 10);
        listen_s(60);
    }
    kit_event(host, "clone");
}
END_TEST

/* An hour has not passed, although two times say so. */
START_TEST(a_clock_that_is_set_proves_nothing)
{
    struct kit_body skipped = kit_session(&device, "y"), newest = kit_session(&device, "z");

    kit_receipt(host, kit_submit_aged(host, "g1", &newest, 0, 20));
    kit_event(host, "lost");
    atomic_fetch_add(&wall_s, 3600);
    turn();
    kit_receipt(host, kit_submit_aged(host, "g2", &newest, 0, 20));
    kit_receipt(host, kit_submit_aged(host, "g2", &skipped, 0, 20));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    /* What is captured from now on does. */
    struct kit_body body = kit_session(&device, "later");
    kit_receipt(host, kit_submit_aged(host, "g1", &body, 0, 20));
    listen_s(660);
    kit_receipt(host, kit_submit_aged(host, "g2", &body, 0, 20));
    kit_expect_rejected(host, "replay");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("silence");
    TCase *tcase = tcase_create("silence");

    tcase_set_timeout(tcase, 180);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, the_stats_count_who_is_silent);
    tcase_add_test(tcase, silence_is_reported_once_after_its_time);
    tcase_add_test(tcase, the_state_says_silent_while_the_alarm_stands);
    tcase_add_test(tcase, without_a_time_of_silence_nobody_is_silent);
    tcase_add_test(tcase, a_clock_that_is_set_proves_nothing);
    tcase_add_test(tcase, a_gateway_with_seldom_stats_is_heard_and_one_that_says_any_number_is_not_believed);
    tcase_add_test(tcase, an_outage_of_all_gateways_does_not_count);
    tcase_add_test(tcase, a_stopped_receiver_does_not_count);
    tcase_add_loop_test(tcase, a_clock_that_is_set_silences_nobody, 0, 2);
    tcase_add_test(tcase, a_duplicate_shows_that_the_device_lives_and_costs_few_commits);
    tcase_add_test(tcase, a_duplicate_ends_a_silence);
    tcase_add_test(tcase, a_replay_keeps_nobody_from_being_silent);
    tcase_add_test(tcase, a_replay_by_way_of_another_gateway_is_told);
    tcase_add_test(tcase, two_voices_are_told_across_gateways);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
