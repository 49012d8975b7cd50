/* SPDX-License-Identifier: Apache-2.0 */
/* What a board supplies to a device: one struct of callbacks. docs/PORTING.md fills it in, step by step.
 * No callback may block, and none is called from an interrupt. Each gets `context` unchanged.
 * A callback marked optional may be NULL; a device without it does what its comment says. */
#ifndef SELKIE_PORT_H
#define SELKIE_PORT_H

#include <selkie/compiler.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_PORT_SOURCES_MAX 3
#define SELKIE_PIN_SIZE         32 /* SHA-256 */

enum selkie_source_kind {
    SELKIE_SOURCE_TRNG,  /* bytes of a true random number generator */
    SELKIE_SOURCE_NOISE, /* readings of an ADC that sees noise: its lowest bits */
    SELKIE_SOURCE_EDGES, /* a person's button: the timer's ticks at each edge; one source for all buttons */
};

/* A raw source of entropy in the sense of NIST SP 800-90B: without any conditioning or whitening. */
struct selkie_source {
    enum selkie_source_kind kind;

    /* Min-entropy claimed for one sample, in quarter bits, as assessed with SP 800-90B's tools: 1 to 4 * width. An
     * edge is credited with at most 16 (4 bits), a bounce with nothing. A contact that opens counts as one more press:
     * if your interrupt sees that, claim 8, so that a press and its release are 4 bits together. */
    uint8_t claim;

    /* Bits of a sample that carry it, from the lowest: 1 to 8. For edges: of the interval's ticks. */
    uint8_t width;

    /* A source without any sample for so long counts as dead. 0: never; only for edges, because a person takes any
     * time. */
    uint32_t dead_ms;

    /* Edges only: the timer's frequency, at least 1 MHz, and the time within which further edges are bounces of the
     * same press. The timer may wrap at 2^32. */
    uint32_t tick_hz;
    uint32_t bounce_us;

    /* Copy up to `max` new samples, oldest first, and forget them. Edges: the timer's value at each edge, as the
     * interrupt latched it. Returns how many, 0 if there is none yet, or a negative value if the source failed
     * (then it is never called again). */
    int (*read)(void *context, uint32_t *samples, size_t max);
};

struct selkie_port {
    void *context;

    /* Pass bytes to the radio. Returns how many it took (0: its buffer is full, try again), negative if it failed. */
    int (*radio_write)(void *context, const uint8_t *bytes, size_t len);

    /* Copy received bytes. Returns how many, 0 for none. Optional: NULL on a one-way radio; then no ACK is expected. */
    int (*radio_read)(void *context, uint8_t *bytes, size_t size);

    /* For how many milliseconds no other sender has been on the air (any large value if never); negative if unknown,
     * which counts as busy. Optional: NULL if the radio cannot listen; then there is only the random back-off. */
    int (*radio_quiet_ms)(void *context);

    /* Raw entropy. At least one. */
    const struct selkie_source *sources;
    size_t source_count;

    /* The SHA-256 pin of the public key in `slot` (0 = current, 1 = next), from one-time-programmable memory. 0, or
     * negative if it cannot be read, which counts as a mismatch. */
    int (*read_pin)(void *context, unsigned slot, uint8_t pin[SELKIE_AT_LEAST(SELKIE_PIN_SIZE)]);

    /* The slot of the public key to seal with now: 1 once the operator has switched to the next key. Asked before each
     * seal. Optional: NULL means 0. */
    int (*key_slot)(void *context);

    /* Not 0 while or after the case was opened, if a voltage or clock was out of bounds, or if that is unknown: the ID
     * is wiped, and the device is silent until it is reset. Optional. */
    int (*tampered)(void *context);

    /* 1 if read-out protection and the debug lock are set. Anything else means not locked or unknown: then a device
     * whose configuration requires the lock stays silent. Optional: NULL counts as not locked. */
    int (*locked)(void *context);

    /* Kick the watchdog: called at each poll, and never otherwise. Optional. */
    void (*watchdog)(void *context);

    /* Restart the board: called after the ID was wiped because the counter is exhausted or the RAM that held it changed
     * by itself. May return. Optional: with NULL the device draws a new ID without a restart. */
    void (*restart)(void *context);
};

SELKIE_C_END

#endif
