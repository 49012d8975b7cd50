/* SPDX-License-Identifier: Apache-2.0 */
#include "clerk.h"

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>

static int shift_stray_clock(struct selkie_clerk *clerk, int64_t now_us)
{
    int64_t last_ms;
    int result = selkie_registry_last_stray(clerk->registry, &last_ms);

    clerk->stray_shift_ms = last_ms - now_us / 1000;
    clerk->shifted = result == 0;
    return result;
}

int selkie_clerk_begin(struct selkie_clerk *clerk, int64_t now_ms, int64_t now_us)
{
    int result = clerk->shifted ? 0 : shift_stray_clock(clerk, now_us);

    if (result < 0)
        return result;
    clerk->now_ms = now_ms;
    clerk->stray_now_ms = now_us / 1000 + clerk->stray_shift_ms;
    clerk->counts = (struct selkie_counts){0};
    if (clerk->counted)
        return 0;
    clerk->parked = selkie_registry_count_parked(clerk->registry, 0);
    if (clerk->parked < 0)
        return clerk->parked;
    clerk->strays = selkie_registry_count_strays(clerk->registry, NULL);
    clerk->counted = clerk->strays >= 0;
    return clerk->counted ? 0 : clerk->strays;
}

int selkie_clerk_put(struct selkie_clerk *clerk, struct selkie_output *output, bool outbox)
{
    if (!output)
        return SELKIE_ENOMEM;
    selkie_output_list_add(&clerk->out, output);
    return outbox ? selkie_registry_put_outbox(clerk->registry, output) : 0;
}

int selkie_clerk_event(struct selkie_clerk *clerk, const char *event, const uint8_t *address, const uint8_t *id_hash,
                       json_t *details)
{
    return selkie_clerk_put(clerk, selkie_report_event(event, clerk->now_ms, address, id_hash, details), true);
}

int selkie_clerk_reject(struct selkie_clerk *clerk, enum selkie_reason reason, const char *gateway, int64_t rx_ms,
                        const uint8_t *address)
{
    clerk->counts.rejected[reason]++;
    return selkie_clerk_put(clerk, selkie_report_rejected(reason, gateway, rx_ms, address), false);
}

int selkie_clerk_receipt(struct selkie_clerk *clerk, const struct selkie_job *job)
{
    if (!job->has_seq)
        return 0;
    struct selkie_output *receipt = selkie_output_new(SELKIE_OUTPUT_RECEIPT, "", 0);
    if (!receipt)
        return SELKIE_ENOMEM;
    memcpy(receipt->gateway, job->gateway, sizeof receipt->gateway);
    receipt->seq = job->seq;
    return selkie_clerk_put(clerk, receipt, false);
}

int selkie_clerk_set_status(struct selkie_clerk *clerk, struct selkie_binding *binding,
                            enum selkie_binding_status status)
{
    binding->status = status;
    return selkie_registry_put_binding_status(clerk->registry, binding);
}

int selkie_clerk_review(struct selkie_clerk *clerk, struct selkie_device *device)
{
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = selkie_registry_live(clerk->registry, device->address, live);
    int result;

    if (count < 0)
        return count;
    if (device->revoked)
        device->status = SELKIE_DEVICE_REVOKED;
    else if (count > 0)
        device->status = live[0].status == SELKIE_BINDING_ACTIVE ? SELKIE_DEVICE_ACTIVE : SELKIE_DEVICE_PENDING;
    else
        device->status = SELKIE_DEVICE_LISTED;
    /* Known by its frames alone, and now none of its IDs counts: nothing is left to tell of it. */
    if (count == 0 && !device->listed && !device->revoked)
        result = selkie_registry_delete_device(clerk->registry, device->address);
    else
        result = selkie_registry_put_device(clerk->registry, device);
    return result < 0 ? result : selkie_announcer_touch(clerk->announcer, device->address, NULL);
}

static int put_payload(struct selkie_clerk *clerk, const struct selkie_binding *binding,
                       const struct selkie_opened *opened)
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_PAYLOAD, opened->payload, opened->payload_len);
    if (!output)
        return SELKIE_ENOMEM;
    output->has_address = true;
    memcpy(output->address, binding->address, SELKIE_ADDRESS_SIZE);
    memcpy(output->gateway, opened->gateway, sizeof output->gateway);
    output->counter = opened->counter;
    output->rx_ms = opened->rx_ms;
    output->form = opened->form;
    return selkie_clerk_put(clerk, output, true);
}

void selkie_clerk_heard(const struct selkie_clerk *clerk, struct selkie_binding *binding, int64_t rx_ms)
{
    int64_t heard_ms = rx_ms < clerk->now_ms ? rx_ms : clerk->now_ms;

    /* One that is yet to come was noted before the clock was set back. */
    if (heard_ms > binding->last_seen_ms || binding->last_seen_ms > clerk->now_ms)
        binding->last_seen_ms = heard_ms;
}

/* The binding's own account of an accepted frame. */
static int keep_account(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *opened)
{
    struct selkie_seen seen = {.rx_ms = opened->rx_ms};
    uint8_t key_before = binding->key_id;

    if (binding->received == 0 || opened->counter > binding->counter)
        binding->counter = opened->counter;
    binding->received++;
    if (opened->form == SELKIE_SESSION) {
        binding->session_frames++;
        binding->session_bytes += SELKIE_SESSION_OVERHEAD + opened->payload_len;
    }
    selkie_clerk_heard(clerk, binding, opened->rx_ms);
    if (opened->has_payload) /* a REGISTER is always SEALED, and says what will come */
        binding->form = opened->form;
    binding->silent = false;
    memcpy(binding->gateway, opened->gateway, sizeof binding->gateway);
    if (opened->form == SELKIE_SEALED)
        binding->key_id = opened->key_id;

    memcpy(seen.digest, opened->digest, sizeof seen.digest);
    uint32_t start = binding->counter >= SELKIE_WINDOW ? binding->counter - SELKIE_WINDOW + 1 : 0;
    int result = selkie_registry_put_seen(clerk->registry, binding, opened->counter, &seen, start);
    if (result == 0)
        result = selkie_registry_put_binding(clerk->registry, binding);
    if (result == 0 && binding->key_id != key_before)
        result = selkie_registry_put_binding_status(clerk->registry, binding);
    return result;
}

int selkie_clerk_accept(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *opened,
                        const struct selkie_decision *decision)
{
    int result = keep_account(clerk, binding, opened);

    clerk->counts.accepted[opened->form == SELKIE_SESSION]++;
    clerk->counts.late += decision->late;
    clerk->counts.lost += decision->lost;
    if (result == 0 && opened->has_payload)
        result = put_payload(clerk, binding, opened);
    if (result == 0 && decision->lost > 0)
        result = selkie_clerk_event(clerk, "lost", binding->address, binding->id_hash,
                                    json_pack("{s:I, s:I, s:s}", "count", (json_int_t)decision->lost, "counter",
                                              (json_int_t)opened->counter, "gateway", opened->gateway));
    if (result == 0)
        result = selkie_announcer_touch(clerk->announcer, binding->address, binding);
    return result;
}

/* What admission asks of a frame and its binding. */
static int fill_case(struct selkie_clerk *clerk, struct selkie_case *facts, const struct selkie_binding *own,
                     const struct selkie_opened *opened, struct selkie_seen *seen)
{
    facts->counter = opened->counter;
    memcpy(facts->digest, opened->digest, sizeof facts->digest);
    facts->rx_ms = opened->rx_ms;
    facts->now_ms = clerk->now_ms;
    facts->own = own->status;
    facts->received = own->received;
    facts->highest = own->counter;
    facts->clone_alarm_ms = own->clone_alarm_ms;
    if (own->status != SELKIE_BINDING_ACTIVE ||
        !selkie_admission_in_window(own->received, own->counter, opened->counter))
        return 0;
    int result = selkie_registry_seen(clerk->registry, own, opened->counter, seen);
    facts->seen = result > 0 ? seen : NULL;
    return result < 0 ? result : 0;
}

static int alarm_clone(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *opened)
{
    binding->clone_alarm_ms = clerk->now_ms;
    int result = selkie_registry_put_binding(clerk->registry, binding);
    return result < 0 ? result
                      : selkie_clerk_event(clerk, "clone", binding->address, binding->id_hash,
                                           json_pack("{s:I, s:s, s:I}", "counter", (json_int_t)opened->counter,
                                                     "gateway", opened->gateway, "rx", (json_int_t)opened->rx_ms));
}

int selkie_clerk_act(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *opened,
                     const struct selkie_decision *decision, const uint8_t *address)
{
    int result = 0;

    switch (decision->verdict) {
    case SELKIE_ACCEPT:
        return selkie_clerk_accept(clerk, binding, opened, decision);
    case SELKIE_DUPLICATE:
        clerk->counts.duplicates++;
        return 0;
    case SELKIE_PARK:
    case SELKIE_REJECT:
        break;
    }
    if (decision->alarm_clone)
        result = alarm_clone(clerk, binding, opened);
    return result < 0 ? result : selkie_clerk_reject(clerk, decision->reason, opened->gateway, opened->rx_ms, address);
}

int selkie_clerk_judge(struct selkie_clerk *clerk, struct selkie_binding *binding, const struct selkie_opened *opened)
{
    struct selkie_case facts = {0};
    struct selkie_seen seen;
    int result = fill_case(clerk, &facts, binding, opened, &seen);

    if (result < 0)
        return result;
    struct selkie_decision decision = selkie_admission_decide(&clerk->rules, &facts);
    return selkie_clerk_act(clerk, binding, opened, &decision, binding->address);
}

/* Constant time; the length of a claim is no secret. */
static enum selkie_claim compare_claim(const struct selkie_device *device, const struct selkie_message *message)
{
    uint8_t difference = 0;

    if (!message || message->kind != SELKIE_REGISTER || !message->registration.claim_len)
        return SELKIE_CLAIM_NONE;
    if (!device->claim_len && !device->claim_spoilt)
        return SELKIE_CLAIM_NONE;
    if (message->registration.claim_len != device->claim_len)
        return SELKIE_CLAIM_WRONG;
    for (size_t i = 0; i < device->claim_len; i++)
        difference |= (uint8_t)(device->claim[i] ^ message->registration.claim[i]);
    return difference ? SELKIE_CLAIM_WRONG : SELKIE_CLAIM_RIGHT;
}

/* What a REGISTER tells is the device's own word once its frame counts. */
static void take_news(struct selkie_binding *own, const struct selkie_message *message,
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

/* Decide on a frame that has been opened. `message` is NULL for a SESSION frame, whose binding is there already. */
static int decide(struct selkie_clerk *clerk, struct selkie_binding *own, struct selkie_opened *opened,
                  const uint8_t address[static SELKIE_ADDRESS_SIZE], const struct selkie_message *message)
{
    struct selkie_device device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    struct selkie_seen seen;
    struct selkie_case facts = {.registration = message && message->kind == SELKIE_REGISTER};
    struct selkie_newcomer newcomer = {.device = &device, .own = own, .id = message ? message->id : NULL};
    bool active = own->status == SELKIE_BINDING_ACTIVE;
    int result = 0;

    /* Of a device whose ID is active only one thing counts, which the binding knows as well. */
    memset(&device, 0, sizeof device);
    device.revoked = own->revoked;
    if (!active)
        result = selkie_registry_device(clerk->registry, address, &device);
    if (result < 0)
        goto out;
    facts.revoked = device.revoked;
    facts.listed = device.listed;
    facts.claim_set = device.claim_len > 0 || device.claim_spoilt;
    facts.claim = compare_claim(&device, message);
    facts.reset_alarm_ms = device.reset_alarm_ms;
    result = fill_case(clerk, &facts, own, opened, &seen);
    if (result == 0 && !active)
        result = selkie_clerk_look_around(clerk, own, live, &newcomer, &facts);
    if (result < 0)
        goto out;
    struct selkie_decision decision = selkie_admission_decide(&clerk->rules, &facts);
    take_news(own, message, &decision);
    result = active ? selkie_clerk_act(clerk, own, opened, &decision, address)
                    : selkie_clerk_decide_newcomer(clerk, &newcomer, opened, &decision);
out:
    selkie_session_wipe(&newcomer.session);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

int selkie_clerk_decide_session(struct selkie_clerk *clerk, const struct selkie_job *job,
                                struct selkie_identified *identified)
{
    int result = decide(clerk, &identified->binding, &identified->opened, identified->binding.address, NULL);
    return result < 0 ? result : selkie_clerk_receipt(clerk, job);
}

static int decide_sealed(struct selkie_clerk *clerk, const struct selkie_job *job)
{
    const struct selkie_message *message = &job->message;
    struct selkie_opened opened = {
        .counter = message->counter, .rx_ms = job->rx_ms, .form = SELKIE_SEALED, .key_id = job->frame.sealed.key_id};
    struct selkie_binding own = {0};

    memcpy(opened.digest, job->digest, sizeof opened.digest);
    memcpy(opened.gateway, job->gateway, sizeof opened.gateway);
    if (message->kind == SELKIE_DATA) {
        opened.has_payload = true;
        opened.payload_len = message->data.payload_len;
        memcpy(opened.payload, message->data.payload, message->data.payload_len);
    }
    int result = selkie_registry_binding(clerk->registry, message->address, job->id_hash, &own);
    if (result == 0) {
        memcpy(own.address, message->address, sizeof own.address);
        memcpy(own.id_hash, job->id_hash, sizeof own.id_hash);
    }
    if (result >= 0)
        result = decide(clerk, &own, &opened, message->address, message);
    mbedtls_platform_zeroize(&opened, sizeof opened);
    return result;
}

static enum selkie_reason reason_of(int error)
{
    if (error == SELKIE_EMALFORMED)
        return SELKIE_REASON_MALFORMED;
    return error == SELKIE_EUNKNOWNKEY ? SELKIE_REASON_UNKNOWN_KEY : SELKIE_REASON_BAD_SEAL;
}

int selkie_clerk_decide(struct selkie_clerk *clerk, struct selkie_job *job)
{
    int result;

    /* It says nothing about the frame: its gateway sends it again. */
    if (job->result == SELKIE_ENOTREADY) {
        clerk->counts.key_away++;
        return 0;
    }
    if (job->result < 0)
        result = selkie_clerk_reject(clerk, reason_of(job->result), job->gateway, job->rx_ms,
                                     job->ordered ? job->frame.sealed.address : NULL);
    else
        result = decide_sealed(clerk, job);
    return result < 0 ? result : selkie_clerk_receipt(clerk, job);
}
