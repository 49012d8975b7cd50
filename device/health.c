/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/device/health.h>
#include <string.h>

#define ALPHA_BITS     30 /* false alarms at 2^-30 */
#define WINDOW_BINARY  1024
#define WINDOW_SYMBOLS 512

/* 1 + critbinom(window, 2^-H, 1 - 2^-30) for H = 1/4, 2/4, … bits. The binomial needs more arithmetic than a small
 * device has; the unit test computes every entry again. */
static const uint16_t apt_symbols[32] = {477, 422, 371, 325, 284, 248, 217, 190, 167, 147, 129, 114, 101, 89, 79, 71,
                                         63,  56,  51,  46,  41,  37,  34,  31,  28,  26,  24,  22,  20,  19, 17, 16};
static const uint16_t apt_binary[4] = {928, 810, 703, 609};

uint16_t selkie_health_rct_cutoff(unsigned claim)
{
    return (uint16_t)(1 + (4 * ALPHA_BITS + claim - 1) / claim);
}

uint16_t selkie_health_apt_cutoff(unsigned claim, bool binary)
{
    return binary ? apt_binary[claim - 1] : apt_symbols[claim - 1];
}

int selkie_health_init(struct selkie_health *health, unsigned claim, unsigned width)
{
    if (width < 1 || width > 8 || claim < 1 || claim > 4 * width)
        return SELKIE_EINVAL;
    memset(health, 0, sizeof *health);
    health->rct_cutoff = selkie_health_rct_cutoff(claim);
    health->apt_cutoff = selkie_health_apt_cutoff(claim, width == 1);
    health->apt_window = width == 1 ? WINDOW_BINARY : WINDOW_SYMBOLS;
    health->mask = (uint8_t)((1u << width) - 1);
    return 0;
}

static bool stream_accepts(struct selkie_health_stream *stream, const struct selkie_health *health, uint8_t value)
{
    stream->run = stream->run > 0 && value == stream->last ? (uint16_t)(stream->run + 1) : 1;
    stream->last = value;

    if (stream->seen == 0 || stream->seen == health->apt_window) {
        stream->first = value;
        stream->seen = 0;
        stream->matches = 0;
    }
    stream->seen++;
    if (value == stream->first)
        stream->matches++;
    return stream->run < health->rct_cutoff && stream->matches < health->apt_cutoff;
}

/* How many of the anchor's samples the latest ones are, now that `value` has come after `matched` of them. What came
 * before is in the anchor itself, so shorter matches are sought there, the longest first (Knuth, Morris and Pratt). */
static uint8_t match(const struct selkie_health_cycle *cycle, unsigned size, uint8_t value)
{
    const uint8_t *anchor = cycle->anchor;
    for (unsigned from = cycle->matched == size ? 1 : 0; from <= cycle->matched; from++) {
        unsigned len = cycle->matched - from;
        if (anchor[len] == value && memcmp(anchor, anchor + from, len) == 0)
            return (uint8_t)(len + 1);
    }
    return 0;
}

/* The anchor has come back. Returns whether too many samples have by now, one after the other at the same distance. */
static bool returns_too_often(struct selkie_health_cycle *cycle, unsigned size, unsigned wanted)
{
    uint32_t distance = cycle->seen - cycle->returned_at;
    bool again = distance == cycle->distance;
    cycle->returned_at = cycle->seen;
    cycle->distance = distance;
    if (!again)
        cycle->repeated = (uint8_t)size;
    else if (cycle->repeated < wanted)
        cycle->repeated = (uint8_t)(cycle->repeated + (distance < size ? distance : size));
    return cycle->repeated >= wanted;
}

static bool cycle_accepts(struct selkie_health_cycle *cycle, unsigned wanted, uint8_t value)
{
    unsigned size = wanted < SELKIE_HEALTH_ANCHOR ? wanted : SELKIE_HEALTH_ANCHOR;
    cycle->seen++;
    if ((cycle->seen & (cycle->seen - 1)) == 0) {
        cycle->matched = 0;
        cycle->filled = 0;
    } else {
        cycle->matched = match(cycle, size, value);
    }
    if (cycle->filled < size) {
        cycle->anchor[cycle->filled++] = value;
        cycle->returned_at = cycle->seen;
        cycle->distance = 0;
        return true;
    }
    return cycle->matched < size || !returns_too_often(cycle, size, wanted);
}

int selkie_health_sample(struct selkie_health *health, uint32_t sample)
{
    uint8_t value = (uint8_t)(sample & health->mask);
    uint8_t difference = (uint8_t)((value - health->samples.last) & health->mask);
    bool first = health->cycle.seen == 0;

    /* A run of so many equal pairs is as rare as the run of equal neighbours that the cutoff stands for. */
    bool healthy = cycle_accepts(&health->cycle, health->rct_cutoff - 1u, value);
    if (!first && !stream_accepts(&health->differences, health, difference))
        healthy = false;
    if (!stream_accepts(&health->samples, health, value))
        healthy = false;
    return healthy ? 0 : SELKIE_EENTROPY;
}
