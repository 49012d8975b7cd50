/* SPDX-License-Identifier: Apache-2.0 */
/* The frames in flight: published and not yet acknowledged, in the order of sending. At most as many as the configured
 * window, and at most as many without a PUBACK as the broker accepts and the way to it carries: a connection begins
 * with SELKIE_INFLIGHT_FIRST. Bookkeeping only: no I/O, no clock; one thread. */
#ifndef SELKIE_GATEWAY_INFLIGHT_H
#define SELKIE_GATEWAY_INFLIGHT_H

#include "gateway_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_INFLIGHT_FIRST    8
#define SELKIE_INFLIGHT_QUICK_US 5000000
#define SELKIE_INFLIGHT_LATE_US  10000000

struct selkie_inflight_entry {
    int64_t seq;
    int64_t since_us; /* of the last publish, or of the broker's answer to it; monotonic clock */
    int token;        /* of that publish; 0 once the broker has answered it */
    int reason;       /* the MQTT reason in that answer */
};

struct selkie_inflight {
    struct selkie_inflight_entry entries[SELKIE_WINDOW_MAX];
    size_t count;
    size_t unanswered;    /* entries with a token */
    size_t limit;         /* the configured window */
    size_t receive_limit; /* how many unanswered publishes the broker accepts, at least 1 */
    size_t ramp; /* how many the way to it carries: one more with each quick answer, one less with a late one */
};

/* Empty it, for a new connection. */
void selkie_inflight_reset(struct selkie_inflight *inflight, size_t limit, size_t receive_limit);

/* Whether one more frame may be sent, and whether one more publish of any kind. */
bool selkie_inflight_has_room(const struct selkie_inflight *inflight);
bool selkie_inflight_may_publish(const struct selkie_inflight *inflight);

/* A frame was sent: for the first time in this connection (there must be room), or again. */
void selkie_inflight_add(struct selkie_inflight *inflight, int64_t seq, int token, int64_t now_us);
void selkie_inflight_sent_again(struct selkie_inflight *inflight, struct selkie_inflight_entry *entry, int token,
                                int64_t now_us);

/* The broker answered a publish. Returns its entry, valid until the next change; NULL if no entry has this token. */
struct selkie_inflight_entry *selkie_inflight_answered(struct selkie_inflight *inflight, int token, int reason,
                                                       int64_t now_us);

/* The frame is acknowledged, or gone. False if it is not in flight. */
bool selkie_inflight_remove(struct selkie_inflight *inflight, int64_t seq);

/* Whether the frame is in flight. */
bool selkie_inflight_has(const struct selkie_inflight *inflight, int64_t seq);

/* The entry that the broker answered longest ago, and the one that has waited longest for its answer; NULL if there is
 * none. */
struct selkie_inflight_entry *selkie_inflight_oldest_answered(struct selkie_inflight *inflight);
struct selkie_inflight_entry *selkie_inflight_oldest_unanswered(struct selkie_inflight *inflight);

#endif
