/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/newcomer.h"
#include "rules/active.h"
#include "rules/parking.h"
#include "rules/session_frames.h"

#include <string.h>

#define WRONG_CLAIMS    10
#define WRONG_CLAIMS_MS 3600000
#define CLOSED_MS       600000

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

/* Somebody guesses, or a device has the wrong claim. Ten within an hour are an event; then none is counted for ten
 * minutes, so that a flood of them costs one event and no writing. A right claim is never refused for it. */
static int count_wrong_claim(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                             const struct selkie_opened *opened)
{
    struct selkie_device_record *device = newcomer->device;
    bool closed = device->wrong_claims >= WRONG_CLAIMS;
    int64_t age_ms = effects->now_ms - device->wrong_claims_ms;
    int result = 0;

    if (age_ms < 0 || age_ms >= (closed ? CLOSED_MS : WRONG_CLAIMS_MS))
        device->wrong_claims = 0;
    else if (closed)
        return 0;
    if (++device->wrong_claims == 1 || device->wrong_claims == WRONG_CLAIMS)
        device->wrong_claims_ms = effects->now_ms;
    if (device->wrong_claims == WRONG_CLAIMS)
        result = selkie_effects_event(effects, "claim", device->address, newcomer->own->id_hash,
                                      json_pack("{s:i, s:s, s:I}", "count", WRONG_CLAIMS, "gateway", opened->gateway,
                                                "rx", (json_int_t)opened->rx_ms));
    return result < 0 ? result : selkie_registry_put_device(effects->registry, device);
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

/* The policy lets this ID take the place of the active one. */
static int supersede_bound(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                           const struct selkie_opened *opened)
{
    struct selkie_binding *bound = newcomer->bound,
                          *last = selkie_admission_superfluous(newcomer->live, newcomer->live_count, effects->now_ms);
    int result = last ? selkie_effects_set_status(effects, last, SELKIE_BINDING_RETIRED) : 0;

    /* Later than of those before it, whatever the clock says: their order decides whom a proof of life retires. */
    bound->superseded_ms = effects->now_ms;
    bound->superseded_day = selkie_day_clock_today(&effects->day_clock);
    bound->successor = selkie_capture_of(opened->rx_ms, opened->clock, opened->gateway);
    for (int i = 0; i < newcomer->live_count; i++)
        if (newcomer->live[i].status == SELKIE_BINDING_SUPERSEDED &&
            newcomer->live[i].superseded_ms >= bound->superseded_ms)
            bound->superseded_ms = newcomer->live[i].superseded_ms + 1;
    return result < 0 ? result : selkie_effects_set_status(effects, bound, SELKIE_BINDING_SUPERSEDED);
}

/* A superseded ID lives: those that came after it are retired. */
static int undo_takeover(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                         const struct selkie_opened *opened)
{
    struct selkie_binding *own = newcomer->own;
    char retired[SELKIE_ID_TEXT_SIZE] = "";
    int result = 0;

    for (int i = 0; i < newcomer->live_count && result == 0; i++) {
        struct selkie_binding *each = &newcomer->live[i];
        bool later = each->status == SELKIE_BINDING_SUPERSEDED && each->superseded_ms > own->superseded_ms;
        if (later || each == newcomer->bound)
            result = selkie_effects_set_status(effects, each, SELKIE_BINDING_RETIRED);
    }
    if (result == 0)
        result = selkie_effects_set_status(effects, own, SELKIE_BINDING_ACTIVE);
    if (result < 0)
        return result;
    if (newcomer->bound)
        selkie_document_id(retired, newcomer->bound->id_hash);
    return selkie_effects_event(effects, "takeover", own->address, own->id_hash,
                                json_pack("{s:s, s:I, s:s, s:I}", "retired", retired, "counter",
                                          (json_int_t)opened->counter, "gateway", opened->gateway, "rx",
                                          (json_int_t)opened->rx_ms));
}

static int decide_superseded(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                             const struct selkie_opened *opened, const struct selkie_decision *decision)
{
    int result = 0;

    if (decision->takeover)
        result = undo_takeover(effects, newcomer, opened);
    else if (decision->becomes == SELKIE_BINDING_RETIRED)
        result = selkie_effects_set_status(effects, newcomer->own, SELKIE_BINDING_RETIRED);
    if (result == 0)
        result = selkie_active_apply(effects, newcomer->own, opened, decision, newcomer->device->address);
    if (result < 0 || decision->becomes == SELKIE_BINDING_NONE)
        return result;
    return selkie_effects_review(effects, newcomer->device);
}

static int admit(struct selkie_effects *effects, struct selkie_newcomer *newcomer, struct selkie_opened *opened,
                 const struct selkie_decision *decision)
{
    struct selkie_binding *own = newcomer->own;
    bool was_pending = own->status == SELKIE_BINDING_PENDING;
    int result = 0;

    if (decision->supersede_bound)
        result = supersede_bound(effects, newcomer, opened);
    if (result == 0 && decision->displace)
        result = selkie_parking_displace(
            effects, selkie_admission_displaced(newcomer->live, newcomer->live_count, effects->now_ms),
            SELKIE_REASON_PENDING_FULL);
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

    if (newcomer->own->status == SELKIE_BINDING_SUPERSEDED)
        return decide_superseded(effects, newcomer, opened, decision);
    if (decision->alarm_reset)
        result = alarm_reset(effects, newcomer, opened);
    if (result == 0 && decision->wrong_claim)
        result = count_wrong_claim(effects, newcomer, opened);
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

int selkie_newcomer_facts(struct selkie_effects *effects, struct selkie_newcomer *newcomer,
                          struct selkie_binding live[static SELKIE_LIVE_MAX], struct selkie_case *facts)
{
    const struct selkie_binding *own = newcomer->own;
    int count = selkie_registry_live(effects->registry, newcomer->device->address, live);

    if (count < 0)
        return count;
    newcomer->live = live;
    newcomer->live_count = count;
    for (int i = 0; i < count; i++) {
        if (live[i].status == SELKIE_BINDING_ACTIVE)
            newcomer->bound = &live[i];
        facts->pending += live[i].status == SELKIE_BINDING_PENDING && live[i].number != own->number;
    }
    facts->bound = newcomer->bound != NULL;
    if (!facts->bound && newcomer->device->status == SELKIE_DEVICE_ACTIVE)
        return selkie_registry_contradicts(effects->registry, "a device is active and none of its IDs is");
    return own->status == SELKIE_BINDING_NONE ? count_same_tag(effects, newcomer, facts) : 0;
}
