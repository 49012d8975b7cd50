/* SPDX-License-Identifier: Apache-2.0 */
#include "sender.h"

#include "inflight.h"
#include "log.h"
#include "timer.h"

#include <jansson.h>
#include <selkie/clock.h>
#include <selkie/frame.h>
#include <stdlib.h>

#define ANSWER_US  (30 * SELKIE_SEC_US)
#define SYNC_US    (1 * SELKIE_SEC_US)
#define RETRY_US   (1 * SELKIE_SEC_US) /* of what is not possible just now */
#define FORGET_MAX 8                   /* frames in one turn of the loop */
#define SKIP_MAX   64                  /* likewise */
#define JUNK_US    (60 * SELKIE_SEC_US)

/* Behind the broker's events: what the loop has not handled yet is not overdue. */
#define OVERDUE_RANK (SELKIE_GATEWAY_BROKER_RANK + 1)

struct selkie_sender {
    struct selkie_spool *spool;
    struct selkie_gateway_broker *broker;
    void (*dead)(void *context);
    void *context;
    const struct selkie_gateway_config *config;
    struct selkie_sender_counters counters;
    bool online;
    bool resend_logged;          /* and not again before a frame is dealt with */
    int64_t heard_us;            /* the last PUBACK, or the first publish since the broker owed none */
    struct selkie_timer answer;  /* when a PUBACK or a receipt has been due long enough */
    struct selkie_timer overdue; /* what follows from that, once the events that have come are handled */
    struct selkie_timer sync;    /* makes forgetting durable */
    struct selkie_timer retry;   /* of a spool that could not be read */
    struct selkie_timer later;   /* the next frame, in the next turn */
    int64_t cursor;              /* seq of the last frame read from the spool in this connection */
    unsigned generation;         /* of the spool, at the cursor */
    int64_t highest_sent;        /* seq, since the start of the program */
    struct selkie_inflight inflight;
    struct selkie_spool_frame frame; /* the one being sent */
    int64_t receipt[SELKIE_RECEIPT_MAX];
    size_t receipt_count;
    size_t receipt_done; /* of these */
    int64_t junk_us;     /* when the log last had receipts that are none; 0: never */
    unsigned junk;       /* since then */
};

static bool is_over(int64_t since_us)
{
    return selkie_clock_monotonic_us() >= since_us + ANSWER_US;
}

static void on_answer_due(void *context)
{
    struct selkie_sender *sender = context;

    (void)selkie_timer_later(&sender->overdue, OVERDUE_RANK);
}

static void on_overdue(void *context);

static void on_fill(void *context)
{
    selkie_sender_fill(context);
}

static void on_sync(void *context)
{
    const struct selkie_sender *sender = context;

    selkie_spool_sync(sender->spool);
}

struct selkie_sender *selkie_sender_open(sd_event *event, struct selkie_spool *spool,
                                         struct selkie_gateway_broker *broker, void (*dead)(void *context),
                                         void *context)
{
    struct selkie_sender *sender = calloc(1, sizeof *sender);

    if (!sender) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    sender->spool = spool;
    sender->broker = broker;
    sender->dead = dead;
    sender->context = context;
    selkie_timer_init(&sender->answer, event, on_answer_due, sender);
    selkie_timer_init(&sender->overdue, event, on_overdue, sender);
    selkie_timer_init(&sender->sync, event, on_sync, sender);
    selkie_timer_init(&sender->retry, event, on_fill, sender);
    selkie_timer_init(&sender->later, event, on_fill, sender);
    return sender;
}

void selkie_sender_close(struct selkie_sender *sender)
{
    if (!sender)
        return;
    selkie_timer_wipe(&sender->answer);
    selkie_timer_wipe(&sender->overdue);
    selkie_timer_wipe(&sender->sync);
    selkie_timer_wipe(&sender->retry);
    selkie_timer_wipe(&sender->later);
    free(sender);
}

/* A running timer keeps its time: it fires for what was the oldest then, and is set for what is the oldest now. A frame
 * that is still due could not be sent: too many publishes are unanswered, or the spool is unreadable. */
static void await_answer(struct selkie_sender *sender)
{
    const struct selkie_inflight_entry *answered = selkie_inflight_oldest_answered(&sender->inflight);
    int64_t since_us = answered ? answered->since_us : INT64_MAX;

    if (sender->inflight.unanswered > 0 && sender->heard_us < since_us)
        since_us = sender->heard_us;
    if (since_us == INT64_MAX)
        return;
    int64_t left = since_us + ANSWER_US - selkie_clock_monotonic_us();
    selkie_timer_start(&sender->answer, left > 0 ? left : RETRY_US);
}

/* Publish the frame that was read. The token of the publish, or below 0: the connection has just ended, and its event
 * is on its way. */
static int publish(struct selkie_sender *sender)
{
    int token = selkie_gateway_broker_publish_frame(sender->broker, &sender->frame);

    if (token < 0)
        return token;
    if (sender->inflight.unanswered == 0)
        sender->heard_us = selkie_clock_monotonic_us();
    sender->counters.sent++;
    if (sender->frame.seq <= sender->highest_sent)
        sender->counters.resent++;
    else
        sender->highest_sent = sender->frame.seq;
    return token;
}

/* The key for which the frame that was read is sealed; 0 = for none. */
static uint8_t key_of(const struct selkie_spool_frame *spooled)
{
    struct selkie_frame frame;

    return selkie_frame_decode(&frame, spooled->body, spooled->len) == 0 && frame.type == SELKIE_SEALED
               ? frame.sealed.key_id
               : 0;
}

static void read_again_from(struct selkie_sender *sender, int64_t seq)
{
    if (seq - 1 < sender->cursor)
        sender->cursor = seq - 1;
}

/* Read the next frame that is not in flight and need not wait. False if there is none, or none can be read now. */
static bool read_next(struct selkie_sender *sender)
{
    unsigned waiting = 0;
    int result;

    for (;;) {
        if (sender->generation != selkie_spool_generation(sender->spool))
            sender->cursor = 0;
        sender->generation = selkie_spool_generation(sender->spool);
        result = selkie_spool_next(sender->spool, sender->cursor, &sender->frame);
        if (result < 0)
            break;
        if (!selkie_inflight_has(&sender->inflight, sender->frame.seq)) {
            if (!selkie_inflight_waits(&sender->inflight, sender->frame.seq, key_of(&sender->frame)))
                break;
            waiting++;
        }
        sender->cursor = sender->frame.seq;
        if (waiting == SKIP_MAX) {
            (void)selkie_timer_later(&sender->later, SELKIE_GATEWAY_BROKER_RANK);
            return false;
        }
    }
    if (result == SELKIE_ESTORAGE)
        selkie_timer_set(&sender->retry, RETRY_US);
    return result == 0;
}

/* A slow line holds enough already: what is sent now would wait behind it, and so would state and stats. Paho does not
 * even read while its socket takes no more. */
static bool is_backed_up(struct selkie_sender *sender)
{
    const struct selkie_inflight_entry *oldest = selkie_inflight_oldest_unanswered(&sender->inflight);

    return oldest && selkie_clock_monotonic_us() >= oldest->since_us + SELKIE_INFLIGHT_LATE_US;
}

/* Send a frame that has not been sent in this connection. False if there is none, or none can be sent now. */
static bool send_new(struct selkie_sender *sender)
{
    if (!selkie_inflight_has_room(&sender->inflight) || is_backed_up(sender) || !read_next(sender))
        return false;
    int token = publish(sender);
    if (token < 0)
        return false;
    sender->cursor = sender->frame.seq;
    selkie_inflight_add(&sender->inflight, sender->frame.seq, key_of(&sender->frame), token,
                        selkie_clock_monotonic_us());
    return true;
}

/* Set a frame aside whose receipt is overdue, if its key is unavailable and another one of the key is under way. */
static bool set_aside(struct selkie_sender *sender, const struct selkie_inflight_entry *entry)
{
    uint8_t key = entry->key;
    bool waited = sender->inflight.keys[key].waits;

    if (sender->config->confirm != SELKIE_CONFIRM_RECEIPT)
        return false;
    bool aside = selkie_inflight_set_aside(&sender->inflight, entry);
    if (!waited && sender->inflight.keys[key].waits)
        selkie_log(
            LOG_WARNING,
            "broker %s: no receipt for frames of key %u for 30 s: one is sent again and again, further ones wait; "
            "is the key's token unavailable at the plugin?",
            selkie_gateway_broker_uri(sender->broker), key);
    return aside;
}

/* Send a frame again whose receipt is overdue. False if there is none, or it cannot be sent now. */
static bool send_due(struct selkie_sender *sender)
{
    struct selkie_inflight_entry *entry = selkie_inflight_oldest_answered(&sender->inflight);

    if (!entry || !is_over(entry->since_us))
        return false;
    if (set_aside(sender, entry))
        return true;
    if (!selkie_inflight_may_publish(&sender->inflight))
        return false;
    int result = selkie_spool_next(sender->spool, entry->seq - 1, &sender->frame);
    if (result == SELKIE_ESTORAGE)
        return false;
    if (result == SELKIE_ENOTFOUND || sender->frame.seq != entry->seq) { /* dropped by a full spool */
        read_again_from(sender, selkie_inflight_gone(&sender->inflight, entry->seq));
        return true;
    }
    if (!sender->resend_logged)
        selkie_log(LOG_WARNING, "broker %s: no %s for 30 s (the PUBACK said: %s); frames are sent again",
                   selkie_gateway_broker_uri(sender->broker),
                   sender->config->confirm == SELKIE_CONFIRM_RECEIPT ? "receipt" : "acceptance",
                   selkie_mqtt_reason(entry->reason));
    sender->resend_logged = true;
    int token = publish(sender);
    if (token < 0)
        return false;
    selkie_inflight_sent_again(&sender->inflight, entry, token, selkie_clock_monotonic_us());
    return true;
}

/* One frame a turn: a publish may wait for Paho's lock, and so for a write to the socket. */
void selkie_sender_fill(struct selkie_sender *sender)
{
    if (!sender->online)
        return;
    if (send_new(sender))
        (void)selkie_timer_later(&sender->later,
                                 SELKIE_GATEWAY_BROKER_RANK); /* else the next frame or answer goes on */
    await_answer(sender);
}

static void on_overdue(void *context)
{
    struct selkie_sender *sender = context;

    if (!sender->online)
        return;
    if (sender->inflight.unanswered > 0 && is_over(sender->heard_us)) {
        sender->dead(sender->context);
        return;
    }
    if (send_due(sender))
        (void)selkie_timer_later(&sender->overdue, OVERDUE_RANK);
    await_answer(sender);
}

static void dealt_with(struct selkie_sender *sender, const int64_t *seqs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_again_from(sender, selkie_inflight_receipted(&sender->inflight, seqs[i], selkie_clock_monotonic_us()));
    size_t forgotten = selkie_spool_forget(sender->spool, seqs, count);
    /* A running timer keeps its time, or a long backlog would be forgotten in one transaction at its end. */
    if (forgotten > 0)
        selkie_timer_start(&sender->sync, SYNC_US);
    sender->counters.receipted += forgotten;
    sender->resend_logged = false;
}

void selkie_sender_start(struct selkie_sender *sender, const struct selkie_gateway_config *config,
                         size_t receive_maximum)
{
    sender->config = config;
    sender->online = true;
    sender->cursor = 0;
    /* One of the unanswered publishes that the broker accepts is for `state`. */
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
    selkie_inflight_reset(&sender->inflight, 0, 0);
    sender->receipt_count = 0;
    sender->receipt_done = 0;
}

void selkie_sender_answered(struct selkie_sender *sender, int token, int reason)
{
    int64_t now_us = selkie_clock_monotonic_us();
    const struct selkie_inflight_entry *entry = selkie_inflight_answered(&sender->inflight, token, reason, now_us);

    sender->heard_us = now_us;
    /* With receipts a refusal means nothing: the plugin may refuse a frame that it has kept. */
    if (entry && reason < 0x80 && sender->config->confirm == SELKIE_CONFIRM_BROKER) {
        int64_t seq = entry->seq;
        dealt_with(sender, &seq, 1);
    }
    selkie_sender_fill(sender);
}

int selkie_sender_parse_receipt(int64_t seqs[static SELKIE_RECEIPT_MAX], int64_t *instance, const char *text,
                                size_t len)
{
    json_t *receipt = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(receipt, "seq");
    const json_t *whose = json_object_get(receipt, "instance");
    size_t count = json_array_size(list);
    int result = json_is_array(list) && (!whose || json_is_integer(whose)) ? 0 : SELKIE_EMALFORMED;

    for (size_t i = 0; i < count && result >= 0 && result < SELKIE_RECEIPT_MAX; i++) {
        const json_t *seq = json_array_get(list, i);
        if (!json_is_integer(seq) || json_integer_value(seq) <= 0)
            result = SELKIE_EMALFORMED;
        else
            seqs[result++] = json_integer_value(seq);
    }
    *instance = json_integer_value(whose);
    json_decref(receipt);
    return result;
}

/* Whoever may publish receipts may do so a thousand times a second: the log has the first, then a count each minute. */
static void ignore(struct selkie_sender *sender, int error)
{
    int64_t now_us = selkie_clock_monotonic_us();

    sender->junk++;
    if (sender->junk_us != 0 && now_us < sender->junk_us + JUNK_US)
        return;
    if (sender->junk == 1)
        selkie_log(LOG_WARNING, "ignored a receipt: %s", selkie_error_text(error));
    else
        selkie_log(LOG_WARNING, "ignored %u more receipts, the last one: %s", sender->junk, selkie_error_text(error));
    sender->junk_us = now_us;
    sender->junk = 0;
}

bool selkie_sender_receipt(struct selkie_sender *sender, const char *payload, size_t len)
{
    if (sender->receipt_done == sender->receipt_count) {
        int64_t instance;
        int parsed = selkie_sender_parse_receipt(sender->receipt, &instance, payload, len);
        if (parsed < 0)
            ignore(sender, parsed);
        bool foreign = instance != 0 && instance != selkie_spool_instance(sender->spool);
        sender->receipt_count = parsed < 0 || foreign ? 0 : (size_t)parsed;
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
