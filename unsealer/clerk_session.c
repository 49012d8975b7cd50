/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames: whose one is, and those that are nobody's until their REGISTER is here. PROTOCOL.md, sections 5
 * and 7. */
#include "clerk.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* Open a frame for a binding. 1, or 0 if it is another's. */
static int try(const struct selkie_job *job, const struct selkie_binding *binding, const struct selkie_session *session,
               struct selkie_opened *opened)
{
    opened->counter = selkie_session_counter(binding->counter, job->frame.session.counter_low);
    int len = selkie_session_open(opened->payload, session, opened->counter, &job->frame);
    if (len < 0)
        return len == SELKIE_EBADSEAL ? 0 : len;
    opened->payload_len = (size_t)len;
    opened->has_payload = true;
    opened->rx_ms = job->rx_ms;
    opened->form = SELKIE_SESSION;
    memcpy(opened->digest, job->digest, sizeof opened->digest);
    memcpy(opened->gateway, job->gateway, sizeof opened->gateway);
    return 1;
}

/* A SEALED frame of this device may carry the counter that opens the frame. */
static void add_candidate(struct selkie_identified *identified, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    identified->waits = true;
    memcpy(identified->addresses[identified->candidates++], address, SELKIE_ADDRESS_SIZE);
}

/* Whose a SESSION frame is: among those with its tag, the one whose key opens it. */
int selkie_clerk_identify(struct selkie_clerk *clerk, const struct selkie_job *job,
                          struct selkie_identified *identified)
{
    struct selkie_session session;
    struct selkie_binding *binding = &identified->binding;
    struct selkie_opened *opened = &identified->opened;
    bool next = false;
    int result = 0;

    identified->stray = identified->waits = true;
    identified->candidates = 0;
    identified->reason = SELKIE_REASON_RETIRED;
    memset(opened, 0, sizeof *opened);
    while (identified->candidates < SELKIE_TAG_MAX &&
           (result = selkie_registry_next_tag(clerk->registry, job->frame.session.session_tag, next, binding,
                                              &session)) != 0) {
        if (result < 0 && result != SELKIE_ECRYPTO)
            break;
        bool damaged = result == SELKIE_ECRYPTO;
        next = true;
        result = 0;
        identified->stray = false;
        identified->waits = identified->candidates > 0;
        if (binding->status == SELKIE_BINDING_RETIRED) /* and so are all behind it */
            break;
        add_candidate(identified, binding->address);
        identified->reason = SELKIE_REASON_BAD_SEAL;
        if (damaged) /* it may be this one's, but nobody can tell */
            continue;
        result = try(job, binding, &session, opened);
        if (result != 0)
            break;
    }
    if (result > 0) {
        identified->candidates = 0;
        add_candidate(identified, binding->address);
    }
    selkie_session_wipe(&session);
    return result;
}

/* Whether one more may wait: 1 or 0. A frame with a made-up tag costs its sender nothing, so whoever floods by one
 * gateway must leave room for what comes by another. */
static int has_room(struct selkie_clerk *clerk, const struct selkie_stray *stray)
{
    int result = selkie_registry_count_strays(clerk->registry, stray->tag);
    if (result < 0 || result >= SELKIE_PARKED_MAX)
        return result < 0 ? result : 0;
    result = selkie_registry_count_strays_of(clerk->registry, stray->gateway);
    return result < 0 ? result : result < SELKIE_STRAYS_MAX_ALL - clerk->strays;
}

static int keep_stray(struct selkie_clerk *clerk, const struct selkie_job *job)
{
    struct selkie_stray stray = {.rx_ms = job->rx_ms, .arrived_ms = clerk->stray_now_ms, .len = job->len};
    int64_t first_rx_ms;

    memcpy(stray.tag, job->frame.session.session_tag, sizeof stray.tag);
    memcpy(stray.digest, job->digest, sizeof stray.digest);
    memcpy(stray.gateway, job->gateway, sizeof stray.gateway);
    memcpy(stray.body, job->body, job->len);
    int result = selkie_registry_find_stray(clerk->registry, stray.tag, stray.digest, &first_rx_ms);
    if (result > 0)
        return selkie_clerk_repeated(clerk, first_rx_ms, stray.rx_ms, stray.gateway, NULL);
    if (result == 0)
        result = has_room(clerk, &stray);
    if (result < 0)
        return result;
    if (result == 0)
        return selkie_clerk_reject(clerk, SELKIE_REASON_UNKNOWN, stray.gateway, stray.rx_ms, NULL);
    clerk->counts.parked++;
    clerk->strays++;
    return selkie_registry_put_stray(clerk->registry, &stray);
}

int selkie_clerk_turn_away(struct selkie_clerk *clerk, const struct selkie_job *job,
                           const struct selkie_identified *identified)
{
    int result = identified->stray ? keep_stray(clerk, job)
                                   : selkie_clerk_reject(clerk, identified->reason, job->gateway, job->rx_ms, NULL);
    return result < 0 ? result : selkie_clerk_receipt(clerk, job);
}

/* Open a stray frame for a binding. 1, or 0 if it is another's. */
static int open_stray(const struct selkie_stray *stray, const struct selkie_binding *binding,
                      const struct selkie_session *session, struct selkie_opened *opened)
{
    struct selkie_frame frame;

    if (selkie_frame_decode(&frame, stray->body, stray->len) < 0 || frame.type != SELKIE_SESSION)
        return 0;
    *opened = (struct selkie_opened){.rx_ms = stray->rx_ms, .form = SELKIE_SESSION, .has_payload = true};
    opened->counter = selkie_session_counter(binding->counter, frame.session.counter_low);
    int len = selkie_session_open(opened->payload, session, opened->counter, &frame);
    if (len < 0)
        return len == SELKIE_EBADSEAL ? 0 : len;
    opened->payload_len = (size_t)len;
    memcpy(opened->digest, stray->digest, sizeof opened->digest);
    memcpy(opened->gateway, stray->gateway, sizeof opened->gateway);
    return 1;
}

int selkie_clerk_adopt(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_session *session)
{
    struct selkie_stray stray = {.number = 0};
    struct selkie_opened opened;
    /* The counter that tells where the others are: the REGISTER's, not that of a stray frame parked before. */
    const struct selkie_binding registered = *binding;
    int result;

    while ((result = selkie_registry_next_stray(clerk->registry, session->tag, stray.number, &stray)) > 0) {
        result = open_stray(&stray, &registered, session, &opened);
        if (result == 0)
            continue;
        if (result > 0)
            result = selkie_registry_delete_stray(clerk->registry, stray.number);
        clerk->strays--;
        if (result == 0)
            result = selkie_clerk_park(clerk, binding, &opened, true);
        if (result < 0)
            break;
    }
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

int selkie_clerk_expire_strays(struct selkie_clerk *clerk, int max)
{
    struct selkie_stray stray;
    int expired = 0, result = 1;

    while (expired < max && (result = selkie_registry_oldest_stray(
                                 clerk->registry, clerk->stray_now_ms - SELKIE_STRAY_MS, &stray)) > 0) {
        clerk->strays--;
        result = selkie_registry_delete_stray(clerk->registry, stray.number);
        if (result == 0)
            result = selkie_clerk_reject(clerk, SELKIE_REASON_UNKNOWN, stray.gateway, stray.rx_ms, NULL);
        if (result < 0)
            break;
        expired++;
    }
    return result < 0 ? result : expired;
}
