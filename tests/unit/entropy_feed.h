/* SPDX-License-Identifier: Apache-2.0 */
/* Raw sources for tests of the entropy: two at most, each a list of samples that is read to its end. Static storage,
 * one thread. */
#ifndef SELKIE_TESTS_ENTROPY_FEED_H
#define SELKIE_TESTS_ENTROPY_FEED_H

#include <selkie/device/entropy.h>
#include <vectors/test_random.h>

#define FEED_SAMPLES_MAX 8192

struct feed {
    uint32_t samples[FEED_SAMPLES_MAX];
    size_t count, at;
    int failure; /* returned instead */
};

extern struct feed feeds[2];
extern struct selkie_source sources[2]; /* a TRNG that claims 4 bits a byte, a button */
extern struct selkie_port port;         /* with the first one */
extern struct selkie_entropy entropy;
extern struct test_random rng;

/* As above, and nothing to read. */
void feed_set_up(void);
void feed_tear_down(void);

/* The button is the only source, read from feeds[0]. */
void feed_buttons_alone(void);

void feed_begin(void);

/* Gather until there is no more. Returns 0 or the error. */
int feed_gather(uint64_t now_ms);

void feed_random(struct feed *feed, size_t count);

/* The edge of a press so many microseconds after the last edge. */
void feed_press(struct feed *feed, uint32_t after_us);

/* The interval of a person at his ease: 120 to 600 ms. */
uint32_t feed_human(void);

#endif
