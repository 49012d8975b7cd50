/* SPDX-License-Identifier: Apache-2.0 */
/* What was inside a seal: whatever decodes encodes to the same bytes. */
#include "fuzz.h"

#include <selkie/message.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_message message;
    uint8_t encoded[SELKIE_MESSAGE_MAX];
    int result = selkie_message_decode(&message, data, size);
    FUZZ_CLAIM(result == 0 || result == SELKIE_EMALFORMED);
    if (result != 0)
        return 0;
    FUZZ_CLAIM(selkie_message_encode(encoded, &message) == (int)size);
    FUZZ_CLAIM(memcmp(encoded, data, size) == 0);
    return 0;
}
