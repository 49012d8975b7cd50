/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads put, as Paho's do; the loop takes. */
#include "broker_queue.h"
#include "run_suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define EACH    2000

static sd_event *event;
static struct selkie_broker_queue *queue;
static size_t taken;
static int last[THREADS];
static char text[64];
static sd_event_source *flush; /* what the gateway does before it acknowledges */
static size_t taken_at_flush;

static bool on_event(void *context, const struct selkie_broker_event *item)
{
    (void)context;
    taken++;
    if (item->kind == SELKIE_BROKER_PUBLISHED) {
        ck_assert_int_eq(item->token, last[item->code] + 1); /* each thread's in its order */
        last[item->code] = item->token;
    }
    if (item->kind == SELKIE_BROKER_MESSAGE) {
        ck_assert_uint_lt(item->len, sizeof(text));
        memcpy(text, item->payload, item->len);
        text[item->len] = '\0';
    }
    return true;
}

static void setup(void)
{
    ck_assert_int_ge(sd_event_new(&event), 0);
    queue = selkie_broker_queue_open(event, on_event, NULL);
    ck_assert_ptr_nonnull(queue);
}

static void teardown(void)
{
    selkie_broker_queue_close(queue);
    (void)sd_event_unref(event);
}

static void turn_until(size_t count)
{
    for (int rounds = 0; taken < count && rounds < 100000; rounds++)
        ck_assert_int_ge(sd_event_run(event, 100000), 0);
    ck_assert_uint_eq(taken, count);
}

static void *put_many(void *context)
{
    struct selkie_broker_event item = {.kind = SELKIE_BROKER_PUBLISHED, .code = *(int *)context};

    for (item.token = 1; item.token <= EACH; item.token++)
        selkie_broker_queue_put(queue, &item);
    return NULL;
}

START_TEST(events_of_several_threads_arrive_all_and_in_order)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many, &numbers[i]), 0);
    }
    turn_until((size_t)THREADS * EACH);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

START_TEST(payload_is_copied)
{
    char payload[] = "{\"seq\":[1]}";
    struct selkie_broker_event item = {.kind = SELKIE_BROKER_MESSAGE, .payload = payload, .len = strlen(payload)};

    selkie_broker_queue_put(queue, &item);
    memset(payload, 'x', sizeof(payload));
    turn_until(1);
    ck_assert_str_eq(text, "{\"seq\":[1]}");
}
END_TEST

START_TEST(messages_are_bounded_and_other_events_still_pass)
{
    struct selkie_broker_event item = {.kind = SELKIE_BROKER_MESSAGE, .payload = "x", .len = 1};

    for (int i = 0; i < SELKIE_BROKER_MESSAGES_MAX + 50; i++)
        selkie_broker_queue_put(queue, &item);
    item = (struct selkie_broker_event){.kind = SELKIE_BROKER_LOST};
    selkie_broker_queue_put(queue, &item);
    turn_until(SELKIE_BROKER_MESSAGES_MAX + 1);
    item = (struct selkie_broker_event){.kind = SELKIE_BROKER_MESSAGE, .payload = "x", .len = 1};
    selkie_broker_queue_put(queue, &item); /* room again */
    turn_until(SELKIE_BROKER_MESSAGES_MAX + 2);
}
END_TEST

START_TEST(message_that_is_too_long_is_dropped)
{
    char *payload = calloc(1, SELKIE_BROKER_MESSAGE_MAX + 1);
    struct selkie_broker_event item = {
        .kind = SELKIE_BROKER_MESSAGE, .payload = payload, .len = SELKIE_BROKER_MESSAGE_MAX + 1};

    selkie_broker_queue_put(queue, &item);
    item = (struct selkie_broker_event){.kind = SELKIE_BROKER_GONE};
    selkie_broker_queue_put(queue, &item);
    turn_until(1);
    free(payload);
}
END_TEST

static int on_flush(sd_event_source *source, void *context)
{
    (void)source;
    (void)context;
    taken_at_flush = taken;
    return 0;
}

/* Each answer lets the next frame go, which is answered: as a backlog drains. The first one arms the flush, as a line
 * does that was just read. */
static bool on_drain_event(void *context, const struct selkie_broker_event *item)
{
    (void)context;
    if (taken++ == 0)
        ck_assert_int_ge(sd_event_source_set_enabled(flush, SD_EVENT_ONESHOT), 0);
    if (taken < 10000)
        selkie_broker_queue_put(queue, item);
    return true;
}

START_TEST(drain_does_not_hold_back_what_is_stored)
{
    struct selkie_broker_event item = {.kind = SELKIE_BROKER_PUBLISHED};

    selkie_broker_queue_close(queue);
    queue = selkie_broker_queue_open(event, on_drain_event, NULL);
    ck_assert_ptr_nonnull(queue);
    ck_assert_int_ge(sd_event_add_defer(event, &flush, on_flush, NULL), 0);
    ck_assert_int_ge(sd_event_source_set_enabled(flush, SD_EVENT_OFF), 0);
    ck_assert_int_ge(sd_event_source_set_priority(flush, SELKIE_BROKER_QUEUE_RANK - 1), 0);
    for (int i = 0; i < 1000; i++)
        selkie_broker_queue_put(queue, &item);
    turn_until(10999);
    ck_assert_uint_gt(taken_at_flush, 0);
    ck_assert_uint_lt(taken_at_flush, 100); /* one turn's worth, while thousands wait */
    sd_event_source_unref(flush);
}
END_TEST

/* The first one takes three turns. */
static bool on_long_event(void *context, const struct selkie_broker_event *item)
{
    static int turns;

    (void)context;
    if (item->token == 1 && ++turns < 3)
        return false;
    ck_assert_int_eq(item->token, (int)++taken);
    return true;
}

START_TEST(event_that_is_not_done_comes_again_before_the_next)
{
    selkie_broker_queue_close(queue);
    queue = selkie_broker_queue_open(event, on_long_event, NULL);
    ck_assert_ptr_nonnull(queue);
    for (int token = 1; token <= 3; token++) {
        struct selkie_broker_event item = {.kind = SELKIE_BROKER_PUBLISHED, .token = token};
        selkie_broker_queue_put(queue, &item);
    }
    ck_assert_int_ge(sd_event_run(event, 0), 0);
    ck_assert_uint_eq(taken, 0); /* another turn */
    turn_until(3);
}
END_TEST

START_TEST(what_nobody_took_is_freed)
{
    struct selkie_broker_event item = {.kind = SELKIE_BROKER_MESSAGE, .payload = "x", .len = 1};

    selkie_broker_queue_put(queue, &item);
    selkie_broker_queue_put(queue, &item);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broker_queue");
    TCase *tcase = tcase_create("broker_queue");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, events_of_several_threads_arrive_all_and_in_order);
    tcase_add_test(tcase, payload_is_copied);
    tcase_add_test(tcase, messages_are_bounded_and_other_events_still_pass);
    tcase_add_test(tcase, message_that_is_too_long_is_dropped);
    tcase_add_test(tcase, drain_does_not_hold_back_what_is_stored);
    tcase_add_test(tcase, event_that_is_not_done_comes_again_before_the_next);
    tcase_add_test(tcase, what_nobody_took_is_freed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
