/* SPDX-License-Identifier: Apache-2.0 */
#include "sender.h"

#include "inflight.h"
#include "log.h"
#include "receipt.h"
#include "timer.h"

#include <selkie/clock.h>
#include <stdbool.h>
#include <stdlib.h>

#define ANSWER_US (30 * SELKIE_SEC_US)
#define SYNC_US   (1 * SELKIE_SEC_US)
#define RETRY_US  (1 * SELKIE_SEC_US) /* of what cannot be done just now */

/* In one turn of the loop. A publish may have to wait for Paho's lock, behind a write to the socket. */
#define SEND_MAX   1
#define FORGET_MAX 8

struct selkie_sender {
    sd_event *event;
    struct selkie_spool *spool;
    struct selkie_gateway_broker *broker;
    struct selkie_sender_handler handler;
    const struct selkie_gateway_config *config;
    struct selkie_sender_counters counters;
    bool online;
    bool resend_said;        /* once until frames are dealt with again */
    sd_event_source *answer; /* when the oldest frame under way has waited long enough */
    bool answer_armed;
    sd_event_source *sync; /* makes forgetting durable */
    bool sync_armed;
    sd_event_source *retry; /* of a spool that could not be read */
    sd_event_source *later; /* goes on in the next turn */
    int64_t cursor;         /* seq of the last frame taken from the spool in this connection */
    unsigned generation;    /* of the spool, at the cursor */
    int64_t highest_sent;   /* seq, in this program's life */
    struct selkie_inflight inflight;
    struct selkie_spool_frame frame; /* the one at hand */
    int64_t receipt[SELKIE_RECEIPT_MAX];
    size_t receipt_count;
    size_t receipt_done; /* of these */
};

struct selkie_sender *selkie_sender_open(sd_event *event, struct selkie_spool *spool,
                                         struct selkie_gateway_broker *broker,
                                         const struct selkie_sender_handler *handler)
{
    struct selkie_sender *sender = calloc(1, sizeof(*sender));

    if (sender == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    sender->event = event;
    sender->spool = spool;
    sender->broker = broker;
    sender->handler = *handler;
    return sender;
}

void selkie_sender_close(struct selkie_sender *sender)
{
    if (sender == NULL)
        return;
    sd_event_source_disable_unref(sender->answer);
    sd_event_source_disable_unref(sender->sync);
    sd_event_source_disable_unref(sender->retry);
    sd_event_source_disable_unref(sender->later);
    free(sender);
}

static int on_answer_due(sd_event_source *source, uint64_t usec, void *context);

/* The timer is left alone while it runs: it fires for the oldest, looks, and is set for what is the oldest then. One
 * that is due still could not be sent again: the broker owes too many answers, or the spool cannot be read. */
static void await_answer(struct selkie_sender *sender)
{
    const struct selkie_inflight_entry *oldest = selkie_inflight_oldest(&sender->inflight);
    int64_t now = selkie_clock_monotonic_us();

    if (oldest == NULL || sender->answer_armed)
        return;
    int64_t due = oldest->sent_us + ANSWER_US;
    sender->answer_armed = true;
    selkie_timer_set(sender->event, &sender->answer, due > now ? due - now : RETRY_US, on_answer_due, sender);
}

static void count_sent(struct selkie_sender *sender, int64_t seq)
{
    sender->counters.sent++;
    if (seq <= sender->highest_sent)
        sender->counters.resent++;
    else
        sender->highest_sent = seq;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *context)
{
    (void)source;
    (void)usec;
    selkie_sender_fill(context);
    return 0;
}

/* Read the next frame that is not under way. False where there is none, or none can be read now. */
static bool read_next(struct selkie_sender *sender)
{
    int result;

    for (;;) {
        if (sender->generation != selkie_spool_generation(sender->spool))
            sender->cursor = 0;
        sender->generation = selkie_spool_generation(sender->spool);
        result = selkie_spool_next(sender->spool, sender->cursor, &sender->frame);
        if (result < 0 || !selkie_inflight_has(&sender->inflight, sender->frame.seq))
            break;
        sender->cursor = sender->frame.seq;
    }
    if (result == SELKIE_ESTORAGE)
        selkie_timer_set(sender->event, &sender->retry, RETRY_US, on_retry, sender);
    return result == 0;
}

/* False once nothing more can be sent now. */
static bool send_again(struct selkie_sender *sender, struct selkie_inflight_entry *entry)
{
    int result = selkie_spool_next(sender->spool, entry->seq - 1, &sender->frame);

    if (result == SELKIE_ESTORAGE)
        return false;
    if (result == SELKIE_ENOTFOUND || sender->frame.seq != entry->seq) {
        (void)selkie_inflight_remove(&sender->inflight, entry->seq); /* the oldest had to go, and it was this one */
        return true;
    }
    if (!sender->resend_said)
        selkie_log(LOG_WARNING, "broker %s: no %s for 30 s (it said: %s); frames are sent again",
                   selkie_gateway_broker_uri(sender->broker),
                   sender->config->confirm == SELKIE_CONFIRM_RECEIPT ? "receipt" : "acceptance",
                   selkie_mqtt_reason(entry->reason));
    sender->resend_said = true;
    int token = selkie_gateway_broker_publish_frame(sender->broker, &sender->frame);
    if (token < 0)
        return false;
    count_sent(sender, entry->seq);
    selkie_inflight_sent_again(&sender->inflight, entry, token, selkie_clock_monotonic_us());
    return true;
}

static bool is_due(const struct selkie_inflight_entry *entry)
{
    return entry != NULL && selkie_clock_monotonic_us() >= entry->sent_us + ANSWER_US;
}

/* What has waited for its receipt for too long. Returns how many were sent. */
static unsigned send_due(struct selkie_sender *sender)
{
    unsigned count = 0;
    struct selkie_inflight_entry *oldest = selkie_inflight_oldest(&sender->inflight);

    while (count < SEND_MAX && is_due(oldest) && oldest->token == 0 && selkie_inflight_may_publish(&sender->inflight) &&
           send_again(sender, oldest)) {
        count++;
        oldest = selkie_inflight_oldest(&sender->inflight);
    }
    return count;
}

/* What has not been sent in this connection. */
static unsigned send_new(struct selkie_sender *sender, unsigned max)
{
    unsigned count = 0;

    while (count < max && selkie_inflight_has_room(&sender->inflight) && read_next(sender)) {
        int token = selkie_gateway_broker_publish_frame(sender->broker, &sender->frame);
        if (token < 0) /* the connection has just ended, its event is on its way */
            break;
        sender->cursor = sender->frame.seq;
        selkie_inflight_add(&sender->inflight, sender->frame.seq, token, selkie_clock_monotonic_us());
        count_sent(sender, sender->frame.seq);
        count++;
    }
    return count;
}

static int on_later(sd_event_source *source, void *context)
{
    (void)source;
    selkie_sender_fill(context);
    return 0;
}

void selkie_sender_fill(struct selkie_sender *sender)
{
    if (!sender->online)
        return;
    unsigned count = send_due(sender);
    count += send_new(sender, SEND_MAX - count);
    if (count == SEND_MAX) /* perhaps there are more, after what else waits */
        selkie_timer_later(sender->event, &sender->later, SELKIE_GATEWAY_BROKER_RANK, on_later, sender);
    await_answer(sender);
}

static int on_answer_due(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_sender *sender = context;

    (void)source;
    (void)usec;
    sender->answer_armed = false;
    /* Not only the oldest of all: that one may be answered and held back by those that are not. */
    if (sender->online && is_due(selkie_inflight_oldest_unanswered(&sender->inflight)))
        sender->handler.dead(sender->handler.context);
    else
        selkie_sender_fill(sender);
    return 0;
}

static int on_sync(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_sender *sender = context;

    (void)source;
    (void)usec;
    sender->sync_armed = false;
    selkie_spool_sync(sender->spool);
    return 0;
}

static void dealt_with(struct selkie_sender *sender, const int64_t *seqs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)selkie_inflight_remove(&sender->inflight, seqs[i]);
    size_t forgotten = selkie_spool_forget(sender->spool, seqs, count);
    /* From the first one on: a backlog that drains would put it off for as long as it drains, in one transaction. */
    if (forgotten > 0 && !sender->sync_armed)
        selkie_timer_set(sender->event, &sender->sync, SYNC_US, on_sync, sender);
    sender->sync_armed |= forgotten > 0;
    sender->counters.receipted += forgotten;
    sender->resend_said = false;
    sender->handler.forgot(sender->handler.context);
}

void selkie_sender_start(struct selkie_sender *sender, const struct selkie_gateway_config *config,
                         size_t receive_maximum)
{
    sender->config = config;
    sender->online = true;
    sender->cursor = 0;
    /* One publish of the broker's allowance is for `state`. */
    selkie_inflight_reset(&sender->inflight, config->window, receive_maximum > 1 ? receive_maximum - 1 : 1);
    selkie_sender_fill(sender);
}

void selkie_sender_configure(struct selkie_sender *sender, const struct selkie_gateway_config *config)
{
    sender->config = config;
    sender->inflight.limit = config->window;
}

void selkie_sender_stop(struct selkie_sender *sender)
{
    sender->online = false;
    sender->inflight.count = 0;
    sender->inflight.unanswered = 0;
    sender->receipt_count = 0;
    sender->receipt_done = 0;
}

void selkie_sender_answered(struct selkie_sender *sender, int token, int reason)
{
    const struct selkie_inflight_entry *entry = selkie_inflight_answered(&sender->inflight, token, reason);

    /* With receipts a refusal says nothing: the plugin may keep a frame to itself with one. */
    if (entry != NULL && reason < 0x80 && sender->config->confirm == SELKIE_CONFIRM_BROKER) {
        int64_t seq = entry->seq;
        dealt_with(sender, &seq, 1);
    }
    selkie_sender_fill(sender);
}

bool selkie_sender_receipt(struct selkie_sender *sender, const char *payload, size_t len)
{
    if (sender->receipt_done == sender->receipt_count) {
        int count = selkie_receipt_parse(sender->receipt, payload, len);
        if (count < 0)
            selkie_log(LOG_WARNING, "a receipt that is none: %s", selkie_error_text(count));
        sender->receipt_count = count < 0 ? 0 : (size_t)count;
        sender->receipt_done = 0;
    }
    size_t left = sender->receipt_count - sender->receipt_done;
    size_t count = left < FORGET_MAX ? left : FORGET_MAX;
    if (count > 0)
        dealt_with(sender, sender->receipt + sender->receipt_done, count);
    sender->receipt_done += count;
    selkie_sender_fill(sender);
    return sender->receipt_done == sender->receipt_count;
}

const struct selkie_sender_counters *selkie_sender_counters(const struct selkie_sender *sender)
{
    return &sender->counters;
}
