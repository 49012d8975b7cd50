/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/command_queue.h"

#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

void selkie_command_queue_init(struct selkie_command_queue *queue)
{
    *queue = (struct selkie_command_queue){.first = NULL};
    queue->end = &queue->first;
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
        *queue->end = command;
        queue->end = &command->next;
    }
    pthread_mutex_unlock(&queue->lock);
    if (result < 0)
        free(command);
    return result;
}

struct selkie_queued_command *selkie_command_queue_take(struct selkie_command_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct selkie_queued_command *command = queue->first;
    if (command) {
        queue->first = command->next;
        if (!queue->first)
            queue->end = &queue->first;
    }
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
    bool waiting = queue->first != NULL;
    pthread_mutex_unlock(&queue->lock);
    return waiting;
}
