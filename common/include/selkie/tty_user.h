/* SPDX-License-Identifier: Apache-2.0 */
/* Who else uses a serial line: a login prompt, a forgotten `cat`. Each of them takes bytes away. Reads all of /proc, so
 * ask when a line is opened, not for each byte. Any thread. */
#ifndef SELKIE_TTY_USER_H
#define SELKIE_TTY_USER_H

#include <stdbool.h>
#include <sys/types.h>

/* "agetty (process 412)". Of another user's process only root sees the open files; then it counts that the line is its
 * controlling terminal, or that its command line names the device. False: none was found. */
#define SELKIE_TTY_USER_MAX 64
bool selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device);

#endif
