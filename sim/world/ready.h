/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting, before virtual time begins, until every gateway listens and the observer has its subscriptions. One thread.
 */
#ifndef SELKIE_SIM_READY_H
#define SELKIE_SIM_READY_H

#include "world/loop.h"

/* Wait until all is ready. Your own gateways have no time limit, and stderr says where they are expected. Those started
 * here have a limit, and a refusal ends the run. SELKIE_EIO after a line on stderr, or where the end was asked for. */
SELKIE_USE_RESULT int selkie_ready_wait(struct selkie_world *world, struct selkie_loop *loop);

#endif
