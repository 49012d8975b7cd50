/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/histogram.h>

#define PARTS_BITS 4
#define PARTS      (1u << PARTS_BITS)

static unsigned bucket_of(uint64_t value)
{
    if (value < PARTS)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned part = (unsigned)(value >> (power - PARTS_BITS)) - PARTS;
    unsigned bucket = (power - PARTS_BITS + 1) * PARTS + part;
    return bucket < SELKIE_HISTOGRAM_BUCKETS ? bucket : SELKIE_HISTOGRAM_BUCKETS - 1;
}

uint64_t selkie_histogram_edge(unsigned bucket)
{
    unsigned next = bucket + 1;

    if (next <= PARTS)
        return next;
    unsigned power = next / PARTS + PARTS_BITS - 1;
    return (uint64_t)(PARTS + next % PARTS) << (power - PARTS_BITS);
}

void selkie_histogram_add(struct selkie_histogram *histogram, int64_t value)
{
    uint64_t counted = value < 0 ? 0 : (uint64_t)value;

    histogram->count++;
    histogram->buckets[bucket_of(counted)]++;
    if (counted > histogram->max)
        histogram->max = counted;
}

void selkie_histogram_merge(struct selkie_histogram *histogram, const struct selkie_histogram *other)
{
    histogram->count += other->count;
    if (other->max > histogram->max)
        histogram->max = other->max;
    for (unsigned i = 0; i < SELKIE_HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
}

uint64_t selkie_histogram_percentile(const struct selkie_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < SELKIE_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t top = selkie_histogram_edge(i) - 1;
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
