/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of durations. Buckets grow with the value, 16 to each power of two, so a percentile is at most 1/16 too
 * high. Fixed memory, no heap, no I/O, no locks: the owner protects it. */
#ifndef SELKIE_HISTOGRAM_H
#define SELKIE_HISTOGRAM_H

#include <stdint.h>

/* Up to 2^43 - 1, in microseconds 101 days; the last one also takes what is longer. */
#define SELKIE_HISTOGRAM_BUCKETS 640

struct selkie_histogram {
    uint64_t count;
    uint64_t max;
    uint32_t buckets[SELKIE_HISTOGRAM_BUCKETS];
};

/* Add one value; a negative one counts as 0. */
void selkie_histogram_add(struct selkie_histogram *histogram, int64_t value);

/* Add all values of another histogram. */
void selkie_histogram_merge(struct selkie_histogram *histogram, const struct selkie_histogram *other);

/* The value that `share` (0..1) of all values do not exceed: the upper end of its bucket, at most the maximum. 0 for an
 * empty histogram. */
uint64_t selkie_histogram_percentile(const struct selkie_histogram *histogram, double share);

/* The smallest value above those of a bucket. */
uint64_t selkie_histogram_edge(unsigned bucket);

#endif
