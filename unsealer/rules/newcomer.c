/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/newcomer.h"
#include "rules/active.h"
#include "rules/parking.h"
#include "rules/session_frames.h"

#include <string.h>

static int make_binding(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                        const struct selkie_opened *opened, enum selkie_binding_status status)
{
    struct selkie_binding *own = newcomer->own;

    own->status = status;
    own->key_id = opened->key_id;
    if (opened->has_payload)
        own->form = opened->form;
    own->counter = opened->counter;
    selkie_effects_heard(effects, own, opened->arrived_ms);
    own->first_seen_ms = own->last_seen_ms;
    memcpy(own->gateway, opened->gateway, sizeof own->gateway);
    int result = selkie_registry_add_binding(effects->registry, own, &newcomer->session);
    return result < 0 ? result : selkie_session_frames_adopt(effects, own, &newcomer->session);
}

static int alarm_reset(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                       const struct selkie_opened *opened)
{
    char previous[SELKIE_ID_TEXT_SIZE];

    newcomer->device->reset_alarm_ms = effects->now_ms;
    selkie_document_id(previous, newcomer->bound->id_hash);
    int result = selkie_registry_put_device(effects->registry, newcomer->device);
    return result < 0 ? result
                      : selkie_effects_event(effects, "reset", newcomer->device->address, newcomer->own->id_hash,
                                             json_pack("{s:s, s:s, s:I}", "previous", previous, "gateway",
                                                       opened->gateway, "rx", (json_int_t)opened->rx_ms));
}

static int event_registered(struct selkie_effects *effects, struct selkie_newcomer *newcomer, bool was_pending)
{
    struct selkie_binding *own = newcomer->own;
    const char *status = own->status == SELKIE_BINDING_ACTIVE ? "active" : "pending";

    /* For a pending ID of a bound address, the event `reset` says it all. */
    if (own->status == SELKIE_BINDING_PENDING && newcomer->bound)
        return 0;
    return selkie_effects_event(
        effects, was_pending ? "approved" : "registered", own->address, own->id_hash,
        json_pack("{s:s, s:s, s:s}", "status", status, "gateway", own->gateway, "firmware", own->firmware));
}

static int admit(struct selkie_effects *effects, struct selkie_newcomer *newcomer, struct selkie_opened *opened,
                 const struct selkie_decision *decision)
{
    struct selkie_binding *own = newcomer->own;
    bool was_pending = own->status == SELKIE_BINDING_PENDING;
    int result = 0;

    if (decision->retire_bound)
        result = selkie_effects_set_status(effects, newcomer->bound, SELKIE_BINDING_RETIRED);
    if (result == 0)
        result = was_pending ? selkie_effects_set_status(effects, own, decision->becomes)
                             : make_binding(effects, newcomer, opened, decision->becomes);
    if (result == 0)
        result = event_registered(effects, newcomer, was_pending);
    if (result == 0)
        result = decision->becomes == SELKIE_BINDING_ACTIVE ? selkie_parking_release(effects, own, opened)
                                                            : selkie_parking_park(effects, own, opened, false);
    return result < 0 ? result : selkie_effects_review(effects, newcomer->device);
}

int selkie_newcomer_decide(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                           struct selkie_opened *opened, const struct selkie_decision *decision)
{
    int result = 0;

    if (decision->alarm_reset)
        result = alarm_reset(effects, newcomer, opened);
    if (result < 0)
        return result;
    if (decision->becomes != SELKIE_BINDING_NONE)
        return admit(effects, newcomer, opened, decision);
    if (decision->verdict == SELKIE_PARK)
        return selkie_parking_park(effects, newcomer->own, opened, false);
    return selkie_active_apply(effects, newcomer->own, opened, decision, newcomer->device->address);
}

static int count_same_tag(struct selkie_effects *effects, struct selkie_newcomer *newcomer, struct selkie_case *facts)
{
    int result = selkie_session_derive(&newcomer->session, newcomer->device->address, newcomer->id);
    if (result == 0)
        result = selkie_registry_count_tag(effects->registry, newcomer->session.tag);
    if (result < 0)
        return result;
    facts->same_tag = (unsigned)result;
    return 0;
}

int selkie_newcomer_facts(struct selkie_effects *effects, const struct selkie_binding *own,
                          struct selkie_binding live[static SELKIE_LIVE_MAX], struct selkie_newcomer *newcomer,
                          struct selkie_case *facts)
{
    int count = selkie_registry_live(effects->registry, newcomer->device->address, live);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        if (live[i].status == SELKIE_BINDING_ACTIVE)
            newcomer->bound = &live[i];
        else
            facts->pending += live[i].number != own->number;
    }
    facts->bound = newcomer->bound != NULL;
    if (!facts->bound && newcomer->device->status == SELKIE_DEVICE_ACTIVE)
        return selkie_registry_contradicts(effects->registry, "a device is active and none of its IDs is");
    return own->status == SELKIE_BINDING_NONE ? count_same_tag(effects, newcomer, facts) : 0;
}
