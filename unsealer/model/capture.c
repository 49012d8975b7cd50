/* SPDX-License-Identifier: Apache-2.0 */
#include "model/capture.h"

#define GATEWAY_BITS 14

/* FNV-1a, folded. */
static uint16_t hash_name(const char *name)
{
    uint32_t hash = UINT32_C(0x811c9dc5);

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT32_C(0x01000193);
    return (uint16_t)((hash ^ hash >> GATEWAY_BITS ^ hash >> 2 * GATEWAY_BITS) & ((1u << GATEWAY_BITS) - 1));
}

struct selkie_capture selkie_capture_of(int64_t rx_ms, enum selkie_clock clock, const char *gateway)
{
    return (struct selkie_capture){.rx_ms = rx_ms, .clock = clock, .gateway = hash_name(gateway)};
}

struct selkie_capture selkie_capture_at_arrival(const struct selkie_arrival *arrival, int64_t arrived_ms)
{
    int64_t age_ms = arrival->age_ms, rx_ms = arrival->rx_ms;

    if (age_ms >= 0 && age_ms <= arrived_ms)
        return selkie_capture_of(arrived_ms - age_ms,
                                 age_ms <= SELKIE_PROMPT_MS ? SELKIE_CLOCK_PROMPT : SELKIE_CLOCK_AGE, arrival->gateway);
    if (rx_ms >= 0 && rx_ms <= arrived_ms)
        return selkie_capture_of(rx_ms, SELKIE_CLOCK_GATEWAY, arrival->gateway);
    return selkie_capture_of(arrived_ms, SELKIE_CLOCK_ARRIVAL, arrival->gateway);
}
