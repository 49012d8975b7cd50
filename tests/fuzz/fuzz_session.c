/* SPDX-License-Identifier: Apache-2.0 */
/* The highest counter so far (four bytes) and a body: only the frames that the golden session sealed open, and the
 * counter found is one with the frame's low bits, at most half a turn away. */
#include "fuzz.h"

#include <selkie/session.h>
#include <string.h>

/* The ID and address of the golden vectors, so that their frames in the corpus open. */
static const uint8_t id[SELKIE_ID_SIZE] = {0x5c, 0x21, 0x32, 0xa6, 0xd3, 0xf9, 0xab, 0x1f, 0xb6, 0x93, 0x95,
                                           0x82, 0x0f, 0xe8, 0x91, 0xac, 0x32, 0x5d, 0x6c, 0xd6, 0x23, 0x67,
                                           0x2c, 0x28, 0x71, 0xe2, 0xcf, 0x31, 0xb4, 0x35, 0xea, 0x1d};
static const uint8_t address[SELKIE_ADDRESS_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};

static void expect_near(uint32_t counter, uint32_t highest, uint16_t low)
{
    int64_t ahead = (int64_t)counter - (int64_t)highest;
    FUZZ_CLAIM((uint16_t)counter == low);
    FUZZ_CLAIM((ahead > -32768 && ahead <= 32768) || highest < 32768 || highest > UINT32_MAX - 32768);
    FUZZ_CLAIM(ahead > -65536 && ahead < 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_session session;
    struct selkie_frame frame;
    uint8_t payload[SELKIE_PAYLOAD_MAX], again[SELKIE_SESSION_SIZE_MAX];
    if (size < 4 || selkie_frame_decode(&frame, data + 4, size - 4) < 0 || frame.type != SELKIE_SESSION)
        return 0;
    FUZZ_CLAIM(selkie_session_derive(&session, address, id) == 0);
    uint32_t highest = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    uint32_t counter = selkie_session_counter(highest, frame.session.counter_low);
    expect_near(counter, highest, frame.session.counter_low);
    int len = selkie_session_open(payload, &session, counter, &frame);
    FUZZ_CLAIM(len == SELKIE_EBADSEAL || len == (int)frame.session.ciphertext_len);
    if (len >= 0) {
        FUZZ_CLAIM(selkie_session_seal(again, sizeof again, &session, counter, payload, (size_t)len) == (int)size - 4);
        FUZZ_CLAIM(memcmp(again, data + 4, size - 4) == 0);
    }
    return 0;
}
