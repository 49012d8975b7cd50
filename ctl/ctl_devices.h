/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as $CONTROL/selkie/v1 reports them, for the commands about devices. One thread. */
#ifndef SELKIE_CTL_DEVICES_H
#define SELKIE_CTL_DEVICES_H

#include "control_client.h"

#include <selkie/frame.h>

/* The text as an address in lower case; NULL if it is not an address. Colons or dashes between groups of 2 or 4 digits,
 * or "0x" before all, may be there. */
const char *ctl_device_address(char address[static SELKIE_ADDRESS_TEXT_SIZE], const char *text);

/* The command's first argument as an address in lower case. CTL_USAGE after a message if it is none. */
enum ctl_exit ctl_device_argument(char address[static SELKIE_ADDRESS_TEXT_SIZE], const struct ctl_options *options);

/* The command addDevice; name, claim and model may be NULL. New. */
json_t *ctl_device_add_command(const char *address, const char *name, const char *claim, const char *model);

/* The columns that export writes and import ignores; ended by NULL. */
extern const char *const ctl_export_columns[];

#endif
