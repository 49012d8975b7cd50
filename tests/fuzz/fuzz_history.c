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
    return 0;
}
