/* SPDX-License-Identifier: Apache-2.0 */
/* Before virtual time begins: every gateway listens, and the observer sees all. One thread. */
#ifndef SELKIE_SIM_READY_H
#define SELKIE_SIM_READY_H

#include "world/loop.h"

/* Wait until all is ready. Gateways of yours are waited for without a limit, and it is told where; of ours, each has
 * its time, and a refusal ends the run. SELKIE_EIO after a line on stderr, or where the end was asked for. */
SELKIE_USE_RESULT int selkie_ready_wait(struct selkie_world *world, struct selkie_loop *loop);

#endif
