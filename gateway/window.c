/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <string.h>

void selkie_window_reset(struct selkie_window *window, size_t limit, size_t receive_limit)
{
    window->count = 0;
    window->unanswered = 0;
    window->limit = limit;
    window->receive_limit = receive_limit > 0 ? receive_limit : 1;
}

bool selkie_window_may_publish(const struct selkie_window *window)
{
    return window->unanswered < window->receive_limit;
}

bool selkie_window_has_room(const struct selkie_window *window)
{
    return window->count < window->limit && selkie_window_may_publish(window);
}

void selkie_window_add(struct selkie_window *window, int64_t seq, int token, uint64_t now_us)
{
    window->entries[window->count++] = (struct selkie_window_entry){.seq = seq, .sent_us = now_us, .token = token};
    window->unanswered++;
}

void selkie_window_sent_again(struct selkie_window *window, struct selkie_window_entry *entry, int token,
                              uint64_t now_us)
{
    if (entry->token == 0)
        window->unanswered++;
    entry->token = token;
    entry->sent_us = now_us;
}

struct selkie_window_entry *selkie_window_answered(struct selkie_window *window, int token, int reason)
{
    /* Zero is not a publish's token, but the mark of an entry that was answered. */
    for (size_t i = 0; i < window->count && token > 0; i++)
        if (window->entries[i].token == token) {
            window->entries[i].token = 0;
            window->entries[i].reason = reason;
            window->unanswered--;
            return &window->entries[i];
        }
    return NULL;
}

bool selkie_window_remove(struct selkie_window *window, int64_t seq)
{
    for (size_t i = 0; i < window->count; i++)
        if (window->entries[i].seq == seq) {
            window->unanswered -= window->entries[i].token != 0;
            window->count--;
            memmove(&window->entries[i], &window->entries[i + 1], (window->count - i) * sizeof(window->entries[0]));
            return true;
        }
    return false;
}

bool selkie_window_has(const struct selkie_window *window, int64_t seq)
{
    for (size_t i = 0; i < window->count; i++)
        if (window->entries[i].seq == seq)
            return true;
    return false;
}

static struct selkie_window_entry *find_oldest(struct selkie_window *window, bool answered_too)
{
    struct selkie_window_entry *oldest = NULL;

    for (size_t i = 0; i < window->count; i++)
        if ((answered_too || window->entries[i].token != 0) &&
            (oldest == NULL || window->entries[i].sent_us < oldest->sent_us))
            oldest = &window->entries[i];
    return oldest;
}

struct selkie_window_entry *selkie_window_oldest(struct selkie_window *window)
{
    return find_oldest(window, true);
}

struct selkie_window_entry *selkie_window_oldest_unanswered(struct selkie_window *window)
{
    return find_oldest(window, false);
}
