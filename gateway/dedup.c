/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup.h"

#include <selkie/mbedtls.h>
#include <string.h>

void selkie_dedup_clear(struct selkie_dedup *dedup)
{
    dedup->count = 0;
    dedup->next = 0;
}

/* Looks at all of them: at the radio's few frames a second that costs less than an index would. */
bool selkie_dedup_has(const struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us)
{
    uint8_t digest[SELKIE_DEDUP_DIGEST_SIZE];

    if (selkie_mbedtls_sha256(body, len, digest, 0) != 0)
        return false;
    for (size_t i = 0; i < dedup->count; i++)
        if (now_us - dedup->entries[i].added_us < SELKIE_DEDUP_FOR_US &&
            memcmp(dedup->entries[i].digest, digest, sizeof digest) == 0)
            return true;
    return false;
}

void selkie_dedup_add(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us)
{
    if (selkie_mbedtls_sha256(body, len, dedup->entries[dedup->next].digest, 0) != 0)
        return;
    dedup->entries[dedup->next].added_us = now_us;
    dedup->next = (dedup->next + 1) % SELKIE_DEDUP_MAX;
    if (dedup->count < SELKIE_DEDUP_MAX)
        dedup->count++;
}
