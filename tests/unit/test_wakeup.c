/* SPDX-License-Identifier: Apache-2.0 */
/* A ring ends the wait of the thread that opened the wakeup, whenever it comes, and nothing else. */
#include "run_suite.h"
#include "wakeup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define QUIET_MS    50 /* far more than a ring takes */

static struct selkie_wakeup *wakeup;
static volatile sig_atomic_t others; /* signals that came to a handler which is not the wakeup's */

static void setup(void)
{
    ck_assert_int_eq(selkie_wakeup_open(&wakeup), 0);
}

static void teardown(void)
{
    selkie_wakeup_close(wakeup);
}

/* Whether a wait for nothing ends before its time. */
static bool is_rung_within(int ms)
{
    int result = poll(NULL, 0, ms);

    ck_assert(result == 0 || errno == EINTR);
    return result < 0;
}

static void *ring(void *context)
{
    selkie_wakeup_request(context);
    return NULL;
}

START_TEST(nothing_rings_by_itself)
{
    ck_assert(!is_rung_within(QUIET_MS));
}
END_TEST

START_TEST(a_ring_from_another_thread_ends_the_wait)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, ring, wakeup), 0);
    ck_assert(is_rung_within(PATIENCE_MS));
    (void)pthread_join(thread, NULL);
}
END_TEST

/* Results come while Mosquitto is busy with something else, and also between its last look and its wait. */
START_TEST(a_ring_before_the_wait_is_not_lost)
{
    selkie_wakeup_request(wakeup);
    for (unsigned i = 0; i < 10; i++) /* whatever the first signal was spent on */
        ck_assert(is_rung_within(PATIENCE_MS));
}
END_TEST

START_TEST(one_answer_is_enough_for_any_number_of_rings)
{
    for (unsigned i = 0; i < 100; i++)
        selkie_wakeup_request(wakeup);
    ck_assert(is_rung_within(PATIENCE_MS));
    selkie_wakeup_request(wakeup);
    selkie_wakeup_done(wakeup);
    ck_assert(!is_rung_within(QUIET_MS));
    selkie_wakeup_done(wakeup); /* of no ring: harmless */
    ck_assert(!is_rung_within(QUIET_MS));
}
END_TEST

START_TEST(a_ring_after_the_answer_rings_anew)
{
    for (unsigned i = 0; i < 10; i++) {
        selkie_wakeup_request(wakeup);
        ck_assert(is_rung_within(PATIENCE_MS));
        selkie_wakeup_done(wakeup);
    }
    selkie_wakeup_request(wakeup);
    ck_assert(is_rung_within(PATIENCE_MS));
}
END_TEST

/* Mosquitto writes its database and talks to sockets that block in places: those calls know of no EINTR. */
START_TEST(other_calls_of_the_thread_go_on)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const struct itimerspec soon = {.it_value = {.tv_nsec = 30 * 1000000}};
    uint64_t count;

    ck_assert_int_eq(timerfd_settime(fd, 0, &soon, NULL), 0);
    selkie_wakeup_request(wakeup);
    ck_assert_int_eq(read(fd, &count, sizeof count), (ssize_t)sizeof count);
    ck_assert(is_rung_within(PATIENCE_MS)); /* it was ringing all the while */
    (void)close(fd);
}
END_TEST

/* A thread that opens a wakeup of its own, rings it and waits. */
static void *open_and_wait(void *context)
{
    bool *was_rung = context;
    struct selkie_wakeup *own;

    if (selkie_wakeup_open(&own) != 0)
        return NULL;
    selkie_wakeup_request(own);
    *was_rung = true;
    for (unsigned i = 0; i < QUIET_MS; i++)
        *was_rung = *was_rung && poll(NULL, 0, PATIENCE_MS) < 0;
    selkie_wakeup_close(own);
    return NULL;
}

START_TEST(another_thread_is_left_alone)
{
    pthread_t thread;
    bool was_rung = false;

    ck_assert_int_eq(pthread_create(&thread, NULL, open_and_wait, &was_rung), 0);
    ck_assert(!is_rung_within(QUIET_MS));
    (void)pthread_join(thread, NULL);
    ck_assert(was_rung);
}
END_TEST

static void count_other(int number)
{
    (void)number;
    others++;
}

START_TEST(a_closed_wakeup_is_silent_and_leaves_the_signal_as_it_was)
{
    struct sigaction own = {.sa_handler = count_other}, before;
    struct selkie_wakeup *second;

    ck_assert_int_eq(sigaction(SIGURG, &own, &before), 0);
    ck_assert_int_eq(selkie_wakeup_open(&second), 0);
    ck_assert_int_eq(raise(SIGURG), 0);
    ck_assert_int_eq(others, 0);
    selkie_wakeup_request(second);
    ck_assert(is_rung_within(PATIENCE_MS));
    selkie_wakeup_close(second);
    ck_assert(!is_rung_within(QUIET_MS));
    ck_assert_int_eq(others, 0);
    ck_assert_int_eq(raise(SIGURG), 0);
    ck_assert_int_eq(others, 1);
    (void)sigaction(SIGURG, &before, NULL);
    selkie_wakeup_close(NULL); /* harmless */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wakeup");
    TCase *tcase = tcase_create("wakeup");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_rings_by_itself);
    tcase_add_test(tcase, a_ring_from_another_thread_ends_the_wait);
    tcase_add_test(tcase, a_ring_before_the_wait_is_not_lost);
    tcase_add_test(tcase, one_answer_is_enough_for_any_number_of_rings);
    tcase_add_test(tcase, a_ring_after_the_answer_rings_anew);
    tcase_add_test(tcase, other_calls_of_the_thread_go_on);
    tcase_add_test(tcase, another_thread_is_left_alone);
    tcase_add_test(tcase, a_closed_wakeup_is_silent_and_leaves_the_signal_as_it_was);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
