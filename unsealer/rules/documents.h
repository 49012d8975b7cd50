/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON documents of PROTOCOL.md, section 8, as outputs; NULL without memory. No I/O; safe from any thread. Times
 * are ms since the epoch. */
#ifndef SELKIE_DOCUMENTS_H
#define SELKIE_DOCUMENTS_H

#include "model/output.h"
#include "registry/registry.h"
#include "rules/admission.h"

#include <jansson.h>

#define SELKIE_ID_TEXT_SIZE 17 /* the first 8 bytes of SHA-256(ID) in hex, as people see IDs */

void selkie_document_id(char text[static SELKIE_ID_TEXT_SIZE], const uint8_t id_hash[static SELKIE_ID_HASH_SIZE]);

/* The device's state. */
struct selkie_document_state {
    enum selkie_device_record_status status;
    int pending;                          /* how many bindings are */
    const struct selkie_binding *binding; /* its active binding, else a pending one, else NULL */
    const struct selkie_binding *newest;  /* the pending one that came last; NULL if none is pending */
    const char *name;                     /* "" = none */
    const struct selkie_model *model;     /* NULL = none */
};
struct selkie_output *selkie_document_state(const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                            const struct selkie_document_state *state);
/* The empty payload that clears the retained state. */
struct selkie_output *selkie_document_no_state(const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* An event of a device. `id_hash` may be NULL. Takes `details` (or NULL) and adds its members. */
struct selkie_output *selkie_document_event(const char *event, int64_t time_ms,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE], const uint8_t *id_hash,
                                            json_t *details);

/* A frame was rejected. `address` may be NULL. */
struct selkie_output *selkie_document_rejected(enum selkie_reason reason, const char *gateway, int64_t rx_ms,
                                               const uint8_t *address);

extern const char *const selkie_device_status_names[SELKIE_DEVICE_STATUS_COUNT];

/* How a retired binding ended: "replaced", "denied" or "removed". */
const char *selkie_document_end(const struct selkie_binding *binding);

/* Whether the alarm `clone` or `takeover` stands, as the member `alarm` of a state and of a binding says. */
bool selkie_document_has_alarm(const struct selkie_binding *binding);

/* One binding as in the answer to getDevice; NULL without memory. */
json_t *selkie_document_binding(const struct selkie_binding *binding);

#endif
