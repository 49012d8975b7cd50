/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/output_queue.h"

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
