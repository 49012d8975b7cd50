/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <selkie/argument.h>
#include <stdlib.h>

long selkie_argument_number(struct argp_state *state, const char *name, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    /* strtol itself lets white space and a plus pass. */
    if (errno != 0 || (!isdigit((unsigned char)*text) && *text != '-') || end == text || *end != '\0' || value < min ||
        value > max)
        argp_error(state, "--%s %s: not a number from %ld to %ld", name, text, min, max);
    return value;
}
