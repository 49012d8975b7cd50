/* SPDX-License-Identifier: Apache-2.0 */
/* The live view: on a terminal a few lines that redraw themselves, elsewhere one line every five seconds; and a summary
 * at the end. Writes to stderr, the summary to a file of the caller; one thread. */
#ifndef SELKIE_SIM_VIEW_H
#define SELKIE_SIM_VIEW_H

#include "verdict/verdict.h"

struct selkie_view {
    bool quiet, terminal;
    uint64_t drawn_us; /* on the wall */
    unsigned lines;    /* on the terminal just now */
};

void selkie_view_init(struct selkie_view *view, bool quiet);

/* Draw, if it is time to. */
void selkie_view_update(struct selkie_view *view, struct selkie_world *world);

/* Leave what is drawn, and draw no more. */
void selkie_view_end(struct selkie_view *view);

/* The verdict, after verdict.h has put the figures together. */
void selkie_view_summary(const struct selkie_world *world, const struct selkie_verdict *verdict, FILE *file);

#endif
