/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup.h"

#include <selkie/mbedtls.h>
#include <stdlib.h>
#include <string.h>

/* Without memory for its index uthash rejects the entry instead of ending the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DIGEST_SIZE 32

struct entry {
    uint8_t digest[DIGEST_SIZE];
    int64_t at;
    UT_hash_handle hh;
};

/* uthash keeps the order of insertion, and times never go back: the first entry is the oldest. */
struct selkie_dedup {
    struct entry *entries;
};

struct selkie_dedup *selkie_dedup_open(void)
{
    return calloc(1, sizeof(struct selkie_dedup));
}

static void forget(struct selkie_dedup *dedup, struct entry *entry)
{
    HASH_DEL(dedup->entries, entry);
    free(entry);
}

void selkie_dedup_clear(struct selkie_dedup *dedup)
{
    while (dedup->entries)
        forget(dedup, dedup->entries);
}

void selkie_dedup_close(struct selkie_dedup *dedup)
{
    if (!dedup)
        return;
    selkie_dedup_clear(dedup);
    free(dedup);
}

bool selkie_dedup_has(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us)
{
    uint8_t digest[DIGEST_SIZE];
    struct entry *entry = NULL;

    while (dedup->entries && now_us - dedup->entries->at >= SELKIE_DEDUP_FOR_US)
        forget(dedup, dedup->entries);
    if (selkie_mbedtls_sha256(body, len, digest, 0) != 0)
        return false;
    HASH_FIND(hh, dedup->entries, digest, DIGEST_SIZE, entry);
    return entry;
}

void selkie_dedup_add(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry || selkie_mbedtls_sha256(body, len, entry->digest, 0) != 0) {
        free(entry);
        return;
    }
    if (HASH_COUNT(dedup->entries) >= SELKIE_DEDUP_MAX)
        forget(dedup, dedup->entries);
    entry->at = now_us;
    HASH_ADD(hh, dedup->entries, digest, DIGEST_SIZE, entry);
    if (!entry->hh.tbl) /* no memory for the index */
        free(entry);
}
