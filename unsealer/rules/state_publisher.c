/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/state_publisher.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define QUIET_MS 1000

enum step { NOTHING, PUT_OUT, WAIT };

/* A device whose state was put out less than QUIET_MS ago, or is changed by this round. */
struct entry {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    int64_t last_ms; /* when it was put out */
    bool waiting;    /* it has changed since; the registry knows it as stale */

    /* Of the round under way. */
    bool touched;
    bool ask; /* the registry, instead of taking `active` */
    struct selkie_binding active;
    enum step step;
    struct entry *next_touched;

    struct entry *prev, *next; /* in order of last_ms */
    UT_hash_handle hh;
};

struct selkie_state_publisher {
    struct entry *table, *queue;
    struct entry *touched, **end;
    int64_t now_ms;
    unsigned waiting; /* entries that are */
};

int selkie_state_publisher_open(struct selkie_state_publisher **opened)
{
    *opened = calloc(1, sizeof **opened);
    if (!*opened)
        return SELKIE_ENOMEM;
    (*opened)->end = &(*opened)->touched;
    return 0;
}

static void forget(struct selkie_state_publisher *states, struct entry *entry)
{
    HASH_DEL(states->table, entry);
    DL_DELETE(states->queue, entry);
    free(entry);
}

void selkie_state_publisher_close(struct selkie_state_publisher *states)
{
    if (!states)
        return;
    while (states->queue)
        forget(states, states->queue);
    free(states);
}

static struct entry *entry_of(struct selkie_state_publisher *states, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct entry *entry;

    HASH_FIND(hh, states->table, address, SELKIE_ADDRESS_SIZE, entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    memcpy(entry->address, address, SELKIE_ADDRESS_SIZE);
    HASH_ADD(hh, states->table, address, SELKIE_ADDRESS_SIZE, entry);
    DL_PREPEND(states->queue, entry);
    return entry;
}

int selkie_state_publisher_recall(struct selkie_state_publisher *states,
                                  const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct entry *entry = entry_of(states, address);
    if (!entry)
        return SELKIE_ENOMEM;
    states->waiting += !entry->waiting;
    entry->waiting = true;
    return 0;
}

int selkie_state_publisher_touch(struct selkie_state_publisher *states,
                                 const uint8_t address[static SELKIE_ADDRESS_SIZE], const struct selkie_binding *active)
{
    struct entry *entry = entry_of(states, address);
    if (!entry)
        return SELKIE_ENOMEM;
    if (!entry->touched) {
        entry->touched = true;
        entry->ask = false;
        entry->next_touched = NULL;
        *states->end = entry;
        states->end = &entry->next_touched;
    }
    if (active)
        entry->active = *active;
    else
        entry->ask = true;
    return 0;
}

struct selkie_output *selkie_state_publisher_read(struct selkie_registry *registry,
                                                  const uint8_t address[static SELKIE_ADDRESS_SIZE], int *result)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    struct selkie_output *output = NULL;

    *result = selkie_registry_device(registry, address, &device);
    if (*result == 0) {
        output = selkie_document_no_state(address);
        *result = output ? 0 : SELKIE_ENOMEM;
    } else if (*result > 0) {
        *result = selkie_registry_live(registry, address, live);
        if (*result >= 0) {
            output = selkie_document_state(address, device.status, *result > 0 ? &live[0] : NULL);
            *result = output ? 0 : SELKIE_ENOMEM;
        }
    }
    explicit_bzero(&device, sizeof device);
    return output;
}

static int put_out(struct entry *entry, struct selkie_registry *registry, struct selkie_output_list *out)
{
    int result = 0;
    struct selkie_output *output;

    if (entry->ask)
        output = selkie_state_publisher_read(registry, entry->address, &result);
    else
        output = selkie_document_state(entry->address, SELKIE_DEVICE_ACTIVE, &entry->active);
    if (!output)
        return result < 0 ? result : SELKIE_ENOMEM;
    selkie_output_list_add(out, output);
    if (entry->waiting)
        result = selkie_registry_delete_stale(registry, entry->address);
    return result < 0 ? result : selkie_registry_put_outbox(registry, output);
}

static int settle(struct entry *entry, struct selkie_registry *registry, int64_t now_ms, struct selkie_output_list *out)
{
    if (entry->ask || now_ms - entry->last_ms >= QUIET_MS) {
        entry->step = PUT_OUT;
        return put_out(entry, registry, out);
    }
    entry->step = WAIT;
    return entry->waiting ? 0 : selkie_registry_put_stale(registry, entry->address);
}

int selkie_state_publisher_publish(struct selkie_state_publisher *states, struct selkie_registry *registry,
                                   int64_t now_ms, struct selkie_output_list *out)
{
    struct entry *entry;
    int result = 0;

    states->now_ms = now_ms;
    /* Those that waited their second: in order of last_ms, so the first that is not due ends it. */
    for (entry = states->queue; entry && result == 0 && now_ms - entry->last_ms >= QUIET_MS; entry = entry->next)
        if (entry->waiting && !entry->touched)
            result = selkie_state_publisher_touch(states, entry->address, NULL);
    for (entry = states->touched; entry && result == 0; entry = entry->next_touched)
        result = settle(entry, registry, now_ms, out);
    return result;
}

void selkie_state_publisher_committed(struct selkie_state_publisher *states)
{
    for (struct entry *entry = states->touched; entry; entry = entry->next_touched) {
        entry->touched = false;
        if (entry->step == PUT_OUT) {
            entry->last_ms = states->now_ms;
            DL_DELETE(states->queue, entry);
            DL_APPEND(states->queue, entry);
        }
        states->waiting += (unsigned)(entry->step == WAIT) - (unsigned)entry->waiting;
        entry->waiting = entry->step == WAIT;
    }
    states->touched = NULL;
    states->end = &states->touched;
    while (states->queue && !states->queue->waiting && states->now_ms - states->queue->last_ms >= QUIET_MS)
        forget(states, states->queue);
}

void selkie_state_publisher_rolled_back(struct selkie_state_publisher *states)
{
    for (struct entry *entry = states->touched; entry; entry = entry->next_touched)
        entry->touched = false;
    states->touched = NULL;
    states->end = &states->touched;
}

bool selkie_state_publisher_waiting(const struct selkie_state_publisher *states)
{
    return states->waiting > 0;
}
