/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarder.h"

#include "broker.h"
#include "log.h"
#include "sender.h"
#include "timer.h"

#include <selkie/clock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_US (90 * SELKIE_SEC_US) /* Paho's limit is 20 s, but it does not count the wait for a name server */
#define SUBACK_US  (30 * SELKIE_SEC_US)
#define STEADY_US  (10 * SELKIE_SEC_US) /* a connection that lasted this long resets the back-off */
#define DRAIN_US   (5 * SELKIE_SEC_US)
#define LEAVE_US   (2 * SELKIE_SEC_US)

enum state {
    WAITING,     /* until the back-off is over */
    CONNECTING,  /* until CONNACK */
    SUBSCRIBING, /* until SUBACK */
    ONLINE,
    LEAVING /* until the DISCONNECT is sent */
};

struct selkie_forwarder {
    const struct selkie_config *config;
    struct selkie_spool *spool;
    struct selkie_forwarder_handler handler;
    uint64_t connects;
    struct selkie_broker *broker;
    struct selkie_sender *sender;
    enum state state;
    bool draining;
    bool again; /* the configuration changed while Paho was connecting: connect again when Paho is done */
    unsigned failures;
    int64_t online_since;
    char logged[SELKIE_LOG_LINE_MAX]; /* the last complaint, so that a week without a broker is one line */
    struct selkie_timer turn;         /* ends the state: the back-off is over, or the deadline has passed */
    struct selkie_timer drain;        /* ends selkie_forwarder_drain */
    int receive_maximum;              /* how many unanswered publishes the broker accepts */
};

/* Log what is wrong with the broker, unless it is what was logged last. */
static void complain(struct selkie_forwarder *forwarder, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct selkie_forwarder *forwarder, int level, const char *format, ...)
{
    char text[SELKIE_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strcmp(text, forwarder->logged) == 0)
        return;
    selkie_log(level, "broker %s: %s", forwarder->config->broker.uri, text);
    memcpy(forwarder->logged, text, sizeof text);
}

static void enter(struct selkie_forwarder *forwarder, enum state state, int64_t for_us)
{
    bool was_online = forwarder->state == ONLINE;

    forwarder->state = state;
    if (for_us > 0)
        selkie_timer_set(&forwarder->turn, for_us);
    else
        selkie_timer_stop(&forwarder->turn);
    if (was_online != (state == ONLINE))
        forwarder->handler.changed(forwarder->handler.context);
}

static void try_later(struct selkie_forwarder *forwarder)
{
    selkie_sender_stop(forwarder->sender);
    if (forwarder->state == ONLINE && selkie_clock_monotonic_us() - forwarder->online_since >= STEADY_US)
        forwarder->failures = 0;
    /* If the connection still stands, the broker publishes `offline` at once. */
    (void)selkie_broker_leave(forwarder->broker);
    enter(forwarder, WAITING, selkie_timer_back_off_us(forwarder->failures++));
    if (forwarder->draining)
        forwarder->handler.drained(forwarder->handler.context);
}

static void connect_now(struct selkie_forwarder *forwarder)
{
    char why[SELKIE_BROKER_TEXT_MAX];

    forwarder->again = false;
    if (selkie_broker_connect(forwarder->broker, forwarder->config, why) == 0) {
        enter(forwarder, CONNECTING, ATTEMPT_US);
        return;
    }
    complain(forwarder, LOG_ERR, "%s", why);
    try_later(forwarder);
}

static void left(struct selkie_forwarder *forwarder)
{
    if (forwarder->draining)
        forwarder->handler.drained(forwarder->handler.context);
    else
        connect_now(forwarder);
}

static void leave(struct selkie_forwarder *forwarder)
{
    selkie_sender_stop(forwarder->sender);
    enter(forwarder, LEAVING, LEAVE_US);
    if (!selkie_broker_leave(forwarder->broker))
        left(forwarder);
}

/* If draining: leave once the spool is empty. */
static void leave_if_drained(struct selkie_forwarder *forwarder)
{
    if (forwarder->draining && forwarder->state == ONLINE && selkie_spool_count(forwarder->spool) == 0)
        leave(forwarder);
}

/* The broker answered a publish, or a receipt came: frames may have been forgotten. */
static void on_progress(struct selkie_forwarder *forwarder)
{
    forwarder->handler.changed(forwarder->handler.context);
    leave_if_drained(forwarder);
}

static void on_dead(void *context)
{
    struct selkie_forwarder *forwarder = context;

    complain(forwarder, LOG_WARNING, "no answer for 30 s; reconnecting");
    try_later(forwarder);
}

/* Events of the connection. */

static void on_online(struct selkie_forwarder *forwarder)
{
    if (selkie_broker_publish_state(forwarder->broker) < 0) {
        try_later(forwarder);
        return;
    }
    selkie_log(LOG_NOTICE, "broker %s: connected", forwarder->config->broker.uri);
    forwarder->logged[0] = '\0';
    forwarder->connects++;
    forwarder->online_since = selkie_clock_monotonic_us();
    enter(forwarder, ONLINE, 0);
    selkie_sender_start(forwarder->sender, forwarder->config, (size_t)forwarder->receive_maximum);
    leave_if_drained(forwarder);
}

static void on_connected(struct selkie_forwarder *forwarder, int receive_maximum)
{
    forwarder->receive_maximum = receive_maximum;
    if (forwarder->config->confirm == SELKIE_CONFIRM_BROKER) {
        on_online(forwarder);
        return;
    }
    if (selkie_broker_subscribe_receipts(forwarder->broker) < 0)
        try_later(forwarder);
    else
        enter(forwarder, SUBSCRIBING, SUBACK_US);
}

static void on_refused(struct selkie_forwarder *forwarder, int code)
{
    const char *username = forwarder->config->broker.username;

    if (code == 0x86 || code == 0x87)
        complain(forwarder, LOG_ERR, "connection refused for %s%s (%s); check username, password_file, cert and key",
                 username ? "user " : "a client without a user name", username ? username : "",
                 selkie_broker_reason(code));
    else
        complain(forwarder, LOG_ERR, "connection refused: %s", selkie_broker_reason(code));
    try_later(forwarder);
}

static void on_lost(struct selkie_forwarder *forwarder, int code)
{
    if (code == 0x8E)
        complain(forwarder, LOG_ERR, "another client connected under this name; is there a second gateway \"%s\"?",
                 forwarder->config->gateway);
    else
        complain(forwarder, LOG_WARNING, "connection lost%s%s; reconnecting", code != 0 ? ": " : "",
                 code != 0 ? selkie_broker_reason(code) : "");
    try_later(forwarder);
}

static void on_subscribed(struct selkie_forwarder *forwarder, int code)
{
    if (code < 0x80) {
        on_online(forwarder);
        return;
    }
    complain(forwarder, LOG_ERR,
             "subscription to the receipts refused (%s); \"confirm\": \"broker\" works without receipts",
             selkie_broker_reason(code));
    try_later(forwarder);
}

static bool on_event(void *context, const struct selkie_broker_event *event)
{
    struct selkie_forwarder *forwarder = context;
    bool done = true;

    switch (event->kind) {
    case SELKIE_BROKER_CONNECTED:
        if (forwarder->again)
            connect_now(forwarder);
        else if (forwarder->state == CONNECTING)
            on_connected(forwarder, event->code);
        break;
    case SELKIE_BROKER_REFUSED:
    case SELKIE_BROKER_ABSENT:
        if (forwarder->again)
            connect_now(forwarder);
        else if (forwarder->state == CONNECTING && event->kind == SELKIE_BROKER_REFUSED)
            on_refused(forwarder, event->code);
        else if (forwarder->state == CONNECTING) {
            complain(forwarder, LOG_WARNING, "cannot connect: %s; retrying", event->text);
            try_later(forwarder);
        }
        break;
    case SELKIE_BROKER_LOST:
        if (forwarder->state == LEAVING)
            left(forwarder);
        else if (forwarder->state != WAITING)
            on_lost(forwarder, event->code);
        break;
    case SELKIE_BROKER_GONE:
        if (forwarder->state == LEAVING)
            left(forwarder);
        break;
    case SELKIE_BROKER_SUBSCRIBED:
        if (forwarder->state == SUBSCRIBING)
            on_subscribed(forwarder, event->code);
        break;
    case SELKIE_BROKER_PUBLISHED:
        selkie_sender_answered(forwarder->sender, event->token, event->code);
        on_progress(forwarder);
        break;
    case SELKIE_BROKER_MESSAGE:
        done = selkie_sender_receipt(forwarder->sender, event->payload, event->len);
        on_progress(forwarder);
        break;
    }
    return done;
}

static void on_turn(void *context)
{
    struct selkie_forwarder *forwarder = context;

    switch (forwarder->state) {
    case WAITING:
        connect_now(forwarder);
        break;
    case CONNECTING:
    case SUBSCRIBING:
        complain(forwarder, LOG_WARNING, "no answer; retrying");
        try_later(forwarder);
        break;
    case LEAVING:
        left(forwarder);
        break;
    case ONLINE:
        break;
    }
}

static void on_drain_due(void *context)
{
    struct selkie_forwarder *forwarder = context;

    if (forwarder->state == ONLINE)
        leave(forwarder);
    else if (forwarder->state != LEAVING)
        forwarder->handler.drained(forwarder->handler.context);
}

struct selkie_forwarder *selkie_forwarder_open(sd_event *event, const struct selkie_config *config,
                                               struct selkie_spool *spool,
                                               const struct selkie_forwarder_handler *handler)
{
    struct selkie_forwarder *forwarder = calloc(1, sizeof *forwarder);

    if (!forwarder) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    selkie_timer_init(&forwarder->turn, event, on_turn, forwarder);
    selkie_timer_init(&forwarder->drain, event, on_drain_due, forwarder);
    forwarder->config = config;
    forwarder->spool = spool;
    forwarder->handler = *handler;
    forwarder->broker = selkie_broker_open(event, on_event, forwarder);
    if (forwarder->broker)
        forwarder->sender = selkie_sender_open(event, spool, forwarder->broker, on_dead, forwarder);
    if (!forwarder->sender) {
        selkie_forwarder_close(forwarder);
        return NULL;
    }
    connect_now(forwarder);
    return forwarder;
}

void selkie_forwarder_close(struct selkie_forwarder *forwarder)
{
    if (!forwarder)
        return;
    selkie_timer_wipe(&forwarder->turn);
    selkie_timer_wipe(&forwarder->drain);
    selkie_sender_close(forwarder->sender);
    /* Paho holds its lock while it looks up a name, which may take minutes. Do not wait for it: the process ends, and
     * the connection with it. */
    if (forwarder->state == CONNECTING)
        return;
    selkie_broker_close(forwarder->broker);
    free(forwarder);
}

void selkie_forwarder_configure(struct selkie_forwarder *forwarder, const struct selkie_config *config)
{
    bool same = selkie_config_same_connection(forwarder->config, config);

    forwarder->config = config;
    selkie_sender_configure(forwarder->sender, config);
    if (forwarder->draining)
        return;
    switch (forwarder->state) {
    case CONNECTING:
        forwarder->again = !same;
        break;
    case WAITING: /* the operator has probably corrected something: do not wait for the back-off */
        forwarder->failures = 0;
        connect_now(forwarder);
        break;
    case SUBSCRIBING:
    case ONLINE:
        if (!same)
            leave(forwarder);
        break;
    case LEAVING:
        break;
    }
}

void selkie_forwarder_kick(struct selkie_forwarder *forwarder)
{
    selkie_sender_fill(forwarder->sender);
}

void selkie_forwarder_drain(struct selkie_forwarder *forwarder)
{
    forwarder->draining = true;
    selkie_timer_set(&forwarder->drain, DRAIN_US);
    if (forwarder->state == WAITING)
        forwarder->handler.drained(forwarder->handler.context);
    leave_if_drained(forwarder);
}

bool selkie_forwarder_is_online(const struct selkie_forwarder *forwarder)
{
    return forwarder->state == ONLINE;
}

struct selkie_forwarder_counters selkie_forwarder_counters(const struct selkie_forwarder *forwarder)
{
    return (struct selkie_forwarder_counters){
        .frames = *selkie_sender_counters(forwarder->sender),
        .connects = forwarder->connects,
    };
}

void selkie_forwarder_publish_stats(struct selkie_forwarder *forwarder, const char *json)
{
    if (forwarder->state == ONLINE && selkie_broker_publish_stats(forwarder->broker, json) < 0)
        selkie_log(LOG_INFO, "broker %s: cannot publish the statistics", forwarder->config->broker.uri);
}
