/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/decide.h"
#include "rules/active.h"
#include "rules/newcomer.h"
#include "rules/parking.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>

/* In constant time; the length of a claim is no secret. */
static enum selkie_claim compare_claim(const struct selkie_device_record *device, const struct selkie_message *message)
{
    if (!message || message->kind != SELKIE_REGISTER || !message->registration.claim_len)
        return SELKIE_CLAIM_NONE;
    if (!device->claim_len && !device->claim_corrupt)
        return SELKIE_CLAIM_NONE;
    if (message->registration.claim_len != device->claim_len)
        return SELKIE_CLAIM_WRONG;
    bool equal = mbedtls_ct_memcmp(device->claim, message->registration.claim, device->claim_len) == 0;
    return equal ? SELKIE_CLAIM_RIGHT : SELKIE_CLAIM_WRONG;
}

/* Copy what a REGISTER says about its device, unless the frame is rejected or a repeat. */
static void copy_registration(struct selkie_binding *own, const struct selkie_message *message,
                              const struct selkie_decision *decision)
{
    if (!message || message->kind != SELKIE_REGISTER)
        return;
    if (decision->verdict != SELKIE_ACCEPT && decision->verdict != SELKIE_PARK)
        return;
    own->form = message->registration.flags & SELKIE_FLAG_SESSION ? SELKIE_SESSION : SELKIE_SEALED;
    if (message->registration.firmware_len > 0)
        snprintf(own->firmware, sizeof own->firmware, "%.*s", (int)message->registration.firmware_len,
                 message->registration.firmware);
}

/* Fill in what admission asks about an ID that is new at its address: whether there is room for what it would leave in
 * the registry. A device is new if the registry does not know its address. */
static int find_room(struct selkie_effects *effects, struct selkie_case *facts, bool known, const uint8_t *address,
                     const char *gateway)
{
    int result =
        known ? 1 : selkie_effects_has_room(effects, SELKIE_SHARED_DEVICES, gateway, effects->rules.max_devices);

    facts->devices_full = result == 0;
    if (result >= 0)
        result = selkie_parking_has_room(effects, gateway);
    facts->parking_full = result == 0;
    if (result < 0 || !facts->bound || effects->rules.rebind != SELKIE_REBIND_ALLOW)
        return result < 0 ? result : 0;
    int64_t today = selkie_day_clock_today(&effects->day_clock);
    result = selkie_registry_count_replaced(effects->registry, address, today - SELKIE_REPLACED_DAYS);
    facts->replaced_full = result >= SELKIE_REPLACED_MAX;
    return result < 0 ? result : 0;
}

/* `message` is NULL for a SESSION frame: its binding is in the registry. */
static int decide(struct selkie_effects *effects, struct selkie_binding *own, struct selkie_opened *opened,
                  const uint8_t address[static SELKIE_ADDRESS_SIZE], const struct selkie_message *message)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    struct selkie_seen seen;
    struct selkie_case facts = {.registration = message && message->kind == SELKIE_REGISTER};
    struct selkie_newcomer newcomer = {.device = &device, .own = own, .id = message ? message->id : NULL};
    bool active = own->status == SELKIE_BINDING_ACTIVE;
    int known = 1, result = 0;

    /* For an active ID, only `revoked` of the device matters, and the binding has it too. */
    memset(&device, 0, sizeof device);
    device.revoked = own->revoked;
    if (!active)
        known = result = selkie_registry_device(effects->registry, address, &device);
    if (result < 0)
        goto out;
    facts.revoked = device.revoked;
    facts.listed = device.listed;
    facts.claim_set = device.claim_len > 0 || device.claim_corrupt;
    facts.claim = compare_claim(&device, message);
    facts.reset_alarm_ms = device.reset_alarm_ms;
    result = selkie_active_facts(effects, &facts, own, opened, &seen);
    if (result == 0 && !active)
        result = selkie_newcomer_facts(effects, &newcomer, live, &facts);
    if (result == 0 && (own->status == SELKIE_BINDING_NONE || own->status == SELKIE_BINDING_PENDING))
        result = find_room(effects, &facts, known > 0, address, opened->gateway);
    if (result < 0)
        goto out;
    struct selkie_decision decision = selkie_admission_decide(&effects->rules, &facts);
    if (decision.verdict == SELKIE_REJECT && decision.reason == SELKIE_REASON_REGISTRY_FULL && !effects->full_for[0] &&
        facts.devices_full)
        memcpy(effects->full_for, opened->gateway, sizeof effects->full_for);
    if (known == 0) /* it registers through this gateway; the record counts only if the decision stores it */
        memcpy(device.gateway, opened->gateway, sizeof device.gateway);
    copy_registration(own, message, &decision);
    result = active ? selkie_active_apply(effects, own, opened, &decision, address)
                    : selkie_newcomer_decide(effects, &newcomer, opened, &decision);
out:
    selkie_session_wipe(&newcomer.session);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

int selkie_decide_session(struct selkie_effects *effects, const struct selkie_job *job,
                          struct selkie_identified *identified)
{
    int result = decide(effects, &identified->binding, &identified->opened, identified->binding.address, NULL);
    return result < 0 ? result : selkie_effects_receipt(effects, job);
}

static int decide_sealed(struct selkie_effects *effects, const struct selkie_job *job)
{
    const struct selkie_message *message = &job->message;
    struct selkie_opened opened = {.counter = message->counter,
                                   .rx_ms = job->capture.rx_ms,
                                   .clock = job->capture.clock,
                                   .arrived_ms = job->arrived_ms,
                                   .rssi = job->rssi,
                                   .form = SELKIE_SEALED,
                                   .key_id = job->frame.sealed.key_id};
    struct selkie_binding own = {0};

    memcpy(opened.digest, job->digest, sizeof opened.digest);
    memcpy(opened.gateway, job->gateway, sizeof opened.gateway);
    if (message->kind == SELKIE_DATA) {
        opened.has_payload = true;
        opened.payload_len = message->data.payload_len;
        memcpy(opened.payload, message->data.payload, message->data.payload_len);
    }
    int result = selkie_registry_binding(effects->registry, message->address, job->id_hash, &own);
    if (result == 0) {
        memcpy(own.address, message->address, sizeof own.address);
        memcpy(own.id_hash, job->id_hash, sizeof own.id_hash);
    }
    if (result >= 0)
        result = decide(effects, &own, &opened, message->address, message);
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

static enum selkie_reason reason_of(int error)
{
    if (error == SELKIE_EMALFORMED)
        return SELKIE_REASON_MALFORMED;
    return error == SELKIE_EUNKNOWNKEY ? SELKIE_REASON_UNKNOWN_KEY : SELKIE_REASON_BAD_SEAL;
}

int selkie_decide_frame(struct selkie_effects *effects, const struct selkie_job *job)
{
    int result;

    /* The key was unavailable. Without a receipt, the gateway sends the frame again. */
    if (job->result == SELKIE_ENOTREADY) {
        effects->counts.key_away++;
        return 0;
    }
    if (job->result < 0)
        result = selkie_effects_reject(effects, reason_of(job->result), job->gateway, job->capture.rx_ms,
                                       job->ordered ? job->frame.sealed.address : NULL);
    else
        result = decide_sealed(effects, job);
    return result < 0 ? result : selkie_effects_receipt(effects, job);
}
