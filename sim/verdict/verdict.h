/* SPDX-License-Identifier: Apache-2.0 */
/* All metrics of a run by name, and which expectations held; the live view of them, and the reports. One thread. */
#ifndef SELKIE_SIM_VERDICT_H
#define SELKIE_SIM_VERDICT_H

#include "world/world.h"

#include <stdio.h>

struct selkie_sim_verdict {
    bool held; /* all of them, and the run neither broke nor was interrupted */
    bool interrupted;
    struct selkie_expect expect; /* of the scenario and of its attacks */
    unsigned held_count;
    bool holds[SELKIE_EXPECT_MAX];
    char text[SELKIE_EXPECT_MAX][128]; /* as selkie_expect_format writes it */
};

/* Put the metrics together; may be called during the run, too. */
void selkie_verdict_metrics(struct selkie_world *world);

/* Put the metrics together and compare them with the scenario's expectations, those of its attacks, and that nothing
 * was forged or lost elsewhere, and something sent and delivered, where the scenario says nothing about these metrics.
 * What failed is said on stderr. */
void selkie_verdict_reach(struct selkie_sim_verdict *verdict, struct selkie_world *world);

/* The live view, on stderr: on a terminal a few lines that redraw themselves, elsewhere one line every five seconds. */
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

/* The summary, of a verdict that was reached. */
void selkie_view_summary(const struct selkie_world *world, const struct selkie_sim_verdict *verdict, FILE *file);

/* Open the file of a report before the run, which may take hours; "-" is stdout. What is in it stays until the report
 * is written. NULL after a line on stderr. */
FILE *selkie_sim_report_open(const char *path);

/* The written report: JSON for machines, and one HTML file with charts (inline SVG, no script, nothing remote). Takes
 * the file. 0, or SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_report_json(const struct selkie_world *world, const struct selkie_sim_verdict *verdict,
                                             FILE *file, const char *path);
SELKIE_USE_RESULT int selkie_sim_report_html(const struct selkie_world *world, const struct selkie_sim_verdict *verdict,
                                             FILE *file, const char *path);

#endif
