/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that the disk does not take: kept in memory, in the order of their seq, until they are receipted or the disk
 * works again. Bounded: beyond SELKIE_SPOOL_MEMORY_MAX the oldest goes. No I/O; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_MEMORY_H
#define SELKIE_GATEWAY_SPOOL_MEMORY_H

#include "spool_frame.h"

#include <stdbool.h>
#include <stddef.h>

#define SELKIE_SPOOL_MEMORY_MAX 256 /* 340 KB */

struct selkie_spool_memory;

/* NULL without memory. */
struct selkie_spool_memory *selkie_spool_memory_open(void);
void selkie_spool_memory_close(struct selkie_spool_memory *memory);

/* Its seq is above that of all others. Returns whether the oldest had to go. */
bool selkie_spool_memory_add(struct selkie_spool_memory *memory, const struct selkie_spool_frame *frame);

size_t selkie_spool_memory_count(const struct selkie_spool_memory *memory);

/* Frame `index` from the oldest; valid until the next change. */
const struct selkie_spool_frame *selkie_spool_memory_at(const struct selkie_spool_memory *memory, size_t index);

/* The first frame with a seq above `after`, or NULL. */
const struct selkie_spool_frame *selkie_spool_memory_next(const struct selkie_spool_memory *memory, int64_t after);

bool selkie_spool_memory_has(const struct selkie_spool_memory *memory, const uint8_t *body, size_t len);

void selkie_spool_memory_remove(struct selkie_spool_memory *memory, int64_t seq);
void selkie_spool_memory_clear(struct selkie_spool_memory *memory);

#endif
