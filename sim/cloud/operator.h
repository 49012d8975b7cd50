/* SPDX-License-Identifier: Apache-2.0 */
/* The operator of a run: approves, through $CONTROL, the devices that the scenario itself reset (and, under enrolment
 * "approve", the new ones), each by its own new ID; never an attacker's. One thread. */
#ifndef SELKIE_SIM_OPERATOR_H
#define SELKIE_SIM_OPERATOR_H

#include "cloud/mosquitto.h"
#include "core/run.h"

#include <selkie/message.h>

struct selkie_sim_operator;

/* Where the operator reads a device's address and ID. Returns false where the device has no ID just now. */
struct selkie_sim_operator_source {
    void *context;
    bool (*identify)(void *context, uint32_t device, uint8_t address[static SELKIE_ADDRESS_SIZE],
                     uint8_t id[static SELKIE_ID_SIZE]);
};

/* Connect, for so many devices; *opened is NULL where the scenario has no operator. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_operator_open(struct selkie_sim_operator **opened, struct selkie_run *run,
                                               const struct selkie_sim_broker *broker, uint32_t devices,
                                               struct selkie_sim_operator_source source);

/* The rest may be called with NULL, for nobody. */
void selkie_sim_operator_close(struct selkie_sim_operator *person);

/* A device begins with a new ID that will have to be approved. */
void selkie_sim_operator_expect(struct selkie_sim_operator *person, uint32_t device);

/* The broker has reported an approval. */
void selkie_sim_operator_approved(struct selkie_sim_operator *person, uint32_t device);

/* Approve what is due. Call now and then. */
void selkie_sim_operator_work(struct selkie_sim_operator *person);

/* Devices that still wait for approval. */
uint32_t selkie_sim_operator_open_cases(const struct selkie_sim_operator *person);

#endif
