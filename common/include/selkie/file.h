/* SPDX-License-Identifier: Apache-2.0 */
/* Files that people name in a configuration or on a command line. Any thread. */
#ifndef SELKIE_FILE_H
#define SELKIE_FILE_H

#include <selkie/error.h>
#include <stdbool.h>

/* Open a regular file to read it. Never waits: whoever opens a FIFO waits for its other end, perhaps for ever. Returns
 * the descriptor, which the caller closes, or -1 and in *fault why not, in words; valid until the thread's next call of
 * strerror. */
SELKIE_USE_RESULT int selkie_file_open(const char *path, const char **fault);

#endif
