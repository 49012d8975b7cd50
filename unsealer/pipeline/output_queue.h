/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of outputs from the writer to the host. For two threads and bounded: the writer waits for room before it
 * decides more, so the queue exceeds its bound by one transaction at most. */
#ifndef SELKIE_OUTPUT_QUEUE_H
#define SELKIE_OUTPUT_QUEUE_H

#include "model/output.h"

#include <selkie/thread.h>

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
