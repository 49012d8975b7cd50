/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const selkie_device_status_names[SELKIE_DEVICE_STATUS_COUNT] = {
    [SELKIE_DEVICE_ACTIVE] = "active",
    [SELKIE_DEVICE_PENDING] = "pending",
    [SELKIE_DEVICE_LISTED] = "listed",
    [SELKIE_DEVICE_REVOKED] = "revoked",
};

static const char *const binding_status_names[] = {
    [SELKIE_BINDING_NONE] = "none",       [SELKIE_BINDING_ACTIVE] = "active",
    [SELKIE_BINDING_PENDING] = "pending", [SELKIE_BINDING_SUPERSEDED] = "superseded",
    [SELKIE_BINDING_RETIRED] = "retired",
};

void selkie_document_id(char text[static SELKIE_ID_TEXT_SIZE], const uint8_t id_hash[static SELKIE_ID_HASH_SIZE])
{
    selkie_address_format(text, id_hash); /* also 8 bytes in hex */
}

static const char *form_text(enum selkie_frame_type form)
{
    return form == SELKIE_SESSION ? "session" : "sealed";
}

/* The counters from 0 to the highest accepted that never came. */
static uint64_t count_lost(const struct selkie_binding *binding)
{
    uint64_t sent = (uint64_t)binding->counter + 1;
    return binding->received > 0 && binding->received < sent ? sent - binding->received : 0;
}

/* Takes `json`. */
static struct selkie_output *make_output(enum selkie_output_kind kind, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct selkie_output *output = text ? selkie_output_new(kind, text, strlen(text)) : NULL;

    free(text);
    json_decref(json);
    return output;
}

static void set_address(struct selkie_output *output, const uint8_t *address)
{
    output->has_address = true;
    memcpy(output->address, address, SELKIE_ADDRESS_SIZE);
}

/* To the nearest whole dBm. */
static int mean_dbm(const struct selkie_binding *binding)
{
    return (binding->rssi_mean - SELKIE_RSSI_MEAN_PARTS / 2) / SELKIE_RSSI_MEAN_PARTS;
}

/* The alarm that stands: of an active ID, until an administrator approves it or another one takes its place. NULL =
 * none. An ID that is active and was superseded has come back. */
static const char *standing_alarm(const struct selkie_binding *binding)
{
    if (!selkie_document_has_alarm(binding))
        return NULL;
    return binding->clone_alarm_ms != 0 ? "clone" : "takeover";
}

bool selkie_document_has_alarm(const struct selkie_binding *binding)
{
    return binding->status == SELKIE_BINDING_ACTIVE && (binding->clone_alarm_ms != 0 || binding->superseded_ms != 0);
}

/* The members that a device's state and getDevice share. */
static json_t *binding_fields(const struct selkie_binding *binding)
{
    char id[SELKIE_ID_TEXT_SIZE];

    selkie_document_id(id, binding->id_hash);
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:i, s:s, s:s}", "id", id, "counter", (json_int_t)binding->counter,
                  "received", (json_int_t)binding->received, "lost", (json_int_t)count_lost(binding), "last_seen",
                  (json_int_t)binding->last_seen_ms, "gateway", binding->gateway, "key_id", (int)binding->key_id,
                  "form", form_text(binding->form), "firmware", binding->firmware);
    const char *alarm = standing_alarm(binding);
    if (alarm && json_object_set_new(json, "alarm", json_string(alarm)) != 0) {
        json_decref(json);
        return NULL;
    }
    if (binding->rssi != 0 && (json_object_set_new(json, "rssi", json_integer(binding->rssi)) != 0 ||
                               json_object_set_new(json, "rssi_mean", json_integer(mean_dbm(binding))) != 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

const char *selkie_document_end(const struct selkie_binding *binding)
{
    static const char *const names[] = {[SELKIE_BINDING_REPLACED] = "replaced",
                                        [SELKIE_BINDING_DENIED] = "denied",
                                        [SELKIE_BINDING_REMOVED] = "removed"};

    return names[binding->ended];
}

json_t *selkie_document_binding(const struct selkie_binding *binding)
{
    json_t *json = binding_fields(binding);
    json_t *more = json_pack("{s:s, s:I, s:I, s:I}", "status", binding_status_names[binding->status], "first_seen",
                             (json_int_t)binding->first_seen_ms, "session_frames", (json_int_t)binding->session_frames,
                             "session_bytes", (json_int_t)binding->session_bytes);
    if (!json || !more || json_object_update(json, more) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    if (binding->status == SELKIE_BINDING_RETIRED) { /* of most the registry keeps the rest no longer */
        if (json && binding->ended != SELKIE_BINDING_REPLACED &&
            json_object_set_new(json, "retired", json_string(selkie_document_end(binding))) != 0) {
            json_decref(json);
            return NULL;
        }
        json_object_del(json, "gateway");
        json_object_del(json, "firmware");
        json_object_del(json, "rssi");
        json_object_del(json, "rssi_mean");
    }
    return json;
}

struct selkie_output *selkie_document_state(const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                            const struct selkie_document_state *state)
{
    const struct selkie_binding *binding = state->binding;
    json_t *json = binding ? binding_fields(binding) : json_object();
    int failure = json_object_set_new(json, "status", json_string(selkie_device_status_names[state->status]));

    failure |= json_object_set_new(json, "pending", json_integer(state->pending));
    if (state->newest) {
        char id[SELKIE_ID_TEXT_SIZE];
        selkie_document_id(id, state->newest->id_hash);
        failure |= json_object_set_new(json, "pending_id", json_string(id));
    }
    if (state->name[0] != '\0')
        failure |= json_object_set_new(json, "name", json_string(state->name));
    if (state->model)
        failure |= json_object_set_new(json, "model", json_string(selkie_model_name(state->model)));
    if (binding && binding->status == SELKIE_BINDING_ACTIVE && binding->silent)
        failure |= json_object_set_new(json, "silent", json_true());
    if (failure) {
        json_decref(json);
        return NULL;
    }
    struct selkie_output *output = make_output(SELKIE_OUTPUT_STATE, json);
    if (!output)
        return NULL;
    set_address(output, address);
    output->model = state->model;
    return output;
}

struct selkie_output *selkie_document_no_state(const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_STATE, "", 0);
    if (output)
        set_address(output, address);
    return output;
}

struct selkie_output *selkie_document_event(const char *event, int64_t time_ms,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE], const uint8_t *id_hash,
                                            json_t *details)
{
    char id[SELKIE_ID_TEXT_SIZE] = "";
    json_t *json = json_pack("{s:s, s:I}", "event", event, "time", (json_int_t)time_ms);

    if (id_hash) {
        selkie_document_id(id, id_hash);
        json_object_set_new(json, "id", json_string(id));
    }
    if (details)
        json_object_update(json, details);
    json_decref(details);
    struct selkie_output *output = make_output(SELKIE_OUTPUT_EVENT, json);
    if (output)
        set_address(output, address);
    return output;
}

struct selkie_output *selkie_document_rejected(enum selkie_reason reason, const char *gateway, int64_t rx_ms,
                                               const uint8_t *address)
{
    char text[SELKIE_ADDRESS_TEXT_SIZE];
    json_t *json =
        json_pack("{s:s, s:s, s:I}", "reason", selkie_reason_text(reason), "gateway", gateway, "rx", (json_int_t)rx_ms);
    if (address) {
        selkie_address_format(text, address);
        json_object_set_new(json, "address", json_string(text));
    }
    struct selkie_output *output = make_output(SELKIE_OUTPUT_REJECTED, json);
    if (!output)
        return NULL;
    snprintf(output->reason, sizeof output->reason, "%s", selkie_reason_text(reason));
    snprintf(output->gateway, sizeof output->gateway, "%s", gateway);
    output->rx_ms = rx_ms;
    if (address)
        set_address(output, address);
    return output;
}
