/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy for a device: raw sources, their health tests, the entropy credited to them, and conditioning.
 * NIST SP 800-90B: start-up test (4.3), continuous tests (4.4), SHA-256 as the vetted conditioner (3.1.5.1); 800-90C
 * asks for 64 bits more than the 256 that come out. No heap, no globals, no I/O but the port's sources; never blocks;
 * one thread at a time. */
#ifndef SELKIE_DEVICE_ENTROPY_H
#define SELKIE_DEVICE_ENTROPY_H

#include <mbedtls/sha256.h>
#include <selkie/device/health.h>
#include <selkie/error.h>
#include <selkie/port.h>

SELKIE_C_BEGIN

#define SELKIE_ENTROPY_NEEDED     320 /* bits credited before anything is drawn */
#define SELKIE_ENTROPY_SEED       48  /* bytes drawn: 32 of entropy, 16 of nonce */
#define SELKIE_ENTROPY_EDGE_CLAIM 16  /* quarter bits: the most that an edge is credited with */
#define SELKIE_ENTROPY_ALARMS     3   /* of a source's health tests, by which it is refused */
#define SELKIE_ENTROPY_INTERVALS  48  /* of the latest presses: the longest period that is detected */
#define SELKIE_ENTROPY_PREDICTORS 64

/* How often one simple rule predicted the next interval to within milliseconds. */
struct selkie_predictor {
    uint8_t run;  /* times in a row */
    uint8_t hits; /* times in this window of 64 */
};

/* Whether a person pressed, or a machine. The rules: the interval is that of 1 to 48 presses before; the difference to
 * the interval before is that of 1 to 15 presses before, as in a ramp; it is one of the last four. */
struct selkie_rhythm {
    uint16_t intervals[SELKIE_ENTROPY_INTERVALS]; /* milliseconds modulo 2^16, the latest first */
    uint32_t last_edge;                           /* ticks, of the last raw edge: bounces extend a press */
    uint32_t last_press;                          /* ticks, of the press that began it */
    struct selkie_predictor predictors[SELKIE_ENTROPY_PREDICTORS];
    uint8_t judged; /* intervals in this window of 64 */
    uint8_t known;  /* intervals seen, up to SELKIE_ENTROPY_INTERVALS */
    bool started;
};

struct selkie_entropy_source {
    struct selkie_health health;
    uint32_t credit;       /* quarter bits since the last draw */
    uint16_t startup_left; /* samples of the start-up test still to come; nothing counts until it is passed */
    uint64_t last_sample_ms;
    uint8_t alarms; /* of the health tests since the init */
    bool failed;
};

struct selkie_entropy {
    struct selkie_entropy_source sources[SELKIE_PORT_SOURCES_MAX];
    struct selkie_rhythm rhythm; /* of the one source of edges */
    mbedtls_sha256_context pool;
    uint8_t source_count;
    bool started;
};

/* 0, or SELKIE_EINVAL for sources that port.h does not allow. After either, wipe it. */
SELKIE_USE_RESULT int selkie_entropy_init(struct selkie_entropy *entropy, const struct selkie_port *port);
void selkie_entropy_wipe(struct selkie_entropy *entropy);

/* Take in what the sources have. Returns 1 if another call would find more at once, 0 if not, or SELKIE_EENTROPY: every
 * source was refused. A source that raises an alarm (800-90B, 4.3: an intermittent failure) loses all its credit and
 * repeats the start-up test. A source is refused after its third alarm (a persistent failure), and at once if it is
 * dead or reports that it failed. A refused source is not read again until the next init. */
SELKIE_USE_RESULT int selkie_entropy_gather(struct selkie_entropy *entropy, const struct selkie_port *port,
                                            uint64_t now_ms);

/* Bits credited since the last draw, by sources that have passed their start-up test. Up to SELKIE_ENTROPY_NEEDED. */
unsigned selkie_entropy_bits(const struct selkie_entropy *entropy);

/* The same for display: with the bits of sources that have not passed their start-up test yet. Below
 * SELKIE_ENTROPY_NEEDED for as long as selkie_entropy_bits is. */
unsigned selkie_entropy_progress(const struct selkie_entropy *entropy);

/* Alarms that the health tests of all sources have raised since the init. */
unsigned selkie_entropy_alarms(const struct selkie_entropy *entropy);

/* Draw a seed and set all credit to 0; the pool keeps its state. 0, SELKIE_ENOTREADY below SELKIE_ENTROPY_NEEDED
 * bits, or SELKIE_ECRYPTO. The caller wipes the seed. */
SELKIE_USE_RESULT int selkie_entropy_draw(struct selkie_entropy *entropy,
                                          uint8_t seed[SELKIE_AT_LEAST(SELKIE_ENTROPY_SEED)]);

SELKIE_C_END

#endif
