/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarder.h"

#include "broker/broker_log.h"
#include "gateway_broker.h"
#include "log.h"
#include "sender.h"
#include "timer.h"

#include <limits.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBACK_US (30 * SELKIE_SEC_US)
#define STEADY_US (10 * SELKIE_SEC_US) /* a connection that lasted this long resets the back-off */
#define DRAIN_US  (5 * SELKIE_SEC_US)
#define LEAVE_US  (2 * SELKIE_SEC_US)
#define ALONE_US  (600 * SELKIE_SEC_US) /* nobody else has connected under this name for longer than they wait */

/* Two gateways of one name end each other's connections. Each waits minutes after that, so that the other one gets
 * through with its frames. */
#define SHARE_FACTOR       5 /* times the longest back-off: 160 to 320 s */
#define SESSION_TAKEN_OVER 0x8E
#define ANOTHER            "another gateway uses the name \"%s\""

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
    uint64_t conflicts;                  /* connections that another client of this name ended */
    bool seen_own;                       /* its own state came back from the broker */
    struct selkie_gateway_sighting kept; /* a state that a broker had kept, and which was not ours; all 0: none */
    char kept_at[SELKIE_MQTT_TEXT_MAX];  /* its URI */
    bool shared;                         /* another gateway of this name was there, not long ago */
    unsigned subacks;                    /* that are still to come, the one for the receipts last */
    struct selkie_gateway_broker *broker;
    struct selkie_sender *sender;
    enum state state;
    bool draining;
    bool storage_fails;
    unsigned failures;
    int64_t online_since;
    struct selkie_broker_log log;
    struct selkie_timer turn;  /* ends the state: the back-off is over, or the deadline has passed */
    struct selkie_timer drain; /* ends selkie_forwarder_drain */
    int receive_maximum;       /* how many unanswered publishes the broker accepts */
};

/* As selkie_broker_log_say. */
#define complain(forwarder, level, ...)                                                                                \
    selkie_broker_log_say(&(forwarder)->log, selkie_gateway_broker_uri((forwarder)->broker), level, NULL, __VA_ARGS__)

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

static void wait_for(struct selkie_forwarder *forwarder, int64_t us)
{
    selkie_sender_stop(forwarder->sender);
    /* If the connection still stands, the broker publishes `offline` at once. */
    (void)selkie_gateway_broker_leave(forwarder->broker);
    enter(forwarder, WAITING, us);
    if (forwarder->draining)
        forwarder->handler.drained(forwarder->handler.context);
}

static bool was_online_for(const struct selkie_forwarder *forwarder, int64_t us)
{
    return forwarder->state == ONLINE && selkie_clock_monotonic_us() - forwarder->online_since >= us;
}

static void try_later(struct selkie_forwarder *forwarder)
{
    if (was_online_for(forwarder, STEADY_US))
        forwarder->failures = 0;
    if (was_online_for(forwarder, ALONE_US))
        forwarder->shared = false;
    wait_for(forwarder, selkie_timer_back_off_us(forwarder->failures++));
}

static void connect_now(struct selkie_forwarder *forwarder)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    if (selkie_gateway_broker_connect(forwarder->broker, forwarder->config, why) == 0) {
        enter(forwarder, CONNECTING, 0); /* the client has its deadlines */
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

    complain(forwarder, LOG_WARNING, "no answer for 30 s; reconnecting");
    try_later(forwarder);
}

/* Events of the connection. */

static void on_online(struct selkie_forwarder *forwarder)
{
    if (selkie_gateway_broker_publish_state(forwarder->broker, !forwarder->storage_fails) < 0) {
        try_later(forwarder);
        return;
    }
    selkie_log(LOG_NOTICE, "broker %s: connected", selkie_gateway_broker_uri(forwarder->broker));
    selkie_broker_log_reset(&forwarder->log);
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
    forwarder->subacks = 2;
    if (selkie_gateway_broker_subscribe_state(forwarder->broker) < 0 ||
        selkie_gateway_broker_subscribe_receipts(forwarder->broker) < 0)
        try_later(forwarder);
    else
        enter(forwarder, SUBSCRIBING, SUBACK_US);
}

static void on_failed(struct selkie_forwarder *forwarder, const struct selkie_mqtt_event *event)
{
    selkie_broker_log_failure(&forwarder->log, selkie_gateway_broker_uri(forwarder->broker), forwarder->config, event);
    try_later(forwarder);
}

/* Mosquitto before 2.0.16 gives no reason when another client of this name ends a connection. */
static void on_lost(struct selkie_forwarder *forwarder, int code)
{
    if (was_online_for(forwarder, ALONE_US))
        forwarder->shared = false;
    if (code == SESSION_TAKEN_OVER || forwarder->shared) {
        forwarder->conflicts++;
        forwarder->shared = true;
        complain(forwarder, LOG_ERR, ANOTHER " and ended this connection; trying again in some minutes",
                 forwarder->config->gateway);
        wait_for(forwarder, SHARE_FACTOR * selkie_timer_back_off_us(UINT_MAX));
        return;
    }
    complain(forwarder, LOG_WARNING, "connection lost%s%s; reconnecting", code != 0 ? ": " : "",
             code != 0 ? selkie_mqtt_reason(code) : "");
    try_later(forwarder);
}

/* Whether the broker has had this state for so long that it may be of this gateway's own last run: seen here for the
 * first time, or just as it was, because the broker came back with what it once wrote to its disk. A gateway that lives
 * counts its connections. */
static bool may_be_kept(struct selkie_forwarder *forwarder, const struct selkie_gateway_sighting *seen)
{
    const char *uri = selkie_gateway_broker_uri(forwarder->broker);
    bool same_broker = strncmp(forwarder->kept_at, uri, sizeof forwarder->kept_at - 1) == 0;
    bool alive =
        same_broker && forwarder->kept.instance == seen->instance && forwarder->kept.connection != seen->connection;

    forwarder->kept = *seen;
    (void)snprintf(forwarder->kept_at, sizeof forwarder->kept_at, "%s", uri);
    return !alive;
}

/* Once this gateway has seen its own state, a state of another instance of the spool is of another gateway, unless the
 * broker has kept it. */
static void on_state(struct selkie_forwarder *forwarder, const struct selkie_gateway_sighting *seen, bool retained)
{
    bool own = seen->instance == selkie_spool_instance(forwarder->spool);

    forwarder->seen_own = forwarder->seen_own || own;
    if (own || seen->instance == 0 || !forwarder->seen_own || forwarder->shared)
        return;
    if (retained && may_be_kept(forwarder, seen))
        return;
    forwarder->shared = true;
    selkie_log(LOG_ERR, "broker %s: " ANOTHER "; if its card is a copy of this one, give one of them another name",
               selkie_gateway_broker_uri(forwarder->broker), forwarder->config->gateway);
    forwarder->handler.changed(forwarder->handler.context);
}

static void on_subscribed(struct selkie_forwarder *forwarder, int code)
{
    if (--forwarder->subacks > 0) /* a broker that does not show us our state is no obstacle */
        return;
    if (code < SELKIE_MQTT_REFUSAL) {
        on_online(forwarder);
        return;
    }
    selkie_broker_log_no_receipts(&forwarder->log, selkie_gateway_broker_uri(forwarder->broker), forwarder->config,
                                  code);
    try_later(forwarder);
}

static bool on_event(void *context, const struct selkie_mqtt_event *event)
{
    struct selkie_forwarder *forwarder = context;
    struct selkie_gateway_sighting seen;
    bool done = true;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        if (event->text)
            selkie_log(LOG_WARNING, "broker %s: %s", selkie_gateway_broker_uri(forwarder->broker), event->text);
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
        if (selkie_gateway_broker_is_state(forwarder->broker, event, &seen)) {
            on_state(forwarder, &seen, event->retained);
            break;
        }
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
        complain(forwarder, LOG_WARNING, "no answer; retrying");
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
    forwarder->broker = selkie_gateway_broker_open(event, selkie_spool_instance(spool), on_event, forwarder);
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
    if (!same) {
        selkie_broker_log_reset(&forwarder->log);
        forwarder->seen_own = forwarder->shared = false;
    }
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

void selkie_forwarder_set_storage(struct selkie_forwarder *forwarder, bool works)
{
    if (forwarder->storage_fails == !works)
        return;
    forwarder->storage_fails = !works;
    if (forwarder->state == ONLINE && selkie_gateway_broker_publish_state(forwarder->broker, works) < 0)
        try_later(forwarder);
}

bool selkie_forwarder_is_online(const struct selkie_forwarder *forwarder)
{
    return forwarder->state == ONLINE;
}

bool selkie_forwarder_is_shared(const struct selkie_forwarder *forwarder)
{
    return forwarder->shared && !was_online_for(forwarder, ALONE_US);
}

struct selkie_forwarder_counters selkie_forwarder_counters(const struct selkie_forwarder *forwarder)
{
    return (struct selkie_forwarder_counters){
        .frames = *selkie_sender_counters(forwarder->sender),
        .connects = forwarder->connects,
        .conflicts = forwarder->conflicts,
    };
}

void selkie_forwarder_publish_stats(struct selkie_forwarder *forwarder, const char *json)
{
    if (forwarder->state == ONLINE && selkie_gateway_broker_publish_stats(forwarder->broker, json) < 0)
        selkie_log(LOG_INFO, "broker %s: cannot publish the statistics", selkie_gateway_broker_uri(forwarder->broker));
}
