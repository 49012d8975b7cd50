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

/* Whether another user than root and this process's own may change what is at this path, by its mode or as its owner,
 * or may put something else in its place, because he may write the folder; in words, such as "/etc/x.json: group staff
 * may write it; chmod g-w it". What cannot be looked at is nobody's fault: false. */
#define SELKIE_FILE_WRITER_MAX 256
bool selkie_file_find_writer(const char *path, char text[static SELKIE_FILE_WRITER_MAX]);

#endif
