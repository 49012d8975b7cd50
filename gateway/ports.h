/* SPDX-License-Identifier: Apache-2.0 */
/* The serial lines of this machine, for whoever writes a configuration. Files under /dev and /sys; one thread. */
#ifndef SELKIE_GATEWAY_PORTS_H
#define SELKIE_GATEWAY_PORTS_H

#include <limits.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stdio.h>

/* Print one line a port to stdout: the names that stay the same across boots, in /dev/selkie and /dev/serial/by-id, the
 * kernel's, and what it is. 0, or SELKIE_EIO after a line in the log. */
SELKIE_USE_RESULT int selkie_ports_list(void);

/* One such line: for each folder the device's name in it, where it has one; then the device, and what it is. */
void selkie_ports_print(FILE *to, const char *const *from, size_t count, const char *device, const char *what);

/* The link in this folder that leads to the device: named for the adapter's serial number, it stays when ttyUSB0
 * becomes ttyUSB1. False where there is none. */
bool selkie_ports_find_link(const char *folder, const char *device, char name[static PATH_MAX]);

#endif
