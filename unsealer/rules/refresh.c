/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/refresh.h"

#include <selkie/clock.h>
#include <stdio.h>
#include <string.h>

#define STEP       512    /* devices a step, and gateways */
#define STEP_US    100000 /* between steps */
#define NOTE_STEPS 16     /* so often the registry notes where the walk stands: what a stop repeats */

void selkie_refresh_init(struct selkie_refresh *refresh, bool states, unsigned gateways_wait_ms)
{
    *refresh = (struct selkie_refresh){.states = states};
    if (gateways_wait_ms > 0)
        refresh->gateways_ms = selkie_clock_boot_ms() + (int64_t)gateways_wait_ms;
}

static int begin(struct selkie_effects *effects, struct selkie_refresh *refresh)
{
    int result = selkie_registry_refresh(effects->registry, refresh->at);

    if (result < 0)
        return result;
    refresh->has_at = refresh->has_first = result > 0;
    memcpy(refresh->first, refresh->at, sizeof refresh->first);
    refresh->begun = true;
    return 0;
}

static int put_state(struct selkie_effects *effects, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_output *output;
    int result = selkie_state_publisher_read(effects->registry, &effects->models, address, &output);

    return result < 0 ? result : selkie_effects_put(effects, output, false);
}

static int finish(struct selkie_effects *effects, struct selkie_refresh *refresh)
{
    int result = selkie_effects_put(effects, selkie_output_new(SELKIE_OUTPUT_REFRESHED, "", 0), false);

    refresh->states = false;
    if (result == 0 && (refresh->has_first || refresh->steps >= NOTE_STEPS))
        result = selkie_registry_put_refresh(effects->registry, NULL);
    return result;
}

static int step_states(struct selkie_effects *effects, struct selkie_refresh *refresh)
{
    uint8_t addresses[STEP][SELKIE_ADDRESS_SIZE];
    int count =
        selkie_registry_addresses(effects->registry, -1, refresh->has_at ? refresh->at : NULL, 0, addresses, STEP);
    int done = 0, result = count < 0 ? count : 0;

    for (; done < count && result == 0; done++) {
        if (refresh->wrapped && memcmp(addresses[done], refresh->first, SELKIE_ADDRESS_SIZE) > 0)
            break;
        result = put_state(effects, addresses[done]);
    }
    if (result < 0)
        return result;
    refresh->steps++;
    if (done == STEP) {
        memcpy(refresh->at, addresses[STEP - 1], SELKIE_ADDRESS_SIZE);
        refresh->has_at = true;
        return refresh->steps % NOTE_STEPS == 0 ? selkie_registry_put_refresh(effects->registry, refresh->at) : 0;
    }
    if (refresh->wrapped || !refresh->has_first)
        return finish(effects, refresh);
    refresh->wrapped = true;
    refresh->has_at = false;
    return 0;
}

static int step_gateways(struct selkie_effects *effects, struct selkie_refresh *refresh)
{
    for (int i = 0; i < STEP; i++) {
        int result = selkie_registry_next_came(effects->registry, refresh->gateway);
        if (result == 0)
            refresh->gateways_ms = 0;
        if (result <= 0)
            return result;
        struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_GATEWAY, "", 0);
        if (output)
            (void)snprintf(output->gateway, sizeof output->gateway, "%s", refresh->gateway);
        result = selkie_effects_put(effects, output, false);
        if (result < 0)
            return result;
    }
    return 0;
}

int selkie_refresh_walk(struct selkie_effects *effects, struct selkie_refresh *refresh, int64_t now_us)
{
    int result = 0;

    if (refresh->gateways_ms != 0 && selkie_clock_boot_ms() >= refresh->gateways_ms)
        result = step_gateways(effects, refresh);
    if (result < 0 || !refresh->states || now_us < refresh->next_us)
        return result;
    refresh->next_us = now_us + STEP_US;
    if (!refresh->begun)
        result = begin(effects, refresh);
    return result < 0 ? result : step_states(effects, refresh);
}
