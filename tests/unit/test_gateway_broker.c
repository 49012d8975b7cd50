/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's connection on the event loop: one event a turn, behind what is more urgent. The test catches queue and
 * client where they are opened, and puts in what Paho would. */
#include "gateway_broker.h"
#include "run_suite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int __real_selkie_mqtt_queue_open(struct selkie_mqtt_queue **opened, struct selkie_mqtt_limits limits);
int __wrap_selkie_mqtt_queue_open(struct selkie_mqtt_queue **opened, struct selkie_mqtt_limits limits);
int __real_sd_event_add_defer(sd_event *event, sd_event_source **source, sd_event_handler_t handler, void *context);
int __wrap_sd_event_add_defer(sd_event *event, sd_event_source **source, sd_event_handler_t handler, void *context);
int __wrap_sd_event_add_io(sd_event *event, sd_event_source **source, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *context);
int __real_sd_event_add_io(sd_event *event, sd_event_source **source, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *context);
void __wrap_selkie_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __real_selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *queue, void *context);
int __wrap_selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *queue, void *context);

static sd_event *event;
static struct selkie_gateway_broker *broker;
static struct selkie_mqtt_queue *queue;
static struct selkie_mqtt *client;
static size_t taken;
static sd_event_source *flush; /* what the gateway does before it acknowledges */
static size_t taken_at_flush;

static bool no_memory;
static char logged[200];

int __wrap_sd_event_add_defer(sd_event *on, sd_event_source **source, sd_event_handler_t handler, void *context)
{
    return no_memory ? -ENOMEM : __real_sd_event_add_defer(on, source, handler, context);
}

int __wrap_sd_event_add_io(sd_event *on, sd_event_source **source, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *context)
{
    return no_memory ? -ENOMEM : __real_sd_event_add_io(on, source, fd, events, handler, context);
}

void __wrap_selkie_log(int level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(logged, sizeof logged, format, arguments);
    va_end(arguments);
}

int __wrap_selkie_mqtt_queue_open(struct selkie_mqtt_queue **opened, struct selkie_mqtt_limits limits)
{
    int result = __real_selkie_mqtt_queue_open(opened, limits);

    queue = *opened;
    return result;
}

int __wrap_selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *from, void *context)
{
    int result = __real_selkie_mqtt_open(opened, from, context);

    client = *opened;
    return result;
}

static void open_with(selkie_gateway_broker_handler *handler)
{
    ck_assert_int_ge(sd_event_new(&event), 0);
    broker = selkie_gateway_broker_open(event, 77, handler, NULL);
    ck_assert_ptr_nonnull(broker);
}

static void teardown(void)
{
    selkie_gateway_broker_close(broker);
    (void)sd_event_unref(event);
}

static void put(int token)
{
    const struct selkie_mqtt_event item = {.kind = SELKIE_MQTT_PUBLISHED, .client = client, .token = token};

    ck_assert(selkie_mqtt_queue_put(queue, &item));
}

static void turn_until(size_t count)
{
    for (int turns = 0; taken < count && turns < 100000; turns++)
        ck_assert_int_ge(sd_event_run(event, 100000), 0);
    ck_assert_uint_eq(taken, count);
}

static int on_flush(sd_event_source *source, void *context)
{
    (void)source;
    (void)context;
    taken_at_flush = taken;
    return 0;
}

/* Each answer lets the next frame go, which is answered: as a backlog drains. The first one arms the flush, as a line
 * does that was just read. */
static bool on_drain_event(void *context, const struct selkie_mqtt_event *item)
{
    (void)context;
    if (taken++ == 0)
        ck_assert_int_ge(sd_event_source_set_enabled(flush, SD_EVENT_ONESHOT), 0);
    if (taken < 10000)
        put(item->token);
    return true;
}

START_TEST(drain_does_not_hold_back_what_is_stored)
{
    open_with(on_drain_event);
    ck_assert_int_ge(sd_event_add_defer(event, &flush, on_flush, NULL), 0);
    ck_assert_int_ge(sd_event_source_set_enabled(flush, SD_EVENT_OFF), 0);
    ck_assert_int_ge(sd_event_source_set_priority(flush, SELKIE_GATEWAY_BROKER_RANK - 1), 0);
    for (int i = 0; i < 1000; i++)
        put(1);
    turn_until(10999);
    ck_assert_uint_gt(taken_at_flush, 0);
    ck_assert_uint_lt(taken_at_flush, 100); /* one turn's worth, while thousands wait */
    sd_event_source_unref(flush);
}
END_TEST

/* The first one takes three turns. */
static bool on_long_event(void *context, const struct selkie_mqtt_event *item)
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
    open_with(on_long_event);
    for (int token = 1; token <= 3; token++)
        put(token);
    ck_assert_int_ge(sd_event_run(event, 0), 0);
    ck_assert_uint_eq(taken, 0); /* another turn */
    turn_until(3);
}
END_TEST

static bool on_last_event(void *context, const struct selkie_mqtt_event *item)
{
    static int turns;

    (void)context;
    (void)item;
    taken += ++turns == 3;
    return turns == 3;
}

START_TEST(event_that_is_not_done_comes_again_though_nothing_else_waits)
{
    open_with(on_last_event);
    put(1);
    turn_until(1);
}
END_TEST

START_TEST(event_that_is_not_done_is_finished_though_no_turn_can_be_had)
{
    open_with(on_long_event);
    no_memory = true;
    for (int token = 1; token <= 3; token++)
        put(token);
    turn_until(3);
}
END_TEST

START_TEST(broker_that_cannot_open_says_why)
{
    ck_assert_int_ge(sd_event_new(&event), 0);
    no_memory = true;
    errno = EPIPE; /* of something else */
    ck_assert_ptr_null(selkie_gateway_broker_open(event, 77, on_long_event, NULL));
    ck_assert_str_eq(logged, "broker: Cannot allocate memory");
}
END_TEST

/* As when a loss ends the connection, and the next one is begun from within the handler. */
static bool on_loss(void *context, const struct selkie_mqtt_event *item)
{
    static struct selkie_gateway_config config = {.root = "selkie", .gateway = "roof"};
    char why[SELKIE_MQTT_TEXT_MAX];

    (void)context;
    taken++;
    if (item->kind != SELKIE_MQTT_LOST)
        return false;
    selkie_mqtt_settings_init(&config.broker, 20);
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&config.broker, "mqtt://127.0.0.1:1"));
    ck_assert_int_eq(selkie_gateway_broker_connect(broker, &config, why), 0);
    return true;
}

START_TEST(handler_may_connect_anew)
{
    struct selkie_mqtt_event item = {.kind = SELKIE_MQTT_LOST};

    open_with(on_loss);
    item.client = client;
    ck_assert(selkie_mqtt_queue_put(queue, &item));
    put(7); /* of the connection that ended */
    for (int turns = 0; turns < 3; turns++)
        ck_assert_int_ge(sd_event_run(event, 0), 0);
    ck_assert_uint_eq(taken, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_broker");
    TCase *tcase = tcase_create("gateway_broker");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, drain_does_not_hold_back_what_is_stored);
    tcase_add_test(tcase, event_that_is_not_done_comes_again_before_the_next);
    tcase_add_test(tcase, event_that_is_not_done_comes_again_though_nothing_else_waits);
    tcase_add_test(tcase, event_that_is_not_done_is_finished_though_no_turn_can_be_had);
    tcase_add_test(tcase, broker_that_cannot_open_says_why);
    tcase_add_test(tcase, handler_may_connect_anew);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
