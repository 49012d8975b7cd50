/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of serial lines for radios, for the programs on Linux. Any thread. */
#ifndef SELKIE_TTY_H
#define SELKIE_TTY_H

#include <selkie/error.h>
#include <stdbool.h>

/* Whether a serial line runs at this speed. */
bool selkie_tty_speed_valid(unsigned baud);

/* Make an open line raw: 8N1, no flow control, modem lines ignored. Bytes that came in before are kept: they may be
 * the start of a frame. SELKIE_EIO with the reason in errno. */
SELKIE_USE_RESULT int selkie_tty_make_raw(int fd, unsigned baud);

#endif
