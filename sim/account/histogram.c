/* SPDX-License-Identifier: Apache-2.0 */
#include "account/histogram.h"

#define PARTS_BITS 4
#define PARTS      (1u << PARTS_BITS)

static unsigned bucket_of(uint64_t value)
{
    if (value < PARTS)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned part = (unsigned)(value >> (power - PARTS_BITS)) - PARTS;
    unsigned bucket = (power - PARTS_BITS + 1) * PARTS + part;
    return bucket < SELKIE_SIM_HISTOGRAM_BUCKETS ? bucket : SELKIE_SIM_HISTOGRAM_BUCKETS - 1;
}

uint64_t selkie_sim_histogram_edge(unsigned bucket)
{
    unsigned next = bucket + 1;

    if (next <= PARTS)
        return next;
    unsigned power = next / PARTS + PARTS_BITS - 1;
    return (uint64_t)(PARTS + next % PARTS) << (power - PARTS_BITS);
}

void selkie_sim_histogram_add(struct selkie_sim_histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t selkie_sim_histogram_percentile(const struct selkie_sim_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (unsigned i = 0; i < SELKIE_SIM_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t top = selkie_sim_histogram_edge(i) - 1;
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
