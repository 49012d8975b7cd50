/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarder.h"

#include "gateway_broker.h"
#include "log.h"
#include "sender.h"
#include "timer.h"

#include <selkie/clock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_files.h>
#include <tls_time.h>

#define SUBACK_US (30 * SELKIE_SEC_US)
#define STEADY_US (10 * SELKIE_SEC_US) /* a connection that lasted this long resets the back-off */
#define DRAIN_US  (5 * SELKIE_SEC_US)
#define LEAVE_US  (2 * SELKIE_SEC_US)

enum state {
    WAITING,     /* until the back-off is over */
    CONNECTING,  /* until CONNACK, or until the client gives up */
    SUBSCRIBING, /* until SUBACK */
    ONLINE,
    LEAVING /* until the DISCONNECT is sent */
};

struct selkie_forwarder {
    const struct selkie_gateway_config *config;
    struct selkie_spool *spool;
    struct selkie_forwarder_handler handler;
    uint64_t connects;
    struct selkie_gateway_broker *broker;
    struct selkie_sender *sender;
    enum state state;
    bool draining;
    unsigned failures;
    int64_t online_since;
    /* The last two conditions, so that a week without a broker is one line. Two: a broker's answer may or may not come
     * through before it closes the connection. */
    char logged[2][SELKIE_LOG_LINE_MAX];
    struct selkie_timer turn;  /* ends the state: the back-off is over, or the deadline has passed */
    struct selkie_timer drain; /* ends selkie_forwarder_drain */
    int receive_maximum;       /* how many unanswered publishes the broker accepts */
};

/* The text without this machine's time, which would make one fault another one at each attempt. */
static void copy_condition(char condition[static SELKIE_LOG_LINE_MAX], const char *text)
{
    (void)snprintf(condition, SELKIE_LOG_LINE_MAX, "%s", text);
    for (char *at = strstr(condition, SELKIE_TLS_CLOCK); at; at = strstr(at, SELKIE_TLS_CLOCK)) {
        at += strlen(SELKIE_TLS_CLOCK);
        size_t len = strnlen(at, SELKIE_TLS_TIME_MAX - 1);
        memmove(at, at + len, strlen(at + len) + 1);
    }
}

/* Log what is wrong with the broker, unless this condition (NULL: the text itself) was logged last. */
static void complain(struct selkie_forwarder *forwarder, int level, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void complain(struct selkie_forwarder *forwarder, int level, const char *condition, const char *format, ...)
{
    char text[SELKIE_LOG_LINE_MAX], timeless[SELKIE_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    copy_condition(timeless, condition ? condition : text);
    if (strcmp(timeless, forwarder->logged[0]) == 0 || strcmp(timeless, forwarder->logged[1]) == 0)
        return;
    selkie_log(level, "broker %s: %s", selkie_gateway_broker_uri(forwarder->broker), text);
    memcpy(forwarder->logged[1], forwarder->logged[0], sizeof timeless);
    memcpy(forwarder->logged[0], timeless, sizeof timeless);
}

static void forget_conditions(struct selkie_forwarder *forwarder)
{
    forwarder->logged[0][0] = forwarder->logged[1][0] = '\0';
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
    (void)selkie_gateway_broker_leave(forwarder->broker);
    enter(forwarder, WAITING, selkie_timer_back_off_us(forwarder->failures++));
    if (forwarder->draining)
        forwarder->handler.drained(forwarder->handler.context);
}

static void connect_now(struct selkie_forwarder *forwarder)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    if (selkie_gateway_broker_connect(forwarder->broker, forwarder->config, why) == 0) {
        enter(forwarder, CONNECTING, 0); /* the client has its deadlines */
        return;
    }
    complain(forwarder, LOG_ERR, NULL, "%s", why);
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
    if (!selkie_gateway_broker_leave(forwarder->broker))
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

    complain(forwarder, LOG_WARNING, NULL, "no answer for 30 s; reconnecting");
    try_later(forwarder);
}

/* Events of the connection. */

static void on_online(struct selkie_forwarder *forwarder)
{
    if (selkie_gateway_broker_publish_state(forwarder->broker) < 0) {
        try_later(forwarder);
        return;
    }
    selkie_log(LOG_NOTICE, "broker %s: connected", selkie_gateway_broker_uri(forwarder->broker));
    forget_conditions(forwarder);
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
    if (selkie_gateway_broker_subscribe_receipts(forwarder->broker) < 0)
        try_later(forwarder);
    else
        enter(forwarder, SUBSCRIBING, SUBACK_US);
}

/* The broker knows a gateway by its user, or by the common name of its certificate: say so where it has another name.
 */
static void append_identity(const struct selkie_gateway_config *config, char text[static SELKIE_LOG_LINE_MAX])
{
    const char *user = config->broker.username;
    char name[SELKIE_MQTT_HOST_MAX];
    size_t len = strlen(text);

    if (user && strcmp(user, config->gateway) != 0)
        (void)snprintf(text + len, SELKIE_LOG_LINE_MAX - len,
                       "; the user \"%s\" is not the gateway's name \"%s\", which a registered gateway's user must be",
                       user, config->gateway);
    else if (!user && selkie_tls_files_common_name(&config->broker, name) && strcmp(name, config->gateway) != 0)
        (void)snprintf(text + len, SELKIE_LOG_LINE_MAX - len,
                       "; the common name \"%s\" of %s is not the gateway's name \"%s\", which a registered gateway's "
                       "must be",
                       name, config->broker.cert, config->gateway);
}

/* No broker accepted. A refusal is one condition, whichever address of the broker it came from. */
static void on_failed(struct selkie_forwarder *forwarder, const struct selkie_mqtt_event *event)
{
    const char *username = forwarder->config->broker.username;
    char refused[SELKIE_LOG_LINE_MAX], identity[SELKIE_LOG_LINE_MAX] = "";

    (void)snprintf(refused, sizeof refused, "refused: %s", selkie_mqtt_reason(event->code));
    if (event->kind == SELKIE_MQTT_REFUSED)
        append_identity(forwarder->config, identity);
    if (event->kind == SELKIE_MQTT_UNREACHABLE)
        complain(forwarder, LOG_WARNING, NULL, "cannot connect: %s; retrying", event->text);
    else if (event->code == 0x86 || event->code == 0x87)
        complain(forwarder, LOG_ERR, refused,
                 "connection refused for %s%s (%s); check username, password_file, cert and key%s",
                 username ? "user " : "a client without a user name", username ? username : "", event->text, identity);
    else
        complain(forwarder, LOG_ERR, refused, "connection refused: %s%s", event->text, identity);
    try_later(forwarder);
}

static void on_lost(struct selkie_forwarder *forwarder, int code)
{
    if (code == 0x8E)
        complain(forwarder, LOG_ERR, NULL,
                 "another client connected under this name; is there a second gateway \"%s\"?",
                 forwarder->config->gateway);
    else
        complain(forwarder, LOG_WARNING, NULL, "connection lost%s%s; reconnecting", code != 0 ? ": " : "",
                 code != 0 ? selkie_mqtt_reason(code) : "");
    try_later(forwarder);
}

static void on_subscribed(struct selkie_forwarder *forwarder, int code)
{
    if (code < 0x80) {
        on_online(forwarder);
        return;
    }
    char identity[SELKIE_LOG_LINE_MAX] = "";
    append_identity(forwarder->config, identity);
    complain(forwarder, LOG_ERR, NULL,
             "subscription to the receipts refused (%s); \"confirm\": \"broker\" works without receipts%s",
             selkie_mqtt_reason(code), identity);
    try_later(forwarder);
}

static bool on_event(void *context, const struct selkie_mqtt_event *event)
{
    struct selkie_forwarder *forwarder = context;
    bool done = true;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        on_connected(forwarder, event->code);
        break;
    case SELKIE_MQTT_REFUSED:
    case SELKIE_MQTT_UNREACHABLE:
        on_failed(forwarder, event);
        break;
    case SELKIE_MQTT_LOST:
        if (forwarder->state == LEAVING)
            left(forwarder);
        else if (forwarder->state != WAITING)
            on_lost(forwarder, event->code);
        break;
    case SELKIE_MQTT_DISCONNECTED:
        if (forwarder->state == LEAVING)
            left(forwarder);
        break;
    case SELKIE_MQTT_SUBSCRIBED:
        if (forwarder->state == SUBSCRIBING)
            on_subscribed(forwarder, event->code);
        break;
    case SELKIE_MQTT_PUBLISHED:
        selkie_sender_answered(forwarder->sender, event->token, event->code);
        on_progress(forwarder);
        break;
    case SELKIE_MQTT_MESSAGE:
        done = selkie_sender_receipt(forwarder->sender, (const char *)event->payload, event->len);
        on_progress(forwarder);
        break;
    case SELKIE_MQTT_RESOLVED: /* stays inside the client */
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
    case SUBSCRIBING:
        complain(forwarder, LOG_WARNING, NULL, "no answer; retrying");
        try_later(forwarder);
        break;
    case LEAVING:
        left(forwarder);
        break;
    case CONNECTING:
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

struct selkie_forwarder *selkie_forwarder_open(sd_event *event, const struct selkie_gateway_config *config,
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
    forwarder->broker = selkie_gateway_broker_open(event, on_event, forwarder);
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
    selkie_gateway_broker_close(forwarder->broker);
    free(forwarder);
}

void selkie_forwarder_configure(struct selkie_forwarder *forwarder, const struct selkie_gateway_config *config)
{
    bool same = selkie_gateway_config_same_connection(forwarder->config, config);

    forwarder->config = config;
    if (!same)
        forget_conditions(forwarder);
    selkie_sender_configure(forwarder->sender, config);
    if (forwarder->draining)
        return;
    switch (forwarder->state) {
    case CONNECTING:
        forwarder->failures = 0;
        if (same)
            selkie_gateway_broker_adopt(forwarder->broker, config);
        else
            connect_now(forwarder);
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
    if (forwarder->state == ONLINE && selkie_gateway_broker_publish_stats(forwarder->broker, json) < 0)
        selkie_log(LOG_INFO, "broker %s: cannot publish the statistics", selkie_gateway_broker_uri(forwarder->broker));
}
