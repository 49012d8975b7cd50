/* SPDX-License-Identifier: Apache-2.0 */
/* A radio line: frames, their faults, ACKs, and the line itself. */
#include "radio_fixture.h"
#include "run_suite.h"
#include "timer.h"

#include <poll.h>
#include <selkie/clock.h>
#include <selkie/frame.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

START_TEST(body_comes_out_of_noise)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    radio_sealed_of(body, 0x42);
    radio_send_bytes((const uint8_t *)"static", 6);
    radio_send_body(body, sizeof(body));
    radio_turn_until(2); /* the noise ends as a frame that is none */
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.len, sizeof(body));
    ck_assert_mem_eq(heard.body, body, sizeof(body));
}
END_TEST

START_TEST(faults_are_counted_by_kind)
{
    static const uint8_t garbage[] = {0, 9, 1, 2, 0}; /* a block cut short */
    static const uint8_t bad_crc[] = {0, 5, 1, 2, 3, 4, 0};
    static const uint8_t foreign[] = {0x23, 1, 2, 3};
    static const uint8_t an_ack[] = {0x12, 3, 4};
    uint8_t overlong[1100];

    memset(overlong, 1, sizeof(overlong)); /* blocks of no bytes: zeros */
    overlong[0] = overlong[sizeof(overlong) - 1] = 0;
    radio_send_bytes(garbage, sizeof(garbage));
    radio_send_bytes(bad_crc, sizeof(bad_crc));
    radio_send_bytes(overlong, sizeof(overlong));
    radio_send_body(foreign, sizeof(foreign));
    radio_send_body(an_ack, sizeof(an_ack));
    radio_turn_until(5);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->garbage, 1);
    ck_assert_uint_eq(counters->crc, 1);
    ck_assert_uint_eq(counters->overlong, 1);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->foreign, 1);
    ck_assert_uint_eq(heard.count, 1); /* the foreign one goes on, the ACK does not */
}
END_TEST

START_TEST(frames_are_counted_by_form)
{
    static const uint8_t session[SELKIE_SESSION_OVERHEAD] = {0x11}, an_ack[] = {0x12, 3, 4}, foreign[] = {0x23, 1};
    uint8_t body[SELKIE_SEALED_SIZE];

    radio_sealed_of(body, 0x42);
    radio_send_body(body, sizeof(body));
    radio_send_body(session, sizeof(session));
    radio_send_body(an_ack, sizeof(an_ack));
    radio_send_body(foreign, sizeof(foreign));
    radio_send_body(session, sizeof(session));
    radio_turn_until(5);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->received, 5);
    ck_assert_uint_eq(counters->sealed, 1);
    ck_assert_uint_eq(counters->session, 2);
}
END_TEST

START_TEST(only_allowed_addresses_pass)
{
    static const char *prefixes[] = {"42aB", "7701020304050607"};
    static const uint8_t session[SELKIE_SESSION_OVERHEAD] = {0x11};
    static const uint8_t foreign[] = {0x23, 1, 2, 3};
    uint8_t body[SELKIE_SEALED_SIZE];

    config.allow = prefixes;
    config.allow_count = 2;
    radio_sealed_of(body, 0x42);
    radio_send_body(body, sizeof(body));
    radio_turn_until(1);
    ck_assert_uint_eq(heard.count, 1);
    radio_sealed_of(body, 0x77);
    radio_send_body(body, sizeof(body));
    radio_send_body(foreign, sizeof(foreign));
    radio_turn_until(3);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->filtered, 2);
    radio_send_body(session, sizeof(session)); /* carries no address */
    radio_turn_until(4);
    ck_assert_uint_eq(heard.count, 2);
}
END_TEST

START_TEST(ack_carries_the_bodys_crc)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    uint8_t expected[SELKIE_ACK_SIZE];

    radio_sealed_of(body, 1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    radio_await_ack(ack);
    selkie_frame_put_ack(expected, body, sizeof(body));
    ck_assert_mem_eq(ack, expected, sizeof(ack));
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->acked, 1);
}
END_TEST

/* A machine with other things to do is late now and then, but not each time. */
START_TEST(ack_comes_within_50_ms)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    int64_t best = INT64_MAX;

    radio_sealed_of(body, 1);
    for (uint64_t i = 1; i <= 10; i++) {
        int64_t start = selkie_clock_monotonic_us();
        radio_send_body(body, sizeof(body));
        radio_turn_until(i);
        selkie_radio_line_ack(radio, body, sizeof body, false);
        radio_await_ack(ack);
        int64_t took = selkie_clock_monotonic_us() - start;
        best = took < best ? took : best;
    }
    ck_assert_int_ge(best, 20 * SELKIE_MS_US);
    ck_assert_int_le(best, 50 * SELKIE_MS_US);
}
END_TEST

START_TEST(ack_waits_for_a_quiet_line)
{
    static const uint8_t chatter[] = {0x55};
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    int64_t last_byte = 0;

    line.quiet_ms = 1000; /* a hundred times the pauses: a test that is held up for a while is no quiet line */
    radio_sealed_of(body, 1);
    radio_send_body(body, sizeof(body));
    radio_turn_until(1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    for (int i = 0; i < 20; i++) { /* another device keeps talking, a byte each 10 ms */
        struct pollfd pollfd = {.fd = master, .events = POLLIN};
        int64_t next = selkie_clock_monotonic_us() + 10 * SELKIE_MS_US;
        radio_send_bytes(chatter, sizeof(chatter));
        last_byte = selkie_clock_monotonic_us();
        while (selkie_clock_monotonic_us() < next)
            ck_assert_int_ge(sd_event_run(event, 1000), 0);
        ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    }
    radio_await_ack(ack);
    ck_assert_int_ge(selkie_clock_monotonic_us() - last_byte, 1000 * SELKIE_MS_US);
}
END_TEST

START_TEST(same_ack_waits_once_and_the_oldest_gives_way)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];

    line.quiet_ms = 100;
    radio_sealed_of(body, 1);
    radio_send_body(body, sizeof(body));
    radio_turn_until(1);
    for (uint8_t i = 0; i < SELKIE_ACKS_MAX + 1; i++) {
        body[20] = i;
        selkie_radio_line_ack(radio, body, sizeof body, false);
        selkie_radio_line_ack(radio, body, sizeof body, false);
    }
    line.quiet_ms = 0;
    for (int i = 0; i < SELKIE_ACKS_MAX; i++)
        radio_await_ack(ack);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->acked, SELKIE_ACKS_MAX);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->lost, 1);
}
END_TEST

START_TEST(line_without_ack_only_listens)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    struct pollfd pollfd = {.fd = master, .events = POLLIN};

    line.ack = false;
    radio_sealed_of(body, 1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    ck_assert_int_ge(sd_event_run(event, 50000), 0);
    ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->lost, 0);
}
END_TEST

START_TEST(line_that_vanishes_is_told_once)
{
    int64_t limit = selkie_clock_monotonic_us() + RADIO_PATIENCE_US;

    (void)close(master);
    master = -1;
    while (selkie_radio_line_is_open(radio) && selkie_clock_monotonic_us() < limit)
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
    ck_assert(!selkie_radio_line_is_open(radio));
    ck_assert_int_eq(changes, 1);
}
END_TEST

/* In a process of its own; where this one is root, as a user that is not. */
static bool opens_for_another_user(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        sd_event *its_event = NULL;
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(2);
        if (sd_event_new(&its_event) < 0)
            _exit(2);
        struct selkie_ack_channel its_channel;
        selkie_ack_channel_init(&its_channel, its_event);
        struct selkie_radio_line *its_radio =
            selkie_radio_line_open(its_event, &its_channel, &config, &line, &radio_handler);
        _exit(its_radio != NULL && selkie_radio_line_is_open(its_radio) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

/* Nor does the other end of a pseudo-terminal, which stays, keep it occupied. */
START_TEST(line_belongs_to_one_gateway_and_is_free_after_it)
{
    ck_assert_int_eq(chmod(device, 0666), 0);
    ck_assert(!opens_for_another_user());
    selkie_radio_line_close(radio);
    radio = NULL;
    ck_assert(opens_for_another_user());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radio");
    TCase *tcase = tcase_create("radio");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, radio_setup, radio_teardown);
    tcase_add_test(tcase, body_comes_out_of_noise);
    tcase_add_test(tcase, faults_are_counted_by_kind);
    tcase_add_test(tcase, frames_are_counted_by_form);
    tcase_add_test(tcase, only_allowed_addresses_pass);
    tcase_add_test(tcase, ack_carries_the_bodys_crc);
    tcase_add_test(tcase, ack_comes_within_50_ms);
    tcase_add_test(tcase, ack_waits_for_a_quiet_line);
    tcase_add_test(tcase, same_ack_waits_once_and_the_oldest_gives_way);
    tcase_add_test(tcase, line_without_ack_only_listens);
    tcase_add_test(tcase, line_that_vanishes_is_told_once);
    tcase_add_test(tcase, line_belongs_to_one_gateway_and_is_free_after_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
