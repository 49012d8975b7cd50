/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/forgetting.h"
#include "rules/parking.h"

#define SPAN       1000          /* bindings a step */
#define STEP_US    250000        /* between steps */
#define PAUSE_US   21600000000LL /* between walks */
#define EVENTS_MAX 64            /* a step */
#define PARKED_MAX 256           /* parked frames a transaction */

int selkie_forgetting_remove(struct selkie_effects *effects, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                             struct selkie_binding live[], int count, enum selkie_binding_end ended)
{
    int result = 0;

    for (int i = 0; i < count && result == 0; i++) {
        result = selkie_effects_retire(effects, &live[i], live[i].revoked ? SELKIE_BINDING_REPLACED : ended);
        if (result == 0)
            result = selkie_parking_evict(effects, &live[i], SELKIE_REASON_REMOVED);
    }
    if (result == 0)
        result = selkie_registry_delete_device(effects->registry, address);
    return result < 0 ? result : selkie_state_publisher_touch(&effects->states, address, NULL);
}

static int event_forgotten(struct selkie_effects *effects, const struct selkie_binding *binding)
{
    const char *status = binding->status == SELKIE_BINDING_ACTIVE ? "active" : "pending";

    return selkie_effects_event(effects, "forgotten", binding->address, binding->id_hash,
                                json_pack("{s:s, s:I, s:s}", "status", status, "last_seen",
                                          (json_int_t)binding->last_seen_ms, "gateway", binding->gateway));
}

/* A pending ID may come again, so it is not retired. */
static int forget_pending(struct selkie_effects *effects, const struct selkie_binding *binding)
{
    int result = event_forgotten(effects, binding);

    return result < 0 ? result : selkie_parking_displace(effects, binding, SELKIE_REASON_PENDING_FULL);
}

/* The active ID is silent. Another one that waits for an operator may be what the device has now. */
static int forget_device(struct selkie_effects *effects, const struct selkie_binding *binding, int64_t before_day)
{
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = selkie_registry_live(effects->registry, binding->address, live);

    for (int i = 0; i < count; i++)
        if (live[i].heard_day >= before_day)
            return 0;
    int result = count < 0 ? count : event_forgotten(effects, binding);
    return result < 0 ? result
                      : selkie_forgetting_remove(effects, binding->address, live, count, SELKIE_BINDING_REPLACED);
}

static int forget(struct selkie_effects *effects, struct selkie_binding *binding, int64_t active_day)
{
    switch (binding->status) {
    case SELKIE_BINDING_PENDING:
        return forget_pending(effects, binding);
    case SELKIE_BINDING_RETIRED: /* it was denied or removed so long ago that it has no way back */
        return selkie_effects_set_status(effects, binding, SELKIE_BINDING_RETIRED);
    default:
        return forget_device(effects, binding, active_day);
    }
}

/* Frames that wait since so many days, the oldest first. */
static int expire_parked(struct selkie_effects *effects, int64_t before_day)
{
    struct selkie_opened parked = {.number = 0};
    uint8_t address[SELKIE_ADDRESS_SIZE];
    int result = 0;

    for (int i = 0; i < PARKED_MAX; i++) {
        result = selkie_registry_first_parked(effects->registry, before_day, &parked, address);
        if (result > 0)
            result = selkie_registry_unpark(effects->registry, parked.number);
        else
            break;
        if (result == 0)
            result = selkie_effects_reject(effects, SELKIE_REASON_PARKING_FULL, parked.gateway, parked.rx_ms, address);
        if (result < 0)
            break;
    }
    return result;
}

int selkie_forgetting_walk(struct selkie_effects *effects, struct selkie_forgetting *forgetting, int64_t now_us)
{
    const int64_t today = selkie_day_clock_today(&effects->day_clock), pending_day = today - SELKIE_PENDING_DAYS;
    const int64_t active_day = forgetting->after_days ? today - forgetting->after_days : INT64_MIN;
    struct selkie_binding binding;
    int64_t span_end = forgetting->at + SPAN;
    int events = 0, result = expire_parked(effects, pending_day);

    if (result < 0 || now_us < forgetting->next_us)
        return result;
    while (events < EVENTS_MAX && (result = selkie_registry_next_forgotten(
                                       effects->registry, &forgetting->at, span_end - forgetting->at, pending_day,
                                       active_day, today - SELKIE_READMIT_DAYS, &binding)) > 0) {
        result = forget(effects, &binding, active_day);
        if (result < 0)
            return result;
        events++;
    }
    bool at_end = result == 0 && forgetting->at == 0;
    forgetting->next_us = now_us + (at_end ? PAUSE_US : STEP_US);
    return result;
}
