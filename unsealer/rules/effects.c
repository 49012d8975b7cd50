/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/effects.h"

#include <selkie/clock.h>
#include <string.h>

#define CLOCK_SET_MS 60000

const char *const selkie_event_names[SELKIE_EVENT_COUNT] = {
#define TEXT(name, text) [SELKIE_EVENT_##name] = text,
    SELKIE_EVENTS(TEXT)
#undef TEXT
};

static int shift_unmatched_clock(struct selkie_effects *effects, int64_t now_us)
{
    int64_t last_ms;
    int result = selkie_registry_last_unmatched(effects->registry, &last_ms);

    effects->unmatched_shift_ms = last_ms - now_us / 1000;
    effects->shifted = result == 0;
    return result;
}

static int load(struct selkie_effects *effects, int64_t now_us)
{
    int result = selkie_day_clock_load(&effects->day_clock, effects->registry, now_us);

    if (result == 0)
        result = selkie_state_publisher_reload(&effects->states, effects->registry);
    effects->loaded = result == 0;
    return result;
}

/* Whether the clock was set since the transaction before: by more than it can drift, or by so little that it matters to
 * no rule. */
static void watch_clock(struct selkie_effects *effects, int64_t now_ms, int64_t now_us)
{
    int64_t clock_ms = now_ms - now_us / 1000, moved_ms = clock_ms - effects->clock_ms;

    if (effects->clock_ms != 0 && (moved_ms > CLOCK_SET_MS || moved_ms < -CLOCK_SET_MS))
        effects->clock_set_us = now_us;
    effects->clock_ms = clock_ms;
    /* For proofs, the time in which the machine was suspended has passed. */
    clock_ms = now_ms - selkie_clock_boot_ms();
    moved_ms = clock_ms - effects->boot_clock_ms;
    if (effects->boot_clock_ms != 0 && (moved_ms > CLOCK_SET_MS || moved_ms < -CLOCK_SET_MS))
        effects->proof_since_ms = now_ms;
    effects->boot_clock_ms = clock_ms;
}

int selkie_effects_begin(struct selkie_effects *effects, int64_t now_ms, int64_t now_us)
{
    int result = effects->shifted ? 0 : shift_unmatched_clock(effects, now_us);

    if (result < 0)
        return result;
    watch_clock(effects, now_ms, now_us);
    effects->now_ms = now_ms;
    effects->unmatched_now_ms = now_us / 1000 + effects->unmatched_shift_ms;
    effects->counts = (struct selkie_counts){0};
    return effects->loaded ? 0 : load(effects, now_us);
}

/* Whether the gateway that had no room for a new device has it again. */
static int review_full(struct selkie_effects *effects)
{
    int result = !effects->full_for[0] ? 0
                                       : selkie_effects_has_room(effects, SELKIE_SHARED_DEVICES, effects->full_for,
                                                                 effects->rules.max_devices);

    if (result > 0)
        effects->full_for[0] = 0;
    return result < 0 ? result : 0;
}

int selkie_effects_end(struct selkie_effects *effects, int64_t now_us)
{
    int result = review_full(effects);

    if (result < 0)
        return result;
    for (int i = 0; i < SELKIE_SHARED_COUNT; i++) {
        effects->held[i] = selkie_registry_held(effects->registry, (enum selkie_shared)i, "");
        if (effects->held[i] < 0)
            return effects->held[i];
    }
    result = selkie_registry_count_all_pending(effects->registry, &effects->pending);
    if (result == 0)
        result = selkie_registry_count_devices(effects->registry, -1, &effects->devices);
    if (result == 0)
        result = selkie_registry_count_devices(effects->registry, SELKIE_DEVICE_ACTIVE, &effects->active);
    if (result < 0)
        return result;
    return selkie_state_publisher_publish(&effects->states, effects->registry, &effects->models, now_us / 1000,
                                          &effects->out);
}

void selkie_effects_undo(struct selkie_effects *effects)
{
    selkie_registry_rollback(effects->registry);
    selkie_output_list_free(&effects->out);
    effects->loaded = false;
}

void selkie_effects_wipe(struct selkie_effects *effects)
{
    selkie_output_list_free(&effects->out);
    selkie_state_publisher_wipe(&effects->states);
}

bool selkie_effects_due(const struct selkie_effects *effects)
{
    return !effects->loaded || effects->states.waiting > 0;
}

int selkie_effects_has_room(struct selkie_effects *effects, enum selkie_shared what, const char *gateway, int max)
{
    int all = selkie_registry_held(effects->registry, what, "");
    int own = all < 0 ? all : selkie_registry_held(effects->registry, what, gateway);

    return own < 0 ? own : own < max - all;
}

int selkie_effects_put(struct selkie_effects *effects, struct selkie_output *output, bool outbox)
{
    if (!output)
        return SELKIE_ENOMEM;
    selkie_output_list_add(&effects->out, output);
    return outbox ? selkie_registry_put_outbox(effects->registry, output) : 0;
}

int selkie_effects_event(struct selkie_effects *effects, const char *event, const uint8_t *address,
                         const uint8_t *id_hash, json_t *details)
{
    for (int i = 0; i < SELKIE_EVENT_COUNT; i++)
        effects->counts.events[i] += strcmp(event, selkie_event_names[i]) == 0;
    return selkie_effects_put(effects, selkie_document_event(event, effects->now_ms, address, id_hash, details), true);
}

int selkie_effects_reject(struct selkie_effects *effects, enum selkie_reason reason, const char *gateway, int64_t rx_ms,
                          const uint8_t *address)
{
    effects->counts.rejected[reason]++;
    return selkie_effects_put(effects, selkie_document_rejected(reason, gateway, rx_ms, address), false);
}

int selkie_effects_receipt(struct selkie_effects *effects, const struct selkie_job *job)
{
    if (!job->has_seq)
        return 0;
    struct selkie_output *receipt = selkie_output_new(SELKIE_OUTPUT_RECEIPT, "", 0);
    if (!receipt)
        return SELKIE_ENOMEM;
    memcpy(receipt->gateway, job->gateway, sizeof receipt->gateway);
    receipt->seq = job->seq;
    receipt->instance = job->instance;
    return selkie_effects_put(effects, receipt, false);
}

int selkie_effects_set_status(struct selkie_effects *effects, struct selkie_binding *binding,
                              enum selkie_binding_status status)
{
    binding->status = status;
    binding->ended = SELKIE_BINDING_REPLACED;
    return selkie_registry_put_binding_status(effects->registry, binding);
}

int selkie_effects_retire(struct selkie_effects *effects, struct selkie_binding *binding, enum selkie_binding_end ended)
{
    binding->status = SELKIE_BINDING_RETIRED;
    binding->ended = ended;
    binding->superseded_ms = effects->now_ms;
    binding->superseded_day = selkie_day_clock_today(&effects->day_clock);
    return selkie_registry_put_binding_status(effects->registry, binding);
}

int selkie_effects_review(struct selkie_effects *effects, struct selkie_device_record *device)
{
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = selkie_registry_live(effects->registry, device->address, live);
    int result;

    if (count < 0)
        return count;
    if (device->revoked)
        device->status = SELKIE_DEVICE_REVOKED;
    else if (count > 0 && live[0].status == SELKIE_BINDING_ACTIVE)
        device->status = SELKIE_DEVICE_ACTIVE;
    else if (count > 0 && live[0].status == SELKIE_BINDING_PENDING)
        device->status = SELKIE_DEVICE_PENDING;
    else
        device->status = SELKIE_DEVICE_LISTED;
    /* Nobody listed the device, and its last ID is gone: forget it. */
    if (count == 0 && !device->listed && !device->revoked)
        result = selkie_registry_delete_device(effects->registry, device->address);
    else
        result = selkie_registry_put_device(effects->registry, device);
    return result < 0 ? result : selkie_state_publisher_touch(&effects->states, device->address, NULL);
}

void selkie_effects_heard(const struct selkie_effects *effects, struct selkie_binding *binding, int64_t arrived_ms)
{
    int64_t heard_ms = arrived_ms < effects->now_ms ? arrived_ms : effects->now_ms;

    if (arrived_ms == 0)
        return;
    binding->heard_day = selkie_day_clock_today(&effects->day_clock);
    /* If last_seen lies in the future, the clock was set back since. */
    if (heard_ms > binding->last_seen_ms || binding->last_seen_ms > effects->now_ms)
        binding->last_seen_ms = heard_ms;
}
