/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery_table.h"

#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static const char *const members[SELKIE_DISCOVERY_FACT_COUNT] = {
    [SELKIE_DISCOVERY_NAME] = "name",
    [SELKIE_DISCOVERY_MODEL] = "model",
    [SELKIE_DISCOVERY_FIRMWARE] = "firmware",
    [SELKIE_DISCOVERY_GATEWAY] = "gateway",
    [SELKIE_DISCOVERY_PENDING_ID] = "pending_id",
};

struct selkie_discovery_gateway {
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
    bool online;
    UT_hash_handle hh;
};

static void enqueue(struct selkie_discovery_table *table, struct selkie_discovery_entry *entry)
{
    if (entry->queued)
        return;
    entry->queued = true;
    DL_APPEND(table->queue, entry);
}

void selkie_discovery_table_enqueue_all(struct selkie_discovery_table *table)
{
    for (struct selkie_discovery_entry *entry = table->entries; entry; entry = entry->hh.next)
        enqueue(table, entry);
}

void selkie_discovery_table_dequeue(struct selkie_discovery_table *table, struct selkie_discovery_entry *entry)
{
    if (entry->queued)
        DL_DELETE(table->queue, entry);
    entry->queued = false;
}

void selkie_discovery_table_forget(struct selkie_discovery_table *table, struct selkie_discovery_entry *entry)
{
    selkie_discovery_table_dequeue(table, entry);
    table->pending -= entry->pending;
    HASH_DEL(table->entries, entry);
    free(entry->facts);
    free(entry);
}

void selkie_discovery_table_forget_all(struct selkie_discovery_table *table)
{
    while (table->entries)
        selkie_discovery_table_forget(table, table->entries);
}

void selkie_discovery_table_wipe(struct selkie_discovery_table *table)
{
    struct selkie_discovery_gateway *gateway, *next;

    selkie_discovery_table_forget_all(table);
    HASH_ITER (hh, table->gateways, gateway, next) {
        HASH_DEL(table->gateways, gateway);
        free(gateway);
    }
}

struct selkie_discovery_entry *selkie_discovery_table_find(struct selkie_discovery_table *table,
                                                           const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_discovery_entry *entry;

    HASH_FIND(hh, table->entries, address, SELKIE_ADDRESS_SIZE, entry);
    return entry;
}

static const char *nth_string(const char *facts, int which)
{
    for (; which > 0; which--)
        facts += strlen(facts) + 1;
    return facts;
}

const char *selkie_discovery_table_fact(const struct selkie_discovery_entry *entry, enum selkie_discovery_fact which)
{
    return nth_string(entry->facts, (int)which);
}

static bool is_online(const struct selkie_discovery_table *table, const char *name)
{
    struct selkie_discovery_gateway *gateway;

    HASH_FIND_STR(table->gateways, name, gateway);
    return gateway && gateway->online;
}

/* The facts of a state (heap); NULL without memory. */
static char *make_facts(const struct selkie_discovery_table *table, const json_t *state, const char *before)
{
    const char *texts[SELKIE_DISCOVERY_FACT_COUNT];
    size_t size = 0, at = 0;

    for (int i = 0; i < SELKIE_DISCOVERY_FACT_COUNT; i++) {
        texts[i] = json_string_value(json_object_get(state, members[i]));
        if (!texts[i])
            texts[i] = "";
    }
    if (!selkie_gateway_name_valid(texts[SELKIE_DISCOVERY_GATEWAY]))
        texts[SELKIE_DISCOVERY_GATEWAY] = "";
    if (before && is_online(table, nth_string(before, SELKIE_DISCOVERY_GATEWAY)))
        texts[SELKIE_DISCOVERY_GATEWAY] = nth_string(before, SELKIE_DISCOVERY_GATEWAY);
    for (int i = 0; i < SELKIE_DISCOVERY_FACT_COUNT; i++)
        size += strlen(texts[i]) + 1;
    char *facts = malloc(size);
    for (int i = 0; facts && i < SELKIE_DISCOVERY_FACT_COUNT; at += strlen(texts[i++]) + 1)
        memcpy(facts + at, texts[i], strlen(texts[i]) + 1);
    return facts;
}

static bool same_facts(const char *a, const char *b, bool with_button)
{
    for (int i = 0; i < SELKIE_DISCOVERY_FACT_COUNT; i++)
        if ((with_button || i != SELKIE_DISCOVERY_PENDING_ID) && strcmp(nth_string(a, i), nth_string(b, i)) != 0)
            return false;
    return true;
}

/* Only an administrator gives names. */
static bool is_pending(const json_t *state)
{
    const char *status = json_string_value(json_object_get(state, "status"));

    return status && strcmp(status, "pending") == 0 && !json_object_get(state, members[SELKIE_DISCOVERY_NAME]);
}

static struct selkie_discovery_entry *add_entry(struct selkie_discovery_table *table,
                                                const uint8_t address[static SELKIE_ADDRESS_SIZE], bool pending)
{
    struct selkie_discovery_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    memcpy(entry->address, address, SELKIE_ADDRESS_SIZE);
    entry->pending = pending;
    table->pending += pending;
    HASH_ADD(hh, table->entries, address, SELKIE_ADDRESS_SIZE, entry);
    return entry;
}

int selkie_discovery_table_take(struct selkie_discovery_table *table, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                const json_t *state, bool with_button)
{
    struct selkie_discovery_entry *entry = selkie_discovery_table_find(table, address);
    bool pending = is_pending(state);

    if (!entry && pending && (!with_button || table->pending >= SELKIE_DISCOVERY_PENDING_MAX))
        return 0;
    char *facts = make_facts(table, state, entry ? entry->facts : NULL);
    if (!facts || (!entry && !(entry = add_entry(table, address, pending)))) {
        free(facts);
        return SELKIE_ENOMEM;
    }
    if (!pending) {
        table->pending -= entry->pending;
        entry->pending = false;
    }
    bool same = entry->facts && same_facts(entry->facts, facts, with_button);
    free(entry->facts);
    entry->facts = facts;
    if (!same)
        enqueue(table, entry);
    return 0;
}

void selkie_discovery_table_note_gateway(struct selkie_discovery_table *table, const char *name, bool online)
{
    struct selkie_discovery_gateway *gateway;

    HASH_FIND_STR(table->gateways, name, gateway);
    if (!gateway && online && selkie_gateway_name_valid(name) &&
        HASH_COUNT(table->gateways) < SELKIE_DISCOVERY_GATEWAYS_MAX && (gateway = calloc(1, sizeof *gateway))) {
        (void)snprintf(gateway->name, sizeof gateway->name, "%s", name);
        HASH_ADD_STR(table->gateways, name, gateway);
    }
    if (gateway)
        gateway->online = online;
}
