/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the serial lines of this machine, for the operator who writes a configuration. Reads /dev and /sys; one thread.
 */
#ifndef SELKIE_GATEWAY_PORTS_H
#define SELKIE_GATEWAY_PORTS_H

#include <limits.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stdio.h>

/* Print one line a port to stdout: its names that stay the same across boots (links in /dev/selkie, /dev/serial/by-id
 * and /dev), the kernel's name, and a description. 0, or SELKIE_EIO after a line in the log. */
SELKIE_USE_RESULT int selkie_ports_list(void);

/* One such line: the name of the device in each folder that has one, the device, and its description. */
void selkie_ports_print(FILE *to, const char *const *from, size_t count, const char *device, const char *what);

/* The link in this folder that leads to the device. Its name has the adapter's serial number, and so it stays when
 * ttyUSB0 becomes ttyUSB1. False if there is none. */
bool selkie_ports_find_link(const char *folder, const char *device, char name[static PATH_MAX]);

#endif
