/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers on a command line that argp reads. No heap; one thread, as argp. */
#ifndef SELKIE_ARGUMENT_H
#define SELKIE_ARGUMENT_H

#include <argp.h>

/* The decimal number that is the argument of option --<name>, from min to max. If it is not one,
 * prints a message and argp's usage, and ends the program. */
long selkie_argument_number(struct argp_state *state, const char *name, const char *text, long min, long max);

#endif
