/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt_queue.h"

#include <pthread.h>
#include <selkie/clock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct selkie_mqtt_queue {
    struct selkie_mqtt_limits limits;
    struct selkie_mqtt *clients;
    int timer;            /* expires at once while there are events, else at `due_us` */
    pthread_mutex_t lock; /* guards what follows; never held while Paho is called */
    struct selkie_mqtt_event *first, **last;
    size_t messages, dropped;
    bool missed;    /* there was no memory for an event */
    int64_t due_us; /* only the loop's thread changes it */
};

/* Under the lock. Setting a timer also takes back an expiry that was not read. A time of zero would switch it off. */
static void set_timer(struct selkie_mqtt_queue *queue)
{
    int64_t due_us = queue->first || queue->missed ? 1 : queue->due_us > 0 ? queue->due_us : 1;
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(due_us / 1000000), .tv_nsec = due_us % 1000000 * 1000}};

    if (due_us == INT64_MAX)
        memset(&spec, 0, sizeof spec);
    (void)timerfd_settime(queue->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

int selkie_mqtt_queue_open(struct selkie_mqtt_queue **opened, struct selkie_mqtt_limits limits)
{
    struct selkie_mqtt_queue *queue = calloc(1, sizeof *queue);

    *opened = NULL;
    if (!queue)
        return SELKIE_ENOMEM;
    queue->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (queue->timer < 0) {
        free(queue);
        return SELKIE_EIO;
    }
    (void)pthread_mutex_init(&queue->lock, NULL);
    queue->limits = limits;
    queue->last = &queue->first;
    queue->due_us = INT64_MAX;
    *opened = queue;
    return 0;
}

void selkie_mqtt_queue_close(struct selkie_mqtt_queue *queue)
{
    if (!queue)
        return;
    selkie_mqtt_queue_forget(queue, NULL);
    (void)close(queue->timer);
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

int selkie_mqtt_queue_fd(const struct selkie_mqtt_queue *queue)
{
    return queue->timer;
}

size_t selkie_mqtt_queue_dropped(struct selkie_mqtt_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    size_t dropped = queue->dropped;
    queue->dropped = 0;
    (void)pthread_mutex_unlock(&queue->lock);
    return dropped;
}

const char *selkie_mqtt_event_property(const struct selkie_mqtt_event *event, const char *name)
{
    for (size_t i = 0; i < event->property_count; i++)
        if (strcmp(event->properties[i].name, name) == 0)
            return event->properties[i].value;
    return NULL;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* Append a copy of `len` bytes and a NUL, and move on. */
static void *append(char **end, const void *from, size_t len)
{
    char *to = *end;

    if (!from)
        return NULL;
    memcpy(to, from, len);
    to[len] = '\0';
    *end += len + 1;
    return to;
}

struct selkie_mqtt_event *selkie_mqtt_event_copy(const struct selkie_mqtt_event *event)
{
    size_t size = sizeof *event + text_size(event->topic) + text_size(event->text) + event->len + 1;

    for (size_t i = 0; i < event->property_count; i++)
        size += text_size(event->properties[i].name) + text_size(event->properties[i].value);
    struct selkie_mqtt_event *to = malloc(size);
    if (!to)
        return NULL;
    *to = *event;
    char *end = (char *)(to + 1); /* the payload first: it may be a struct */
    to->payload = append(&end, event->payload ? (const void *)event->payload : "", event->len);
    to->topic = append(&end, event->topic, event->topic ? strlen(event->topic) : 0);
    to->text = append(&end, event->text, event->text ? strlen(event->text) : 0);
    for (size_t i = 0; i < event->property_count; i++) {
        const struct selkie_mqtt_property *from = &event->properties[i];
        to->properties[i].name = append(&end, from->name, strlen(from->name));
        to->properties[i].value = append(&end, from->value, strlen(from->value));
    }
    to->came_us = selkie_clock_monotonic_us();
    to->next = NULL;
    return to;
}

bool selkie_mqtt_queue_put(struct selkie_mqtt_queue *queue, const struct selkie_mqtt_event *event)
{
    bool is_message = event->kind == SELKIE_MQTT_MESSAGE;
    bool is_long = is_message && event->len > queue->limits.message_bytes;
    struct selkie_mqtt_event *item = is_long ? NULL : selkie_mqtt_event_copy(event);

    (void)pthread_mutex_lock(&queue->lock);
    bool taken = item && !(is_message && queue->messages >= queue->limits.messages);
    if (taken) {
        bool was_empty = !queue->first;
        *queue->last = item;
        queue->last = &item->next;
        queue->messages += is_message;
        if (was_empty)
            set_timer(queue);
    } else if (is_message) {
        queue->dropped++;
    } else {
        queue->missed = true;
        set_timer(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (!taken)
        free(item);
    return taken;
}

bool selkie_mqtt_queue_missed(struct selkie_mqtt_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    bool missed = queue->missed;
    queue->missed = false;
    if (missed)
        set_timer(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return missed;
}

/* Under the lock. */
static struct selkie_mqtt_event *unlink_event(struct selkie_mqtt_queue *queue, struct selkie_mqtt_event **link)
{
    struct selkie_mqtt_event *event = *link;

    if (!event->next)
        queue->last = link;
    *link = event->next;
    queue->messages -= event->kind == SELKIE_MQTT_MESSAGE;
    if (!queue->first)
        set_timer(queue);
    return event;
}

struct selkie_mqtt_event *selkie_mqtt_queue_pop(struct selkie_mqtt_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    struct selkie_mqtt_event *event = queue->first ? unlink_event(queue, &queue->first) : NULL;
    (void)pthread_mutex_unlock(&queue->lock);
    return event;
}

void selkie_mqtt_queue_forget(struct selkie_mqtt_queue *queue, const struct selkie_mqtt *client)
{
    (void)pthread_mutex_lock(&queue->lock);
    for (struct selkie_mqtt_event **link = &queue->first; *link;)
        if (!client || (*link)->client == client)
            free(unlink_event(queue, link));
        else
            link = &(*link)->next;
    (void)pthread_mutex_unlock(&queue->lock);
}

void selkie_mqtt_queue_wake_at(struct selkie_mqtt_queue *queue, int64_t due_us)
{
    (void)pthread_mutex_lock(&queue->lock);
    if (queue->due_us != due_us) {
        queue->due_us = due_us;
        set_timer(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

int64_t selkie_mqtt_queue_due(const struct selkie_mqtt_queue *queue)
{
    return queue->due_us;
}

struct selkie_mqtt **selkie_mqtt_queue_clients(struct selkie_mqtt_queue *queue)
{
    return &queue->clients;
}
