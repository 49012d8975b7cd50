/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/parking.h"
#include "rules/active.h"

#include <mbedtls/platform_util.h>
#include <string.h>

int selkie_parking_repeated(struct selkie_effects *effects, const struct selkie_capture *first,
                            const struct selkie_capture *again, const char *gateway, const uint8_t *address)
{
    if (selkie_admission_is_replay(first, again, effects->proof_since_ms))
        return selkie_effects_reject(effects, SELKIE_REASON_REPLAY, gateway, again->rx_ms, address);
    effects->counts.duplicates++;
    return 0;
}

/* Reject the binding's oldest frame to make room. */
static int evict_oldest(struct selkie_effects *effects, const struct selkie_binding *binding)
{
    struct selkie_opened oldest = {.number = 0};
    int result = selkie_registry_oldest_parked(effects->registry, binding->number, &oldest);

    if (result > 0 || result == SELKIE_ECRYPTO) /* also one that is corrupt */
        result = selkie_registry_unpark(effects->registry, oldest.number);
    if (result == 0)
        result =
            selkie_effects_reject(effects, SELKIE_REASON_PARKING_FULL, oldest.gateway, oldest.rx_ms, binding->address);
    mbedtls_platform_zeroize(&oldest, sizeof oldest);
    return result;
}

int selkie_parking_has_room(struct selkie_effects *effects, const char *gateway)
{
    return selkie_effects_has_room(effects, SELKIE_SHARED_PARKED, gateway, SELKIE_PARKED_MAX_ALL);
}

/* Frames of a pending binding wait until the administrator decides, so their number is bounded. A REGISTER carries no
 * reading and evicts none: it has one extra place. 1 = there is room, 0 = the frame was rejected. */
static int make_room(struct selkie_effects *effects, const struct selkie_binding *binding,
                     const struct selkie_opened *opened)
{
    int result = selkie_registry_count_parked(effects->registry, binding->number);

    if (result < 0)
        return result;
    bool full = result >= SELKIE_PARKED_MAX + !opened->has_payload;
    if (full && opened->has_payload) {
        result = evict_oldest(effects, binding);
        return result < 0 ? result : 1;
    }
    /* A flood of many addresses must not evict the frames of other devices. */
    result = full ? 0 : selkie_parking_has_room(effects, opened->gateway);
    if (result != 0)
        return result;
    return selkie_effects_reject(effects, SELKIE_REASON_PARKING_FULL, opened->gateway, opened->rx_ms, binding->address);
}

int selkie_parking_park(struct selkie_effects *effects, struct selkie_binding *binding, struct selkie_opened *opened,
                        bool waited)
{
    const struct selkie_capture capture = selkie_capture_of(opened->rx_ms, opened->clock, opened->gateway);
    struct selkie_capture first;
    int result =
        selkie_registry_find_parked(effects->registry, binding->number, opened->counter, opened->digest, &first);

    if (result > 0)
        return selkie_parking_repeated(effects, &first, &capture, opened->gateway, binding->address);
    if (result == 0)
        result = binding->status == SELKIE_BINDING_PENDING ? make_room(effects, binding, opened) : 1;
    if (result <= 0)
        return result;

    opened->binding = binding->number;
    opened->parked_day = selkie_day_clock_today(&effects->day_clock);
    if (opened->counter > binding->counter)
        binding->counter = opened->counter;
    selkie_effects_heard(effects, binding, opened->arrived_ms);
    if (opened->has_payload)
        binding->form = opened->form;
    memcpy(binding->gateway, opened->gateway, sizeof binding->gateway);
    effects->counts.parked += !waited;
    result = selkie_registry_park(effects->registry, opened);
    return result < 0 ? result : selkie_registry_put_binding(effects->registry, binding);
}

/* Remove the next parked frame, in order of counter: 1 and the frame, or 0. Corrupt ones are rejected and skipped. */
static int remove_next(struct selkie_effects *effects, const struct selkie_binding *binding, bool next,
                       struct selkie_opened *opened)
{
    for (;; next = true) {
        int result = selkie_registry_next_parked(effects->registry, binding->number, next, opened);
        bool corrupt = result == SELKIE_ECRYPTO;
        if (result <= 0 && !corrupt)
            return result;
        result = selkie_registry_unpark(effects->registry, opened->number);
        if (result < 0 || !corrupt)
            return result < 0 ? result : 1;
        result =
            selkie_effects_reject(effects, SELKIE_REASON_BAD_SEAL, opened->gateway, opened->rx_ms, binding->address);
        if (result < 0)
            return result;
    }
}

int selkie_parking_release(struct selkie_effects *effects, struct selkie_binding *binding,
                           const struct selkie_opened *newest)
{
    struct selkie_opened opened;
    bool next = false;
    int result;

    while ((result = remove_next(effects, binding, next, &opened)) > 0) {
        next = true;
        result = 0;
        if (newest && newest->counter < opened.counter) {
            result = selkie_active_decide(effects, binding, newest);
            newest = NULL;
        }
        effects->counts.released++;
        if (result == 0)
            result = selkie_active_decide(effects, binding, &opened);
        if (result < 0)
            break;
    }
    if (result == 0 && newest)
        result = selkie_active_decide(effects, binding, newest);
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

int selkie_parking_evict(struct selkie_effects *effects, const struct selkie_binding *binding,
                         enum selkie_reason reason)
{
    struct selkie_opened opened;
    bool next = false;
    int result;

    while ((result = remove_next(effects, binding, next, &opened)) > 0) {
        next = true;
        result = selkie_effects_reject(effects, reason, opened.gateway, opened.rx_ms, binding->address);
        if (result < 0)
            break;
    }
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

int selkie_parking_displace(struct selkie_effects *effects, const struct selkie_binding *binding,
                            enum selkie_reason reason)
{
    struct selkie_device_record device;
    int result = selkie_parking_evict(effects, binding, reason);

    if (result == 0)
        result = selkie_registry_delete_binding(effects->registry, binding->number);
    if (result < 0)
        return result;
    result = selkie_registry_device(effects->registry, binding->address, &device);
    if (result >= 0)
        result = selkie_effects_review(effects, &device);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}
