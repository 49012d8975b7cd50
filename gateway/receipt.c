/* SPDX-License-Identifier: Apache-2.0 */
#include "receipt.h"

#include <jansson.h>

int selkie_receipt_parse(int64_t seqs[static SELKIE_RECEIPT_MAX], const char *text, size_t len)
{
    json_t *receipt = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(receipt, "seq");
    size_t count = json_array_size(list);
    int result = json_is_array(list) ? 0 : SELKIE_EMALFORMED;

    for (size_t i = 0; i < count && result >= 0 && result < SELKIE_RECEIPT_MAX; i++) {
        const json_t *seq = json_array_get(list, i);
        if (!json_is_integer(seq) || json_integer_value(seq) <= 0)
            result = SELKIE_EMALFORMED;
        else
            seqs[result++] = json_integer_value(seq);
    }
    json_decref(receipt);
    return result;
}
