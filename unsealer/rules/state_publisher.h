/* SPDX-License-Identifier: Apache-2.0 */
/* When a device's retained state is put out: at once where it is news or the device was quiet, else at most once a
 * second. What is due is kept in the registry, so that a crash leaves no stale state behind. Follows the writer's
 * rounds: what a round noted holds only once it is committed. One thread. */
#ifndef SELKIE_STATE_PUBLISHER_H
#define SELKIE_STATE_PUBLISHER_H

#include "rules/documents.h"

struct selkie_state_publisher;

SELKIE_USE_RESULT int selkie_state_publisher_open(struct selkie_state_publisher **states);
void selkie_state_publisher_close(struct selkie_state_publisher *states);

/* In a round: the device's state has changed. With its active binding as it is now where that is all that changed; NULL
 * = ask the registry, and put it out at once. */
SELKIE_USE_RESULT int selkie_state_publisher_touch(struct selkie_state_publisher *states,
                                                   const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                                   const struct selkie_binding *active);

/* Outside a round: an earlier run left this state to be put out. */
SELKIE_USE_RESULT int selkie_state_publisher_recall(struct selkie_state_publisher *states,
                                                    const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* At the end of a round: put out what is due, to the outbox and to `out`. `now_ms` is of a clock that is never set. */
SELKIE_USE_RESULT int selkie_state_publisher_publish(struct selkie_state_publisher *states,
                                                     struct selkie_registry *registry, int64_t now_ms,
                                                     struct selkie_output_list *out);

void selkie_state_publisher_committed(struct selkie_state_publisher *states);
void selkie_state_publisher_rolled_back(struct selkie_state_publisher *states);

/* Whether some state waits for its second to be over, so that a round is needed though nothing comes. */
bool selkie_state_publisher_waiting(const struct selkie_state_publisher *states);

/* The state of a device as the registry has it; the empty one where it has none. NULL: *result says why. */
struct selkie_output *selkie_state_publisher_read(struct selkie_registry *registry,
                                                  const uint8_t address[static SELKIE_ADDRESS_SIZE], int *result);

#endif
