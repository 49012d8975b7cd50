/* SPDX-License-Identifier: Apache-2.0 */
/* Which counters of an ID were accepted: one bit for each of the last 16,384, and below those the eight widest gaps.
 * PROTOCOL.md, section 7, rule 3. Pure functions on the caller's memory: no storage, no heap, no clock; safe from any
 * thread.
 *
 * A counter is *open* while it was not accepted and may still be. Below the bitmap only a gap keeps a counter open. */
#ifndef SELKIE_HISTORY_H
#define SELKIE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_HISTORY_COUNTERS 16384
#define SELKIE_HISTORY_GAPS     8
#define SELKIE_HISTORY_GAP_MIN  1025 /* a run of open counters that leaves the bitmap is a gap from so many on */

struct selkie_history_gap {
    uint32_t first, last;
};

struct selkie_history {
    bool any;         /* a counter was accepted; else `highest` means nothing */
    uint32_t highest; /* accepted */
    /* Bit c % SELKIE_HISTORY_COUNTERS: counter c is open. */
    uint8_t open[SELKIE_HISTORY_COUNTERS / 8];
    struct selkie_history_gap gaps[SELKIE_HISTORY_GAPS]; /* in ascending order */
    unsigned gap_count;
    /* The open counters that left the bitmap last, side by side. It may still grow, so it is compared with the gaps
     * only once a counter leaves that was accepted. */
    struct selkie_history_gap run;
    bool has_run;
    bool run_is_gap; /* it has had the width of a gap: what is left of it is kept however short it becomes */
    /* The counter that was accepted last in a gap, or the highest before a jump: a device that a jump left behind goes
     * on above it. The gap that begins there is not given up for others. */
    uint32_t voice;
    bool has_voice;
};

/* Whether a counter at or below the highest is open. */
bool selkie_history_is_open(const struct selkie_history *history, uint32_t counter);

/* Note that a counter was accepted: above the highest, or open. Returns how many open counters were given up by it:
 * they left the bitmap and are in no gap. */
uint64_t selkie_history_accept(struct selkie_history *history, uint32_t counter);

/* Whether nothing is open: such a history need not be stored, `any` and `highest` say it all. */
bool selkie_history_is_whole(const struct selkie_history *history);

/* The counter that a gap or the run holds for the low 16 bits of a SESSION frame: the first at or above its lower end.
 * Only one counts whose lower end is more than 32,767 below the highest: what is nearer is found without it. `index`
 * counts these from 0, up to SELKIE_HISTORY_GAPS. False if there is none, or if it holds no such counter. */
bool selkie_history_session_counter(const struct selkie_history *history, unsigned index, uint16_t low,
                                    uint32_t *counter);

/* The stored form, without `any` and `highest`. decode: 0, or SELKIE_EMALFORMED for what encode cannot have written. */
#define SELKIE_HISTORY_SIZE_MAX (SELKIE_HISTORY_COUNTERS / 8 + 2 + (SELKIE_HISTORY_GAPS + 1) * 8 + 4)
size_t selkie_history_encode(uint8_t bytes[static SELKIE_HISTORY_SIZE_MAX], const struct selkie_history *history);
int selkie_history_decode(struct selkie_history *history, const uint8_t *bytes, size_t len);

#endif
