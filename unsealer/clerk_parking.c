/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of pending bindings wait until the operator decides. PROTOCOL.md, section 7, rule 7. */
#include "clerk.h"

#include <mbedtls/platform_util.h>
#include <string.h>

int selkie_clerk_repeated(struct selkie_clerk *clerk, int64_t first_rx_ms, int64_t rx_ms, const char *gateway,
                          const uint8_t *address)
{
    if (rx_ms - first_rx_ms > SELKIE_REPLAY_MS)
        return selkie_clerk_reject(clerk, SELKIE_REASON_REPLAY, gateway, rx_ms, address);
    clerk->counts.duplicates++;
    return 0;
}

static int unpark(struct selkie_clerk *clerk, const struct selkie_opened *opened)
{
    clerk->parked--;
    return selkie_registry_unpark(clerk->registry, opened->number);
}

/* The binding's oldest frame makes room. */
static int push_out(struct selkie_clerk *clerk, const struct selkie_binding *binding)
{
    struct selkie_opened oldest = {.number = 0};
    int result = selkie_registry_oldest_parked(clerk->registry, binding->number, &oldest);

    /* Damaged or not, it goes. */
    if (result > 0 || result == SELKIE_ECRYPTO)
        result = unpark(clerk, &oldest);
    if (result == 0)
        result = selkie_clerk_reject(clerk, SELKIE_REASON_PARKING_FULL, oldest.gateway, oldest.rx_ms, binding->address);
    mbedtls_platform_zeroize(&oldest, sizeof oldest);
    return result;
}

/* Frames of a pending binding wait for as long as its operator takes, so they are bounded. A REGISTER has nothing to
 * lose, so it pushes no reading out: it has a place beyond them, or none. 1 where there is room for one more, or 0: it
 * was rejected. */
static int make_room(struct selkie_clerk *clerk, const struct selkie_binding *binding,
                     const struct selkie_opened *opened)
{
    int result = selkie_registry_count_parked(clerk->registry, binding->number);

    if (result < 0)
        return result;
    bool full = result >= SELKIE_PARKED_MAX + !opened->has_payload;
    if (full && opened->has_payload)
        result = push_out(clerk, binding);
    else if (full || clerk->parked >= SELKIE_PARKED_MAX_ALL)
        /* Who fills the parking with many addresses must not push out what others have in it. */
        return selkie_clerk_reject(clerk, SELKIE_REASON_PARKING_FULL, opened->gateway, opened->rx_ms, binding->address);
    return result < 0 ? result : 1;
}

int selkie_clerk_park(struct selkie_clerk *clerk, struct selkie_binding *binding, struct selkie_opened *opened,
                      bool waited)
{
    int64_t first_rx_ms;
    int result =
        selkie_registry_find_parked(clerk->registry, binding->number, opened->counter, opened->digest, &first_rx_ms);

    if (result > 0)
        return selkie_clerk_repeated(clerk, first_rx_ms, opened->rx_ms, opened->gateway, binding->address);
    if (result == 0)
        result = binding->status == SELKIE_BINDING_PENDING ? make_room(clerk, binding, opened) : 1;
    if (result <= 0)
        return result;

    opened->binding = binding->number;
    if (opened->counter > binding->counter)
        binding->counter = opened->counter;
    selkie_clerk_heard(clerk, binding, opened->rx_ms);
    if (opened->has_payload)
        binding->form = opened->form;
    memcpy(binding->gateway, opened->gateway, sizeof binding->gateway);
    clerk->counts.parked += !waited;
    clerk->parked++;
    result = selkie_registry_park(clerk->registry, opened);
    return result < 0 ? result : selkie_registry_put_binding(clerk->registry, binding);
}

/* Take out what is parked, in order of counter: 1 and the frame, or 0. One that is damaged is rejected and passed over.
 */
static int take_out(struct selkie_clerk *clerk, const struct selkie_binding *binding, bool next,
                    struct selkie_opened *opened)
{
    for (;; next = true) {
        int result = selkie_registry_next_parked(clerk->registry, binding->number, next, opened);
        bool damaged = result == SELKIE_ECRYPTO;
        if (result <= 0 && !damaged)
            return result;
        result = unpark(clerk, opened);
        if (result < 0 || !damaged)
            return result < 0 ? result : 1;
        result = selkie_clerk_reject(clerk, SELKIE_REASON_BAD_SEAL, opened->gateway, opened->rx_ms, binding->address);
        if (result < 0)
            return result;
    }
}

int selkie_clerk_release(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *newest)
{
    struct selkie_opened opened;
    bool next = false;
    int result;

    while ((result = take_out(clerk, binding, next, &opened)) > 0) {
        next = true;
        result = 0;
        if (newest && newest->counter < opened.counter) {
            result = selkie_clerk_judge(clerk, binding, newest);
            newest = NULL;
        }
        clerk->counts.released++;
        if (result == 0)
            result = selkie_clerk_judge(clerk, binding, &opened);
        if (result < 0)
            break;
    }
    if (result == 0 && newest)
        result = selkie_clerk_judge(clerk, binding, newest);
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

int selkie_clerk_evict(struct selkie_clerk *clerk, const struct selkie_binding *binding, enum selkie_reason reason)
{
    struct selkie_opened opened;
    bool next = false;
    int result;

    while ((result = take_out(clerk, binding, next, &opened)) > 0) {
        next = true;
        result = selkie_clerk_reject(clerk, reason, opened.gateway, opened.rx_ms, binding->address);
        if (result < 0)
            break;
    }
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}
