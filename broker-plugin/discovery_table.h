/* SPDX-License-Identifier: Apache-2.0 */
/* What discovery.c knows of each device: what its message is made of. Heap; no I/O. One thread. */
#ifndef SELKIE_PLUGIN_DISCOVERY_TABLE_H
#define SELKIE_PLUGIN_DISCOVERY_TABLE_H

#include <selkie/error.h>
#include <selkie/frame.h>

#include <jansson.h>
#include <stdbool.h>
#include <uthash.h>

/* The members of a device's state that its message is made of. */
enum selkie_discovery_fact {
    SELKIE_DISCOVERY_NAME,
    SELKIE_DISCOVERY_MODEL,
    SELKIE_DISCOVERY_FIRMWARE,
    SELKIE_DISCOVERY_GATEWAY,
    SELKIE_DISCOVERY_PENDING_ID,
    SELKIE_DISCOVERY_FACT_COUNT
};

struct selkie_discovery_entry {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char *facts;    /* a string for each, one behind the other */
    bool pending;   /* nobody approved it yet, nor gave it a name */
    bool out;       /* its message of this run is */
    bool answering; /* Home Assistant is there and gets the next one */
    bool queued;
    struct selkie_discovery_entry *prev, *next; /* of the queue */
    UT_hash_handle hh;
};

struct selkie_discovery_gateway;

/* All zero is an empty one. */
struct selkie_discovery_table {
    struct selkie_discovery_entry *entries, *queue; /* the queue: those whose message is to be published */
    struct selkie_discovery_gateway *gateways;
    unsigned pending; /* entries that are */
};

/* Devices that nobody approved are strangers', and as many as strangers like: with the button so many are taken, and
 * none without it. */
#define SELKIE_DISCOVERY_PENDING_MAX 100

void selkie_discovery_table_wipe(struct selkie_discovery_table *table);

struct selkie_discovery_entry *selkie_discovery_table_find(struct selkie_discovery_table *table,
                                                           const uint8_t address[static SELKIE_ADDRESS_SIZE]);
void selkie_discovery_table_forget(struct selkie_discovery_table *table, struct selkie_discovery_entry *entry);
void selkie_discovery_table_forget_all(struct selkie_discovery_table *table);

/* Take the facts of a state. If one has changed, the device's entry is queued; a pending ID is in the message only with
 * the button. A device has no entry while it is pending and one too many. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_discovery_table_take(struct selkie_discovery_table *table,
                                                  const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                                  const json_t *state, bool with_button);

/* "" if there is none. */
const char *selkie_discovery_table_fact(const struct selkie_discovery_entry *entry, enum selkie_discovery_fact which);

void selkie_discovery_table_enqueue_all(struct selkie_discovery_table *table);
void selkie_discovery_table_dequeue(struct selkie_discovery_table *table, struct selkie_discovery_entry *entry);

/* Gateways whose presence is followed: without a bound, strangers could fill the memory under `gateways: "any"`. */
#define SELKIE_DISCOVERY_GATEWAYS_MAX 4096

/* A gateway is there, or is not. A device's fact is the gateway of its last frame only if the one before is not there:
 * else the message of a device that two gateways hear would change with each frame. */
void selkie_discovery_table_note_gateway(struct selkie_discovery_table *table, const char *name, bool online);

#endif
