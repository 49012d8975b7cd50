/* SPDX-License-Identifier: Apache-2.0 */
/* The serial lines of this machine, for whoever writes a configuration. Files under /dev and /sys; one thread. */
#ifndef SELKIE_GATEWAY_PORTS_H
#define SELKIE_GATEWAY_PORTS_H

#include <limits.h>
#include <selkie/error.h>
#include <stdbool.h>

/* Print one line a port to stdout: the name that stays the same across boots where there is one, the kernel's, and what
 * it is. 0, or SELKIE_EIO after a line in the log. */
SELKIE_USE_RESULT int selkie_ports_list(void);

/* The link in this folder that leads to the device: named for the adapter's serial number, it stays when ttyUSB0
 * becomes ttyUSB1. False where there is none. */
bool selkie_ports_find_link(const char *folder, const char *device, char name[static PATH_MAX]);

#endif
