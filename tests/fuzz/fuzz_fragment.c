/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments at a receiver: records of milliseconds since the last one (2 bytes), length and the bytes. What is restored
 * is a body of the cut that its last fragment names. Then, whatever the receiver holds, a body that is cut, and of
 * which some fragments are lost, comes out of it. */
#include "fuzz.h"

#include <selkie/fragment.h>
#include <selkie/link.h>
#include <string.h>

#define RECORD 3
#define LOST   3

static void claim_body(const uint8_t *fragment, size_t len, const struct selkie_fragment_body *body)
{
    struct selkie_fragment_plan plan = {.set = (uint16_t)(fragment[1] << 8 | fragment[2]),
                                        .k = fragment[3],
                                        .chunk = (uint8_t)(len - SELKIE_FRAGMENT_HEADER_SIZE)};
    size_t size = (size_t)plan.k * plan.chunk;
    uint8_t blob[SELKIE_FRAGMENT_BLOB_MAX] = {0}, own[SELKIE_FRAGMENT_SIZE_MAX];

    FUZZ_CLAIM(size <= sizeof blob && body->len > 0 && body->len + 2 <= size);
    FUZZ_CLAIM(body->bytes[0] == 0x10 || body->bytes[0] == 0x11);
    memcpy(blob, body->bytes, body->len);
    blob[size - 2] = (uint8_t)(body->len >> 8);
    blob[size - 1] = (uint8_t)body->len;
    FUZZ_CLAIM(selkie_crc16(blob, size) == plan.set);
    FUZZ_CLAIM(selkie_fragment_write(own, &plan, body->bytes, body->len, fragment[4]) == len);
    FUZZ_CLAIM(memcmp(own, fragment, len) == 0);
}

static void claim_sets(const struct selkie_fragment_rx *rx, uint64_t now)
{
    for (size_t i = 0; i < SELKIE_FRAGMENT_SETS; i++) {
        const struct selkie_fragment_set *set = &rx->sets[i];
        FUZZ_CLAIM(set->plan.k <= SELKIE_FRAGMENT_CHUNKS_MAX && set->count <= set->plan.k);
        FUZZ_CLAIM(set->plan.k * set->plan.chunk <= SELKIE_FRAGMENT_BLOB_MAX);
        FUZZ_CLAIM(set->plan.k == 0 || now - set->heard_ms <= SELKIE_FRAGMENT_KEEP_MS);
    }
    FUZZ_CLAIM(rx->expects_ms <= now + SELKIE_FRAGMENT_PAUSE_MS(SELKIE_FRAGMENT_PACE_MAX_MS + 1));
}

/* The first fragments are lost. A set of the same numbers may have bytes of a stranger: it breaks, and the repeat with
 * the next indices is put together. */
static void claim_passes(struct selkie_fragment_rx *rx, const uint8_t *data, size_t size, uint64_t now)
{
    struct selkie_fragment_plan plan;
    struct selkie_fragment_body out = {.len = 0};
    uint8_t body[SELKIE_SEALED_SIZE], fragment[SELKIE_FRAGMENT_SIZE_MAX];
    size_t len = size < sizeof body ? size : sizeof body;
    int result = 0;

    if (len < 2)
        return;
    memcpy(body, data, len);
    body[0] = 0x11;
    if (selkie_fragment_make_plan(&plan, body, len,
                                  SELKIE_PACKET_MIN + data[1] % (SELKIE_PACKET_MAX - SELKIE_PACKET_MIN)) < 0)
        return;
    for (unsigned index = LOST; result <= 0 && index < LOST + 3u * plan.k; index++) {
        size_t fragment_len = selkie_fragment_write(fragment, &plan, body, len, (uint8_t)index);
        FUZZ_CLAIM(fragment_len <= sizeof fragment);
        result = selkie_fragment_rx_put(rx, fragment, fragment_len, now, &out);
        FUZZ_CLAIM(result != SELKIE_EMALFORMED);
    }
    FUZZ_CLAIM(result == 1 && out.len == len && memcmp(out.bytes, body, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selkie_fragment_rx rx;
    uint64_t now = 0;

    selkie_fragment_rx_init(&rx);
    for (size_t at = 0; at + RECORD <= size;) {
        struct selkie_fragment_body body = {.len = 0};
        size_t len = data[at + 2];
        now += (uint64_t)(data[at] << 8 | data[at + 1]);
        at += RECORD;
        if (len > size - at)
            len = size - at;
        int result = selkie_fragment_rx_put(&rx, data + at, len, now, &body);
        FUZZ_CLAIM(result == 0 || result == 1 || result == SELKIE_ECRC || result == SELKIE_EMALFORMED);
        if (result == 1)
            claim_body(data + at, len, &body);
        if (result != SELKIE_EMALFORMED)
            claim_sets(&rx, now);
        at += len;
    }
    claim_passes(&rx, data, size, now);
    return 0;
}
