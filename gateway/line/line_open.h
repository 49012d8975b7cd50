/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a tty for a radio: others kept out and named, the settings made, and each failure in words that say what to do.
 * Never blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_LINE_OPEN_H
#define SELKIE_GATEWAY_LINE_OPEN_H

#include "line/line_settings.h"

#include <stdbool.h>

/* 0: *fd is the line, and `text` is "" or names what its driver did not take ("not as configured: …"). Else errno, and
 * *fd is -1. */
int selkie_line_open(int *fd, const char *device, const struct selkie_line_settings *settings,
                     char text[static SELKIE_LINE_FAULT_MAX]);

/* What this errno of selkie_line_open means, and what to do. For EBUSY it looks through all of /proc. */
void selkie_line_explain(char text[static SELKIE_LINE_FAULT_MAX], const char *device, int error);

/* In words, which other process uses this open tty; "": none is seen to. Looks through all of /proc. */
#define SELKIE_LINE_OTHER_MAX 120
void selkie_line_find_other(char text[static SELKIE_LINE_OTHER_MAX], int fd);

#endif
