/* SPDX-License-Identifier: Apache-2.0 */
#include "model/history.h"

#include <selkie/error.h>
#include <string.h>

#define COUNTERS     SELKIE_HISTORY_COUNTERS
#define BITMAP_BYTES (COUNTERS / 8)
#define VOICE_NEAR   32    /* a device whose last frame was this near below the highest did not jump there */
#define SESSION_NEAR 32767 /* section 5: so far below the highest a SESSION frame's counter is found without a gap */

static bool bit(const struct selkie_history *history, uint32_t counter)
{
    return history->open[counter % COUNTERS / 8] >> counter % 8 & 1;
}

static void set_bit(struct selkie_history *history, uint32_t counter, bool open)
{
    uint8_t mask = (uint8_t)(1u << counter % 8);
    uint8_t *byte = &history->open[counter % COUNTERS / 8];

    *byte = (uint8_t)(open ? *byte | mask : *byte & ~mask);
}

static uint64_t width(const struct selkie_history_gap *gap)
{
    return (uint64_t)gap->last - gap->first + 1;
}

static uint64_t drop_gap(struct selkie_history *history, unsigned index)
{
    uint64_t lost = width(&history->gaps[index]);

    history->gap_count--;
    memmove(&history->gaps[index], &history->gaps[index + 1],
            (history->gap_count - index) * sizeof history->gaps[index]);
    return lost;
}

/* Whether the device that a jump left behind goes on in this gap. */
static bool is_spoken_in(const struct selkie_history *history, const struct selkie_history_gap *gap)
{
    uint64_t next = (uint64_t)history->voice + 1;

    return history->has_voice && gap->first <= next && next <= gap->last;
}

/* Add a gap where it belongs. Where there is no room, the narrowest of all is given up, but not the one that is spoken
 * in; returns its width. */
static uint64_t add_gap(struct selkie_history *history, struct selkie_history_gap gap)
{
    unsigned narrowest = SELKIE_HISTORY_GAPS, place = 0;
    uint64_t lost = 0, least = is_spoken_in(history, &gap) ? UINT64_MAX : width(&gap);

    if (history->gap_count == SELKIE_HISTORY_GAPS) {
        for (unsigned i = 0; i < history->gap_count; i++)
            if (!is_spoken_in(history, &history->gaps[i]) && width(&history->gaps[i]) < least) {
                narrowest = i;
                least = width(&history->gaps[i]);
            }
        if (narrowest == SELKIE_HISTORY_GAPS)
            return width(&gap);
        lost = drop_gap(history, narrowest);
    }
    while (place < history->gap_count && history->gaps[place].first < gap.first)
        place++;
    memmove(&history->gaps[place + 1], &history->gaps[place],
            (history->gap_count - place) * sizeof history->gaps[place]);
    history->gaps[place] = gap;
    history->gap_count++;
    return lost;
}

/* The lowest counter of the bitmap. */
static uint32_t bottom(const struct selkie_history *history)
{
    return history->highest < COUNTERS ? 0 : history->highest - COUNTERS + 1;
}

/* The run is complete: it becomes a gap, or was too short for one and is given up. */
static uint64_t end_run(struct selkie_history *history)
{
    if (!history->has_run)
        return 0;
    history->has_run = false;
    return history->run_is_gap || is_spoken_in(history, &history->run) ? add_gap(history, history->run)
                                                                       : width(&history->run);
}

/* Open counters leave the bitmap, above all that left before. */
static uint64_t leave(struct selkie_history *history, uint32_t first, uint32_t last)
{
    uint64_t lost = 0;

    if (history->has_run && history->run.last != first - 1)
        lost = end_run(history);
    if (!history->has_run) {
        history->run.first = first;
        history->run_is_gap = false;
    }
    history->run.last = last;
    history->has_run = true;
    history->run_is_gap = history->run_is_gap || width(&history->run) >= SELKIE_HISTORY_GAP_MIN;
    return lost;
}

/* The bitmap's lower end moves from `from` up to `to`; it held counters up to `end`. */
static uint64_t move_bottom(struct selkie_history *history, uint32_t from, uint32_t to, uint32_t end)
{
    uint64_t lost = 0;

    for (uint64_t c = from; c < to && c <= end; c++)
        lost += bit(history, (uint32_t)c) ? leave(history, (uint32_t)c, (uint32_t)c) : end_run(history);
    return lost;
}

/* Before a jump from the highest: that is where a device is left behind, unless the highest was the end of a jump
 * itself, as one after another of a thief. */
static void note_voice(struct selkie_history *history)
{
    bool jumped = history->highest > 0;

    for (uint32_t i = 1; i <= VOICE_NEAR && i <= history->highest; i++)
        jumped = jumped && bit(history, history->highest - i);
    if (jumped)
        return;
    history->voice = history->highest;
    history->has_voice = true;
}

static uint64_t advance(struct selkie_history *history, uint32_t counter)
{
    bool any = history->any;
    uint32_t old_highest = history->highest, old_bottom = any ? bottom(history) : 0;
    uint64_t from = any ? (uint64_t)old_highest + 1 : 0; /* the first counter that was left out */
    uint64_t lost = 0;

    if (any && counter - from > VOICE_NEAR)
        note_voice(history);
    history->any = true;
    history->highest = counter;
    uint32_t new_bottom = bottom(history);
    if (any)
        lost = move_bottom(history, old_bottom, new_bottom, old_highest);
    if (from < new_bottom) {
        lost += leave(history, (uint32_t)from, new_bottom - 1);
        from = new_bottom;
    }
    for (uint64_t c = from; c < counter; c++)
        set_bit(history, (uint32_t)c, true);
    set_bit(history, counter, false);
    return lost;
}

static bool holds(const struct selkie_history_gap *gap, uint32_t counter)
{
    return gap->first <= counter && counter <= gap->last;
}

/* The number of the gap that holds a counter; gap_count where none does. */
static unsigned gap_of(const struct selkie_history *history, uint32_t counter)
{
    unsigned i = 0;

    while (i < history->gap_count && !holds(&history->gaps[i], counter))
        i++;
    return i;
}

/* Take a counter out of the gap that holds it, which becomes shorter or two. A short one stays until it is empty. */
static uint64_t part_gap(struct selkie_history *history, unsigned index, uint32_t counter)
{
    struct selkie_history_gap *gap = &history->gaps[index];
    struct selkie_history_gap upper = {counter + 1, gap->last};

    if (counter == gap->first && counter == gap->last) {
        (void)drop_gap(history, index);
    } else if (counter == gap->first) {
        gap->first++;
    } else {
        gap->last = counter - 1;
        if (counter < upper.last)
            return add_gap(history, upper);
    }
    return 0;
}

/* The same for the run, whose upper part may still grow. */
static uint64_t part_run(struct selkie_history *history, uint32_t counter)
{
    struct selkie_history_gap lower = {history->run.first, counter - 1};

    history->run.first = counter + 1;
    if (counter == history->run.last)
        history->has_run = false;
    if (counter == lower.first)
        return 0;
    return history->run_is_gap ? add_gap(history, lower) : width(&lower);
}

bool selkie_history_is_open(const struct selkie_history *history, uint32_t counter)
{
    if (!history->any || counter > history->highest)
        return false;
    if (counter >= bottom(history))
        return bit(history, counter);
    return gap_of(history, counter) < history->gap_count || (history->has_run && holds(&history->run, counter));
}

uint64_t selkie_history_accept(struct selkie_history *history, uint32_t counter)
{
    if (!history->any || counter > history->highest)
        return advance(history, counter);
    if (counter >= bottom(history)) {
        set_bit(history, counter, false);
        /* The device that a jump left behind goes on while its gap is still in the bitmap. */
        if (history->has_voice && counter > history->voice && counter - history->voice <= VOICE_NEAR)
            history->voice = counter;
        return 0;
    }
    unsigned gap = gap_of(history, counter);
    bool in_run = history->has_run && holds(&history->run, counter);
    if (gap == history->gap_count && !in_run)
        return 0;
    history->voice = counter;
    history->has_voice = true;
    return in_run ? part_run(history, counter) : part_gap(history, gap, counter);
}

bool selkie_history_is_whole(const struct selkie_history *history)
{
    static const uint8_t none[BITMAP_BYTES];

    return history->gap_count == 0 && !history->has_run && memcmp(history->open, none, sizeof none) == 0;
}

bool selkie_history_session_counter(const struct selkie_history *history, unsigned index, uint16_t low,
                                    uint32_t *counter)
{
    for (unsigned i = 0; i < history->gap_count + history->has_run; i++) {
        const struct selkie_history_gap *gap = i < history->gap_count ? &history->gaps[i] : &history->run;
        if (history->highest - gap->first <= SESSION_NEAR || index-- > 0)
            continue;
        uint64_t first = (uint64_t)gap->first + (uint16_t)(low - (uint16_t)gap->first);
        if (first > gap->last)
            return false;
        *counter = (uint32_t)first;
        return true;
    }
    return false;
}

static uint8_t *put_number(uint8_t *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(number >> shift);
    return at;
}

static uint8_t *put_gap(uint8_t *at, const struct selkie_history_gap *gap)
{
    return put_number(put_number(at, gap->first), gap->last);
}

static uint32_t get_number(const uint8_t at[static 4])
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t selkie_history_encode(uint8_t bytes[static SELKIE_HISTORY_SIZE_MAX], const struct selkie_history *history)
{
    uint8_t *at = bytes;

    memcpy(at, history->open, BITMAP_BYTES);
    at += BITMAP_BYTES;
    *at++ = (uint8_t)history->gap_count;
    *at++ = (uint8_t)(history->has_run | (history->has_run && history->run_is_gap) << 1 | history->has_voice << 2);
    for (unsigned i = 0; i < history->gap_count; i++)
        at = put_gap(at, &history->gaps[i]);
    if (history->has_run)
        at = put_gap(at, &history->run);
    if (history->has_voice)
        at = put_number(at, history->voice);
    return (size_t)(at - bytes);
}

int selkie_history_decode(struct selkie_history *history, const uint8_t *bytes, size_t len)
{
    const uint8_t *at;
    uint64_t above = 0; /* the lowest counter that the next gap may begin at */

    if (len < BITMAP_BYTES + 2 || bytes[BITMAP_BYTES] > SELKIE_HISTORY_GAPS)
        return SELKIE_EMALFORMED;
    uint8_t flags = bytes[BITMAP_BYTES + 1];
    history->gap_count = bytes[BITMAP_BYTES];
    history->has_run = flags & 1;
    history->run_is_gap = flags >> 1 & 1;
    history->has_voice = flags >> 2 & 1;
    if (flags > 7 || (history->run_is_gap && !history->has_run) ||
        len != BITMAP_BYTES + 2 + 8 * ((size_t)history->gap_count + history->has_run) + 4 * (size_t)history->has_voice)
        return SELKIE_EMALFORMED;
    memcpy(history->open, bytes, BITMAP_BYTES);
    at = bytes + BITMAP_BYTES + 2;
    for (unsigned i = 0; i < history->gap_count + history->has_run; i++, at += 8) {
        struct selkie_history_gap gap = {get_number(at), get_number(at + 4)};
        if (gap.first < above || gap.last < gap.first)
            return SELKIE_EMALFORMED;
        above = (uint64_t)gap.last + 1;
        if (i < history->gap_count)
            history->gaps[i] = gap;
        else
            history->run = gap;
    }
    history->voice = history->has_voice ? get_number(at) : 0;
    return 0;
}
