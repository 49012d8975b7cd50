/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the registry, and an opened frame: plain structs that the folders of unsealer/ pass to each other. No
 * functions. Times are ms since the epoch, UTC, unless a comment says otherwise. */
#ifndef SELKIE_RECORDS_H
#define SELKIE_RECORDS_H

#include "model/capture.h"

#include <selkie/message.h>
#include <selkie/models.h>
#include <selkie/session.h>
#include <selkie/topic.h>
#include <selkie/unsealer.h>

#define SELKIE_ID_HASH_SIZE    32 /* SHA-256(ID) */
#define SELKIE_DIGEST_SIZE     8 /* of SHA-256(body): a repeat has the same, another frame with this counter does not */
#define SELKIE_PENDING_MAX     4 /* pending IDs an address */
#define SELKIE_SUPERSEDED_MAX  4 /* superseded IDs an address */
#define SELKIE_LIVE_MAX        (1 + SELKIE_PENDING_MAX + SELKIE_SUPERSEDED_MAX)
#define SELKIE_RSSI_MEAN_PARTS 64

enum selkie_device_record_status {
    SELKIE_DEVICE_ACTIVE,
    SELKIE_DEVICE_PENDING,
    SELKIE_DEVICE_LISTED,
    SELKIE_DEVICE_REVOKED,
    SELKIE_DEVICE_STATUS_COUNT
};

struct selkie_device_record {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char name[SELKIE_DEVICE_NAME_MAX + 1];
    uint8_t claim[SELKIE_CLAIM_MAX]; /* a secret: wipe the record */
    size_t claim_len;                /* 0 = none */
    bool claim_corrupt;              /* the stored claim is damaged and stays stored: no claim is right */
    bool listed, revoked;
    enum selkie_device_record_status status;
    int64_t reset_alarm_ms;
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1]; /* through which it registered; "" = an administrator vouched for it */
    unsigned wrong_claims;                     /* since then, within an hour: rules/newcomer.c */
    int64_t wrong_claims_ms;                   /* the first one; of the tenth on, when it came */
    char model[SELKIE_MODEL_NAME_MAX + 1];     /* that an administrator chose; "" = none */
};

enum selkie_binding_status {
    SELKIE_BINDING_NONE,
    SELKIE_BINDING_ACTIVE,
    SELKIE_BINDING_PENDING,
    SELKIE_BINDING_SUPERSEDED, /* replaced by policy: a fresh frame may still prove that wrong */
    SELKIE_BINDING_RETIRED
};

/* How a retired binding came to its end. An administrator may readmit one that was denied or removed. */
enum selkie_binding_end {
    SELKIE_BINDING_REPLACED, /* or denied or removed long ago, or forgotten */
    SELKIE_BINDING_DENIED,
    SELKIE_BINDING_REMOVED
};

/* What is kept of an accepted counter. */
struct selkie_seen {
    uint8_t digest[SELKIE_DIGEST_SIZE];
    struct selkie_capture capture;
};

/* Counters in a row of the window, and the bytes of each: digest 8, second of the capture 4, clock and gateway 2. */
#define SELKIE_SEEN_COUNTERS   32
#define SELKIE_SEEN_ENTRY_SIZE (SELKIE_DIGEST_SIZE + 6)

struct selkie_seen_row {
    uint32_t row;     /* counter / SELKIE_SEEN_COUNTERS */
    uint32_t present; /* bit i: counter i of the row was accepted */
    uint8_t entries[SELKIE_SEEN_COUNTERS * SELKIE_SEEN_ENTRY_SIZE];
};

struct selkie_binding {
    int64_t number; /* given by selkie_registry_add_binding */
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t id_hash[SELKIE_ID_HASH_SIZE];
    enum selkie_binding_status status;
    uint8_t key_id;
    uint32_t counter;
    uint64_t received, session_frames, session_bytes;
    int64_t first_seen_ms, last_seen_ms;
    int64_t heard_day; /* of its last frame that was accepted or parked, by rules/day_clock.h */
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_frame_type form; /* of its last reading, or what a later REGISTER said */
    char firmware[SELKIE_FIRMWARE_MAX + 1];
    bool silent;
    int16_t rssi;      /* of the last accepted frame of which it is known, dBm; 0 = of none */
    int16_t rssi_mean; /* of all of them, the last ones weigh most: 1/SELKIE_RSSI_MEAN_PARTS dBm */
    int64_t clone_alarm_ms;
    int64_t superseded_ms;           /* when the frame arrived that took its place, or it was denied or removed, */
    int64_t superseded_day;          /* also by the day clock, */
    struct selkie_capture successor; /* and its capture */
    bool revoked;                    /* its device is */
    enum selkie_binding_end ended;
    struct selkie_seen_row newest; /* of the window: selkie_registry_put_seen */
};

/* An opened frame; it may have been parked. */
struct selkie_opened {
    int64_t number;  /* given by selkie_registry_park */
    int64_t binding; /* it is parked for this one */
    uint32_t counter;
    uint8_t digest[SELKIE_DIGEST_SIZE];
    int64_t rx_ms;
    enum selkie_clock clock;
    int64_t arrived_ms; /* 0 = earlier: it has waited */
    int16_t rssi;       /* dBm; 0 = unknown */
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_frame_type form;
    uint8_t key_id;
    int64_t parked_day;                  /* by rules/day_clock.h */
    bool has_payload;                    /* DATA or SESSION; not REGISTER */
    uint8_t payload[SELKIE_PAYLOAD_MAX]; /* wipe it */
    size_t payload_len;
};

/* A SESSION frame whose tag belongs to no binding. */
struct selkie_unmatched {
    int64_t number; /* given by selkie_registry_put_unmatched */
    uint8_t tag[SELKIE_SESSION_TAG_SIZE];
    uint8_t digest[SELKIE_DIGEST_SIZE];
    int64_t rx_ms;
    enum selkie_clock clock;
    int64_t arrived_ms; /* not since the epoch: by a clock that is never set */
    int16_t rssi;       /* dBm; 0 = unknown */
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    uint8_t body[SELKIE_SESSION_SIZE_MAX];
    size_t len;
};

#define SELKIE_GATEWAY_SALT_SIZE 16
#define SELKIE_GATEWAY_HASH_SIZE 32

struct selkie_gateway_record {
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_gateway_auth auth;
    uint8_t salt[SELKIE_GATEWAY_SALT_SIZE];
    uint8_t hash[SELKIE_GATEWAY_HASH_SIZE];
    unsigned iterations;
    int64_t added_ms;
};

#endif
