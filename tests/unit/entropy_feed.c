/* SPDX-License-Identifier: Apache-2.0 */
#include "entropy_feed.h"
#include <check.h>
#include <string.h>

struct feed feeds[2];
struct selkie_source sources[2];
struct selkie_port port;
struct selkie_entropy entropy;
struct test_random rng;

static int read_feed(struct feed *feed, uint32_t *samples, size_t max)
{
    if (feed->failure != 0)
        return feed->failure;
    size_t count = feed->count - feed->at < max ? feed->count - feed->at : max;
    memcpy(samples, feed->samples + feed->at, count * sizeof samples[0]);
    feed->at += count;
    return (int)count;
}

static int read_first(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    return read_feed(&feeds[0], samples, max);
}

static int read_second(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    return read_feed(&feeds[1], samples, max);
}

void feed_set_up(void)
{
    memset(feeds, 0, sizeof feeds);
    rng.state = 3;
    sources[0] = (struct selkie_source){
        .kind = SELKIE_SOURCE_TRNG, .claim = 16, .width = 8, .dead_ms = 1000, .read = read_first};
    sources[1] = (struct selkie_source){.kind = SELKIE_SOURCE_EDGES,
                                        .claim = 16,
                                        .width = 8,
                                        .tick_hz = 1000000,
                                        .bounce_us = 20000,
                                        .read = read_second};
    port = (struct selkie_port){.sources = sources, .source_count = 1};
}

void feed_tear_down(void)
{
    selkie_entropy_wipe(&entropy);
}

void feed_begin(void)
{
    ck_assert_int_eq(selkie_entropy_init(&entropy, &port), 0);
}

int feed_gather(uint64_t now_ms)
{
    int more;
    do {
        more = selkie_entropy_gather(&entropy, &port, now_ms);
    } while (more > 0);
    return more;
}

void feed_random(struct feed *feed, size_t count)
{
    while (count-- > 0)
        feed->samples[feed->count++] = (uint8_t)test_random_next(&rng);
}

void feed_press(struct feed *feed, uint32_t after_us)
{
    static uint32_t last;
    if (feed->count == 0)
        last = 0xfff00000u; /* the timer wraps on the way */
    last += after_us;
    feed->samples[feed->count++] = last;
}

uint32_t feed_human(void)
{
    return 120000 + (uint32_t)test_random_below(&rng, 480000);
}

void feed_buttons_alone(void)
{
    sources[0] = sources[1];
    sources[0].read = read_first;
}
