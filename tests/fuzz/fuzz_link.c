/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes off the line: every frame heard encodes and is heard again the same, and a good frame behind any bytes is
 * heard. */
#include "fuzz.h"

#include <selkie/link.h>
#include <string.h>

static int hear(struct selkie_link_rx *rx, const uint8_t *wire, size_t len)
{
    int heard = 0;
    for (size_t i = 0; i < len; i++) {
        int result = selkie_link_rx_byte(rx, wire[i]);
        if (result > 0)
            heard = result;
    }
    return heard;
}

static void expect_same_again(struct selkie_link_rx *rx, const uint8_t *body, size_t len)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int size = selkie_link_encode(wire, sizeof wire, body, len);
    FUZZ_CLAIM(size > 0 && (size_t)size <= SELKIE_LINK_WIRE_SIZE(len));
    FUZZ_CLAIM(hear(rx, wire, (size_t)size) == (int)len);
    FUZZ_CLAIM(memcmp(rx->body, body, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_link_rx rx, fresh;
    selkie_link_rx_init(&rx);
    selkie_link_rx_init(&fresh);
    for (size_t i = 0; i < size; i++) {
        int result = selkie_link_rx_byte(&rx, data[i]);
        FUZZ_CLAIM(result <= SELKIE_LINK_BODY_MAX);
        FUZZ_CLAIM(result == 0 || data[i] == 0);
        if (result > 0)
            expect_same_again(&fresh, rx.body, (size_t)result);
    }
    if (size > 0 && size <= SELKIE_LINK_BODY_MAX)
        expect_same_again(&rx, data, size);
    return 0;
}
