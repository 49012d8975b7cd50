/* SPDX-License-Identifier: Apache-2.0 */
/* Operator's commands from the host's thread to the writer's. Bounded: what does not fit is refused. They may hold
 * claims, so they are wiped when they are freed. */
#ifndef SELKIE_COMMAND_QUEUE_H
#define SELKIE_COMMAND_QUEUE_H

#include <pthread.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_COMMANDS_MAX 16

struct selkie_queued_command {
    struct selkie_queued_command *next;
    uint64_t token;
    size_t len;
    char json[];
};

struct selkie_command_queue {
    pthread_mutex_t lock;
    struct selkie_queued_command *first, **end;
    unsigned count; /* with those that were taken and not freed */
};

void selkie_command_queue_init(struct selkie_command_queue *queue);
void selkie_command_queue_destroy(struct selkie_command_queue *queue);

/* 0, SELKIE_EFULL or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_queue_put(struct selkie_command_queue *queue, uint64_t token, const char *json,
                                               size_t len);
/* The oldest, or NULL; it keeps its place until it is freed. */
struct selkie_queued_command *selkie_command_queue_take(struct selkie_command_queue *queue);
void selkie_command_queue_free(struct selkie_command_queue *queue, struct selkie_queued_command *command);
bool selkie_command_queue_waiting(struct selkie_command_queue *queue);

#endif
