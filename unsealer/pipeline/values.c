/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/values.h"
#include "rules/documents.h"
#include <selkie/clock.h>

#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define TOLD_US 60000000

struct selkie_values_told {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    int64_t at_us;
    UT_hash_handle hh; /* in the order of at_us */
};

static void forget(struct selkie_values *values, struct selkie_values_told *told)
{
    HASH_DEL(values->told, told);
    free(told);
}

void selkie_values_wipe(struct selkie_values *values)
{
    while (values->told)
        forget(values, values->told);
}

/* Whether the event is due for a device; notes that it is raised now. */
static bool may_tell(struct selkie_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    int64_t now_us = selkie_clock_monotonic_us();
    struct selkie_values_told *told;

    while (values->told && now_us - values->told->at_us >= TOLD_US)
        forget(values, values->told);
    HASH_FIND(hh, values->told, address, SELKIE_ADDRESS_SIZE, told);
    if (told || HASH_COUNT(values->told) >= SELKIE_VALUES_TOLD_MAX || !(told = calloc(1, sizeof *told)))
        return false;
    memcpy(told->address, address, SELKIE_ADDRESS_SIZE);
    told->at_us = now_us;
    HASH_ADD(hh, values->told, address, SELKIE_ADDRESS_SIZE, told);
    return true;
}

/* The event `undecoded`, or NULL. */
static struct selkie_output *tell(struct selkie_values *values, const struct selkie_output *payload, const char *reason)
{
    if (!may_tell(values, payload->address))
        return NULL;
    return selkie_document_event("undecoded", selkie_clock_ms(), payload->address, NULL,
                                 json_pack("{s:s, s:I, s:s}", "model", selkie_model_name(payload->model), "counter",
                                           (json_int_t)payload->counter, "reason", reason));
}

/* The model of a payload that comes out of the outbox: what the operator chose may be another one by now, but the
 * firmware is that of the ID that sent it. If an ID with other firmware is active by now, or none, the payload is late:
 * its values must not be retained beside a state that says another model. */
static const struct selkie_model *find_model(struct selkie_values *values, struct selkie_registry *registry,
                                             struct selkie_output *payload)
{
    struct selkie_binding bindings[SELKIE_LIVE_MAX];
    const struct selkie_model *model = NULL;

    if (selkie_device_models_find(values->models, registry, payload->address, payload->firmware, &model) < 0 || !model)
        return NULL;
    int count = selkie_registry_live(registry, payload->address, bindings);
    if (count < 0)
        return NULL;
    payload->late |= count == 0 || bindings[0].status != SELKIE_BINDING_ACTIVE ||
                     strcmp(bindings[0].firmware, payload->firmware) != 0;
    return model;
}

/* What goes behind a payload, or NULL. */
static struct selkie_output *make(struct selkie_values *values, const struct selkie_output *payload)
{
    char text[SELKIE_VALUES_MAX + 1], reason[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_output *made = NULL;
    size_t len = 0;
    int result = selkie_model_decode(payload->model, payload->data, payload->len, text, &len, reason);

    if (result == SELKIE_EMALFORMED) {
        values->undecoded++;
        made = tell(values, payload, reason);
    } else if (result == 0 && (made = selkie_output_new(SELKIE_OUTPUT_VALUES, text, len))) {
        made->has_address = true;
        memcpy(made->address, payload->address, sizeof made->address);
        memcpy(made->gateway, payload->gateway, sizeof made->gateway);
        made->counter = payload->counter;
        made->rx_ms = payload->rx_ms;
        made->clock = payload->clock;
        made->rssi = payload->rssi;
        made->form = payload->form;
        made->late = payload->late;
        made->model = payload->model;
    }
    mbedtls_platform_zeroize(text, sizeof text);
    mbedtls_platform_zeroize(reason, sizeof reason);
    return made;
}

void selkie_values_add(struct selkie_values *values, struct selkie_registry *registry, struct selkie_output_list *list)
{
    struct selkie_output_list all = {0};
    struct selkie_output *next;

    if (!selkie_device_models_any(values->models))
        return;
    for (struct selkie_output *output = list->first; output; output = next) {
        next = output->next;
        selkie_output_list_add(&all, output);
        if (output->kind != SELKIE_OUTPUT_PAYLOAD)
            continue;
        if (!output->model_known)
            output->model = find_model(values, registry, output);
        struct selkie_output *behind = output->model ? make(values, output) : NULL;
        if (!behind)
            continue;
        behind->outbox = output->outbox;
        output->outbox = 0;
        selkie_output_list_add(&all, behind);
    }
    *list = all;
}
