/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a tty for a radio: others kept out and named, the settings made, and each failure in words that say what to do.
 * Never blocks for longer than a look through /proc. The loop's thread. */
#ifndef SELKIE_GATEWAY_LINE_OPEN_H
#define SELKIE_GATEWAY_LINE_OPEN_H

#include "line/line_settings.h"

#include <stdbool.h>

/* 0: *fd is the line, and `text` is "" or names what is not right with it: what its driver did not take, who else has
 * it open. Else errno, *fd is -1, and `text` says what failed. */
int selkie_line_open(int *fd, const char *device, const struct selkie_line_settings *settings,
                     char text[static SELKIE_LINE_FAULT_MAX]);

/* Whether another process uses this open tty, and in words which. */
#define SELKIE_LINE_OTHER_MAX 120
bool selkie_line_find_other(int fd, char text[static SELKIE_LINE_OTHER_MAX]);

#endif
