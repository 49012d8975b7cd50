/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_mosquitto.h"
#include "log_queue.h"
#include "run_suite.h"

#include <mosquitto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

static struct selkie_log_queue *log_queue;

static void setup(void)
{
    fake_reset();
    ck_assert_int_eq(selkie_log_queue_open(&log_queue), 0);
}

static void teardown(void)
{
    selkie_log_queue_close(log_queue);
}

static void write_lines(unsigned from, unsigned count)
{
    char text[16];

    for (unsigned i = from; i < from + count; i++) {
        (void)snprintf(text, sizeof text, "line %u", i);
        selkie_log_queue_write(log_queue, LOG_INFO, text);
    }
}

static void expect(unsigned index, const char *text)
{
    ck_assert_uint_lt(index, fake_line_count);
    ck_assert_str_eq(fake_lines[index].text, text);
}

START_TEST(lines_wait_for_mosquittos_thread_and_keep_their_order)
{
    write_lines(0, 3);
    ck_assert_uint_eq(fake_line_count, 0);
    selkie_log_queue_flush(log_queue);
    ck_assert_uint_eq(fake_line_count, 3);
    expect(0, "selkie: line 0");
    expect(2, "selkie: line 2");
    selkie_log_queue_flush(log_queue);
    ck_assert_uint_eq(fake_line_count, 3);
}
END_TEST

START_TEST(lines_that_did_not_fit_are_counted_and_the_count_is_logged)
{
    write_lines(0, SELKIE_LOG_QUEUE_LINES + 5);
    selkie_log_queue_flush(log_queue);
    ck_assert_uint_eq(fake_line_count, SELKIE_LOG_QUEUE_LINES + 1);
    expect(0, "selkie: line 0"); /* what went first stays, as the cause of the rest */
    expect(SELKIE_LOG_QUEUE_LINES - 1, "selkie: line 127");
    expect(SELKIE_LOG_QUEUE_LINES, "selkie: 5 log lines were dropped");
    ck_assert_int_eq(fake_lines[SELKIE_LOG_QUEUE_LINES].level, MOSQ_LOG_WARNING);
    fake_reset();
    write_lines(500, 1); /* there is room again, and nothing to tell twice */
    selkie_log_queue_flush(log_queue);
    ck_assert_uint_eq(fake_line_count, 1);
    expect(0, "selkie: line 500");
}
END_TEST

START_TEST(the_ring_goes_round)
{
    for (unsigned i = 0; i < 3; i++) {
        fake_reset();
        write_lines(i, 100);
        selkie_log_queue_flush(log_queue);
        ck_assert_uint_eq(fake_line_count, 100);
        for (unsigned j = 0; j < 100; j++) {
            char text[32];
            (void)snprintf(text, sizeof text, "selkie: line %u", i + j);
            expect(j, text);
        }
    }
}
END_TEST

START_TEST(levels_are_mosquittos)
{
    static const int levels[][2] = {{LOG_EMERG, MOSQ_LOG_ERR},       {LOG_ERR, MOSQ_LOG_ERR},
                                    {LOG_WARNING, MOSQ_LOG_WARNING}, {LOG_NOTICE, MOSQ_LOG_NOTICE},
                                    {LOG_INFO, MOSQ_LOG_INFO},       {LOG_DEBUG, MOSQ_LOG_DEBUG}};

    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        selkie_plugin_log(levels[i][0], "%s %d", "x", 1);
        expect(i, "selkie: x 1");
        ck_assert_int_eq(fake_lines[i].level, levels[i][1]);
    }
}
END_TEST

START_TEST(a_line_too_long_is_cut_and_is_no_format)
{
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    selkie_log_queue_write(log_queue, LOG_INFO, text);
    selkie_log_queue_write(log_queue, LOG_INFO, "100%s%n");
    selkie_log_queue_flush(log_queue);
    ck_assert_uint_eq(fake_line_count, 2);
    ck_assert_uint_gt(strlen(fake_lines[0].text), 100);
    ck_assert_uint_lt(strlen(fake_lines[0].text), 500);
    expect(1, "selkie: 100%s%n");
}
END_TEST

START_TEST(what_waits_at_the_end_is_written)
{
    write_lines(0, 2);
    selkie_log_queue_close(log_queue);
    log_queue = NULL;
    ck_assert_uint_eq(fake_line_count, 2);
}
END_TEST

static void *write_from_a_thread(void *context)
{
    (void)context;
    write_lines(0, 200);
    return NULL;
}

START_TEST(every_line_of_every_thread_is_written_or_counted)
{
    pthread_t threads[4];
    unsigned dropped = 0, lines;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_from_a_thread, NULL), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    selkie_log_queue_flush(log_queue);
    lines = fake_line_count - 1;
    ck_assert_int_eq(sscanf(fake_lines[lines].text, "selkie: %u log lines", &dropped), 1);
    ck_assert_uint_eq(lines + dropped, 800);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_queue");
    TCase *tcase = tcase_create("log_queue");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, lines_wait_for_mosquittos_thread_and_keep_their_order);
    tcase_add_test(tcase, lines_that_did_not_fit_are_counted_and_the_count_is_logged);
    tcase_add_test(tcase, the_ring_goes_round);
    tcase_add_test(tcase, levels_are_mosquittos);
    tcase_add_test(tcase, a_line_too_long_is_cut_and_is_no_format);
    tcase_add_test(tcase, what_waits_at_the_end_is_written);
    tcase_add_test(tcase, every_line_of_every_thread_is_written_or_counted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
