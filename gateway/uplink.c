/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink.h"

#include "back_off.h"
#include "broker.h"
#include "clock.h"
#include "log.h"
#include "sender.h"
#include "timer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_US (90 * SELKIE_SEC_US) /* Paho's own limit is 20 s, but not while it waits for a name server */
#define SUBACK_US  (30 * SELKIE_SEC_US)
#define STEADY_US  (10 * SELKIE_SEC_US) /* a connection that lasted this long was a good one */
#define DRAIN_US   (5 * SELKIE_SEC_US)
#define LEAVE_US   (2 * SELKIE_SEC_US)

enum state {
    WAITING,     /* until the back-off is over */
    CONNECTING,  /* until CONNACK */
    SUBSCRIBING, /* until SUBACK */
    ONLINE,
    LEAVING /* until the broker has our leave */
};

struct selkie_uplink {
    const struct selkie_config *config;
    struct selkie_spool *spool;
    struct selkie_uplink_handler handler;
    uint64_t connects;
    struct selkie_broker *broker;
    struct selkie_sender *sender;
    enum state state;
    bool draining;
    bool again; /* the configuration changed while Paho was connecting: begin anew when it is done */
    unsigned failures;
    uint64_t online_since;
    char said[SELKIE_LOG_LINE_MAX]; /* the last complaint: the same one is not repeated each minute for a week */
    sd_event *event;
    sd_event_source *turn;  /* what ends each state: the back-off, or the deadline */
    sd_event_source *drain; /* what ends the end */
    int receive_maximum;    /* what the broker takes unanswered */
};

static void complain(struct selkie_uplink *uplink, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct selkie_uplink *uplink, int level, const char *format, ...)
{
    char text[SELKIE_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (strcmp(text, uplink->said) == 0)
        return;
    selkie_log(level, "broker %s: %s", uplink->config->broker.uri, text);
    memcpy(uplink->said, text, sizeof(uplink->said));
}

static int on_turn(sd_event_source *source, uint64_t usec, void *context);

static void enter(struct selkie_uplink *uplink, enum state state, uint64_t for_us)
{
    bool was_online = uplink->state == ONLINE;

    uplink->state = state;
    if (for_us > 0)
        selkie_timer_set(uplink->event, &uplink->turn, for_us, on_turn, uplink);
    else
        selkie_timer_stop(uplink->turn);
    if (was_online != (state == ONLINE))
        uplink->handler.changed(uplink->handler.context);
}

static void try_later(struct selkie_uplink *uplink)
{
    selkie_sender_stop(uplink->sender);
    if (uplink->state == ONLINE && selkie_clock_steady_us() - uplink->online_since >= STEADY_US)
        uplink->failures = 0;
    /* Where the broker is still there, it shall say that we are not. */
    (void)selkie_broker_leave(uplink->broker);
    enter(uplink, WAITING, selkie_back_off_us(uplink->failures++));
    if (uplink->draining)
        uplink->handler.drained(uplink->handler.context);
}

static void connect_now(struct selkie_uplink *uplink)
{
    char why[SELKIE_BROKER_TEXT_MAX];

    uplink->again = false;
    if (selkie_broker_connect(uplink->broker, uplink->config, why) == 0) {
        enter(uplink, CONNECTING, ATTEMPT_US);
        return;
    }
    complain(uplink, LOG_ERR, "%s", why);
    try_later(uplink);
}

static void left(struct selkie_uplink *uplink)
{
    if (uplink->draining)
        uplink->handler.drained(uplink->handler.context);
    else
        connect_now(uplink);
}

static void leave(struct selkie_uplink *uplink)
{
    selkie_sender_stop(uplink->sender);
    enter(uplink, LEAVING, LEAVE_US);
    if (!selkie_broker_leave(uplink->broker))
        left(uplink);
}

/* Before the end: is all done? */
static void see_drained(struct selkie_uplink *uplink)
{
    if (uplink->draining && uplink->state == ONLINE && selkie_spool_count(uplink->spool) == 0)
        leave(uplink);
}

static void on_forgot(void *context)
{
    struct selkie_uplink *uplink = context;

    uplink->handler.changed(uplink->handler.context);
}

static void on_dead(void *context)
{
    struct selkie_uplink *uplink = context;

    complain(uplink, LOG_WARNING, "it has not answered for 30 s; connecting anew");
    try_later(uplink);
}

/* What the broker says. */

static void on_online(struct selkie_uplink *uplink)
{
    if (selkie_broker_publish_state(uplink->broker) < 0) {
        try_later(uplink);
        return;
    }
    selkie_log(LOG_NOTICE, "broker %s: connected", uplink->config->broker.uri);
    uplink->said[0] = '\0';
    uplink->connects++;
    uplink->online_since = selkie_clock_steady_us();
    enter(uplink, ONLINE, 0);
    selkie_sender_start(uplink->sender, uplink->config, (size_t)uplink->receive_maximum);
    see_drained(uplink);
}

static void on_connected(struct selkie_uplink *uplink, int receive_maximum)
{
    uplink->receive_maximum = receive_maximum;
    if (uplink->config->confirm == SELKIE_CONFIRM_BROKER) {
        on_online(uplink);
        return;
    }
    if (selkie_broker_subscribe_receipts(uplink->broker) < 0)
        try_later(uplink);
    else
        enter(uplink, SUBSCRIBING, SUBACK_US);
}

static void on_refused(struct selkie_uplink *uplink, int code)
{
    const char *username = uplink->config->broker.username;

    if (code == 0x86 || code == 0x87)
        complain(uplink, LOG_ERR, "it refuses %s%s (%s): look at username, password_file, cert and key",
                 username != NULL ? "user " : "a client without a user name", username != NULL ? username : "",
                 selkie_broker_reason(code));
    else
        complain(uplink, LOG_ERR, "it refuses the connection: %s", selkie_broker_reason(code));
    try_later(uplink);
}

static void on_lost(struct selkie_uplink *uplink, int code)
{
    if (code == 0x8E)
        complain(uplink, LOG_ERR, "another client took over the name: is there a second gateway \"%s\"?",
                 uplink->config->gateway);
    else
        complain(uplink, LOG_WARNING, "connection lost%s%s; connecting anew", code != 0 ? ": " : "",
                 code != 0 ? selkie_broker_reason(code) : "");
    try_later(uplink);
}

static void on_subscribed(struct selkie_uplink *uplink, int code)
{
    if (code < 0x80) {
        on_online(uplink);
        return;
    }
    complain(uplink, LOG_ERR, "it does not let us read our receipts (%s): \"confirm\": \"broker\" needs none",
             selkie_broker_reason(code));
    try_later(uplink);
}

static bool on_event(void *context, const struct selkie_broker_event *event)
{
    struct selkie_uplink *uplink = context;
    bool done = true;

    switch (event->kind) {
    case SELKIE_BROKER_CONNECTED:
        if (uplink->again)
            connect_now(uplink);
        else if (uplink->state == CONNECTING)
            on_connected(uplink, event->code);
        break;
    case SELKIE_BROKER_REFUSED:
    case SELKIE_BROKER_ABSENT:
        if (uplink->again)
            connect_now(uplink);
        else if (uplink->state == CONNECTING && event->kind == SELKIE_BROKER_REFUSED)
            on_refused(uplink, event->code);
        else if (uplink->state == CONNECTING) {
            complain(uplink, LOG_WARNING, "not there (%s); trying until it is", event->text);
            try_later(uplink);
        }
        break;
    case SELKIE_BROKER_LOST:
        if (uplink->state == LEAVING)
            left(uplink);
        else if (uplink->state != WAITING)
            on_lost(uplink, event->code);
        break;
    case SELKIE_BROKER_GONE:
        if (uplink->state == LEAVING)
            left(uplink);
        break;
    case SELKIE_BROKER_SUBSCRIBED:
        if (uplink->state == SUBSCRIBING)
            on_subscribed(uplink, event->code);
        break;
    case SELKIE_BROKER_PUBLISHED:
        selkie_sender_answered(uplink->sender, event->token, event->code);
        see_drained(uplink);
        break;
    case SELKIE_BROKER_MESSAGE:
        done = selkie_sender_receipt(uplink->sender, event->payload, event->len);
        see_drained(uplink);
        break;
    }
    return done;
}

static int on_turn(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_uplink *uplink = context;

    (void)source;
    (void)usec;
    switch (uplink->state) {
    case WAITING:
        connect_now(uplink);
        break;
    case CONNECTING:
    case SUBSCRIBING:
        complain(uplink, LOG_WARNING, "it does not answer; trying until it does");
        try_later(uplink);
        break;
    case LEAVING:
        left(uplink);
        break;
    case ONLINE:
        break;
    }
    return 0;
}

struct selkie_uplink *selkie_uplink_open(sd_event *event, const struct selkie_config *config,
                                         struct selkie_spool *spool, const struct selkie_uplink_handler *handler)
{
    struct selkie_uplink *uplink = calloc(1, sizeof(*uplink));
    struct selkie_sender_handler sender = {.context = uplink, .forgot = on_forgot, .dead = on_dead};

    if (uplink == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    uplink->event = event;
    uplink->config = config;
    uplink->spool = spool;
    uplink->handler = *handler;
    uplink->broker = selkie_broker_open(event, on_event, uplink);
    if (uplink->broker != NULL)
        uplink->sender = selkie_sender_open(event, spool, uplink->broker, &sender);
    if (uplink->sender == NULL) {
        selkie_uplink_close(uplink);
        return NULL;
    }
    connect_now(uplink);
    return uplink;
}

void selkie_uplink_close(struct selkie_uplink *uplink)
{
    if (uplink == NULL)
        return;
    sd_event_source_disable_unref(uplink->turn);
    sd_event_source_disable_unref(uplink->drain);
    selkie_sender_close(uplink->sender);
    /* While it looks up a name Paho holds its lock, for as long as the resolver likes. Nothing here is worth that wait:
     * the process ends, and the connection with it. */
    if (uplink->state == CONNECTING)
        return;
    selkie_broker_close(uplink->broker);
    free(uplink);
}

void selkie_uplink_configure(struct selkie_uplink *uplink, const struct selkie_config *config)
{
    bool same = selkie_config_same_connection(uplink->config, config);

    uplink->config = config;
    selkie_sender_configure(uplink->sender, config);
    if (uplink->draining)
        return;
    switch (uplink->state) {
    case CONNECTING:
        uplink->again = !same;
        break;
    case WAITING: /* whoever rereads the configuration has mended something */
        uplink->failures = 0;
        connect_now(uplink);
        break;
    case SUBSCRIBING:
    case ONLINE:
        if (!same)
            leave(uplink);
        break;
    case LEAVING:
        break;
    }
}

void selkie_uplink_kick(struct selkie_uplink *uplink)
{
    selkie_sender_fill(uplink->sender);
}

static int on_drain_due(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_uplink *uplink = context;

    (void)source;
    (void)usec;
    if (uplink->state == ONLINE)
        leave(uplink);
    else if (uplink->state != LEAVING)
        uplink->handler.drained(uplink->handler.context);
    return 0;
}

void selkie_uplink_drain(struct selkie_uplink *uplink)
{
    uplink->draining = true;
    selkie_timer_set(uplink->event, &uplink->drain, DRAIN_US, on_drain_due, uplink);
    if (uplink->state == WAITING)
        uplink->handler.drained(uplink->handler.context);
    see_drained(uplink);
}

bool selkie_uplink_is_online(const struct selkie_uplink *uplink)
{
    return uplink->state == ONLINE;
}

struct selkie_uplink_counters selkie_uplink_counters(const struct selkie_uplink *uplink)
{
    return (struct selkie_uplink_counters){
        .frames = *selkie_sender_counters(uplink->sender),
        .connects = uplink->connects,
    };
}

void selkie_uplink_publish_stats(struct selkie_uplink *uplink, const char *json)
{
    if (uplink->state == ONLINE && selkie_broker_publish_stats(uplink->broker, json) < 0)
        selkie_log(LOG_INFO, "broker %s: statistics not sent", uplink->config->broker.uri);
}
