/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl as an administrator has it: lines of a shell in which "ctl" is selkiectl with the broker and a user. */
#ifndef SELKIE_TESTS_CTL_SHELL_H
#define SELKIE_TESTS_CTL_SHELL_H

#include "harness.h"

/* The whole script for a line, in the test's folder; the user is "root", or $user. Static, until the next call. */
const char *ctl_shell_script(const struct harness_broker *broker, const char *line);

/* Run a line, which must end with this status. Returns what it said, for free(). */
__attribute__((format(printf, 3, 4))) char *ctl_shell(const struct harness_broker *broker, int status,
                                                      const char *format, ...);

/* What a line said has this text in it. Frees it. */
void ctl_shell_expect(char *said, const char *text);

#endif
