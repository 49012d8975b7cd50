/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/active.h"

#include <string.h>

#define RSSI_WEIGHT 16

static int put_payload(struct selkie_effects *effects, const struct selkie_binding *binding,
                       const struct selkie_opened *opened, bool late)
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_PAYLOAD, opened->payload, opened->payload_len);
    if (!output)
        return SELKIE_ENOMEM;
    output->has_address = true;
    memcpy(output->address, binding->address, SELKIE_ADDRESS_SIZE);
    memcpy(output->gateway, opened->gateway, sizeof output->gateway);
    output->counter = opened->counter;
    output->rx_ms = opened->rx_ms;
    output->clock = opened->clock;
    output->rssi = opened->rssi;
    output->form = opened->form;
    output->late = late || binding->status != SELKIE_BINDING_ACTIVE;
    output->model_known = true;
    memcpy(output->firmware, binding->firmware, sizeof output->firmware);
    int result = selkie_device_models_find(&effects->models, effects->registry, binding->address, binding->firmware,
                                           &output->model);
    if (result < 0) {
        selkie_output_free(output);
        return result;
    }
    return selkie_effects_put(effects, output, true);
}

/* The mean follows an antenna that breaks or is moved, within some dozens of frames: each new value counts a sixteenth.
 */
static void note_rssi(struct selkie_binding *binding, int16_t rssi)
{
    int value = rssi * SELKIE_RSSI_MEAN_PARTS;

    if (rssi == 0)
        return;
    binding->rssi_mean =
        (int16_t)(binding->rssi == 0 ? value : binding->rssi_mean + (value - binding->rssi_mean) / RSSI_WEIGHT);
    binding->rssi = rssi;
}

/* Note in the binding's history that a counter is accepted; before the binding itself changes. Most frames are the next
 * of an ID that misses nothing: then there is nothing to note. */
static int update_history(struct selkie_effects *effects, const struct selkie_binding *binding, uint32_t counter)
{
    struct selkie_history history, before;
    uint64_t next = binding->received ? (uint64_t)binding->counter + 1 : 0;

    if (binding->received == next && counter == next)
        return 0;
    int result = selkie_registry_history(effects->registry, binding, &history);
    if (result < 0)
        return result;
    memcpy(&before, &history, sizeof before);
    effects->counts.given_up += selkie_history_accept(&history, counter);
    before.any = history.any;
    before.highest = history.highest;
    return memcmp(&before, &history, sizeof before) == 0
               ? 0
               : selkie_registry_put_history(effects->registry, binding, &history);
}

/* Enter an accepted frame into the binding, its history and its window. */
static int update_binding(struct selkie_effects *effects, struct selkie_binding *binding,
                          const struct selkie_opened *opened)
{
    struct selkie_seen seen = {.capture = selkie_capture_of(opened->rx_ms, opened->clock, opened->gateway)};
    uint8_t key_before = binding->key_id;
    int result = update_history(effects, binding, opened->counter);

    if (result < 0)
        return result;
    if (binding->received == 0 || opened->counter > binding->counter)
        binding->counter = opened->counter;
    binding->received++;
    if (opened->form == SELKIE_SESSION) {
        binding->session_frames++;
        binding->session_bytes += SELKIE_SESSION_OVERHEAD + opened->payload_len;
    }
    selkie_effects_heard(effects, binding, opened->arrived_ms);
    if (opened->has_payload) /* a REGISTER is always SEALED; its flags say in which form readings will come */
        binding->form = opened->form;
    binding->silent = false;
    note_rssi(binding, opened->rssi);
    memcpy(binding->gateway, opened->gateway, sizeof binding->gateway);
    if (opened->form == SELKIE_SEALED)
        binding->key_id = opened->key_id;

    memcpy(seen.digest, opened->digest, sizeof seen.digest);
    uint32_t start = binding->counter >= SELKIE_WINDOW ? binding->counter - SELKIE_WINDOW + 1 : 0;
    if (opened->counter >= start)
        result = selkie_registry_put_seen(effects->registry, binding, opened->counter, &seen, start);
    if (result == 0)
        result = selkie_registry_put_binding(effects->registry, binding);
    if (result == 0 && binding->key_id != key_before)
        result = selkie_registry_put_binding_status(effects->registry, binding);
    return result;
}

static int accept(struct selkie_effects *effects, struct selkie_binding *binding, const struct selkie_opened *opened,
                  const struct selkie_decision *decision)
{
    int result = update_binding(effects, binding, opened);

    effects->counts.accepted[opened->form == SELKIE_SESSION]++;
    effects->counts.late += decision->late;
    effects->counts.lost += decision->lost;
    if (result == 0 && opened->has_payload)
        result = put_payload(effects, binding, opened, decision->late);
    if (result == 0 && decision->lost > 0)
        result = selkie_effects_event(effects, "lost", binding->address, binding->id_hash,
                                      json_pack("{s:I, s:I, s:s}", "count", (json_int_t)decision->lost, "counter",
                                                (json_int_t)opened->counter, "gateway", opened->gateway));
    if (result == 0 && binding->status == SELKIE_BINDING_ACTIVE) /* the state shows no superseded ID */
        result = selkie_state_publisher_touch(&effects->states, binding->address, binding);
    return result;
}

int selkie_active_facts(struct selkie_effects *effects, struct selkie_case *facts, const struct selkie_binding *own,
                        const struct selkie_opened *opened, struct selkie_seen *seen)
{
    facts->counter = opened->counter;
    memcpy(facts->digest, opened->digest, sizeof facts->digest);
    facts->capture = selkie_capture_of(opened->rx_ms, opened->clock, opened->gateway);
    facts->successor = own->successor;
    facts->now_ms = effects->now_ms;
    facts->proof_since_ms = effects->proof_since_ms;
    facts->today = selkie_day_clock_today(&effects->day_clock);
    facts->superseded_ms = own->superseded_ms;
    facts->superseded_day = own->superseded_day;
    facts->own = own->status;
    facts->received = own->received;
    facts->highest = own->counter;
    facts->clone_alarm_ms = own->clone_alarm_ms;
    if (own->status == SELKIE_BINDING_RETIRED || own->received == 0 || opened->counter > own->counter)
        return 0;
    struct selkie_history history;
    int result = selkie_registry_history(effects->registry, own, &history);
    facts->open = result == 0 && selkie_history_is_open(&history, opened->counter);
    if (result < 0 || (!facts->open && own->counter - opened->counter >= SELKIE_WINDOW))
        return result;
    /* What is late is compared with the newest frame, a repeat with the first of its counter. */
    result = selkie_registry_seen(effects->registry, own, facts->open ? own->counter : opened->counter, seen);
    if (result > 0 && facts->open)
        facts->newest = &seen->capture;
    else if (result > 0)
        facts->seen = seen;
    return result < 0 ? result : 0;
}

static int alarm_clone(struct selkie_effects *effects, struct selkie_binding *binding,
                       const struct selkie_opened *opened, const char *proof)
{
    binding->clone_alarm_ms = effects->now_ms;
    int result = selkie_registry_put_binding(effects->registry, binding);
    if (result == 0)
        result = selkie_state_publisher_touch(&effects->states, binding->address, NULL);
    return result < 0 ? result
                      : selkie_effects_event(effects, "clone", binding->address, binding->id_hash,
                                             json_pack("{s:s, s:I, s:s, s:I}", "proof", proof, "counter",
                                                       (json_int_t)opened->counter, "gateway", opened->gateway, "rx",
                                                       (json_int_t)opened->rx_ms));
}

/* A duplicate shows that the device lives. That is written only where it matters for silence, and so seldom that a
 * second gateway does not double the commits. */
static int hear_duplicate(struct selkie_effects *effects, struct selkie_binding *binding,
                          const struct selkie_opened *opened)
{
    bool due = binding->silent || opened->arrived_ms - binding->last_seen_ms >= effects->silent_after_ms / 8;

    effects->counts.duplicates++;
    if (effects->silent_after_ms == 0 || !due)
        return 0;
    selkie_effects_heard(effects, binding, opened->arrived_ms);
    bool was_silent = binding->silent && binding->status == SELKIE_BINDING_ACTIVE;
    binding->silent = false;
    int result = selkie_registry_put_binding(effects->registry, binding);
    return result < 0 || !was_silent ? result : selkie_state_publisher_touch(&effects->states, binding->address, NULL);
}

int selkie_active_apply(struct selkie_effects *effects, struct selkie_binding *binding,
                        const struct selkie_opened *opened, const struct selkie_decision *decision,
                        const uint8_t *address)
{
    int result = 0;

    switch (decision->verdict) {
    case SELKIE_ACCEPT:
        result = accept(effects, binding, opened, decision);
        return result == 0 && decision->alarm_clone ? alarm_clone(effects, binding, opened, "order") : result;
    case SELKIE_DUPLICATE:
        return hear_duplicate(effects, binding, opened);
    case SELKIE_PARK:
    case SELKIE_REJECT:
        break;
    }
    if (decision->alarm_clone)
        result = alarm_clone(effects, binding, opened, "body");
    return result < 0 ? result
                      : selkie_effects_reject(effects, decision->reason, opened->gateway, opened->rx_ms, address);
}

int selkie_active_decide(struct selkie_effects *effects, struct selkie_binding *binding,
                         const struct selkie_opened *opened)
{
    struct selkie_case facts = {0};
    struct selkie_seen seen;
    int result = selkie_active_facts(effects, &facts, binding, opened, &seen);

    if (result < 0)
        return result;
    struct selkie_decision decision = selkie_admission_decide(&effects->rules, &facts);
    return selkie_active_apply(effects, binding, opened, &decision, binding->address);
}
