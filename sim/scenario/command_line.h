/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios from the command line: a file (or an attack's own small scenario, or nothing) with single keys set over it.
 * The result goes through the reader of scenarios, so the command line has the same ranges and messages. Heap, file
 * input; one thread. */
#ifndef SELKIE_SIM_COMMAND_LINE_H
#define SELKIE_SIM_COMMAND_LINE_H

#include "scenario/scenario.h"

#include <jansson.h>

struct selkie_command_line {
    json_t *over; /* a list of ["path/in/the/scenario", value] */
};

/* Note a key to be set: "fleet/devices" or "channels/0/link". The value is taken as JSON if it is, else as a string. 0,
 * SELKIE_EINVAL (no path) or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_line_set(struct selkie_command_line *options, const char *path, const char *value);

/* Read the file (NULL: the defaults; else an attack by its name: NULL where file is given) with what was noted set over
 * it. Check selkie_scenario_error next. Returns NULL, or a path that was noted and leads nowhere (a list has no such
 * place, or a plain value nothing inside); it lives as long as the options. */
SELKIE_USE_RESULT const char *selkie_command_line_load(const struct selkie_command_line *options,
                                                       struct selkie_scenario *scenario, const char *file,
                                                       const char *attack);

/* Print what would be run, for --check-config. */
void selkie_command_line_show(const struct selkie_scenario *scenario);

void selkie_command_line_wipe(struct selkie_command_line *options);

#endif
