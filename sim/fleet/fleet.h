/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of a run: their start, readings, resets and keys, and what gateways have of them. One thread. */
#ifndef SELKIE_SIM_FLEET_H
#define SELKIE_SIM_FLEET_H

#include "fleet/fleet_device.h"

/* All devices of the scenario; the fleet then listens on the channels. An error after a line on stderr; close it then,
 * too. */
SELKIE_USE_RESULT int selkie_fleet_open(struct selkie_fleet *fleet, struct selkie_run *run,
                                        const struct selkie_scenario *scenario, struct selkie_account *account,
                                        const struct selkie_sim_broker *broker, struct selkie_air *air);
void selkie_fleet_close(struct selkie_fleet *fleet);

/* A gateway has this frame whole, however it came by it: SELKIE_VERIFY_BY. */
void selkie_fleet_book(struct selkie_fleet *fleet, const struct selkie_fleet_frame *frame, uint8_t by);

/* The power of a device fails and comes back. */
void selkie_fleet_reset(struct selkie_fleet *fleet, uint32_t device);

/* It seals with the next key from now on. */
void selkie_fleet_next_key(struct selkie_fleet *fleet, uint32_t device);

/* Whether everything that was taken has left the devices. */
bool selkie_fleet_idle(const struct selkie_fleet *fleet);

/* At the end: what nobody could ever open does not count as heard. */
void selkie_fleet_settle(struct selkie_fleet *fleet);

/* A device's address, and back; SELKIE_ENOTFOUND for one that is not of this fleet. */
void selkie_fleet_address(const struct selkie_fleet *fleet, uint32_t device,
                          uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int64_t selkie_fleet_find(const struct selkie_fleet *fleet,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE]);

#endif
