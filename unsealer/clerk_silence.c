/* SPDX-License-Identifier: Apache-2.0 */
/* The event `silent`. An index by last_seen would have to be written with every frame, so the bindings are walked
 * through instead, a span at a time; a walk takes an eighth of the time of silence, or longer where the registry is
 * large. */
#include "clerk.h"

#include <mbedtls/platform_util.h>

#define SPAN       5000   /* bindings a step */
#define STEP_US    250000 /* between steps */
#define EVENTS_MAX 256    /* a step */

static int tell(struct selkie_clerk *clerk, struct selkie_binding *binding)
{
    struct selkie_device device;

    if (binding->last_seen_ms > clerk->now_ms) { /* the clock was set back: its silence counts from here */
        binding->last_seen_ms = clerk->now_ms;
        return selkie_registry_put_binding(clerk->registry, binding);
    }
    int result = selkie_registry_device(clerk->registry, binding->address, &device);
    bool revoked = device.revoked;

    mbedtls_platform_zeroize(&device, sizeof device);
    if (result < 0)
        return result;
    binding->silent = true;
    result = selkie_registry_put_binding(clerk->registry, binding);
    if (result < 0 || revoked)
        return result;
    return selkie_clerk_event(
        clerk, "silent", binding->address, binding->id_hash,
        json_pack("{s:I, s:s}", "last_seen", (json_int_t)binding->last_seen_ms, "gateway", binding->gateway));
}

int selkie_clerk_walk(struct selkie_clerk *clerk, struct selkie_walk *walk, int64_t now_us)
{
    struct selkie_binding binding;
    int64_t span_end = walk->at + SPAN;
    int events = 0, result = 1;

    if (walk->after_ms == 0 || now_us < walk->next_us)
        return 0;
    while (events < EVENTS_MAX &&
           (result = selkie_registry_next_silent(clerk->registry, &walk->at, span_end - walk->at,
                                                 clerk->now_ms - walk->after_ms, clerk->now_ms, &binding)) > 0) {
        result = tell(clerk, &binding);
        if (result < 0)
            return result;
        events++;
    }
    bool round_the_end = result == 0 && walk->at == 0;
    walk->next_us = now_us + (round_the_end ? walk->after_ms * 1000 / 8 : STEP_US);
    return result < 0 ? result : 0;
}
