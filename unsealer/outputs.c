/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs.h"

#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

struct selkie_output *selkie_output_new(enum selkie_output_kind kind, const void *data, size_t len)
{
    struct selkie_output *output = calloc(1, sizeof *output + len + 1);

    if (!output)
        return NULL;
    output->data = (uint8_t *)(output + 1);
    if (len)
        memcpy(output->data, data, len);
    output->kind = kind;
    output->len = len;
    output->rx_ms = -1;
    return output;
}

void selkie_output_free(struct selkie_output *output)
{
    if (!output)
        return;
    mbedtls_platform_zeroize(output->data, output->len);
    free(output);
}

void selkie_output_list_add(struct selkie_output_list *list, struct selkie_output *output)
{
    output->next = NULL;
    if (list->last)
        list->last->next = output;
    else
        list->first = output;
    list->last = output;
    list->count++;
}

void selkie_output_list_free(struct selkie_output_list *list)
{
    for (struct selkie_output *output = list->first, *next; output; output = next) {
        next = output->next;
        selkie_output_free(output);
    }
    *list = (struct selkie_output_list){0};
}

void selkie_output_queue_init(struct selkie_output_queue *queue, unsigned max)
{
    *queue = (struct selkie_output_queue){.max = max};
    pthread_mutex_init(&queue->lock, NULL);
    selkie_thread_cond_init(&queue->room);
}

void selkie_output_queue_destroy(struct selkie_output_queue *queue)
{
    selkie_output_list_free(&queue->list);
    pthread_cond_destroy(&queue->room);
    pthread_mutex_destroy(&queue->lock);
}

bool selkie_output_queue_put(struct selkie_output_queue *queue, struct selkie_output_list *list)
{
    if (!list->first)
        return false;
    pthread_mutex_lock(&queue->lock);
    bool was_empty = !queue->list.first;
    if (was_empty)
        queue->list.first = list->first;
    else
        queue->list.last->next = list->first;
    queue->list.last = list->last;
    queue->list.count += list->count;
    pthread_mutex_unlock(&queue->lock);
    *list = (struct selkie_output_list){0};
    return was_empty;
}

struct selkie_output *selkie_output_queue_take(struct selkie_output_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct selkie_output *output = queue->list.first;
    if (output) {
        queue->list.first = output->next;
        if (!output->next)
            queue->list.last = NULL;
        if (queue->list.count-- == queue->max)
            pthread_cond_signal(&queue->room);
        output->next = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    return output;
}

unsigned selkie_output_queue_depth(struct selkie_output_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    unsigned depth = queue->list.count;
    pthread_mutex_unlock(&queue->lock);
    return depth;
}

bool selkie_output_queue_wait(struct selkie_output_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->list.count >= queue->max && !queue->closed)
        pthread_cond_wait(&queue->room, &queue->lock);
    bool open = !queue->closed;
    pthread_mutex_unlock(&queue->lock);
    return open;
}

void selkie_output_queue_close(struct selkie_output_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->room);
    pthread_mutex_unlock(&queue->lock);
}
