/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/day_clock.h"

#define STORE_MS 3600000

int selkie_day_clock_load(struct selkie_day_clock *clock, struct selkie_registry *registry, int64_t now_us)
{
    int result = selkie_registry_day_clock(registry, &clock->stored_ms);

    if (result < 0 || clock->loaded)
        return result;
    clock->ms = clock->stored_ms;
    clock->last_ms = now_us / 1000;
    clock->loaded = true;
    return 0;
}

int selkie_day_clock_advance(struct selkie_day_clock *clock, struct selkie_registry *registry, int64_t now_us)
{
    int64_t passed_ms = now_us / 1000 - clock->last_ms;

    clock->ms += passed_ms < SELKIE_DAY_MS ? passed_ms : SELKIE_DAY_MS;
    clock->last_ms = now_us / 1000;
    if (clock->ms - clock->stored_ms < STORE_MS)
        return 0;
    clock->stored_ms = clock->ms;
    return selkie_registry_put_day_clock(registry, clock->ms);
}

int64_t selkie_day_clock_today(const struct selkie_day_clock *clock)
{
    return clock->ms / SELKIE_DAY_MS;
}
