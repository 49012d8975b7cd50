/* SPDX-License-Identifier: Apache-2.0 */
/* A stored history: what decodes, encodes to the same bytes, and its questions stay within memory. */
#include "fuzz.h"

#include "model/history.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[SELKIE_HISTORY_SIZE_MAX];
    struct selkie_history history = {.any = true, .highest = UINT32_MAX};

    if (selkie_history_decode(&history, data, size) < 0)
        return 0;
    FUZZ_CLAIM(selkie_history_encode(bytes, &history) == size && memcmp(bytes, data, size) == 0);
    (void)selkie_history_accept(&history, history.highest);
    FUZZ_CLAIM(!selkie_history_is_open(&history, history.highest));
    /* Counters in gaps and run part them, and what is stored then is read again. */
    for (unsigned i = 0; i < SELKIE_HISTORY_GAPS && i < history.gap_count; i++) {
        uint32_t counter = history.gaps[i].first + (history.gaps[i].last - history.gaps[i].first) / 2;
        (void)selkie_history_accept(&history, counter);
        FUZZ_CLAIM(!selkie_history_is_open(&history, counter));
    }
    if (history.has_run)
        (void)selkie_history_accept(&history, history.run.first);
    FUZZ_CLAIM(history.gap_count <= SELKIE_HISTORY_GAPS);
    size = selkie_history_encode(bytes, &history);
    FUZZ_CLAIM(selkie_history_decode(&history, bytes, size) == 0);
    return 0;
}
