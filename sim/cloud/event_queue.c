/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/event_queue.h"

#include "core/virtual_clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct selkie_sim_event_queue {
    pthread_mutex_t lock; /* over all below */
    struct selkie_sim_event *first, **last;
    size_t count;
    uint64_t dropped;
    int bell;
};

int selkie_sim_event_queue_open(struct selkie_sim_event_queue **queue)
{
    struct selkie_sim_event_queue *opened = calloc(1, sizeof *opened);

    *queue = NULL;
    if (!opened)
        return SELKIE_ENOMEM;
    opened->last = &opened->first;
    opened->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (opened->bell < 0 || pthread_mutex_init(&opened->lock, NULL) != 0) {
        if (opened->bell >= 0)
            (void)close(opened->bell);
        free(opened);
        return SELKIE_EIO;
    }
    *queue = opened;
    return 0;
}

void selkie_sim_event_queue_close(struct selkie_sim_event_queue *queue)
{
    if (!queue)
        return;
    for (struct selkie_sim_event *event; (event = selkie_sim_event_queue_take(queue)) != NULL;)
        free(event);
    (void)pthread_mutex_destroy(&queue->lock);
    (void)close(queue->bell);
    free(queue);
}

struct selkie_sim_event *selkie_sim_event_new(enum selkie_sim_event_kind kind, struct selkie_mqtt *client, size_t len)
{
    struct selkie_sim_event *event = malloc(sizeof *event + len + 1);

    if (!event)
        return NULL;
    *event = (struct selkie_sim_event){.kind = kind, .client = client, .wall_us = selkie_wall_us(), .len = len};
    event->payload[len] = '\0';
    return event;
}

void selkie_sim_event_queue_put_take(struct selkie_sim_event_queue *queue, struct selkie_sim_event *event)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&queue->lock);
    bool full = queue->count == SELKIE_SIM_EVENT_QUEUE_MAX;
    bool was_empty = queue->count == 0;
    if (full) {
        queue->dropped++;
    } else {
        *queue->last = event;
        queue->last = &event->next;
        queue->count++;
    }
    /* Under the lock, so that the bell never rings late for a queue that was emptied meanwhile. */
    if (was_empty && write(queue->bell, &one, sizeof one) < 0)
        queue->dropped++; /* cannot happen: the counter of an eventfd does not overflow by ones */
    (void)pthread_mutex_unlock(&queue->lock);
    if (full)
        free(event);
}

/* Under the lock: the bell rings while, and only while, there are events. */
static void unlink_event(struct selkie_sim_event_queue *queue, struct selkie_sim_event **link)
{
    uint64_t rings;

    if (!(*link)->next)
        queue->last = link;
    *link = (*link)->next;
    if (--queue->count == 0)
        (void)!read(queue->bell, &rings, sizeof rings);
}

struct selkie_sim_event *selkie_sim_event_queue_take(struct selkie_sim_event_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    struct selkie_sim_event *event = queue->first;
    if (event)
        unlink_event(queue, &queue->first);
    (void)pthread_mutex_unlock(&queue->lock);
    return event;
}

void selkie_sim_event_queue_forget(struct selkie_sim_event_queue *queue, const struct selkie_mqtt *client)
{
    (void)pthread_mutex_lock(&queue->lock);
    for (struct selkie_sim_event **link = &queue->first; *link;) {
        struct selkie_sim_event *event = *link;
        if (event->client != client) {
            link = &event->next;
            continue;
        }
        unlink_event(queue, link);
        free(event);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

int selkie_sim_event_queue_fd(const struct selkie_sim_event_queue *queue)
{
    return queue->bell;
}

uint64_t selkie_sim_event_queue_dropped(struct selkie_sim_event_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    uint64_t dropped = queue->dropped;
    (void)pthread_mutex_unlock(&queue->lock);
    return dropped;
}
