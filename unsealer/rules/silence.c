/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/silence.h"

#include <mbedtls/platform_util.h>

#define SPAN       5000   /* bindings a step */
#define STEP_US    250000 /* between steps */
#define EVENTS_MAX 256    /* a step */
#define COUNT_US   60000000

#define INTERVAL_MAX_S 3600 /* a gateway that says more is not believed */

static int mark_silent(struct selkie_effects *effects, struct selkie_binding *binding)
{
    struct selkie_device_record device;

    if (binding->last_seen_ms > effects->now_ms) { /* the clock was set back: the silence begins now */
        binding->last_seen_ms = effects->now_ms;
        return selkie_registry_put_binding(effects->registry, binding);
    }
    int result = selkie_registry_device(effects->registry, binding->address, &device);
    bool revoked = device.revoked;

    mbedtls_platform_zeroize(&device, sizeof device);
    if (result < 0)
        return result;
    binding->silent = true;
    result = selkie_registry_put_binding(effects->registry, binding);
    if (result == 0)
        result = selkie_state_publisher_touch(&effects->states, binding->address, NULL);
    if (result < 0 || revoked)
        return result;
    return selkie_effects_event(
        effects, "silent", binding->address, binding->id_hash,
        json_pack("{s:I, s:s}", "last_seen", (json_int_t)binding->last_seen_ms, "gateway", binding->gateway));
}

/* Whether the present stretch has lasted for the time of silence. */
static bool has_listened(const struct selkie_effects *effects, const struct selkie_silence *silence, int64_t now_us)
{
    int64_t from_us = silence->since_us > silence->reset_us ? silence->since_us : silence->reset_us;

    if (effects->clock_set_us > from_us)
        from_us = effects->clock_set_us;
    return now_us <= silence->heard_until_us && now_us - from_us >= silence->after_ms * 1000;
}

int64_t selkie_silence_heard_us(unsigned interval_s)
{
    unsigned interval = interval_s > INTERVAL_MAX_S ? INTERVAL_MAX_S : interval_s < 30 ? 30 : interval_s;

    return (int64_t)interval * 2 * 1000000;
}

/* Silence is not reported any more: who was marked before is not silent. One walk after the start. */
static int unmark_all(struct selkie_effects *effects, struct selkie_silence *silence, int64_t now_us)
{
    struct selkie_binding binding;
    int64_t span_end = silence->at + SPAN;
    int ended = 0, result = 1;

    if (silence->unmarked || now_us < silence->next_us)
        return 0;
    while (ended < EVENTS_MAX && (result = selkie_registry_next_marked(effects->registry, &silence->at,
                                                                       span_end - silence->at, &binding)) > 0) {
        binding.silent = false;
        result = selkie_registry_put_binding(effects->registry, &binding);
        if (result == 0)
            result = selkie_state_publisher_touch(&effects->states, binding.address, NULL);
        if (result < 0)
            return result;
        ended++;
    }
    silence->unmarked = result == 0 && silence->at == 0;
    silence->next_us = now_us + STEP_US;
    return result < 0 ? result : 0;
}

int selkie_silence_walk(struct selkie_effects *effects, struct selkie_silence *silence, int64_t now_us)
{
    struct selkie_binding binding;
    int64_t span_end = silence->at + SPAN;
    int events = 0, result = 1;

    if (silence->after_ms == 0)
        return unmark_all(effects, silence, now_us);
    if (!has_listened(effects, silence, now_us) || now_us < silence->next_us)
        return 0;
    while (events < EVENTS_MAX &&
           (result = selkie_registry_next_silent(effects->registry, &silence->at, span_end - silence->at,
                                                 effects->now_ms - silence->after_ms, effects->now_ms, &binding)) > 0) {
        result = mark_silent(effects, &binding);
        if (result < 0)
            return result;
        events++;
    }
    bool at_end = result == 0 && silence->at == 0;
    silence->next_us = now_us + (at_end ? silence->after_ms * 1000 / 8 : STEP_US);
    return result < 0 ? result : 0;
}

int selkie_silence_count(struct selkie_effects *effects, struct selkie_silence_count *count, int64_t now_us)
{
    if (now_us < count->next_us)
        return 0;
    int found = selkie_registry_count_silent(effects->registry, &count->at, SPAN);
    if (found < 0)
        return found;
    count->counted += (uint64_t)found;
    count->next_us = now_us + (count->at == 0 ? COUNT_US : STEP_US);
    if (count->at == 0) {
        effects->silent = count->counted;
        count->counted = 0;
    }
    return 0;
}
