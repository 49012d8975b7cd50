/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers the bodies of the last ten minutes, so that a device's repeat gets another ACK but is spooled once. Keeps
 * only their SHA-256: with a weaker hash a stranger could craft a frame that hides another. The oldest of
 * SELKIE_DEDUP_MAX bodies is forgotten for a new one; its repeat would be spooled again, and the plugin would detect
 * it. No heap, no I/O; one thread. */
#ifndef SELKIE_GATEWAY_DEDUP_H
#define SELKIE_GATEWAY_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_DEDUP_FOR_US      (600 * INT64_C(1000000))
#define SELKIE_DEDUP_MAX         4096
#define SELKIE_DEDUP_DIGEST_SIZE 32

/* All zero: empty. */
struct selkie_dedup {
    struct {
        uint8_t digest[SELKIE_DEDUP_DIGEST_SIZE];
        int64_t added_us;
    } entries[SELKIE_DEDUP_MAX];
    size_t count;
    size_t next; /* where the next body goes */
};

/* Forget all bodies: they are no longer stored. */
void selkie_dedup_clear(struct selkie_dedup *dedup);

/* Whether this body was added within the ten minutes before `now_us` (monotonic clock). */
bool selkie_dedup_has(const struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us);

void selkie_dedup_add(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us);

#endif
