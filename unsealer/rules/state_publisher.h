/* SPDX-License-Identifier: Apache-2.0 */
/* When a device's retained state is published: at once if its status changed or the device was quiet, else at most once
 * a second. States that are due are listed in the registry, so a crash leaves no outdated state at the broker.
 *
 * What is in memory holds only while transactions are committed: after a rollback, reload. One thread, the writer. */
#ifndef SELKIE_STATE_PUBLISHER_H
#define SELKIE_STATE_PUBLISHER_H

#include "rules/device_models.h"
#include "rules/documents.h"

struct selkie_state_entry;

struct selkie_state_publisher {
    struct selkie_state_entry *table;   /* devices whose state was published less than a second ago, or is due */
    struct selkie_state_entry *queue;   /* the same, in order of publication */
    struct selkie_state_entry *touched; /* those that this transaction changes */
    unsigned waiting;                   /* entries that wait for their second to be over */
};

/* All zero is a publisher without entries. */
void selkie_state_publisher_wipe(struct selkie_state_publisher *states);

/* Forget everything but what the registry lists as due. */
SELKIE_USE_RESULT int selkie_state_publisher_reload(struct selkie_state_publisher *states,
                                                    struct selkie_registry *registry);

/* The device's state has changed. `active` is its active binding if a frame is all that changed; NULL = anything else:
 * the state is read from the registry and published at once. */
SELKIE_USE_RESULT int selkie_state_publisher_touch(struct selkie_state_publisher *states,
                                                   const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                                   const struct selkie_binding *active);

/* At the end of a transaction: publish what is due, to the outbox and to `out`. `now_ms` is monotonic. */
SELKIE_USE_RESULT int selkie_state_publisher_publish(struct selkie_state_publisher *states,
                                                     struct selkie_registry *registry,
                                                     struct selkie_device_models *models, int64_t now_ms,
                                                     struct selkie_output_list *out);

/* The state of a device as the registry has it; the empty one for a device that is not there. */
SELKIE_USE_RESULT int selkie_state_publisher_read(struct selkie_registry *registry, struct selkie_device_models *models,
                                                  const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                                  struct selkie_output **output);

#endif
