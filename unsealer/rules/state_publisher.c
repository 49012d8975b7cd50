/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/state_publisher.h"

#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define QUIET_MS 1000

struct selkie_state_entry {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    int64_t last_ms; /* when it was published */
    bool waiting;    /* it has changed since, and the registry lists it */

    /* Of the current transaction. */
    bool touched;
    bool read; /* from the registry; else `active` is all that the state needs */
    struct selkie_binding active;
    struct selkie_state_entry *touched_prev, *touched_next;

    struct selkie_state_entry *prev, *next; /* in order of last_ms */
    UT_hash_handle hh;
};

static void forget(struct selkie_state_publisher *states, struct selkie_state_entry *entry)
{
    HASH_DEL(states->table, entry);
    DL_DELETE(states->queue, entry);
    free(entry);
}

void selkie_state_publisher_wipe(struct selkie_state_publisher *states)
{
    while (states->queue)
        forget(states, states->queue);
    *states = (struct selkie_state_publisher){.table = NULL};
}

static struct selkie_state_entry *entry_of(struct selkie_state_publisher *states,
                                           const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_state_entry *entry;

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

int selkie_state_publisher_reload(struct selkie_state_publisher *states, struct selkie_registry *registry)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0};
    int result;

    selkie_state_publisher_wipe(states);
    while ((result = selkie_registry_next_stale(registry, states->waiting ? address : NULL, address)) > 0) {
        struct selkie_state_entry *entry = entry_of(states, address);
        if (!entry)
            return SELKIE_ENOMEM;
        entry->waiting = true;
        states->waiting++;
    }
    return result;
}

int selkie_state_publisher_touch(struct selkie_state_publisher *states,
                                 const uint8_t address[static SELKIE_ADDRESS_SIZE], const struct selkie_binding *active)
{
    struct selkie_state_entry *entry = entry_of(states, address);

    if (!entry)
        return SELKIE_ENOMEM;
    if (!entry->touched) {
        entry->touched = true;
        entry->read = false;
        DL_APPEND2(states->touched, entry, touched_prev, touched_next);
    }
    if (active)
        entry->active = *active;
    else
        entry->read = true;
    return 0;
}

static int count_pending(const struct selkie_binding live[], int count)
{
    int pending = 0;

    for (int i = 0; i < count; i++)
        pending += live[i].status == SELKIE_BINDING_PENDING;
    return pending;
}

int selkie_state_publisher_read(struct selkie_registry *registry, struct selkie_device_models *models,
                                const uint8_t address[static SELKIE_ADDRESS_SIZE], struct selkie_output **output)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX], *rival;
    int known = selkie_registry_device(registry, address, &device);
    int count = known <= 0 ? known : selkie_registry_live(registry, address, live);

    *output = NULL;
    if (known == 0)
        *output = selkie_document_no_state(address);
    else if (count >= 0)
        *output = selkie_document_state(
            address, &(struct selkie_document_state){
                         .status = device.status,
                         .pending = count_pending(live, count),
                         .binding = count > 0 ? live : NULL,
                         .newest = selkie_admission_newest(live, count, &rival),
                         .name = device.name,
                         .model = selkie_device_models_of(models, device.model, count > 0 ? live[0].firmware : "")});
    mbedtls_platform_zeroize(&device, sizeof device);
    if (count < 0)
        return count;
    return *output ? 0 : SELKIE_ENOMEM;
}

/* The state of a device of whose active binding a frame has come, and nothing else has changed. */
static int read_active(const struct selkie_state_entry *entry, struct selkie_registry *registry,
                       struct selkie_device_models *models, struct selkie_output **output)
{
    struct selkie_device_label label;
    int result = selkie_registry_label(registry, entry->address, &label);
    int pending = result < 0 ? result : selkie_registry_count_pending(registry, entry->address);

    if (pending < 0)
        return pending;
    if (pending > 0) /* the state also names one of them */
        return selkie_state_publisher_read(registry, models, entry->address, output);
    *output = selkie_document_state(
        entry->address,
        &(struct selkie_document_state){.status = SELKIE_DEVICE_ACTIVE,
                                        .pending = pending,
                                        .binding = &entry->active,
                                        .name = label.name,
                                        .model = selkie_device_models_of(models, label.model, entry->active.firmware)});
    return *output ? 0 : SELKIE_ENOMEM;
}

static int publish(struct selkie_state_entry *entry, struct selkie_registry *registry,
                   struct selkie_device_models *models, struct selkie_output_list *out)
{
    struct selkie_output *output = NULL;
    int result = entry->read ? selkie_state_publisher_read(registry, models, entry->address, &output)
                             : read_active(entry, registry, models, &output);

    if (result < 0)
        return result;
    selkie_output_list_add(out, output);
    return selkie_registry_put_outbox(registry, output);
}

static int publish_or_wait(struct selkie_state_publisher *states, struct selkie_state_entry *entry,
                           struct selkie_registry *registry, struct selkie_device_models *models, int64_t now_ms,
                           struct selkie_output_list *out)
{
    bool was_waiting = entry->waiting;

    entry->waiting = !entry->read && now_ms - entry->last_ms < QUIET_MS;
    states->waiting += (unsigned)entry->waiting - (unsigned)was_waiting;
    if (entry->waiting)
        return was_waiting ? 0 : selkie_registry_put_stale(registry, entry->address);
    entry->last_ms = now_ms;
    DL_DELETE(states->queue, entry);
    DL_APPEND(states->queue, entry);
    int result = publish(entry, registry, models, out);
    return result == 0 && was_waiting ? selkie_registry_delete_stale(registry, entry->address) : result;
}

int selkie_state_publisher_publish(struct selkie_state_publisher *states, struct selkie_registry *registry,
                                   struct selkie_device_models *models, int64_t now_ms, struct selkie_output_list *out)
{
    struct selkie_state_entry *entry, *next;
    int result = 0;

    /* The second of those at the head of the queue is over. */
    for (entry = states->queue; entry && result == 0 && now_ms - entry->last_ms >= QUIET_MS; entry = next) {
        next = entry->next;
        if (entry->waiting && !entry->touched)
            result = selkie_state_publisher_touch(states, entry->address, NULL);
        else if (!entry->touched)
            forget(states, entry);
    }
    while ((entry = states->touched) && result == 0) {
        DL_DELETE2(states->touched, entry, touched_prev, touched_next);
        entry->touched = false;
        result = publish_or_wait(states, entry, registry, models, now_ms, out);
    }
    return result;
}
