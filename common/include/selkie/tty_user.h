/* SPDX-License-Identifier: Apache-2.0 */
/* Who else uses a serial line: a login prompt, a forgotten `cat`. Each of them takes bytes away. Reads all of /proc, so
 * ask when a line is opened, not for each byte. Never waits for a file system that does not answer (NFS, autofs, FUSE),
 * whatever other processes have open or name. Any thread. */
#ifndef SELKIE_TTY_USER_H
#define SELKIE_TTY_USER_H

#include <sys/types.h>

enum selkie_tty_use {
    SELKIE_TTY_UNUSED,
    SELKIE_TTY_NAMED, /* its open files are hidden, and its command line names the device: it may use it */
    SELKIE_TTY_USED
};

/* "agetty (process 412)": the process that uses the line, else one that may use it. Of another user's process only root
 * sees the open files; then it counts that the line is its controlling terminal, or that its command line names the
 * device below /dev. The command lines of those that started this process (sudo, a shell) do not count: they name the
 * line for us. Nor does one that has both ends of a pseudo-terminal: it is the cable. The text is set unless the result
 * is SELKIE_TTY_UNUSED. */
#define SELKIE_TTY_USER_MAX 64
enum selkie_tty_use selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device);

#endif
