/* SPDX-License-Identifier: Apache-2.0 */
/* A program's standard output, which may be a full disk. */
#ifndef SELKIE_STDOUT_H
#define SELKIE_STDOUT_H

/* Call first in main: at the program's end, whichever way it takes, what stdout still holds is written. If anything
 * could not be written, one line on stderr under the program's name says why, and the exit status is 1. A reader that
 * closed its pipe has enough: then there is no line, and the exit status is 141, as after SIGPIPE. */
void selkie_stdout_check_at_exit(const char *program);

#endif
