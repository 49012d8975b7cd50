/* SPDX-License-Identifier: Apache-2.0 */
/* An ID that is not active at its address: new there, or pending. PROTOCOL.md, section 7, rules 4, 6 and 7. */
#include "clerk.h"

#include <string.h>

static int make_binding(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer,
                        const struct selkie_opened *opened, enum selkie_binding_status status)
{
    struct selkie_binding *own = newcomer->own;

    own->status = status;
    own->key_id = opened->key_id;
    if (opened->has_payload)
        own->form = opened->form;
    own->counter = opened->counter;
    selkie_clerk_heard(clerk, own, opened->rx_ms);
    own->first_seen_ms = own->last_seen_ms;
    memcpy(own->gateway, opened->gateway, sizeof own->gateway);
    int result = selkie_registry_add_binding(clerk->registry, own, &newcomer->session);
    return result < 0 ? result : selkie_clerk_adopt(clerk, own, &newcomer->session);
}

static int alarm_reset(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer, const struct selkie_opened *opened)
{
    char previous[SELKIE_ID_TEXT_SIZE];

    newcomer->device->reset_alarm_ms = clerk->now_ms;
    selkie_report_id(previous, newcomer->bound->id_hash);
    int result = selkie_registry_put_device(clerk->registry, newcomer->device);
    return result < 0 ? result
                      : selkie_clerk_event(clerk, "reset", newcomer->device->address, newcomer->own->id_hash,
                                           json_pack("{s:s, s:s, s:I}", "previous", previous, "gateway",
                                                     opened->gateway, "rx", (json_int_t)opened->rx_ms));
}

static int welcome(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer, bool was_pending)
{
    struct selkie_binding *own = newcomer->own;
    const char *status = own->status == SELKIE_BINDING_ACTIVE ? "active" : "pending";

    /* A pending ID of a bound address has been told by the alarm. */
    if (own->status == SELKIE_BINDING_PENDING && newcomer->bound)
        return 0;
    return selkie_clerk_event(
        clerk, was_pending ? "approved" : "registered", own->address, own->id_hash,
        json_pack("{s:s, s:s, s:s}", "status", status, "gateway", own->gateway, "firmware", own->firmware));
}

static int take_in(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer, struct selkie_opened *opened,
                   const struct selkie_decision *decision)
{
    struct selkie_binding *own = newcomer->own;
    bool was_pending = own->status == SELKIE_BINDING_PENDING;
    int result = 0;

    if (decision->retire_bound)
        result = selkie_clerk_set_status(clerk, newcomer->bound, SELKIE_BINDING_RETIRED);
    if (result == 0)
        result = was_pending ? selkie_clerk_set_status(clerk, own, decision->becomes)
                             : make_binding(clerk, newcomer, opened, decision->becomes);
    if (result == 0)
        result = welcome(clerk, newcomer, was_pending);
    if (result == 0)
        result = decision->becomes == SELKIE_BINDING_ACTIVE ? selkie_clerk_release(clerk, own, opened)
                                                            : selkie_clerk_park(clerk, own, opened, false);
    return result < 0 ? result : selkie_clerk_review(clerk, newcomer->device);
}

int selkie_clerk_decide_newcomer(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer,
                                 struct selkie_opened *opened, const struct selkie_decision *decision)
{
    int result = 0;

    if (decision->alarm_reset)
        result = alarm_reset(clerk, newcomer, opened);
    if (result < 0)
        return result;
    if (decision->becomes != SELKIE_BINDING_NONE)
        return take_in(clerk, newcomer, opened, decision);
    if (decision->verdict == SELKIE_PARK)
        return selkie_clerk_park(clerk, newcomer->own, opened, false);
    return selkie_clerk_act(clerk, newcomer->own, opened, decision, newcomer->device->address);
}

static int count_same_tag(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer, struct selkie_case *facts)
{
    int result = selkie_session_derive(&newcomer->session, newcomer->device->address, newcomer->id);
    if (result == 0)
        result = selkie_registry_count_tag(clerk->registry, newcomer->session.tag);
    if (result < 0)
        return result;
    facts->same_tag = (unsigned)result;
    return 0;
}

int selkie_clerk_look_around(struct selkie_clerk *clerk, const struct selkie_binding *own,
                             struct selkie_binding live[static SELKIE_LIVE_MAX], struct selkie_newcomer *newcomer,
                             struct selkie_case *facts)
{
    int count = selkie_registry_live(clerk->registry, newcomer->device->address, live);
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
        return selkie_registry_contradicts(clerk->registry, "a device is active and none of its IDs is");
    return own->status == SELKIE_BINDING_NONE ? count_same_tag(clerk, newcomer, facts) : 0;
}
