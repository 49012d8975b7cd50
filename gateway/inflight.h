/* SPDX-License-Identifier: Apache-2.0 */
/* The frames in flight: published and not yet acknowledged, in the order of sending. At most as many as the configured
 * window, and at most as many without a PUBACK as the broker accepts and the way to it carries: a connection begins
 * with SELKIE_INFLIGHT_FIRST.
 *
 * A key of the plugin may be unavailable (a token that is away). Then no frame that is sealed for it gets a receipt,
 * and a window full of them would stop all others. So once no receipt has come for a key's frames in time, one of them
 * stays in flight and is sent again and again; the others wait until it has its receipt.
 *
 * Bookkeeping only: no I/O, no clock; one thread. */
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
    uint8_t key;      /* for which the frame is sealed; 0 = for none */
};

/* The frames of one key. */
struct selkie_inflight_key {
    bool waits;           /* no receipt has come in time: one is in flight, and no further one is sent */
    int64_t from;         /* the first that waits, by its seq; 0 = none was seen */
    int64_t receipted_us; /* the last receipt */
};

struct selkie_inflight {
    struct selkie_inflight_entry entries[SELKIE_WINDOW_MAX];
    size_t count;
    size_t unanswered;    /* entries with a token */
    size_t limit;         /* the configured window */
    size_t receive_limit; /* how many unanswered publishes the broker accepts, at least 1 */
    struct selkie_inflight_key keys[256];
    size_t ramp; /* how many the way to it carries: one more with each quick answer while half of them are in use, one
                  less with a late one */
};

/* Empty it, for a new connection. The keys whose frames wait stay so. */
void selkie_inflight_reset(struct selkie_inflight *inflight, size_t limit, size_t receive_limit);

/* Whether one more frame may be sent, and whether one more publish of any kind. */
bool selkie_inflight_has_room(const struct selkie_inflight *inflight);
bool selkie_inflight_may_publish(const struct selkie_inflight *inflight);

/* A frame was sent: for the first time in this connection (there must be room), or again. */
void selkie_inflight_add(struct selkie_inflight *inflight, int64_t seq, uint8_t key, int token, int64_t now_us);
void selkie_inflight_sent_again(struct selkie_inflight *inflight, struct selkie_inflight_entry *entry, int token,
                                int64_t now_us);

/* The broker answered a publish. Returns its entry, valid until the next change; NULL if no entry has this token. */
struct selkie_inflight_entry *selkie_inflight_answered(struct selkie_inflight *inflight, int token, int reason,
                                                       int64_t now_us);

/* The frame is acknowledged, or gone. False if it is not in flight. */
bool selkie_inflight_remove(struct selkie_inflight *inflight, int64_t seq);

/* The same for a frame with a receipt, which ends the wait of its key; and for one that is gone. Both return the seq
 * from which the spool is to be read again, INT64_MAX for none. */
int64_t selkie_inflight_receipted(struct selkie_inflight *inflight, int64_t seq, int64_t now_us);
int64_t selkie_inflight_gone(struct selkie_inflight *inflight, int64_t seq);

/* Whether a frame that is not in flight has to wait for another one of its key. */
bool selkie_inflight_waits(struct selkie_inflight *inflight, int64_t seq, uint8_t key);

/* The receipt of an answered entry is overdue. Unless others of its key had theirs meanwhile, its key's frames wait
 * from now on. Returns true if another one of the key is in flight: then this one is not any more, and waits too. */
bool selkie_inflight_set_aside(struct selkie_inflight *inflight, const struct selkie_inflight_entry *entry);

/* Whether the frame is in flight. */
bool selkie_inflight_has(const struct selkie_inflight *inflight, int64_t seq);

/* The entry that the broker answered longest ago, and the one that has waited longest for its answer; NULL if there is
 * none. */
struct selkie_inflight_entry *selkie_inflight_oldest_answered(struct selkie_inflight *inflight);
struct selkie_inflight_entry *selkie_inflight_oldest_unanswered(struct selkie_inflight *inflight);

#endif
