/* SPDX-License-Identifier: Apache-2.0 */
/* What one line hears, and whether it is deaf: bytes come, but no frames. docs/DESIGN.md, "A deaf line".
 *
 * A line is deaf when a byte comes at least `limit` after the last whole frame (or after the line was opened), and at
 * least SELKIE_HEARING_BYTES came meanwhile. The next whole frame ends that. The limit is a minute at first, and twice
 * as long as the last deaf time from then on, but no more than a day: noise between the frames of a rare device makes
 * one or two lines in the log, and not two for each frame.
 *
 * Times are by the clock that counts suspend (selkie_clock_boot_ms). No heap, no I/O; one thread. */
#ifndef SELKIE_GATEWAY_HEARING_H
#define SELKIE_GATEWAY_HEARING_H

#include <stdbool.h>
#include <stdint.h>

#define SELKIE_HEARING_BYTES    2048 /* about four of the longest frame: one or two may be broken by accident */
#define SELKIE_HEARING_FIRST_MS INT64_C(60000)
#define SELKIE_HEARING_MAX_MS   INT64_C(86400000)

struct selkie_hearing {
    uint64_t bytes;   /* since the start of the program */
    int64_t frame_ms; /* the last whole frame; -1: none yet */
    int64_t since_ms; /* the last whole frame, or the line was opened */
    uint64_t strange; /* bytes since then */
    int64_t limit_ms;
    bool deaf;
};

/* All that it remembers but the count of bytes and the last frame begins anew when the line is opened. */
void selkie_hearing_init(struct selkie_hearing *hearing, int64_t now_ms);
void selkie_hearing_open(struct selkie_hearing *hearing, int64_t now_ms);

/* Bytes came; `inside`: the last of them may belong to a frame that is not over yet, so nothing is decided. True: the
 * line is deaf from now on. */
bool selkie_hearing_bytes(struct selkie_hearing *hearing, uint64_t count, bool inside, int64_t now_ms);

/* A whole frame with a good CRC came, of whatever type. Returns for how many seconds the line was deaf, from the frame
 * before, or 0 if it was not. */
int64_t selkie_hearing_frame(struct selkie_hearing *hearing, int64_t now_ms);

/* Seconds since the last whole frame; -1: there was none. */
int64_t selkie_hearing_frame_age_s(const struct selkie_hearing *hearing, int64_t now_ms);

/* For how many seconds bytes have come, but no frames; -1: the line is not deaf. */
int64_t selkie_hearing_deaf_s(const struct selkie_hearing *hearing, int64_t now_ms);

#endif
