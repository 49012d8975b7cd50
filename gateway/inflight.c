/* SPDX-License-Identifier: Apache-2.0 */
#include "inflight.h"

#include <string.h>

void selkie_inflight_reset(struct selkie_inflight *inflight, size_t limit, size_t receive_limit)
{
    inflight->count = 0;
    inflight->unanswered = 0;
    inflight->limit = limit;
    inflight->receive_limit = receive_limit > 0 ? receive_limit : 1;
    inflight->ramp = SELKIE_INFLIGHT_FIRST;
    for (size_t i = 0; i < sizeof inflight->keys / sizeof inflight->keys[0]; i++)
        inflight->keys[i].from = 0; /* the spool is read from its beginning */
}

bool selkie_inflight_may_publish(const struct selkie_inflight *inflight)
{
    return inflight->unanswered < inflight->receive_limit && inflight->unanswered < inflight->ramp;
}

bool selkie_inflight_has_room(const struct selkie_inflight *inflight)
{
    return inflight->count < inflight->limit && selkie_inflight_may_publish(inflight);
}

void selkie_inflight_add(struct selkie_inflight *inflight, int64_t seq, uint8_t key, int token, int64_t now_us)
{
    inflight->entries[inflight->count++] =
        (struct selkie_inflight_entry){.seq = seq, .since_us = now_us, .token = token, .key = key};
    inflight->unanswered++;
}

void selkie_inflight_sent_again(struct selkie_inflight *inflight, struct selkie_inflight_entry *entry, int token,
                                int64_t now_us)
{
    inflight->unanswered += entry->token == 0;
    entry->token = token;
    entry->since_us = now_us;
}

/* Quick answers say something of a larger window only where half of this one was in use. */
static void follow(struct selkie_inflight *inflight, int64_t took_us)
{
    if (took_us <= SELKIE_INFLIGHT_QUICK_US)
        inflight->ramp += 2 * inflight->unanswered >= inflight->ramp;
    else if (took_us > SELKIE_INFLIGHT_LATE_US && inflight->ramp > 2)
        inflight->ramp--;
}

struct selkie_inflight_entry *selkie_inflight_answered(struct selkie_inflight *inflight, int token, int reason,
                                                       int64_t now_us)
{
    /* No publish has token 0: it marks an entry that was answered. */
    for (size_t i = 0; i < inflight->count && token > 0; i++)
        if (inflight->entries[i].token == token) {
            inflight->entries[i].token = 0;
            inflight->entries[i].reason = reason;
            follow(inflight, now_us - inflight->entries[i].since_us);
            inflight->entries[i].since_us = now_us;
            inflight->unanswered--;
            return &inflight->entries[i];
        }
    return NULL;
}

/* The index of the frame's entry, or `count`. */
static size_t find(const struct selkie_inflight *inflight, int64_t seq)
{
    size_t i = 0;

    while (i < inflight->count && inflight->entries[i].seq != seq)
        i++;
    return i;
}

bool selkie_inflight_has(const struct selkie_inflight *inflight, int64_t seq)
{
    return find(inflight, seq) < inflight->count;
}

bool selkie_inflight_remove(struct selkie_inflight *inflight, int64_t seq)
{
    size_t i = find(inflight, seq);

    if (i == inflight->count)
        return false;
    inflight->unanswered -= inflight->entries[i].token != 0;
    inflight->count--;
    memmove(&inflight->entries[i], &inflight->entries[i + 1], (inflight->count - i) * sizeof inflight->entries[0]);
    return true;
}

static bool has_other(const struct selkie_inflight *inflight, uint8_t key, int64_t but)
{
    for (size_t i = 0; i < inflight->count; i++)
        if (inflight->entries[i].key == key && inflight->entries[i].seq != but)
            return true;
    return false;
}

static void wait_from(struct selkie_inflight_key *key, int64_t seq)
{
    if (key->from == 0 || seq < key->from)
        key->from = seq;
}

/* Read again what has waited. */
static int64_t take_from(struct selkie_inflight_key *key)
{
    int64_t from = key->from == 0 ? INT64_MAX : key->from;

    key->from = 0;
    return from;
}

int64_t selkie_inflight_receipted(struct selkie_inflight *inflight, int64_t seq, int64_t now_us)
{
    size_t i = find(inflight, seq);

    if (i == inflight->count)
        return INT64_MAX;
    struct selkie_inflight_key *key = &inflight->keys[inflight->entries[i].key];
    (void)selkie_inflight_remove(inflight, seq);
    key->receipted_us = now_us;
    key->waits = false;
    return take_from(key);
}

int64_t selkie_inflight_gone(struct selkie_inflight *inflight, int64_t seq)
{
    size_t i = find(inflight, seq);

    if (i == inflight->count)
        return INT64_MAX;
    uint8_t key = inflight->entries[i].key;
    (void)selkie_inflight_remove(inflight, seq);
    return has_other(inflight, key, 0) ? INT64_MAX : take_from(&inflight->keys[key]);
}

bool selkie_inflight_waits(struct selkie_inflight *inflight, int64_t seq, uint8_t key)
{
    if (!inflight->keys[key].waits || !has_other(inflight, key, 0))
        return false;
    wait_from(&inflight->keys[key], seq);
    return true;
}

bool selkie_inflight_set_aside(struct selkie_inflight *inflight, const struct selkie_inflight_entry *entry)
{
    struct selkie_inflight_key *key = &inflight->keys[entry->key];
    int64_t seq = entry->seq;

    if (entry->key == 0 || key->receipted_us > entry->since_us)
        return false;
    key->waits = true;
    if (!has_other(inflight, entry->key, seq))
        return false;
    wait_from(key, seq);
    (void)selkie_inflight_remove(inflight, seq);
    return true;
}

static struct selkie_inflight_entry *find_oldest(struct selkie_inflight *inflight, bool answered)
{
    struct selkie_inflight_entry *oldest = NULL;

    for (size_t i = 0; i < inflight->count; i++)
        if ((inflight->entries[i].token == 0) == answered &&
            (!oldest || inflight->entries[i].since_us < oldest->since_us))
            oldest = &inflight->entries[i];
    return oldest;
}

struct selkie_inflight_entry *selkie_inflight_oldest_answered(struct selkie_inflight *inflight)
{
    return find_oldest(inflight, true);
}

struct selkie_inflight_entry *selkie_inflight_oldest_unanswered(struct selkie_inflight *inflight)
{
    return find_oldest(inflight, false);
}
