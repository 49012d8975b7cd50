/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-sim run to its end, and what its JSON says. */
#ifndef SELKIE_TESTS_SIM_PROGRAM_H
#define SELKIE_TESTS_SIM_PROGRAM_H

#include <jansson.h>

/* Run to the end; the arguments behind "selkie-sim", ended by NULL. Returns its exit status; the output as
 * harness_run's. */
int sim_run(const char *const arguments[], char **output);

#define RUN(output, ...) sim_run((const char *const[]){__VA_ARGS__, NULL}, output)

/* Some seconds without a radio: the quickest run there is. */
#define QUICK                                                                                                          \
    "run", "--link", "mqtt", "--bit-rate", "0", "--devices", "3", "--interval", "5", "--duration", "60", "--speed",    \
        "max"

/* The figures in a file that --json wrote. They live as long as *root, which the caller gives back. */
json_t *sim_figures(const char *path, json_t **root);
double sim_figure(const json_t *figures, const char *name); /* it must be there */

/* A fixture: what a run that is killed leaves goes with the test's own folder. */
void sim_keep_together(void);

#endif
