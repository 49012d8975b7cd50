/* SPDX-License-Identifier: Apache-2.0 */
/* A button as a logic analyser recorded it: CSV as Saleae's Logic 2 exports it, a header line and then lines of
 * seconds and level ("Time [s],Channel 0", "2.759349208,1"). Lines that change nothing are no edges, so an export with
 * a line for each sample does as well. Further columns are ignored. No heap; safe from any thread. */
#ifndef SELKIE_TESTS_RECORDING_H
#define SELKIE_TESTS_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RECORDING_EDGES_MAX 8192

struct recording {
    uint32_t edges[RECORDING_EDGES_MAX]; /* microseconds since the first one */
    size_t count;
};

/* What the hand did and what the contact did, as told by the levels at which it came to rest. The first line's is that
 * of a button that nobody presses. */
struct recording_summary {
    unsigned moments;  /* of edges, after each of which the contact rested for the bounce time at least */
    unsigned presses;  /* moments that left it closed */
    unsigned releases; /* moments that left it open again */
    unsigned glitches; /* moments that changed nothing: a bounce with a longer pause, or interference */
    uint32_t longest_bounce_us;
    uint32_t longest_pause_us; /* within a bounce */
    uint32_t shortest_rest_us; /* between moments, UINT32_MAX if there is one at most */
};

/* Read it to its end. Returns 0, or the number of the line that is wrong; the last one's where there is no edge. */
int recording_read(struct recording *recording, FILE *file);

struct recording_summary recording_summarize(const struct recording *recording, uint32_t bounce_us);

#endif
