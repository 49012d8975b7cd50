/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers the bodies of the last ten minutes, so that a device's repeat gets another ACK but is spooled once. Keeps
 * only their SHA-256: with a weaker hash a stranger could craft a frame that hides another. At SELKIE_DEDUP_MAX the
 * oldest is forgotten; its repeat would be spooled again, and the plugin would detect it. No I/O; one thread. */
#ifndef SELKIE_GATEWAY_DEDUP_H
#define SELKIE_GATEWAY_DEDUP_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_DEDUP_FOR_US (600 * INT64_C(1000000))
#define SELKIE_DEDUP_MAX    4096

struct selkie_dedup;

/* NULL without memory. */
struct selkie_dedup *selkie_dedup_open(void);
void selkie_dedup_close(struct selkie_dedup *dedup);

/* Forget all bodies: they are no longer stored. */
void selkie_dedup_clear(struct selkie_dedup *dedup);

/* Whether this body was added within the ten minutes before `now_us` (monotonic clock). */
bool selkie_dedup_has(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us);

/* Add a body. Without memory it is not kept, and its repeat is spooled again. */
void selkie_dedup_add(struct selkie_dedup *dedup, const uint8_t *body, size_t len, int64_t now_us);

#endif
