/* SPDX-License-Identifier: Apache-2.0 */
/* A real selkie-gateway on a line of the simulator: its configuration, and its start. One thread. */
#ifndef SELKIE_SIM_GATEWAY_PROCESS_H
#define SELKIE_SIM_GATEWAY_PROCESS_H

#include "cloud/mosquitto.h"

/* Write the configuration of the gateway `name`, which reads the device `line`, into the run's folder, and start it.
 * SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_gateway_open(struct selkie_process *process, const struct selkie_sim_broker *broker,
                                              const char *name, const char *line, bool ack);

/* Start it again, with the spool it had. */
SELKIE_USE_RESULT int selkie_sim_gateway_start(struct selkie_process *process, const struct selkie_sim_broker *broker,
                                               const char *name);

#endif
