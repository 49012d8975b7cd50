/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_queue.h"

#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct item {
    struct item *next;
    struct selkie_broker_event event;
    char payload[];
};

struct selkie_broker_queue {
    selkie_broker_handler *handler;
    void *context;
    sd_event_source *source;
    int bell;
    pthread_mutex_t lock; /* guards what follows; never held while Paho or the handler is called */
    struct item *first;
    struct item **end;
    size_t messages;
};

static struct item *look(struct selkie_broker_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    struct item *item = queue->first;
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

/* The first one is done with. Only the loop takes items away, so it still is the one that was looked at. */
static void drop_first(struct selkie_broker_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    struct item *item = queue->first;
    queue->first = item->next;
    queue->messages -= item->event.kind == SELKIE_BROKER_MESSAGE ? 1 : 0;
    if (queue->first == NULL)
        queue->end = &queue->first;
    (void)pthread_mutex_unlock(&queue->lock);
    free(item);
}

/* The write can only fail while the counter is at its end, and then the loop is awake anyway. */
static void ring(struct selkie_broker_queue *queue)
{
    static const uint64_t one = 1;

    if (write(queue->bell, &one, sizeof(one)) < 0)
        return;
}

static int on_bell(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_broker_queue *queue = context;
    uint64_t rings;

    (void)source;
    (void)events;
    if (read(fd, &rings, sizeof(rings)) != (ssize_t)sizeof(rings) && errno != EAGAIN)
        selkie_log(LOG_ERR, "eventfd: %s", strerror(errno));
    const struct item *item = look(queue); /* after the bell was read: what is put now rings again */
    if (item != NULL && queue->handler(queue->context, &item->event))
        drop_first(queue);
    if (item != NULL) /* perhaps there are more, after what else waits */
        ring(queue);
    return 0;
}

struct selkie_broker_queue *selkie_broker_queue_open(sd_event *event, selkie_broker_handler *handler, void *context)
{
    struct selkie_broker_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    queue->handler = handler;
    queue->context = context;
    queue->end = &queue->first;
    (void)pthread_mutex_init(&queue->lock, NULL);
    queue->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->bell < 0 || sd_event_add_io(event, &queue->source, queue->bell, EPOLLIN, on_bell, queue) < 0 ||
        sd_event_source_set_priority(queue->source, SELKIE_BROKER_QUEUE_RANK) < 0) {
        selkie_log(LOG_ERR, "eventfd: %s", strerror(errno));
        selkie_broker_queue_close(queue);
        return NULL;
    }
    return queue;
}

void selkie_broker_queue_close(struct selkie_broker_queue *queue)
{
    if (queue == NULL)
        return;
    sd_event_source_disable_unref(queue->source);
    if (queue->bell >= 0) {
        while (look(queue) != NULL)
            drop_first(queue);
        (void)close(queue->bell);
    }
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void selkie_broker_queue_put(struct selkie_broker_queue *queue, const struct selkie_broker_event *event)
{
    bool message = event->kind == SELKIE_BROKER_MESSAGE;
    struct item *item = event->len > SELKIE_BROKER_MESSAGE_MAX ? NULL : malloc(sizeof(*item) + event->len);

    if (item == NULL)
        return;
    item->next = NULL;
    item->event = *event;
    if (event->len > 0)
        memcpy(item->payload, event->payload, event->len);
    item->event.payload = item->payload;

    (void)pthread_mutex_lock(&queue->lock);
    bool full = message && queue->messages >= SELKIE_BROKER_MESSAGES_MAX;
    if (!full) {
        *queue->end = item;
        queue->end = &item->next;
        queue->messages += message ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (full)
        free(item);
    else
        ring(queue);
}
