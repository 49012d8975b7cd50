/* SPDX-License-Identifier: Apache-2.0 */
/* FRAGMENT, type 3: a body in pieces that fit a radio's packets, with parity. PROTOCOL.md, section 3.
 * A systematic Reed-Solomon code over GF(2^8) with a Cauchy matrix: any k different fragments of a set give the body
 * back. No tables: flash is dear on a device, and the line is slow. No heap, no I/O, no globals; safe from any thread
 * on distinct objects. */
#ifndef SELKIE_FRAGMENT_H
#define SELKIE_FRAGMENT_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

#define SELKIE_FRAGMENT_HEAD        0x13 /* version 1, type 3 */
#define SELKIE_FRAGMENT_HEADER_SIZE 5
#define SELKIE_FRAGMENT_CHUNK_MIN   4
#define SELKIE_FRAGMENT_CHUNK_MAX   250
#define SELKIE_FRAGMENT_CHUNKS_MAX  64  /* of data in a set */
#define SELKIE_FRAGMENT_INDICES     256 /* of a set: data first, then parity */
#define SELKIE_FRAGMENT_SIZE_MAX    (SELKIE_FRAGMENT_HEADER_SIZE + SELKIE_FRAGMENT_CHUNK_MAX)

/* Bytes of a packet on the line: the least that a SEALED frame fits into, and the most that a fragment fills. */
#define SELKIE_PACKET_MIN 19
#define SELKIE_PACKET_MAX 261

/* How a body is cut. */
struct selkie_fragment_plan {
    uint8_t k;     /* chunks of data */
    uint8_t chunk; /* bytes of each chunk */
    uint16_t set;  /* CRC-16 of the blob: body, zeros, length */
};

/* Cut a body of 1 to SELKIE_SEALED_SIZE bytes for packets of packet_max bytes on the line, SELKIE_PACKET_MIN to
 * SELKIE_PACKET_MAX. SELKIE_EINVAL: either is not, or it would take chunks that are too short or too many. */
SELKIE_USE_RESULT int selkie_fragment_make_plan(struct selkie_fragment_plan *plan, const uint8_t *body, size_t len,
                                                size_t packet_max);

/* Write the fragment with this index of a body so cut. Returns its length, at most SELKIE_FRAGMENT_SIZE_MAX. The two
 * buffers must not overlap. */
size_t selkie_fragment_write(uint8_t *fragment, const struct selkie_fragment_plan *plan, const uint8_t *body,
                             size_t len, uint8_t index);

/* The receiver of one line. */
#define SELKIE_FRAGMENT_SETS    8
#define SELKIE_FRAGMENT_KEEP_MS 120000 /* a set is kept so long after its last new fragment */
#define SELKIE_FRAGMENT_BLOB_MAX                                                                                       \
    (SELKIE_SEALED_SIZE + 2 + SELKIE_FRAGMENT_CHUNKS_MAX - 1) /* of the longest body with the most padding */

/* How far apart the fragments of one transmission are at most, from one to the next. */
#define SELKIE_FRAGMENT_PACE_MAX_MS 2500
/* How long after a fragment the next one of its transmission may come. `pace_ms` is how far apart those before it were;
 * 0: not known yet. The receiver sends nothing for so long, and the sender expects nothing. */
#define SELKIE_FRAGMENT_PAUSE_MS(pace_ms) ((pace_ms) > 0 ? (pace_ms) + (pace_ms) / 4 + 20 : 1000)

struct selkie_fragment_set {
    struct selkie_fragment_plan plan; /* k 0: empty */
    uint8_t count;                    /* different chunks so far; k: restored, `blob` holds the blob */
    uint8_t last;                     /* the index heard last, at last_ms */
    uint32_t pace_ms;                 /* from one fragment to the next, the longest so far; 0: not known */
    uint64_t last_ms;
    uint64_t heard_ms; /* the last new fragment */
    int32_t rssi_sum;  /* of the chunks of which it is known, */
    uint16_t rssi_count;
    uint64_t seen[SELKIE_FRAGMENT_INDICES / 64];
    uint8_t index[SELKIE_FRAGMENT_CHUNKS_MAX];
    uint8_t blob[SELKIE_FRAGMENT_BLOB_MAX]; /* the chunks in order of arrival */
};

struct selkie_fragment_rx {
    struct selkie_fragment_set sets[SELKIE_FRAGMENT_SETS];
    uint64_t restored;  /* bodies */
    uint64_t broken;    /* sets whose chunks do not belong together, or hold no body */
    uint64_t expired;   /* sets without enough fragments in time */
    uint64_t displaced; /* sets without enough fragments that made room for others */
    /* Until then the next fragment may come: nobody who hears this line may send before. */
    uint64_t expects_ms;
    int16_t rssi; /* set it before each fragment: how strongly that was received, in dBm; 0 = unknown */
};

/* A body that a fragment completed, or of which the sender begins a repeat. */
struct selkie_fragment_body {
    const uint8_t *bytes; /* the receiver's; until the next call */
    size_t len;
    bool again;   /* restored before: the sender did not get an ACK for it */
    int16_t rssi; /* the mean of the fragments of which it is known; 0 = of none */
};

void selkie_fragment_rx_init(struct selkie_fragment_rx *rx);

/* Forget the sets whose time is over at now_ms, and count those that gave no body. selkie_fragment_rx_put does so too.
 */
void selkie_fragment_rx_expire(struct selkie_fragment_rx *rx, uint64_t now_ms);

/* Take a body of type 3 that the link received at now_ms, by a clock that never goes back. 1: `body` is set; 0: more is
 * needed, or it is the rest of a transmission whose body was restored; SELKIE_EMALFORMED: it is no FRAGMENT;
 * SELKIE_ECRC: its set was broken, and is gone. */
SELKIE_USE_RESULT int selkie_fragment_rx_put(struct selkie_fragment_rx *rx, const uint8_t *fragment, size_t len,
                                             uint64_t now_ms, struct selkie_fragment_body *body);

SELKIE_C_END

#endif
