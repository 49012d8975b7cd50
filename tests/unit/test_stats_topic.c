/* SPDX-License-Identifier: Apache-2.0 */
/* When the plugin tells its counters, and how. The clock and the unsealer's counters are wrapped. */
#include "fake_mosquitto.h"
#include "run_suite.h"
#include "stats_topic.h"

#include <stdlib.h>
#include <string.h>

char *__wrap_selkie_unsealer_stats(struct selkie_unsealer *unsealer);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);

static time_t clock_s; /* what the clock shall say; 0 = the true time */
static const char *json;
static unsigned asked;
static struct selkie_stats_topic stats;

char *__wrap_selkie_unsealer_stats(struct selkie_unsealer *unsealer)
{
    (void)unsealer;
    asked++;
    return json == NULL ? NULL : strdup(json);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock_s == 0)
        return __real_clock_gettime(clock, now);
    ck_assert_int_eq(clock, CLOCK_MONOTONIC); /* one that is set back would hold them up */
    *now = (struct timespec){.tv_sec = clock_s, .tv_nsec = 999999999};
    return 0;
}

static void setup(void)
{
    fake_reset();
    json = "{\"frames\":{}}";
}

static void turn(time_t at_s, const char *root)
{
    clock_s = at_s;
    selkie_stats_topic_turn(&stats, NULL, root);
    clock_s = 0;
}

START_TEST(counters_are_retained_under_the_root)
{
    turn(100, "site/7");
    ck_assert_uint_eq(fake_message_count, 1);
    const struct fake_message *message = &fake_messages[0];
    ck_assert_str_eq(message->client_id, "");
    ck_assert_str_eq(message->topic, "site/7/stats");
    ck_assert_str_eq(message->payload, json);
    ck_assert_int_eq(message->qos, 0);
    ck_assert(message->retain);
    ck_assert_uint_eq(fake_allocated, 0);
}
END_TEST

START_TEST(they_come_at_once_and_then_every_five_seconds_however_often_it_turns)
{
    static const struct {
        time_t at_s;
        unsigned messages;
    } turns[] = {{100, 1}, {100, 1}, {101, 1}, {104, 1}, {105, 2}, {105, 2}, {109, 2}, {300, 3}, {304, 3}, {305, 4}};

    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        turn(turns[i].at_s, "selkie");
        ck_assert_uint_eq(fake_message_count, turns[i].messages);
        ck_assert_uint_eq(asked, turns[i].messages); /* counting costs time, too */
    }
}
END_TEST

START_TEST(for_want_of_memory_they_wait_for_the_next_time)
{
    json = NULL;
    turn(100, "selkie");
    json = "{}";
    turn(101, "selkie");
    ck_assert_uint_eq(fake_message_count, 0);
    fake_publish_room = 0;
    turn(105, "selkie");
    fake_publish_room = 1;
    fake_malloc_room = 0;
    turn(110, "selkie");
    ck_assert_uint_eq(fake_message_count, 0);
    ck_assert_uint_eq(fake_allocated, 0);
    fake_malloc_room = 1;
    turn(115, "selkie");
    ck_assert_uint_eq(fake_message_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats_topic");
    TCase *tcase = tcase_create("stats_topic");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, counters_are_retained_under_the_root);
    tcase_add_test(tcase, they_come_at_once_and_then_every_five_seconds_however_often_it_turns);
    tcase_add_test(tcase, for_want_of_memory_they_wait_for_the_next_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
