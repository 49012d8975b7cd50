/* SPDX-License-Identifier: Apache-2.0 */
/* Compare two topic filters: does one cover the other, do they overlap? MQTT 5.0, section 4.7. Pure: no state, no I/O;
 * safe from any thread. */
#ifndef SELKIE_PLUGIN_FILTER_H
#define SELKIE_PLUGIN_FILTER_H

#include <stdbool.h>

/* Whether every topic that `narrow` matches is matched by `wide`. */
bool selkie_filter_covers(const char *wide, const char *narrow);

/* Whether there is a topic that both match. */
bool selkie_filter_overlaps(const char *a, const char *b);

#endif
