/* SPDX-License-Identifier: Apache-2.0 */
/* The ACKs of one radio channel, whatever the number of lines that receive it. PROTOCOL.md, section 2.
 *
 * An ACK waits until no line of the channel has had a byte for quiet_ms, and none is inside a frame or expects another
 * fragment of a body. Then it waits for a
 * random part of four slots, each as long as an ACK and 10 ms more: other gateways that heard the same frame draw their
 * own. It is not sent once the same ACK was overheard, and a body that several lines heard is acknowledged once.
 *
 * Gateways divide devices among themselves without a word: the one that acknowledged a device goes first from then on,
 * and one that overheard another's ACK leaves the first slot to it. A repeat shows that the ACK did not arrive: then
 * all draw, and a gateway whose own ACK it was goes on drawing, because there may be another one that it does not hear.
 *
 * An ACK is dropped SELKIE_ACK_KEEP_US after it could have been sent, and when SELKIE_ACKS_MAX newer ones wait: the
 * device repeats a frame that gets no ACK. Never blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_ACK_CHANNEL_H
#define SELKIE_GATEWAY_ACK_CHANNEL_H

#include "gateway_config.h"
#include "timer.h"

#include <selkie/frame.h>

#define SELKIE_ACKS_MAX    8
#define SELKIE_ACK_KEEP_US INT64_C(2000000)
#define SELKIE_ACK_SENDERS 64 /* devices whose last ACK is remembered */
#define SELKIE_ACK_NAME    SELKIE_ADDRESS_SIZE

/* Since the start of the program. */
struct selkie_ack_counters {
    uint64_t acked;     /* ACKs sent */
    uint64_t lost;      /* ACKs dropped: the line was busy for too long, or is gone */
    uint64_t overheard; /* ACKs that another gateway sent first */
};

/* A line's part. All zero at first; the line fills in the first members before it joins. */
struct selkie_ack_line {
    const struct selkie_gateway_line *settings;
    int (*send)(void *context, const uint8_t *wire, size_t len); /* 0, or a negative error */
    void *context;
    struct selkie_ack_counters counters;

    int64_t inside_us; /* inside a frame since then; 0: it is not */
    int64_t heard_us;  /* the last byte */
    int64_t until_us;  /* another fragment may come until then */
    int64_t silent_us; /* duty cycle: no ACK before this */
    struct selkie_ack_line *next;
};

/* Who acknowledges a device. */
enum selkie_ack_role {
    SELKIE_ACK_UNKNOWN,
    SELKIE_ACK_OURS,
    SELKIE_ACK_THEIRS,
    SELKIE_ACK_CONTESTED /* ours did not arrive: somebody answers too whom we do not hear. All waits are drawn */
};

struct selkie_ack {
    uint8_t body[SELKIE_ACK_SIZE];
    uint8_t sender[SELKIE_ACK_NAME]; /* the device: its address, or its session tag and zeroes */
    struct selkie_ack_line *line;
    int64_t since_us;
};

struct selkie_ack_channel {
    struct selkie_timer timer; /* fires when the first ACK may be sent */
    struct selkie_ack_line *lines;
    int64_t busy_us; /* when the channel was last busy, in either direction */
    int64_t wait_us; /* drawn for the silence since then; negative: not drawn yet */
    struct selkie_ack waiting[SELKIE_ACKS_MAX], sent[SELKIE_ACKS_MAX];
    size_t waiting_count, sent_at;
    struct {
        uint8_t sender[SELKIE_ACK_NAME];
        enum selkie_ack_role role;
    } senders[SELKIE_ACK_SENDERS];
    size_t senders_at;
};

void selkie_ack_channel_init(struct selkie_ack_channel *channel, sd_event *event);
void selkie_ack_channel_wipe(struct selkie_ack_channel *channel);

void selkie_ack_channel_join(struct selkie_ack_channel *channel, struct selkie_ack_line *line);
/* Drops the ACKs that wait for this line. */
void selkie_ack_channel_leave(struct selkie_ack_channel *channel, struct selkie_ack_line *line);

/* The line had bytes, and is inside a frame now, or not. */
void selkie_ack_channel_heard(struct selkie_ack_channel *channel, struct selkie_ack_line *line, bool inside);

/* The line heard a fragment, and the next one may come until then. */
void selkie_ack_channel_expect(struct selkie_ack_line *line, int64_t until_us);

/* Acknowledge a body that the line heard; `repeat`: heard before. */
void selkie_ack_channel_put(struct selkie_ack_channel *channel, struct selkie_ack_line *line, const uint8_t *body,
                            size_t len, bool repeat);

/* An ACK was heard: somebody else's, or our own on another line. */
void selkie_ack_channel_overheard(struct selkie_ack_channel *channel, const uint8_t ack[static SELKIE_ACK_SIZE]);

#endif
