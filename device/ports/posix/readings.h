/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's own readings, as a device would have its sensor's. */
#ifndef SELKIE_DEVICE_READINGS_H
#define SELKIE_DEVICE_READINGS_H

#include <stddef.h>
#include <stdint.h>

/* Write compact JSON: load1 (load average of a minute), memory_free and memory_total (bytes), uptime (seconds), and
 * temperature (degrees Celsius) where the machine has a sensor. Returns the length, or -1. */
int readings_take(uint8_t *payload, size_t size);

#endif
