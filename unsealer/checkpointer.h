/* SPDX-License-Identifier: Apache-2.0 */
/* Moves what was committed from the registry's log into its pages, beside the registrar: with a large registry every
 * frame changes another page, and a registrar that moved thousands of them at once would keep frames waiting. A thread
 * with a connection of its own; what it cannot do now it does the next second. */
#ifndef SELKIE_CHECKPOINTER_H
#define SELKIE_CHECKPOINTER_H

#include <selkie/error.h>

struct selkie_checkpointer;

/* 0, SELKIE_ENOMEM or SELKIE_ESTORAGE. The registry in state_dir must be open, and stay open. */
SELKIE_USE_RESULT int selkie_checkpointer_start(struct selkie_checkpointer **checkpointer, const char *state_dir);
void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer);

#endif
