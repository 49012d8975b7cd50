/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/session_frames.h"
#include "rules/parking.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* Open a frame with a session key and a counter. 1, or 0 if it does not open. The caller sets gateway, time and digest.
 */
static int open_at(const struct selkie_frame *frame, const struct selkie_session *session, uint32_t counter,
                   struct selkie_opened *opened)
{
    *opened = (struct selkie_opened){.counter = counter, .form = SELKIE_SESSION, .has_payload = true};
    int len = selkie_session_open(opened->payload, session, opened->counter, frame);
    if (len < 0)
        return len == SELKIE_EBADSEAL ? 0 : len;
    opened->payload_len = (size_t)len;
    return 1;
}

/* Open a frame for a binding: at the counter nearest to the highest, then behind the lower end of each wide gap. A
 * device that a jump of its ID's counter left behind sends there. */
static int open_for(struct selkie_effects *effects, const struct selkie_frame *frame,
                    const struct selkie_binding *binding, const struct selkie_session *session,
                    struct selkie_opened *opened)
{
    uint32_t counter = selkie_session_counter(binding->counter, frame->session.counter_low);
    struct selkie_history history;
    int result = open_at(frame, session, counter, opened);

    if (result != 0 || binding->status == SELKIE_BINDING_PENDING)
        return result;
    result = selkie_registry_history(effects->registry, binding, &history);
    for (unsigned i = 0; result == 0 && i <= SELKIE_HISTORY_GAPS; i++)
        if (selkie_history_session_counter(&history, i, frame->session.counter_low, &counter))
            result = open_at(frame, session, counter, opened);
    return result;
}

/* A SEALED frame of this device may bring the counter without which the frame does not open. */
static void add_candidate(struct selkie_identified *identified, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    identified->waits = true;
    memcpy(identified->addresses[identified->candidates++], address, SELKIE_ADDRESS_SIZE);
}

int selkie_session_frames_identify(struct selkie_effects *effects, const struct selkie_job *job,
                                   struct selkie_identified *identified)
{
    struct selkie_session session;
    struct selkie_binding *binding = &identified->binding;
    struct selkie_opened *opened = &identified->opened;
    bool next = false;
    int result = 0;

    identified->unmatched = identified->waits = true;
    identified->candidates = 0;
    identified->reason = SELKIE_REASON_RETIRED;
    memset(opened, 0, sizeof *opened);
    while (identified->candidates < SELKIE_TAG_MAX &&
           (result = selkie_registry_next_tag(effects->registry, job->frame.session.session_tag, next, binding,
                                              &session)) != 0) {
        if (result < 0 && result != SELKIE_ECRYPTO)
            break;
        bool corrupt = result == SELKIE_ECRYPTO;
        next = true;
        result = 0;
        identified->unmatched = false;
        identified->waits = identified->candidates > 0;
        if (binding->status == SELKIE_BINDING_RETIRED) /* and so are all after it */
            break;
        add_candidate(identified, binding->address);
        identified->reason = SELKIE_REASON_BAD_SEAL;
        if (corrupt) /* its key is lost, so whether it opens the frame is unknown */
            continue;
        result = open_for(effects, &job->frame, binding, &session, opened);
        if (result != 0)
            break;
    }
    if (result > 0) {
        opened->rx_ms = job->capture.rx_ms;
        opened->clock = job->capture.clock;
        opened->arrived_ms = job->arrived_ms;
        opened->rssi = job->rssi;
        memcpy(opened->digest, job->digest, sizeof opened->digest);
        memcpy(opened->gateway, job->gateway, sizeof opened->gateway);
        identified->candidates = 0;
        add_candidate(identified, binding->address);
    }
    selkie_session_wipe(&session);
    return result;
}

/* Whether one more may wait: 1 or 0. Anybody can send frames with made-up tags, so a flood through one gateway must
 * leave room for the frames of others. */
static int has_room(struct selkie_effects *effects, const struct selkie_unmatched *unmatched)
{
    int all = selkie_registry_count_unmatched(effects->registry, unmatched->tag, "");
    int own = all < 0 ? all : selkie_registry_count_unmatched(effects->registry, unmatched->tag, unmatched->gateway);

    if (own < 0 || own >= SELKIE_UNMATCHED_MAX - all)
        return own < 0 ? own : 0;
    return selkie_effects_has_room(effects, SELKIE_SHARED_UNMATCHED, unmatched->gateway, SELKIE_UNMATCHED_MAX_ALL);
}

static int keep_unmatched(struct selkie_effects *effects, const struct selkie_job *job)
{
    struct selkie_unmatched unmatched = {.rx_ms = job->capture.rx_ms,
                                         .clock = job->capture.clock,
                                         .arrived_ms = effects->unmatched_now_ms,
                                         .rssi = job->rssi,
                                         .len = job->len};
    struct selkie_capture first;

    memcpy(unmatched.tag, job->frame.session.session_tag, sizeof unmatched.tag);
    memcpy(unmatched.digest, job->digest, sizeof unmatched.digest);
    memcpy(unmatched.gateway, job->gateway, sizeof unmatched.gateway);
    memcpy(unmatched.body, job->body, job->len);
    int result = selkie_registry_find_unmatched(effects->registry, unmatched.tag, unmatched.digest, &first);
    if (result > 0)
        return selkie_parking_repeated(effects, &first, &job->capture, unmatched.gateway, NULL);
    if (result == 0)
        result = has_room(effects, &unmatched);
    if (result < 0)
        return result;
    if (result == 0)
        return selkie_effects_reject(effects, SELKIE_REASON_UNKNOWN, unmatched.gateway, unmatched.rx_ms, NULL);
    effects->counts.parked++;
    return selkie_registry_put_unmatched(effects->registry, &unmatched);
}

int selkie_session_frames_unidentified(struct selkie_effects *effects, const struct selkie_job *job,
                                       const struct selkie_identified *identified)
{
    /* The address is known if only one ID has the tag. */
    const uint8_t *address = identified->candidates == 1 ? identified->addresses[0] : NULL;
    int result = identified->unmatched
                     ? keep_unmatched(effects, job)
                     : selkie_effects_reject(effects, identified->reason, job->gateway, job->capture.rx_ms, address);
    return result < 0 ? result : selkie_effects_receipt(effects, job);
}

/* Open an unmatched frame with the key of a binding. 1, or 0 if that is not its key. */
static int open_unmatched(const struct selkie_unmatched *unmatched, const struct selkie_binding *binding,
                          const struct selkie_session *session, struct selkie_opened *opened)
{
    struct selkie_frame frame;

    if (selkie_frame_decode(&frame, unmatched->body, unmatched->len) < 0 || frame.type != SELKIE_SESSION)
        return 0;
    int result = open_at(&frame, session, selkie_session_counter(binding->counter, frame.session.counter_low), opened);
    opened->rx_ms = unmatched->rx_ms;
    opened->clock = unmatched->clock;
    opened->rssi = unmatched->rssi;
    memcpy(opened->digest, unmatched->digest, sizeof opened->digest);
    memcpy(opened->gateway, unmatched->gateway, sizeof opened->gateway);
    return result;
}

int selkie_session_frames_adopt(struct selkie_effects *effects, struct selkie_binding *binding,
                                const struct selkie_session *session)
{
    struct selkie_unmatched unmatched = {.number = 0};
    struct selkie_opened opened;
    /* Counters are completed from the REGISTER's, not from that of an unmatched frame parked before. */
    const struct selkie_binding registered = *binding;
    int result;

    while ((result = selkie_registry_next_unmatched(effects->registry, session->tag, unmatched.number, &unmatched)) >
           0) {
        result = open_unmatched(&unmatched, &registered, session, &opened);
        if (result == 0)
            continue;
        if (result > 0)
            result = selkie_registry_delete_unmatched(effects->registry, unmatched.number);
        if (result == 0)
            result = selkie_parking_park(effects, binding, &opened, true);
        if (result < 0)
            break;
    }
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

int selkie_session_frames_expire(struct selkie_effects *effects, int max)
{
    struct selkie_unmatched unmatched;
    int expired = 0, result = 1;

    while (expired < max && (result = selkie_registry_oldest_unmatched(
                                 effects->registry, effects->unmatched_now_ms - SELKIE_UNMATCHED_MS, &unmatched)) > 0) {
        result = selkie_registry_delete_unmatched(effects->registry, unmatched.number);
        if (result == 0)
            result = selkie_effects_reject(effects, SELKIE_REASON_UNKNOWN, unmatched.gateway, unmatched.rx_ms, NULL);
        if (result < 0)
            break;
        expired++;
    }
    return result < 0 ? result : expired;
}
