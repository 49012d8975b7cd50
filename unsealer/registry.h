/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of devices, and what must not be lost: bindings, windows, parked frames, the outbox, gateways. The file
 * holds SHA-256(ID), never an ID; session keys, claims and payloads in it are sealed under the storage key.
 *
 * Nothing is cached but the database's own pages: what a transaction did and did not commit is what is true. The first
 * change begins a transaction; nothing of it is durable before selkie_registry_commit returned 0. One thread at a time.
 *
 * Every int here may be SELKIE_ESTORAGE, which means the transaction is to be rolled back; selkie_registry_fault says
 * why. */
#ifndef SELKIE_REGISTRY_H
#define SELKIE_REGISTRY_H

#include "admission.h"
#include "job.h"

#include <selkie/session.h>
#include <selkie/unsealer.h>

struct selkie_registry;

#define SELKIE_REGISTRY_ERROR_SIZE 256
#define SELKIE_DEVICE_NAME_MAX     64

/* Open state_dir/registry.db; make both where there is no registry. A file that is corrupt, of a newer version, of
 * another storage key or in use is refused, with a sentence in `error`: never an empty one in its place. A file that
 * takes longer than half a second to be read through is opened meanwhile: see selkie_registry_damage. */
SELKIE_USE_RESULT int selkie_registry_open(struct selkie_registry **registry, const char *state_dir,
                                           char error[static SELKIE_REGISTRY_ERROR_SIZE]);
void selkie_registry_close(struct selkie_registry *registry);

/* Whether anything was changed since the last commit or rollback. */
bool selkie_registry_changed(const struct selkie_registry *registry);
SELKIE_USE_RESULT int selkie_registry_commit(struct selkie_registry *registry);
void selkie_registry_rollback(struct selkie_registry *registry);
const char *selkie_registry_fault(const struct selkie_registry *registry);
/* A change that changes nothing, but takes a commit that writes: only that tells whether storage works. */
SELKIE_USE_RESULT int selkie_registry_touch(struct selkie_registry *registry);

/* What is known to be damaged in the file, as a sentence; NULL = nothing so far. It comes to light while the file is
 * read through beside the work, or where the work meets it. Nothing may be decided by such a registry: an ID or a
 * counter that cannot be found would be taken for new. */
const char *selkie_registry_damage(struct selkie_registry *registry);
/* What keeps the file from being read through, as a sentence; NULL = nothing, or it has been. It is tried again. */
const char *selkie_registry_hindrance(struct selkie_registry *registry);
/* What keeps the log from being moved into the file, as a sentence; NULL = nothing. */
const char *selkie_registry_log_fault(struct selkie_registry *registry);

/* What the file says here contradicts what it says there, which is damage: note it and return SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_registry_contradicts(struct selkie_registry *registry, const char *finding);

/* The last row that turned out to be damaged, as a sentence; NULL = none so far. Functions that can meet one say so. */
const char *selkie_registry_spoilt(const struct selkie_registry *registry);

/* Devices */

enum selkie_device_status {
    SELKIE_DEVICE_ACTIVE,
    SELKIE_DEVICE_PENDING,
    SELKIE_DEVICE_LISTED,
    SELKIE_DEVICE_REVOKED,
    SELKIE_DEVICE_STATUS_COUNT
};

struct selkie_device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char name[SELKIE_DEVICE_NAME_MAX + 1];
    uint8_t claim[SELKIE_CLAIM_MAX]; /* a secret: wipe the device */
    size_t claim_len;                /* 0 = none */
    bool claim_spoilt;               /* there is one, but its row is damaged: no claim is right. It is kept */
    bool listed, revoked;
    enum selkie_device_status status;
    int64_t reset_alarm_ms;
};

/* 1, or 0 where there is none: then *device has the address alone, and a status as if it had been listed. */
SELKIE_USE_RESULT int selkie_registry_device(struct selkie_registry *registry,
                                             const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                             struct selkie_device *device);
SELKIE_USE_RESULT int selkie_registry_put_device(struct selkie_registry *registry, const struct selkie_device *device);
SELKIE_USE_RESULT int selkie_registry_delete_device(struct selkie_registry *registry,
                                                    const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* Up to `max` addresses in ascending order, of one status or (status < 0) of all, after an address (NULL = from the
 * first) and `offset` more. Returns how many. */
SELKIE_USE_RESULT int selkie_registry_addresses(struct selkie_registry *registry, int status, const uint8_t *after,
                                                uint64_t offset, uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max);

/* Devices of a status (< 0: all); active bindings whose last seal was by a key. */
SELKIE_USE_RESULT int selkie_registry_count_devices(struct selkie_registry *registry, int status, uint64_t *count);
SELKIE_USE_RESULT int selkie_registry_count_key(struct selkie_registry *registry, uint8_t key_id, uint64_t *count);

/* Bindings */

/* Counters remembered in a row, and the bytes of each: digest 8, capture time 6. */
#define SELKIE_SEEN_COUNTERS   32
#define SELKIE_SEEN_ENTRY_SIZE (SELKIE_DIGEST_SIZE + 6)

struct selkie_seen_row {
    uint32_t row;     /* counter / SELKIE_SEEN_COUNTERS */
    uint32_t present; /* bit i: counter i of them was accepted */
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
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_frame_type form; /* of its last reading, or what a REGISTER has said since */
    char firmware[SELKIE_FIRMWARE_MAX + 1];
    bool silent;
    int64_t clone_alarm_ms;
    bool revoked;                  /* its device is */
    struct selkie_seen_row newest; /* of the window: selkie_registry_put_seen */
};

/* 1 and the binding, or 0. */
SELKIE_USE_RESULT int selkie_registry_binding(struct selkie_registry *registry,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                              const uint8_t id_hash[static SELKIE_ID_HASH_SIZE],
                                              struct selkie_binding *binding);

/* The bindings of an address that are not retired: at most one active, which comes first, then those pending, oldest
 * first. Returns how many. */
#define SELKIE_LIVE_MAX (1 + SELKIE_PENDING_MAX)
SELKIE_USE_RESULT int selkie_registry_live(struct selkie_registry *registry,
                                           const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                           struct selkie_binding bindings[static SELKIE_LIVE_MAX]);

/* The retired bindings of an address, the newest first, at most so many. Returns how many. */
SELKIE_USE_RESULT int selkie_registry_retired(struct selkie_registry *registry,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                              struct selkie_binding bindings[], int max);

/* The next binding of any address above `after`, active, last seen before a time or only after now, and not marked
 * silent; looks at no more than `span` numbers. 1, or 0 with *after moved past what was looked at, to 0 at the end. */
SELKIE_USE_RESULT int selkie_registry_next_silent(struct selkie_registry *registry, int64_t *after, int64_t span,
                                                  int64_t before_ms, int64_t now_ms, struct selkie_binding *binding);

/* The bindings with this session tag, those that are retired last: the first, the one behind *binding if `next`. 1,
 * with its session key unless it is retired (then the session is wiped), or 0. SELKIE_ECRYPTO: it is this binding, but
 * its key is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_tag(struct selkie_registry *registry,
                                               const uint8_t tag[static SELKIE_SESSION_TAG_SIZE], bool next,
                                               struct selkie_binding *binding, struct selkie_session *session);
/* How many of them are not retired. */
SELKIE_USE_RESULT int selkie_registry_count_tag(struct selkie_registry *registry,
                                                const uint8_t tag[static SELKIE_SESSION_TAG_SIZE]);

/* Add one; sets its number. Its ID must be new at its address: that is looked up once more, by another index than
 * selkie_registry_binding's, since it is the last moment at which a damaged one can be told. */
SELKIE_USE_RESULT int selkie_registry_add_binding(struct selkie_registry *registry, struct selkie_binding *binding,
                                                  const struct selkie_session *session);
/* Store all but status, key_id and revoked. */
SELKIE_USE_RESULT int selkie_registry_put_binding(struct selkie_registry *registry,
                                                  const struct selkie_binding *binding);
/* Store status, key_id and revoked. Retired: its session key and its window go. */
SELKIE_USE_RESULT int selkie_registry_put_binding_status(struct selkie_registry *registry,
                                                         const struct selkie_binding *binding);

/* The window. 1 and what was seen of a counter, or 0. */
SELKIE_USE_RESULT int selkie_registry_seen(struct selkie_registry *registry, const struct selkie_binding *binding,
                                           uint32_t counter, struct selkie_seen *seen);
/* Remember a counter. The newest row is in *binding, which is to be stored after it; where it opens a new row, those
 * below `window_start` go. */
SELKIE_USE_RESULT int selkie_registry_put_seen(struct selkie_registry *registry, struct selkie_binding *binding,
                                               uint32_t counter, const struct selkie_seen *seen, uint32_t window_start);

/* A frame that has been opened, just now or before it was parked. */
struct selkie_opened {
    int64_t number;  /* where it is parked; given */
    int64_t binding; /* for which it is parked */
    uint32_t counter;
    uint8_t digest[SELKIE_DIGEST_SIZE];
    int64_t rx_ms;
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_frame_type form;
    uint8_t key_id;
    bool has_payload;                    /* DATA or SESSION; not REGISTER */
    uint8_t payload[SELKIE_PAYLOAD_MAX]; /* wipe it */
    size_t payload_len;
};

/* Parked frames */

SELKIE_USE_RESULT int selkie_registry_park(struct selkie_registry *registry, struct selkie_opened *parked);
/* In order of counter, then of arrival: the first, above (counter, number) of *parked if `next`. 1 or 0.
 * SELKIE_ECRYPTO: it is this one, but its payload is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_parked(struct selkie_registry *registry, int64_t binding, bool next,
                                                  struct selkie_opened *parked);
/* The one that has been here longest. 1 or 0, or SELKIE_ECRYPTO as above. */
SELKIE_USE_RESULT int selkie_registry_oldest_parked(struct selkie_registry *registry, int64_t binding,
                                                    struct selkie_opened *parked);
/* The one with this counter and digest: 1 and its rx, or 0. */
SELKIE_USE_RESULT int selkie_registry_find_parked(struct selkie_registry *registry, int64_t binding, uint32_t counter,
                                                  const uint8_t digest[static SELKIE_DIGEST_SIZE], int64_t *rx_ms);
SELKIE_USE_RESULT int selkie_registry_unpark(struct selkie_registry *registry, int64_t number);
/* How many, of one binding or (0) of all. */
SELKIE_USE_RESULT int selkie_registry_count_parked(struct selkie_registry *registry, int64_t binding);

/* Stray frames: SESSION, of an unknown tag */

struct selkie_stray {
    int64_t number; /* given */
    uint8_t tag[SELKIE_SESSION_TAG_SIZE];
    uint8_t digest[SELKIE_DIGEST_SIZE];
    int64_t rx_ms;
    int64_t arrived_ms; /* not since the epoch: by a clock that only goes forward */
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    uint8_t body[SELKIE_SESSION_SIZE_MAX];
    size_t len;
};

SELKIE_USE_RESULT int selkie_registry_put_stray(struct selkie_registry *registry, struct selkie_stray *stray);
SELKIE_USE_RESULT int selkie_registry_next_stray(struct selkie_registry *registry,
                                                 const uint8_t tag[static SELKIE_SESSION_TAG_SIZE], int64_t after,
                                                 struct selkie_stray *stray);
/* The oldest, if it arrived before a time. 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_oldest_stray(struct selkie_registry *registry, int64_t before_ms,
                                                   struct selkie_stray *stray);
/* When the last of all arrived; 0 where there is none. */
SELKIE_USE_RESULT int selkie_registry_last_stray(struct selkie_registry *registry, int64_t *arrived_ms);
/* The one with this tag and digest: 1 and its rx, or 0. */
SELKIE_USE_RESULT int selkie_registry_find_stray(struct selkie_registry *registry,
                                                 const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                                 const uint8_t digest[static SELKIE_DIGEST_SIZE], int64_t *rx_ms);
SELKIE_USE_RESULT int selkie_registry_delete_stray(struct selkie_registry *registry, int64_t number);
/* How many, of one tag or (NULL) of all; that came by one gateway. */
SELKIE_USE_RESULT int selkie_registry_count_strays(struct selkie_registry *registry, const uint8_t *tag);
SELKIE_USE_RESULT int selkie_registry_count_strays_of(struct selkie_registry *registry, const char *gateway);

/* The outbox. An output's kind, address, counter, rx_ms, gateway, form and data are kept. */

SELKIE_USE_RESULT int selkie_registry_put_outbox(struct selkie_registry *registry, struct selkie_output *output);
/* The next above *after, which becomes its number; data allocated in it (free with selkie_output_free). 1 or 0, or
 * SELKIE_ECRYPTO: its payload is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_outbox(struct selkie_registry *registry, uint64_t *after,
                                                  struct selkie_output **output);
SELKIE_USE_RESULT int selkie_registry_empty_outbox(struct selkie_registry *registry, uint64_t up_to);

SELKIE_USE_RESULT int selkie_registry_put_stale(struct selkie_registry *registry,
                                                const uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int selkie_registry_delete_stale(struct selkie_registry *registry,
                                                   const uint8_t address[static SELKIE_ADDRESS_SIZE]);
/* The first address above one (NULL = the first of all). 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_stale(struct selkie_registry *registry, const uint8_t *after,
                                                 uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* Gateways */

#define SELKIE_GATEWAY_SALT_SIZE 16
#define SELKIE_GATEWAY_HASH_SIZE 32

struct selkie_gateway {
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
    enum selkie_gateway_auth auth;
    uint8_t salt[SELKIE_GATEWAY_SALT_SIZE];
    uint8_t hash[SELKIE_GATEWAY_HASH_SIZE];
    unsigned iterations;
    int64_t added_ms;
};

SELKIE_USE_RESULT int selkie_registry_put_gateway(struct selkie_registry *registry,
                                                  const struct selkie_gateway *gateway);
/* The first above a name ("" = the first of all). 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_gateway(struct selkie_registry *registry, const char *after,
                                                   struct selkie_gateway *gateway);
SELKIE_USE_RESULT int selkie_registry_delete_gateway(struct selkie_registry *registry, const char *name);

#endif
