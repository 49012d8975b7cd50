/* SPDX-License-Identifier: Apache-2.0 */
/* The run's figures by name: what expectations speak of and reports print. A table of fixed size in the order in which
 * names first came; what finds no room is counted under no name.
 * No heap, no I/O, no globals; one thread. */
#ifndef SELKIE_SIM_FIGURES_H
#define SELKIE_SIM_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#define SELKIE_FIGURE_NAME_MAX 48
#define SELKIE_FIGURES_MAX     256

struct selkie_figure {
    char name[SELKIE_FIGURE_NAME_MAX];
    double value;
};

struct selkie_figures {
    size_t count;
    struct selkie_figure list[SELKIE_FIGURES_MAX];
};

/* A name in a group ("events", "clone") is "events.clone"; group NULL = none. */
void selkie_figures_set(struct selkie_figures *figures, const char *group, const char *name, double value);
void selkie_figures_add(struct selkie_figures *figures, const char *group, const char *name, double value);
bool selkie_figures_has(const struct selkie_figures *figures, const char *name);
double selkie_figures_get(const struct selkie_figures *figures, const char *name); /* 0 where there is none */

#endif
