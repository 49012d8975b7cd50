/* SPDX-License-Identifier: Apache-2.0 */
/* The board of a simulated device: port.h filled in with the seed, virtual time and the simulated air. One thread. */
#ifndef SELKIE_SIM_FLEET_PORT_H
#define SELKIE_SIM_FLEET_PORT_H

#include "fleet/fleet.h"

/* Fill in a device's port; its context is the device. */
void selkie_fleet_port(struct selkie_fleet_device *device, bool listens, bool senses);

/* FNV-1a, 64 bits: knows a body by sight. */
uint64_t selkie_fleet_digest(const uint8_t *body, size_t len);

#endif
