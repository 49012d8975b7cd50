/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as $CONTROL/selkie/v1 reports them, for the commands about devices. One thread. */
#ifndef SELKIE_CTL_DEVICES_H
#define SELKIE_CTL_DEVICES_H

#include "control_client.h"

#include <selkie/frame.h>

/* Devices asked for at once. */
#define CTL_DEVICE_PAGE 1000

/* The text as an address in lower case; NULL if it is not an address. */
const char *ctl_device_address(char address[static SELKIE_ADDRESS_TEXT_SIZE], const char *text);

/* Visit all devices of a status (NULL: of any), page by page, until one visit does not return CTL_DONE. */
enum ctl_exit ctl_device_each(struct selkie_control_client *control, const char *status,
                              enum ctl_exit (*visit)(json_t *device, void *context), void *context);

/* A device and the binding that counts (active, else pending, else retired) in one object; new. */
json_t *ctl_device_flat(json_t *device);

/* The command addDevice; name and claim may be NULL. New. */
json_t *ctl_device_add_command(const char *address, const char *name, const char *claim);

/* The columns that export writes and import ignores; ended by NULL. */
extern const char *const ctl_export_columns[];

#endif
