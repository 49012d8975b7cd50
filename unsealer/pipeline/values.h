/* SPDX-License-Identifier: Apache-2.0 */
/* What the models make of payloads on their way to the host: values as JSON, or why there are none. PROTOCOL.md,
 * section 8 ("Values"). Nothing of it is stored: a payload that comes out of the outbox again is decoded again. One
 * thread, the writer. */
#ifndef SELKIE_VALUES_H
#define SELKIE_VALUES_H

#include "model/output.h"
#include "rules/device_models.h"

struct selkie_values_told;

struct selkie_values {
    struct selkie_device_models *models;
    struct selkie_values_told *told; /* devices whose payload did not fit within the last minute */
    uint64_t undecoded;              /* payloads that did not fit since the start */
};

#define SELKIE_VALUES_TOLD_MAX 4096 /* of further devices no event tells it */

/* Put behind each payload of the list its values, as SELKIE_OUTPUT_VALUES. Where the payload does not fit its model,
 * put the event `undecoded`, once a minute for each device. The payload's number in the outbox goes over to what is
 * behind it: so both come again after a crash. A payload without a model stays alone, and so does one whose model
 * cannot be read from the registry. */
void selkie_values_add(struct selkie_values *values, struct selkie_registry *registry, struct selkie_output_list *list);
void selkie_values_wipe(struct selkie_values *values);

#endif
