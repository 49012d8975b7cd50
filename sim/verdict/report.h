/* SPDX-License-Identifier: Apache-2.0 */
/* The written report: JSON for machines, and one HTML file with charts (inline SVG, no script, nothing remote).
 * Writes files; one thread. */
#ifndef SELKIE_SIM_REPORT_H
#define SELKIE_SIM_REPORT_H

#include "verdict/verdict.h"

/* 0, or SELKIE_EIO after a line on stderr. "-" is stdout. */
SELKIE_USE_RESULT int selkie_sim_report_json(const struct selkie_world *world, const struct selkie_verdict *verdict,
                                             const char *path);
SELKIE_USE_RESULT int selkie_sim_report_html(const struct selkie_world *world, const struct selkie_verdict *verdict,
                                             const char *path);

#endif
