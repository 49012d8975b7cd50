/* SPDX-License-Identifier: Apache-2.0 */
/* A person in charge, as far as a run needs one: approves, through $CONTROL, the devices that the scenario itself reset
 * (and, under enrolment "approve", the new ones), each by its own new ID; never an attacker's. One thread. */
#ifndef SELKIE_SIM_OPERATOR_H
#define SELKIE_SIM_OPERATOR_H

#include "world/world.h"

struct selkie_sim_operator;

/* Connect, if the scenario has an operator. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_operator_open(struct selkie_world *world);
void selkie_sim_operator_close(struct selkie_world *world);

/* A device begins with a new ID that will have to be approved. */
void selkie_sim_operator_expect(struct selkie_world *world, uint32_t device);

/* The broker has told of an approval. */
void selkie_sim_operator_approved(struct selkie_world *world, uint32_t device);

/* Approve what is due. Call now and then. */
void selkie_sim_operator_work(struct selkie_world *world, uint64_t wall_us);

/* Devices that still wait for him. */
uint32_t selkie_sim_operator_open_cases(const struct selkie_world *world);

#endif
