/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies heard in the last ten minutes, so that a device's repeats are acknowledged again and spooled once. Only their
 * SHA-256 is kept: a weaker hash would let a stranger craft a frame that hides another. At SELKIE_HEARD_MAX the oldest
 * is forgotten first; its repeat would then be spooled again, which the plugin sees for what it is. Heap; one thread.
 */
#ifndef SELKIE_GATEWAY_HEARD_H
#define SELKIE_GATEWAY_HEARD_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_HEARD_FOR_US (600 * 1000000ULL)
#define SELKIE_HEARD_MAX    4096

struct selkie_heard;

/* NULL without memory. */
struct selkie_heard *selkie_heard_open(void);
void selkie_heard_close(struct selkie_heard *heard);

/* Forget all, where what was heard is no longer stored. */
void selkie_heard_clear(struct selkie_heard *heard);

/* Whether this body was added within the last ten minutes before `now_us` (steady clock). */
bool selkie_heard_before(struct selkie_heard *heard, const uint8_t *body, size_t len, uint64_t now_us);

/* Add a body. Without memory it is not kept, and its repeat is spooled again. */
void selkie_heard_add(struct selkie_heard *heard, const uint8_t *body, size_t len, uint64_t now_us);

#endif
