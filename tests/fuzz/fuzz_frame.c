/* SPDX-License-Identifier: Apache-2.0 */
/* A body: what decodes has the header that its fields are written to, and points inside the body. */
#include "fuzz.h"

#include <selkie/frame.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_frame frame;
    uint8_t header[SELKIE_SEALED_HEADER_SIZE];
    int result = selkie_frame_decode(&frame, data, size);
    FUZZ_CLAIM(result == 0 || result == SELKIE_EMALFORMED);
    if (result != 0)
        return 0;
    switch (frame.type) {
    case SELKIE_SEALED:
        FUZZ_CLAIM(frame.sealed.ciphertext + SELKIE_CIPHERTEXT_SIZE == data + size);
        selkie_frame_put_sealed_header(header, frame.sealed.key_id, frame.sealed.address);
        FUZZ_CLAIM(memcmp(header, data, SELKIE_SEALED_HEADER_SIZE) == 0);
        break;
    case SELKIE_SESSION:
        FUZZ_CLAIM(frame.session.header == data);
        FUZZ_CLAIM(frame.session.ciphertext + frame.session.ciphertext_len + SELKIE_CCM_TAG_SIZE == data + size);
        selkie_frame_put_session_header(header, frame.session.session_tag, frame.session.counter_low);
        FUZZ_CLAIM(memcmp(header, data, SELKIE_SESSION_HEADER_SIZE) == 0);
        break;
    case SELKIE_ACK:
        FUZZ_CLAIM(frame.ack.crc == (data[1] << 8 | data[2]));
        break;
    case SELKIE_FRAGMENT: /* not decoded */
        FUZZ_CLAIM(false);
        break;
    }
    return 0;
}
