/* SPDX-License-Identifier: Apache-2.0 */
#include "heard.h"

#include <selkie/mbedtls.h>
#include <stdlib.h>
#include <string.h>

/* Without memory for its index uthash gives the entry up instead of ending the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DIGEST_SIZE 32

struct entry {
    uint8_t digest[DIGEST_SIZE];
    uint64_t at;
    UT_hash_handle hh;
};

/* uthash keeps the order of insertion, and times never go back: the first entry is the oldest. */
struct selkie_heard {
    struct entry *entries;
};

struct selkie_heard *selkie_heard_open(void)
{
    return calloc(1, sizeof(struct selkie_heard));
}

static void forget(struct selkie_heard *heard, struct entry *entry)
{
    HASH_DEL(heard->entries, entry);
    free(entry);
}

void selkie_heard_clear(struct selkie_heard *heard)
{
    while (heard->entries != NULL)
        forget(heard, heard->entries);
}

void selkie_heard_close(struct selkie_heard *heard)
{
    if (heard == NULL)
        return;
    selkie_heard_clear(heard);
    free(heard);
}

static bool digest_of(uint8_t digest[static DIGEST_SIZE], const uint8_t *body, size_t len)
{
    return selkie_mbedtls_sha256(body, len, digest, 0) == 0;
}

bool selkie_heard_before(struct selkie_heard *heard, const uint8_t *body, size_t len, uint64_t now_us)
{
    uint8_t digest[DIGEST_SIZE];
    struct entry *entry = NULL;

    while (heard->entries != NULL && now_us - heard->entries->at >= SELKIE_HEARD_FOR_US)
        forget(heard, heard->entries);
    if (!digest_of(digest, body, len))
        return false;
    HASH_FIND(hh, heard->entries, digest, DIGEST_SIZE, entry);
    return entry != NULL;
}

void selkie_heard_add(struct selkie_heard *heard, const uint8_t *body, size_t len, uint64_t now_us)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL || !digest_of(entry->digest, body, len)) {
        free(entry);
        return;
    }
    if (HASH_COUNT(heard->entries) >= SELKIE_HEARD_MAX)
        forget(heard, heard->entries);
    entry->at = now_us;
    HASH_ADD(hh, heard->entries, digest, DIGEST_SIZE, entry);
    if (entry->hh.tbl == NULL) /* no memory for the index */
        free(entry);
}
