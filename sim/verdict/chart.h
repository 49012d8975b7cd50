/* SPDX-License-Identifier: Apache-2.0 */
/* Charts as inline SVG, each under a heading of its own. Text only: no script, no style from elsewhere. */
#ifndef SELKIE_SIM_CHART_H
#define SELKIE_SIM_CHART_H

#include "account/histogram.h"
#include "account/series.h"

#include <stdint.h>
#include <stdio.h>

void selkie_chart_delivery(FILE *file, const struct selkie_series *series);
void selkie_chart_latency(FILE *file, const struct selkie_sim_histogram *latency);
void selkie_chart_air(FILE *file, const struct selkie_series *series, uint32_t channels);
void selkie_chart_events(FILE *file, const struct selkie_series *series);

#endif
