/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a damaged spool: each row that it gives is one that the gateway may publish. */
#include "fuzz.h"

#include <spool/spool_rows.h>
#include <string.h>

#define PAGE 512 /* SQLite's smallest */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_spool_frame frame;
    uint8_t *page = calloc(1, PAGE); /* of the heap, so that a sanitizer sees each byte beyond it */

    FUZZ_CLAIM(page);
    memcpy(page, data, size < PAGE ? size : PAGE);
    size_t count = selkie_spool_rows_count(page, PAGE);
    FUZZ_CLAIM(count <= PAGE / 2);
    for (size_t i = 0; i < count; i++) {
        if (selkie_spool_rows_frame(page, PAGE, i, &frame) < 0)
            continue;
        FUZZ_CLAIM(frame.seq > 0 && frame.seq <= SELKIE_SPOOL_SEQ_MAX);
        FUZZ_CLAIM(frame.len > 0 && frame.len <= sizeof frame.body);
        FUZZ_CLAIM(memchr(frame.port, '\0', sizeof frame.port));
        for (const char *at = frame.port; *at; at++)
            FUZZ_CLAIM(*at >= ' ' && *at < 0x7F);
    }
    free(page);
    return 0;
}
