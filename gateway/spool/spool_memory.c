/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_memory.h"

#include <stdlib.h>
#include <string.h>

struct selkie_spool_memory {
    struct selkie_spool_frame frames[SELKIE_SPOOL_MEMORY_MAX];
    uint16_t order[SELKIE_SPOOL_MEMORY_MAX]; /* places in `frames`: the first `count` by seq, then the free ones */
    size_t count;
};

struct selkie_spool_memory *selkie_spool_memory_open(void)
{
    struct selkie_spool_memory *memory = calloc(1, sizeof *memory);

    for (uint16_t i = 0; memory && i < SELKIE_SPOOL_MEMORY_MAX; i++)
        memory->order[i] = i;
    return memory;
}

void selkie_spool_memory_close(struct selkie_spool_memory *memory)
{
    free(memory);
}

static void remove_at(struct selkie_spool_memory *memory, size_t index)
{
    uint16_t place = memory->order[index];

    memory->count--;
    memmove(&memory->order[index], &memory->order[index + 1], (memory->count - index) * sizeof memory->order[0]);
    memory->order[memory->count] = place;
}

bool selkie_spool_memory_add(struct selkie_spool_memory *memory, const struct selkie_spool_frame *frame)
{
    bool full = memory->count == SELKIE_SPOOL_MEMORY_MAX;

    if (full)
        remove_at(memory, 0);
    memory->frames[memory->order[memory->count++]] = *frame;
    return full;
}

size_t selkie_spool_memory_count(const struct selkie_spool_memory *memory)
{
    return memory->count;
}

const struct selkie_spool_frame *selkie_spool_memory_at(const struct selkie_spool_memory *memory, size_t index)
{
    return &memory->frames[memory->order[index]];
}

const struct selkie_spool_frame *selkie_spool_memory_next(const struct selkie_spool_memory *memory, int64_t after)
{
    for (size_t i = 0; i < memory->count; i++)
        if (selkie_spool_memory_at(memory, i)->seq > after)
            return selkie_spool_memory_at(memory, i);
    return NULL;
}

bool selkie_spool_memory_has(const struct selkie_spool_memory *memory, const uint8_t *body, size_t len)
{
    for (size_t i = 0; i < memory->count; i++) {
        const struct selkie_spool_frame *frame = selkie_spool_memory_at(memory, i);
        if (frame->len == len && memcmp(frame->body, body, len) == 0)
            return true;
    }
    return false;
}

void selkie_spool_memory_remove(struct selkie_spool_memory *memory, int64_t seq)
{
    for (size_t i = 0; i < memory->count; i++)
        if (selkie_spool_memory_at(memory, i)->seq == seq) {
            remove_at(memory, i);
            return;
        }
}

void selkie_spool_memory_clear(struct selkie_spool_memory *memory)
{
    memory->count = 0;
}
