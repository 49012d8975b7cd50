/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/queues.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void selkie_command_queue_init(struct selkie_command_queue *queue)
{
    STAILQ_INIT(&queue->list);
    queue->count = 0;
    pthread_mutex_init(&queue->lock, NULL);
}

void selkie_command_queue_destroy(struct selkie_command_queue *queue)
{
    struct selkie_queued_command *command;

    while ((command = selkie_command_queue_take(queue)))
        selkie_command_queue_free(queue, command);
    pthread_mutex_destroy(&queue->lock);
}

int selkie_command_queue_put(struct selkie_command_queue *queue, uint64_t token, const char *json, size_t len)
{
    struct selkie_queued_command *command = calloc(1, sizeof *command + len);
    if (!command)
        return SELKIE_ENOMEM;
    command->token = token;
    command->len = len;
    memcpy(command->json, json, len);

    pthread_mutex_lock(&queue->lock);
    int result = queue->count < SELKIE_COMMANDS_MAX ? 0 : SELKIE_EFULL;
    if (result == 0) {
        queue->count++;
        STAILQ_INSERT_TAIL(&queue->list, command, next);
    }
    pthread_mutex_unlock(&queue->lock);
    if (result < 0) {
        mbedtls_platform_zeroize(command->json, len);
        free(command);
    }
    return result;
}

struct selkie_queued_command *selkie_command_queue_take(struct selkie_command_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct selkie_queued_command *command = STAILQ_FIRST(&queue->list);
    if (command)
        STAILQ_REMOVE_HEAD(&queue->list, next);
    pthread_mutex_unlock(&queue->lock);
    return command;
}

void selkie_command_queue_free(struct selkie_command_queue *queue, struct selkie_queued_command *command)
{
    if (!command)
        return;
    mbedtls_platform_zeroize(command->json, command->len);
    free(command);
    pthread_mutex_lock(&queue->lock);
    queue->count--;
    pthread_mutex_unlock(&queue->lock);
}

bool selkie_command_queue_waiting(struct selkie_command_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool waiting = !STAILQ_EMPTY(&queue->list);
    pthread_mutex_unlock(&queue->lock);
    return waiting;
}

void selkie_name_queue_init(struct selkie_name_queue *queue)
{
    STAILQ_INIT(&queue->list);
    queue->count = 0;
    pthread_mutex_init(&queue->lock, NULL);
}

void selkie_name_queue_destroy(struct selkie_name_queue *queue)
{
    selkie_name_queue_drop(queue, queue->count);
    pthread_mutex_destroy(&queue->lock);
}

void selkie_name_queue_put(struct selkie_name_queue *queue, const char *name)
{
    struct selkie_queued_name *queued = calloc(1, sizeof *queued);

    if (!queued)
        return;
    (void)snprintf(queued->name, sizeof queued->name, "%s", name);
    pthread_mutex_lock(&queue->lock);
    bool room = queue->count < SELKIE_NAMES_MAX;
    if (room) {
        queue->count++;
        STAILQ_INSERT_TAIL(&queue->list, queued, next);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!room)
        free(queued);
}

unsigned selkie_name_queue_peek(struct selkie_name_queue *queue, char names[][SELKIE_GATEWAY_NAME_MAX + 1],
                                unsigned max)
{
    struct selkie_queued_name *queued;
    unsigned count = 0;

    pthread_mutex_lock(&queue->lock);
    STAILQ_FOREACH(queued, &queue->list, next)
    {
        if (count == max)
            break;
        memcpy(names[count++], queued->name, sizeof queued->name);
    }
    pthread_mutex_unlock(&queue->lock);
    return count;
}

void selkie_name_queue_drop(struct selkie_name_queue *queue, unsigned count)
{
    pthread_mutex_lock(&queue->lock);
    for (struct selkie_queued_name *queued; count > 0 && (queued = STAILQ_FIRST(&queue->list)); count--) {
        STAILQ_REMOVE_HEAD(&queue->list, next);
        queue->count--;
        free(queued);
    }
    pthread_mutex_unlock(&queue->lock);
}
