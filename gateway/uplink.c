/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink.h"

#include "broker.h"
#include "clock.h"
#include "log.h"
#include "receipt.h"
#include "window.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ANSWER_US                                                                                                      \
    (30 * SELKIE_SEC_US) /* without a receipt the frame is sent again, without a PUBACK the line is dead */
#define ATTEMPT_US   (90 * SELKIE_SEC_US) /* Paho's own limit is 20 s, but not while it waits for a name server */
#define BACK_OFF_US  (1 * SELKIE_SEC_US)
#define BACK_OFF_MAX 6                    /* doublings: about a minute */
#define STEADY_US    (10 * SELKIE_SEC_US) /* a connection that lasted this long was a good one */
#define DRAIN_US     (5 * SELKIE_SEC_US)
#define LEAVE_US     (2 * SELKIE_SEC_US)
#define SYNC_US      (1 * SELKIE_SEC_US)

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
    struct selkie_uplink_counters counters;
    struct selkie_broker *broker;
    enum state state;
    bool draining;
    bool again; /* the configuration changed while Paho was connecting: begin anew when it is done */
    unsigned failures;
    uint64_t online_since;
    char said[SELKIE_LOG_LINE_MAX]; /* the last complaint: the same one is not repeated each minute for a week */
    bool resend_said;
    bool resend_armed;
    sd_event *event;
    sd_event_source *turn;   /* what ends each state: the back-off, or the deadline */
    sd_event_source *resend; /* when the oldest frame under way has waited long enough */
    sd_event_source *sync;   /* makes forgetting durable */
    int64_t cursor;          /* seq of the last frame taken from the spool in this connection */
    int64_t highest_sent;    /* seq, in this program's life */
    struct selkie_window window;
    struct selkie_spool_frame frame;
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

/* Timers. An accuracy of 100 ms lets the kernel wake this machine once for several. */

static void set_timer(struct selkie_uplink *uplink, sd_event_source **source, uint64_t after_us,
                      sd_event_time_handler_t handler)
{
    uint64_t at = selkie_clock_steady_us() + after_us;
    int result;

    if (*source == NULL)
        result = sd_event_add_time(uplink->event, source, CLOCK_MONOTONIC, at, 100 * SELKIE_MS_US, handler, uplink);
    else
        result = sd_event_source_set_time(*source, at);
    if (result >= 0)
        result = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
    if (result < 0)
        selkie_log(LOG_ERR, "no timer: %s", strerror(-result));
}

static int on_turn(sd_event_source *source, uint64_t usec, void *context);

static void enter(struct selkie_uplink *uplink, enum state state, uint64_t for_us)
{
    bool was_online = uplink->state == ONLINE;

    uplink->state = state;
    if (for_us > 0)
        set_timer(uplink, &uplink->turn, for_us, on_turn);
    else if (uplink->turn != NULL)
        (void)sd_event_source_set_enabled(uplink->turn, SD_EVENT_OFF);
    if (was_online != (state == ONLINE))
        uplink->handler.changed(uplink->handler.context);
}

/* Half of it fixed, half by chance: a thousand gateways must not come back in the same second after their broker did.
 */
static uint64_t back_off(const struct selkie_uplink *uplink)
{
    uint64_t longest = BACK_OFF_US << (uplink->failures < BACK_OFF_MAX ? uplink->failures : BACK_OFF_MAX);
    uint32_t chance = 0;

    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        return longest;
    return longest / 2 + (longest / 2) * chance / UINT32_MAX;
}

static void try_later(struct selkie_uplink *uplink)
{
    if (uplink->state == ONLINE && selkie_clock_steady_us() - uplink->online_since >= STEADY_US)
        uplink->failures = 0;
    selkie_window_reset(&uplink->window, uplink->config->window, 1);
    enter(uplink, WAITING, back_off(uplink));
    uplink->failures++;
    if (uplink->draining)
        uplink->handler.drained(uplink->handler.context);
}

static void connect_now(struct selkie_uplink *uplink)
{
    uplink->again = false;
    selkie_window_reset(&uplink->window, uplink->config->window, 1);
    if (selkie_broker_connect(uplink->broker, uplink->config) < 0)
        try_later(uplink);
    else
        enter(uplink, CONNECTING, ATTEMPT_US);
}

/* Sending. */

static int on_resend(sd_event_source *source, uint64_t usec, void *context);

static void arm_resend(struct selkie_uplink *uplink)
{
    const struct selkie_window_entry *oldest = selkie_window_oldest(&uplink->window);
    uint64_t now = selkie_clock_steady_us();

    if (oldest == NULL || uplink->resend_armed)
        return;
    uint64_t due = oldest->sent_us + ANSWER_US;
    uplink->resend_armed = true;
    set_timer(uplink, &uplink->resend, due > now ? due - now : 1, on_resend);
}

static void count_sent(struct selkie_uplink *uplink, int64_t seq)
{
    uplink->counters.sent++;
    if (seq <= uplink->highest_sent)
        uplink->counters.resent++;
    else
        uplink->highest_sent = seq;
}

static void fill(struct selkie_uplink *uplink)
{
    while (uplink->state == ONLINE && selkie_window_has_room(&uplink->window) &&
           selkie_spool_next(uplink->spool, uplink->cursor, &uplink->frame) == 0) {
        int token = selkie_broker_publish_frame(uplink->broker, &uplink->frame);
        if (token < 0) /* the connection has just ended, its event is on its way */
            break;
        uplink->cursor = uplink->frame.seq;
        selkie_window_add(&uplink->window, uplink->frame.seq, token, selkie_clock_steady_us());
        count_sent(uplink, uplink->frame.seq);
    }
    arm_resend(uplink);
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
    enter(uplink, LEAVING, LEAVE_US);
    if (selkie_broker_leave(uplink->broker) < 0)
        left(uplink);
}

/* After a step: send on, or, before the end, see whether all is done. */
static void go_on(struct selkie_uplink *uplink)
{
    if (uplink->state != ONLINE)
        return;
    fill(uplink);
    if (uplink->draining && selkie_spool_count(uplink->spool) == 0)
        leave(uplink);
}

static int on_sync(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_uplink *uplink = context;

    (void)source;
    (void)usec;
    selkie_spool_sync(uplink->spool);
    return 0;
}

static void dealt_with(struct selkie_uplink *uplink, const int64_t *seqs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)selkie_window_remove(&uplink->window, seqs[i]);
    size_t forgotten = selkie_spool_forget(uplink->spool, seqs, count);
    if (forgotten > 0)
        set_timer(uplink, &uplink->sync, SYNC_US, on_sync);
    uplink->counters.receipted += forgotten;
    uplink->resend_said = false;
}

/* False once nothing more can be sent now. */
static bool send_again(struct selkie_uplink *uplink, struct selkie_window_entry *entry)
{
    if (selkie_spool_next(uplink->spool, entry->seq - 1, &uplink->frame) < 0 || uplink->frame.seq != entry->seq) {
        (void)selkie_window_remove(&uplink->window, entry->seq); /* the oldest had to go, and it was this one */
        return true;
    }
    if (!uplink->resend_said)
        selkie_log(LOG_WARNING, "broker %s: no %s for 30 s (it said: %s); frames are sent again",
                   uplink->config->broker.uri,
                   uplink->config->confirm == SELKIE_CONFIRM_RECEIPT ? "receipt" : "acceptance",
                   selkie_broker_reason(entry->reason));
    uplink->resend_said = true;
    int token = selkie_broker_publish_frame(uplink->broker, &uplink->frame);
    if (token < 0)
        return false;
    count_sent(uplink, entry->seq);
    selkie_window_sent_again(&uplink->window, entry, token, selkie_clock_steady_us());
    return true;
}

static int on_resend(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_uplink *uplink = context;
    uint64_t now = selkie_clock_steady_us();
    struct selkie_window_entry *entry;

    (void)source;
    (void)usec;
    uplink->resend_armed = false;
    while (uplink->state == ONLINE && (entry = selkie_window_oldest(&uplink->window)) != NULL &&
           now >= entry->sent_us + ANSWER_US) {
        if (entry->token != 0) {
            complain(uplink, LOG_WARNING, "it has not answered for 30 s; connecting anew");
            try_later(uplink);
            return 0;
        }
        if (!selkie_window_may_publish(&uplink->window) || !send_again(uplink, entry))
            break;
    }
    go_on(uplink);
    return 0;
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
    uplink->counters.connects++;
    uplink->online_since = selkie_clock_steady_us();
    uplink->cursor = 0;
    enter(uplink, ONLINE, 0);
    go_on(uplink);
}

static void on_connected(struct selkie_uplink *uplink, int receive_maximum)
{
    /* One publish of the broker's allowance is for `state`. */
    selkie_window_reset(&uplink->window, uplink->config->window, (size_t)(receive_maximum - 1));
    if (uplink->config->confirm == SELKIE_CONFIRM_BROKER) {
        on_online(uplink);
        return;
    }
    if (selkie_broker_subscribe_receipts(uplink->broker) < 0)
        try_later(uplink);
    else
        enter(uplink, SUBSCRIBING, ANSWER_US);
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

static void on_published(struct selkie_uplink *uplink, int token, int code)
{
    const struct selkie_window_entry *entry = selkie_window_answered(&uplink->window, token, code);

    if (entry != NULL && code < 0x80 && uplink->config->confirm == SELKIE_CONFIRM_BROKER) {
        int64_t seq = entry->seq;
        dealt_with(uplink, &seq, 1);
    }
}

static void on_receipt(struct selkie_uplink *uplink, const char *payload, size_t len)
{
    int64_t seqs[SELKIE_RECEIPT_MAX];
    int count = selkie_receipt_parse(seqs, payload, len);

    if (count < 0)
        complain(uplink, LOG_WARNING, "a receipt that is none: %s", selkie_error_text(count));
    else
        dealt_with(uplink, seqs, (size_t)count);
}

static void on_event(void *context, const struct selkie_broker_event *event)
{
    struct selkie_uplink *uplink = context;

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
        left(uplink);
        break;
    case SELKIE_BROKER_SUBSCRIBED:
        if (uplink->state == SUBSCRIBING)
            on_subscribed(uplink, event->code);
        break;
    case SELKIE_BROKER_PUBLISHED:
        on_published(uplink, event->token, event->code);
        go_on(uplink);
        break;
    case SELKIE_BROKER_MESSAGE:
        on_receipt(uplink, event->payload, event->len);
        go_on(uplink);
        break;
    }
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
    case ONLINE: /* the drain's deadline */
        leave(uplink);
        break;
    case LEAVING:
        left(uplink);
        break;
    }
    return 0;
}

struct selkie_uplink *selkie_uplink_open(sd_event *event, const struct selkie_config *config,
                                         struct selkie_spool *spool, const struct selkie_uplink_handler *handler)
{
    struct selkie_uplink *uplink = calloc(1, sizeof(*uplink));

    if (uplink == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    uplink->event = event;
    uplink->config = config;
    uplink->spool = spool;
    uplink->handler = *handler;
    uplink->broker = selkie_broker_open(event, on_event, uplink);
    if (uplink->broker == NULL) {
        free(uplink);
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
    sd_event_source_disable_unref(uplink->resend);
    sd_event_source_disable_unref(uplink->sync);
    /* While it looks up a name Paho holds its lock, for as long as the resolver likes. Nothing here is worth that wait:
     * the process ends, and the connection with it. */
    if (uplink->state == CONNECTING)
        return;
    selkie_broker_close(uplink->broker);
    free(uplink);
}

/* Whether a connection made for one configuration serves the other. */
static bool same_connection(const struct selkie_config *a, const struct selkie_config *b)
{
    const char *const pairs[][2] = {
        {a->root, b->root},
        {a->gateway, b->gateway},
        {a->broker.uri, b->broker.uri},
        {a->broker.username, b->broker.username},
        {a->broker.password_file, b->broker.password_file},
        {a->broker.ca, b->broker.ca},
        {a->broker.cert, b->broker.cert},
        {a->broker.key, b->broker.key},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if ((pairs[i][0] == NULL) != (pairs[i][1] == NULL) ||
            (pairs[i][0] != NULL && strcmp(pairs[i][0], pairs[i][1]) != 0))
            return false;
    return a->confirm == b->confirm;
}

void selkie_uplink_configure(struct selkie_uplink *uplink, const struct selkie_config *config)
{
    bool same = same_connection(uplink->config, config);

    uplink->config = config;
    uplink->window.limit = config->window;
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
        if (same)
            go_on(uplink);
        else
            leave(uplink);
        break;
    case LEAVING:
        break;
    }
}

void selkie_uplink_kick(struct selkie_uplink *uplink)
{
    go_on(uplink);
}

void selkie_uplink_drain(struct selkie_uplink *uplink)
{
    uplink->draining = true;
    if (uplink->state != ONLINE) {
        uplink->handler.drained(uplink->handler.context);
        return;
    }
    set_timer(uplink, &uplink->turn, DRAIN_US, on_turn);
    go_on(uplink);
}

bool selkie_uplink_is_online(const struct selkie_uplink *uplink)
{
    return uplink->state == ONLINE;
}

const struct selkie_uplink_counters *selkie_uplink_counters(const struct selkie_uplink *uplink)
{
    return &uplink->counters;
}

void selkie_uplink_publish_stats(struct selkie_uplink *uplink, const char *json)
{
    if (uplink->state == ONLINE && selkie_broker_publish_stats(uplink->broker, json) < 0)
        selkie_log(LOG_INFO, "broker %s: statistics not sent", uplink->config->broker.uri);
}
