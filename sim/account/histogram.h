/* SPDX-License-Identifier: Apache-2.0 */
/* How times are distributed: counts in buckets that grow with the value (each power of two in 16 parts, so a percentile
 * is off by 6 % at most), from microseconds to days. Fixed memory, no heap, no I/O. */
#ifndef SELKIE_SIM_HISTOGRAM_H
#define SELKIE_SIM_HISTOGRAM_H

#include <stdint.h>

#define SELKIE_SIM_HISTOGRAM_BUCKETS                                                                                   \
    640 /* 16 a power of two: up to 2^39 us, six days; longer ones go into the last                                    \
         */

struct selkie_sim_histogram {
    uint64_t count;
    uint64_t max;
    uint32_t buckets[SELKIE_SIM_HISTOGRAM_BUCKETS];
};

void selkie_sim_histogram_add(struct selkie_sim_histogram *histogram, uint64_t value);

/* The value that `share` (0..1) of all do not exceed: the upper end of its bucket, at most the maximum. 0 where there
 * are none. */
uint64_t selkie_sim_histogram_percentile(const struct selkie_sim_histogram *histogram, double share);

/* The smallest value above those of a bucket. */
uint64_t selkie_sim_histogram_edge(unsigned bucket);

#endif
