/* SPDX-License-Identifier: Apache-2.0 */
/* The frames under way: sent and not yet dealt with, in the order of sending. At most the configured window, and no
 * more without a PUBACK than the broker takes. Pure bookkeeping: no I/O, no clock of its own; one thread. */
#ifndef SELKIE_GATEWAY_INFLIGHT_H
#define SELKIE_GATEWAY_INFLIGHT_H

#include "gateway_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_inflight_entry {
    int64_t seq;
    int64_t sent_us; /* when it was last sent, steady clock */
    int token;       /* of the publish under way, 0 once the broker answered it */
    int reason;      /* that answer */
};

struct selkie_inflight {
    struct selkie_inflight_entry entries[SELKIE_WINDOW_MAX];
    size_t count;
    size_t unanswered;    /* entries with a token */
    size_t limit;         /* the configured window */
    size_t receive_limit; /* what the broker takes unanswered, at least 1 */
};

/* Empty, for a new connection. */
void selkie_inflight_reset(struct selkie_inflight *inflight, size_t limit, size_t receive_limit);

/* Whether one more frame may be sent, and one more publish at all. */
bool selkie_inflight_has_room(const struct selkie_inflight *inflight);
bool selkie_inflight_may_publish(const struct selkie_inflight *inflight);

/* A frame was sent: for the first time in this connection (there must be room), or again. */
void selkie_inflight_add(struct selkie_inflight *inflight, int64_t seq, int token, int64_t now_us);
void selkie_inflight_sent_again(struct selkie_inflight *inflight, struct selkie_inflight_entry *entry, int token,
                                int64_t now_us);

/* The broker answered a publish. Returns the entry, valid until the window changes; NULL where none has this token. */
struct selkie_inflight_entry *selkie_inflight_answered(struct selkie_inflight *inflight, int token, int reason);

/* The frame is dealt with. False where it is not under way. */
bool selkie_inflight_remove(struct selkie_inflight *inflight, int64_t seq);

/* Whether the frame is under way. */
bool selkie_inflight_has(const struct selkie_inflight *inflight, int64_t seq);

/* The entry that was sent longest ago, of all and of those that the broker has not answered; or NULL. */
struct selkie_inflight_entry *selkie_inflight_oldest(struct selkie_inflight *inflight);
struct selkie_inflight_entry *selkie_inflight_oldest_unanswered(struct selkie_inflight *inflight);

#endif
