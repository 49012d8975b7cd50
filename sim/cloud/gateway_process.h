/* SPDX-License-Identifier: Apache-2.0 */
/* A real selkie-gateway on a channel's pty: its configuration, and its start. One thread. */
#ifndef SELKIE_SIM_GATEWAY_PROCESS_H
#define SELKIE_SIM_GATEWAY_PROCESS_H

#include "air/channel.h"

/* Write its configuration into the run's folder and start it. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_gateway_open(struct selkie_channel *channel);

/* Start it again, with the spool it had. */
SELKIE_USE_RESULT int selkie_sim_gateway_start(struct selkie_channel *channel);

#endif
