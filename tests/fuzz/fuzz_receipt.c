/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt from the broker: no seq below zero, and never more than there is room for. */
#include "fuzz.h"

#include <sender.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t seqs[SELKIE_RECEIPT_MAX], instance;
    int count = selkie_sender_parse_receipt(seqs, &instance, (const char *)data, size);
    FUZZ_CLAIM(count == SELKIE_EMALFORMED || (count >= 0 && count <= SELKIE_RECEIPT_MAX));
    for (int i = 0; i < count; i++)
        FUZZ_CLAIM(seqs[i] >= 0);
    return 0;
}
