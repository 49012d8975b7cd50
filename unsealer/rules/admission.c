/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/admission.h"

#include <string.h>

const char *selkie_reason_text(enum selkie_reason reason)
{
    static const char *const texts[] = {
#define TEXT(name, text) [SELKIE_REASON_##name] = text,
        SELKIE_REASONS(TEXT)
#undef TEXT
    };
    return texts[reason];
}

/* If the last alarm lies in the future, the clock was set back: the time that has passed is unknown. */
static bool alarm_due(int64_t last_ms, int64_t now_ms)
{
    return last_ms > now_ms || now_ms - last_ms >= SELKIE_ALARM_EVERY_MS;
}

static struct selkie_decision reject(enum selkie_reason reason)
{
    return (struct selkie_decision){.verdict = SELKIE_REJECT, .reason = reason};
}

static bool by_age(enum selkie_clock clock)
{
    return clock == SELKIE_CLOCK_AGE || clock == SELKIE_CLOCK_PROMPT;
}

/* Whether the difference of two capture times proves anything. Two of one gateway by one clock: it would witness
 * against itself. Of two gateways only ages count, and the first must have been prompt: else a gateway that lies about
 * its age could make a replay of what its neighbours hand over. */
static bool comparable(const struct selkie_capture *first, const struct selkie_capture *second)
{
    if (by_age(first->clock) && by_age(second->clock))
        return first->clock == SELKIE_CLOCK_PROMPT || first->gateway == second->gateway;
    return first->clock == SELKIE_CLOCK_GATEWAY && second->clock == SELKIE_CLOCK_GATEWAY &&
           first->gateway == second->gateway;
}

/* A time by age from before the clock was set may be too early, by nobody knows how much. What is sure is that it was
 * before the clock was set. */
static bool long_after(const struct selkie_capture *first, const struct selkie_capture *second, int64_t since_ms)
{
    int64_t first_ms = by_age(first->clock) && first->rx_ms < since_ms ? since_ms : first->rx_ms;

    return comparable(first, second) && second->rx_ms - first_ms > SELKIE_REPLAY_MS;
}

bool selkie_admission_is_replay(const struct selkie_capture *first, const struct selkie_capture *again,
                                int64_t since_ms)
{
    return long_after(first, again, since_ms);
}

/* Rule 3: an active ID is decided by its counter. */
static struct selkie_decision decide_active(const struct selkie_case *facts)
{
    struct selkie_decision accept = {.verdict = SELKIE_ACCEPT};

    if (facts->received == 0) {
        accept.lost = facts->counter; /* an ID's first message has counter 0 */
        return accept;
    }
    if (facts->counter > facts->highest) {
        accept.lost = facts->counter - facts->highest - 1;
        return accept;
    }
    if (facts->open) {
        /* No single device sends a counter long after a higher one. */
        accept.late = true;
        accept.alarm_clone = facts->newest && long_after(facts->newest, &facts->capture, facts->proof_since_ms) &&
                             alarm_due(facts->clone_alarm_ms, facts->now_ms);
        return accept;
    }
    if (!facts->seen)
        return reject(SELKIE_REASON_STALE);
    if (memcmp(facts->seen->digest, facts->digest, SELKIE_DIGEST_SIZE) != 0) {
        struct selkie_decision clone = reject(SELKIE_REASON_CLONE);
        clone.alarm_clone = alarm_due(facts->clone_alarm_ms, facts->now_ms);
        return clone;
    }
    if (selkie_admission_is_replay(&facts->seen->capture, &facts->capture, facts->proof_since_ms))
        return reject(SELKIE_REASON_REPLAY);
    return (struct selkie_decision){.verdict = SELKIE_DUPLICATE};
}

/* Rule 6: an ID that another one replaced by policy. The dead do not send: a fresh frame that was captured after the
 * newcomer's proves that its device lives. One from before that is only late. */
static struct selkie_decision decide_superseded(const struct selkie_case *facts)
{
    if (facts->today - facts->superseded_day >= SELKIE_SUPERSEDED_DAYS) {
        struct selkie_decision over = reject(SELKIE_REASON_RETIRED);
        over.becomes = SELKIE_BINDING_RETIRED;
        return over;
    }
    /* Whenever the newcomer's frame was captured, that was before it arrived. */
    const struct selkie_capture arrived = {.rx_ms = facts->superseded_ms, .clock = SELKIE_CLOCK_PROMPT};
    struct selkie_decision decision = decide_active(facts);
    decision.takeover =
        decision.verdict == SELKIE_ACCEPT && (long_after(&facts->successor, &facts->capture, facts->proof_since_ms) ||
                                              long_after(&arrived, &facts->capture, facts->proof_since_ms));
    if (decision.takeover)
        decision.becomes = SELKIE_BINDING_ACTIVE;
    return decision;
}

/* By arrival, so that nobody who played one recording often, or lied about the capture, is alive. */
static bool is_alive(const struct selkie_binding *binding, int64_t now_ms)
{
    return binding->last_seen_ms - binding->first_seen_ms >= SELKIE_ALIVE_MS &&
           now_ms - binding->last_seen_ms < SELKIE_ALIVE_FOR_MS;
}

struct selkie_binding *selkie_admission_displaced(struct selkie_binding live[], int count, int64_t now_ms)
{
    struct selkie_binding *chosen = NULL;
    bool chosen_alive = false;

    for (int i = 0; i < count; i++) {
        if (live[i].status != SELKIE_BINDING_PENDING)
            continue;
        bool alive = is_alive(&live[i], now_ms);
        if (chosen && (alive > chosen_alive || (alive == chosen_alive && live[i].last_seen_ms >= chosen->last_seen_ms)))
            continue;
        chosen = &live[i];
        chosen_alive = alive;
    }
    return chosen;
}

static int64_t life_ms(const struct selkie_binding *binding)
{
    return binding->last_seen_ms - binding->first_seen_ms;
}

struct selkie_binding *selkie_admission_superfluous(struct selkie_binding live[], int count, int64_t now_ms)
{
    struct selkie_binding *chosen = NULL;
    bool chosen_alive = false;
    int superseded = 0;

    for (int i = 0; i < count; i++) {
        if (live[i].status != SELKIE_BINDING_SUPERSEDED)
            continue;
        superseded++;
        bool alive = is_alive(&live[i], now_ms);
        bool worth_less =
            chosen && (alive ? life_ms(&live[i]) < life_ms(chosen) : live[i].last_seen_ms < chosen->last_seen_ms);
        if (!chosen || alive < chosen_alive || (alive == chosen_alive && worth_less)) {
            chosen = &live[i];
            chosen_alive = alive;
        }
    }
    return superseded >= SELKIE_SUPERSEDED_MAX ? chosen : NULL;
}

bool selkie_admission_outlived(const struct selkie_binding *pending, const struct selkie_binding *approved,
                               int64_t now_ms)
{
    int64_t between_ms = pending->counter > 0 ? life_ms(pending) / pending->counter : 0;

    return pending->status == SELKIE_BINDING_PENDING && pending->number != approved->number &&
           pending->last_seen_ms < approved->first_seen_ms && now_ms - pending->last_seen_ms > 2 * between_ms;
}

struct selkie_binding *selkie_admission_newest(struct selkie_binding live[], int count, struct selkie_binding **rival)
{
    struct selkie_binding *newest = NULL;

    *rival = NULL;
    for (int i = 0; i < count; i++)
        if (live[i].status == SELKIE_BINDING_PENDING)
            newest = &live[i];
    for (int i = 0; newest && i < count; i++)
        if (&live[i] != newest && live[i].status != SELKIE_BINDING_SUPERSEDED &&
            live[i].last_seen_ms >= newest->first_seen_ms)
            *rival = &live[i];
    return newest;
}

bool selkie_admission_readmittable(const struct selkie_binding *binding)
{
    return binding->status == SELKIE_BINDING_RETIRED && binding->ended != SELKIE_BINDING_REPLACED;
}

enum answer { ADMIT, PEND, REFUSE };

/* Rule 4: an ID for an address that is free. */
static enum answer enrol(enum selkie_enrolment enrolment, const struct selkie_case *facts, enum selkie_reason *reason)
{
    switch (enrolment) {
    case SELKIE_ENROL_OPEN:
        return ADMIT;
    case SELKIE_ENROL_APPROVE:
        return PEND;
    case SELKIE_ENROL_LISTED:
        break;
    }
    *reason = SELKIE_REASON_NOT_LISTED;
    if (!facts->listed)
        return REFUSE;
    if (!facts->claim_set)
        return ADMIT;
    /* The REGISTER with the claim may have been lost, or may still come. */
    if (!facts->registration)
        return PEND;
    *reason = SELKIE_REASON_CLAIM;
    return facts->claim == SELKIE_CLAIM_RIGHT ? ADMIT : REFUSE;
}

/* Rule 6: another ID for an address that is bound. */
static enum answer rebind(enum selkie_rebind policy, const struct selkie_case *facts, enum selkie_reason *reason)
{
    switch (policy) {
    case SELKIE_REBIND_APPROVE:
        return PEND;
    case SELKIE_REBIND_ALLOW:
        return ADMIT;
    case SELKIE_REBIND_DENY:
        *reason = SELKIE_REASON_DENIED;
        return REFUSE;
    case SELKIE_REBIND_CLAIM:
        break;
    }
    *reason = SELKIE_REASON_CLAIM;
    if (facts->claim == SELKIE_CLAIM_WRONG)
        return REFUSE;
    return facts->claim == SELKIE_CLAIM_RIGHT ? ADMIT : PEND;
}

/* Rules 2, 4, 6 and 7: an ID that is not active. A pending one is decided again with each frame, because the frame may
 * carry the claim, and because the policy may have changed. */
static struct selkie_decision decide_newcomer(const struct selkie_rules *rules, const struct selkie_case *facts)
{
    bool pending = facts->own == SELKIE_BINDING_PENDING;
    struct selkie_decision decision = {.verdict = SELKIE_PARK};
    enum selkie_reason reason = SELKIE_REASON_UNKNOWN;
    enum answer answer = facts->bound ? rebind(rules->rebind, facts, &reason) : enrol(rules->enrolment, facts, &reason);

    /* A pending ID waits for the administrator, even if the policy would refuse it now; only a wrong claim is refused.
     */
    if (pending && answer == REFUSE && reason != SELKIE_REASON_CLAIM)
        answer = PEND;
    /* Worn out by a flood: the device itself must still be there to be approved. */
    if (answer == ADMIT && facts->replaced_full)
        answer = PEND;
    /* Each ID under a tag costs one decryption for each SESSION frame with that tag. Eight are no coincidence:
     * somebody is generating IDs with colliding tags. PROTOCOL.md, section 7. */
    if (!pending && answer != REFUSE && facts->same_tag >= SELKIE_TAG_MAX) {
        answer = REFUSE;
        reason = SELKIE_REASON_TAG_FULL;
    }
    if (!pending && answer != REFUSE && facts->devices_full) {
        answer = REFUSE;
        reason = SELKIE_REASON_REGISTRY_FULL;
    }
    if (answer == PEND && !pending && facts->parking_full) {
        answer = REFUSE;
        reason = SELKIE_REASON_PARKING_FULL;
    }
    switch (answer) {
    case REFUSE: /* with the alarm all the same, but not for each frame of a flood */
        decision = reject(reason);
        decision.alarm_reset = facts->bound && alarm_due(facts->reset_alarm_ms, facts->now_ms);
        decision.wrong_claim = reason == SELKIE_REASON_CLAIM && facts->claim == SELKIE_CLAIM_WRONG;
        break;
    case PEND:
        if (pending)
            break;
        decision.becomes = SELKIE_BINDING_PENDING;
        decision.displace = facts->pending >= SELKIE_PENDING_MAX;
        decision.alarm_reset = facts->bound;
        break;
    case ADMIT:
        decision.verdict = SELKIE_ACCEPT;
        decision.becomes = SELKIE_BINDING_ACTIVE;
        decision.supersede_bound = facts->bound;
        decision.alarm_reset = facts->bound && !pending;
        decision.lost = facts->counter;
        break;
    }
    return decision;
}

struct selkie_decision selkie_admission_decide(const struct selkie_rules *rules, const struct selkie_case *facts)
{
    if (facts->revoked)
        return reject(SELKIE_REASON_REVOKED);
    switch (facts->own) {
    case SELKIE_BINDING_ACTIVE:
        return decide_active(facts);
    case SELKIE_BINDING_SUPERSEDED:
        return decide_superseded(facts);
    case SELKIE_BINDING_RETIRED:
        return reject(SELKIE_REASON_RETIRED);
    case SELKIE_BINDING_NONE:
    case SELKIE_BINDING_PENDING:
        break;
    }
    return decide_newcomer(rules, facts);
}
