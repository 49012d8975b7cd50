/* SPDX-License-Identifier: Apache-2.0 */
/* The queues between the host's thread and the writer's: outputs to the host, commands and names of gateways to the
 * writer. All are bounded. They wipe what they free, but names: outputs hold payloads, commands may hold claims. */
#ifndef SELKIE_QUEUES_H
#define SELKIE_QUEUES_H

#include "model/output.h"

#include <selkie/thread.h>
#include <selkie/topic.h>
#include <sys/queue.h>

/* Outputs. The writer waits for room before it decides more, so the queue exceeds its bound by one transaction at
 * most. */
struct selkie_output_queue {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct selkie_output_list list;
    unsigned max;
    bool closed;
};

void selkie_output_queue_init(struct selkie_output_queue *queue, unsigned max);
void selkie_output_queue_destroy(struct selkie_output_queue *queue);

/* Move the whole list to the end of the queue. True if the queue was empty before and is not now. */
bool selkie_output_queue_put(struct selkie_output_queue *queue, struct selkie_output_list *list);
struct selkie_output *selkie_output_queue_take(struct selkie_output_queue *queue);
unsigned selkie_output_queue_depth(struct selkie_output_queue *queue);

/* Wait until there is room. False once the queue is closed. */
bool selkie_output_queue_wait(struct selkie_output_queue *queue);
void selkie_output_queue_close(struct selkie_output_queue *queue);

/* Commands. */
#define SELKIE_COMMANDS_MAX 16

struct selkie_queued_command {
    STAILQ_ENTRY(selkie_queued_command) next;
    uint64_t token;
    size_t len;
    char json[];
};

struct selkie_command_queue {
    pthread_mutex_t lock;
    STAILQ_HEAD(selkie_queued_commands, selkie_queued_command) list;
    unsigned count; /* includes those that were taken and not freed */
};

void selkie_command_queue_init(struct selkie_command_queue *queue);
void selkie_command_queue_destroy(struct selkie_command_queue *queue);

/* 0, SELKIE_EFULL or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_queue_put(struct selkie_command_queue *queue, uint64_t token, const char *json,
                                               size_t len);
/* The oldest, or NULL. It keeps its place until it is freed. */
struct selkie_queued_command *selkie_command_queue_take(struct selkie_command_queue *queue);
void selkie_command_queue_free(struct selkie_command_queue *queue, struct selkie_queued_command *command);
bool selkie_command_queue_waiting(struct selkie_command_queue *queue);

/* Names of gateways. */
#define SELKIE_NAMES_MAX 4096

struct selkie_queued_name {
    STAILQ_ENTRY(selkie_queued_name) next;
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
};

struct selkie_name_queue {
    pthread_mutex_t lock;
    STAILQ_HEAD(selkie_queued_names, selkie_queued_name) list;
    unsigned count;
};

void selkie_name_queue_init(struct selkie_name_queue *queue);
void selkie_name_queue_destroy(struct selkie_name_queue *queue);

/* A full queue, or one without memory, drops the name. */
void selkie_name_queue_put(struct selkie_name_queue *queue, const char *name);
/* Copy the oldest names, at most `max`, and leave them in the queue. Returns their number. */
unsigned selkie_name_queue_peek(struct selkie_name_queue *queue, char names[][SELKIE_GATEWAY_NAME_MAX + 1],
                                unsigned max);
/* Remove the oldest names. */
void selkie_name_queue_drop(struct selkie_name_queue *queue, unsigned count);

#endif
