/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads put, as Paho's do; the loop takes. */
#include "mqtt_queue.h"
#include "run_suite.h"

#include <poll.h>
#include <pthread.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS  4
#define EACH     2000
#define MESSAGES 100
#define BYTES    1000

static struct selkie_mqtt_queue *queue;
static int one, other; /* two clients: only their addresses count */

#define CLIENT ((struct selkie_mqtt *)&one)
#define OTHER  ((struct selkie_mqtt *)&other)

static void setup(void)
{
    const struct selkie_mqtt_limits limits = {.messages = MESSAGES, .message_bytes = BYTES};

    ck_assert_int_eq(selkie_mqtt_queue_open(&queue, limits), 0);
}

static void teardown(void)
{
    selkie_mqtt_queue_close(queue);
}

static bool is_readable(int patience_ms)
{
    struct pollfd fd = {.fd = selkie_mqtt_queue_fd(queue), .events = POLLIN};

    return poll(&fd, 1, patience_ms) == 1;
}

static struct selkie_mqtt_event *wait_next(void)
{
    ck_assert(is_readable(60000));
    struct selkie_mqtt_event *event = selkie_mqtt_queue_pop(queue);
    ck_assert_ptr_nonnull(event);
    return event;
}

static void put_text(struct selkie_mqtt *client, const char *text)
{
    const struct selkie_mqtt_event event = {.kind = SELKIE_MQTT_MESSAGE,
                                            .client = client,
                                            .topic = "t",
                                            .payload = (const uint8_t *)text,
                                            .len = strlen(text)};

    (void)selkie_mqtt_queue_put(queue, &event);
}

static void expect_text(const char *text)
{
    struct selkie_mqtt_event *event = wait_next();

    ck_assert_str_eq((const char *)event->payload, text);
    free(event);
}

static void *put_many(void *context)
{
    struct selkie_mqtt_event event = {.kind = SELKIE_MQTT_PUBLISHED, .code = *(int *)context};

    for (event.token = 1; event.token <= EACH; event.token++)
        ck_assert(selkie_mqtt_queue_put(queue, &event));
    return NULL;
}

START_TEST(events_of_several_threads_arrive_all_and_in_order)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], last[THREADS] = {0};

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS * EACH; i++) {
        struct selkie_mqtt_event *event = wait_next();
        ck_assert_int_eq(event->token, ++last[event->code]);
        free(event);
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(!is_readable(0));
}
END_TEST

START_TEST(an_event_outlives_what_it_was_made_of)
{
    char payload[] = {'2', '1', 0, (char)0xFF, '\n'}, topic[] = "a/b", text[] = "why", name[] = "rx", value[] = "7";
    const struct selkie_mqtt_event event = {
        .kind = SELKIE_MQTT_MESSAGE,
        .client = CLIENT,
        .topic = topic,
        .text = text,
        .payload = (const uint8_t *)payload,
        .len = sizeof payload,
        .retained = true,
        .property_count = 1,
        .properties = {{name, value}},
    };

    ck_assert(selkie_mqtt_queue_put(queue, &event));
    topic[0] = text[0] = name[0] = value[0] = payload[0] = 'x';
    struct selkie_mqtt_event *taken = wait_next();
    ck_assert_ptr_eq(taken->client, CLIENT);
    ck_assert_uint_eq(taken->len, sizeof payload);
    ck_assert_mem_eq(taken->payload, "21\0\xFF\n", sizeof payload + 1); /* and a NUL behind it */
    ck_assert_str_eq(taken->topic, "a/b");
    ck_assert_str_eq(taken->text, "why");
    ck_assert(taken->retained);
    ck_assert_str_eq(selkie_mqtt_event_property(taken, "rx"), "7");
    ck_assert_ptr_null(selkie_mqtt_event_property(taken, "r"));
    free(taken);
}
END_TEST

START_TEST(an_empty_payload_is_an_empty_text)
{
    const struct selkie_mqtt_event event = {.kind = SELKIE_MQTT_MESSAGE};

    ck_assert(selkie_mqtt_queue_put(queue, &event));
    struct selkie_mqtt_event *taken = wait_next();
    ck_assert_str_eq((const char *)taken->payload, "");
    ck_assert_ptr_null(taken->topic);
    free(taken);
}
END_TEST

START_TEST(messages_are_bounded_and_counted_and_other_events_still_pass)
{
    const struct selkie_mqtt_event lost = {.kind = SELKIE_MQTT_LOST, .client = CLIENT};
    char text[16];

    for (int i = 0; i < MESSAGES + 3; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        put_text(CLIENT, text);
    }
    ck_assert(selkie_mqtt_queue_put(queue, &lost));
    ck_assert_uint_eq(selkie_mqtt_queue_dropped(queue), 3);
    ck_assert_uint_eq(selkie_mqtt_queue_dropped(queue), 0);
    expect_text("0");
    put_text(CLIENT, "room again");
    for (int i = 1; i < MESSAGES; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        expect_text(text);
    }
    struct selkie_mqtt_event *event = wait_next();
    ck_assert_int_eq(event->kind, SELKIE_MQTT_LOST);
    free(event);
    expect_text("room again");
    ck_assert(!is_readable(0));
}
END_TEST

START_TEST(message_that_is_too_long_is_dropped_and_counted)
{
    char text[BYTES + 2];

    memset(text, 'x', sizeof text);
    text[BYTES + 1] = '\0';
    put_text(CLIENT, text);
    ck_assert(!is_readable(0));
    ck_assert_uint_eq(selkie_mqtt_queue_dropped(queue), 1);
    text[BYTES] = '\0';
    put_text(CLIENT, text);
    expect_text(text);
}
END_TEST

START_TEST(a_client_that_goes_takes_its_events_along)
{
    put_text(OTHER, "1");
    put_text(CLIENT, "2");
    put_text(OTHER, "3");
    put_text(CLIENT, "4");
    selkie_mqtt_queue_forget(queue, CLIENT);
    put_text(OTHER, "5");
    expect_text("1");
    expect_text("3");
    expect_text("5");
    put_text(CLIENT, "6");
    selkie_mqtt_queue_forget(queue, CLIENT);
    ck_assert(!is_readable(0));
    put_text(CLIENT, "7");
    expect_text("7");
}
END_TEST

START_TEST(the_loop_wakes_at_a_deadline_too)
{
    int64_t due_us = selkie_clock_monotonic_us() + 50000;

    selkie_mqtt_queue_wake_at(queue, due_us);
    ck_assert(!is_readable(0));
    put_text(CLIENT, "first");
    expect_text("first"); /* does not put the deadline off */
    ck_assert(is_readable(60000));
    ck_assert_int_ge(selkie_clock_monotonic_us(), due_us);
    selkie_mqtt_queue_wake_at(queue, INT64_MAX);
    ck_assert(!is_readable(0));
    selkie_mqtt_queue_wake_at(queue, 0); /* long ago */
    ck_assert(is_readable(60000));
}
END_TEST

START_TEST(what_nobody_took_is_freed)
{
    put_text(CLIENT, "x");
    put_text(OTHER, "x");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_queue");
    TCase *tcase = tcase_create("mqtt_queue");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, events_of_several_threads_arrive_all_and_in_order);
    tcase_add_test(tcase, an_event_outlives_what_it_was_made_of);
    tcase_add_test(tcase, an_empty_payload_is_an_empty_text);
    tcase_add_test(tcase, messages_are_bounded_and_counted_and_other_events_still_pass);
    tcase_add_test(tcase, message_that_is_too_long_is_dropped_and_counted);
    tcase_add_test(tcase, a_client_that_goes_takes_its_events_along);
    tcase_add_test(tcase, the_loop_wakes_at_a_deadline_too);
    tcase_add_test(tcase, what_nobody_took_is_freed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
