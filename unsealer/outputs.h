/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs: made by the registrar in a list, put into the queue once they are true, taken by the host.
 * The list is its owner's. The queue is for two threads and bounded: the registrar waits for room before it decides
 * more, so it is over the bound by what one round makes at most. */
#ifndef SELKIE_OUTPUTS_H
#define SELKIE_OUTPUTS_H

#include "thread.h"

#include <selkie/unsealer.h>

struct selkie_output_list {
    struct selkie_output *first, *last;
    unsigned count;
};

void selkie_output_list_add(struct selkie_output_list *list, struct selkie_output *output);
void selkie_output_list_free(struct selkie_output_list *list);

/* An output with a copy of the data, or NULL without memory. */
struct selkie_output *selkie_output_new(enum selkie_output_kind kind, const void *data, size_t len);

struct selkie_output_queue {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct selkie_output_list list;
    unsigned max;
    bool closed;
};

void selkie_output_queue_init(struct selkie_output_queue *queue, unsigned max);
void selkie_output_queue_destroy(struct selkie_output_queue *queue);

/* Move all of the list to the queue's end. True if the queue was empty before and is not now. */
bool selkie_output_queue_put(struct selkie_output_queue *queue, struct selkie_output_list *list);
struct selkie_output *selkie_output_queue_take(struct selkie_output_queue *queue);
unsigned selkie_output_queue_depth(struct selkie_output_queue *queue);

/* Wait until there is room. False once the queue is closed. */
bool selkie_output_queue_wait(struct selkie_output_queue *queue);
void selkie_output_queue_close(struct selkie_output_queue *queue);

#endif
