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

#include "model/history.h"
#include "model/records.h"

struct selkie_registry;

#define SELKIE_REGISTRY_ERROR_SIZE 256

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
const char *selkie_registry_check_delay(struct selkie_registry *registry);
/* What keeps the log from being moved into the file, as a sentence; NULL = nothing. */
const char *selkie_registry_log_fault(struct selkie_registry *registry);

/* What the file says here contradicts what it says there, which is damage: note it and return SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_registry_contradicts(struct selkie_registry *registry, const char *finding);

/* The last row that turned out to be damaged, as a sentence; NULL = none so far. Functions that can meet one say so. */
const char *selkie_registry_corrupt(const struct selkie_registry *registry);

/* Devices */

/* 1, or 0 where there is none: then *device has the address alone, and a status as if it had been listed. */
SELKIE_USE_RESULT int selkie_registry_device(struct selkie_registry *registry,
                                             const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                             struct selkie_device_record *device);
SELKIE_USE_RESULT int selkie_registry_put_device(struct selkie_registry *registry,
                                                 const struct selkie_device_record *device);
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

/* 1 and the binding, or 0. */
SELKIE_USE_RESULT int selkie_registry_binding(struct selkie_registry *registry,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                              const uint8_t id_hash[static SELKIE_ID_HASH_SIZE],
                                              struct selkie_binding *binding);

/* The bindings of an address that are not retired: at most one active, which comes first, then those pending, oldest
 * first. Returns how many. */
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

/* Which counters of a binding are open. It costs a look-up only where something is missing. put deletes a history that
 * is whole. A corrupt row is logged, and opens nothing. */
SELKIE_USE_RESULT int selkie_registry_history(struct selkie_registry *registry, const struct selkie_binding *binding,
                                              struct selkie_history *history);
SELKIE_USE_RESULT int selkie_registry_put_history(struct selkie_registry *registry,
                                                  const struct selkie_binding *binding,
                                                  const struct selkie_history *history);

/* The window. 1 and what was seen of a counter, or 0. */
SELKIE_USE_RESULT int selkie_registry_seen(struct selkie_registry *registry, const struct selkie_binding *binding,
                                           uint32_t counter, struct selkie_seen *seen);
/* Remember a counter. The newest row is in *binding, which is to be stored after it; where it opens a new row, those
 * below `window_start` go. */
SELKIE_USE_RESULT int selkie_registry_put_seen(struct selkie_registry *registry, struct selkie_binding *binding,
                                               uint32_t counter, const struct selkie_seen *seen, uint32_t window_start);

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

/* Unmatched frames: SESSION, of an unknown tag */

SELKIE_USE_RESULT int selkie_registry_put_unmatched(struct selkie_registry *registry,
                                                    struct selkie_unmatched *unmatched);
SELKIE_USE_RESULT int selkie_registry_next_unmatched(struct selkie_registry *registry,
                                                     const uint8_t tag[static SELKIE_SESSION_TAG_SIZE], int64_t after,
                                                     struct selkie_unmatched *unmatched);
/* The oldest, if it arrived before a time. 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_oldest_unmatched(struct selkie_registry *registry, int64_t before_ms,
                                                       struct selkie_unmatched *unmatched);
/* When the last of all arrived; 0 where there is none. */
SELKIE_USE_RESULT int selkie_registry_last_unmatched(struct selkie_registry *registry, int64_t *arrived_ms);
/* The one with this tag and digest: 1 and its rx, or 0. */
SELKIE_USE_RESULT int selkie_registry_find_unmatched(struct selkie_registry *registry,
                                                     const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                                     const uint8_t digest[static SELKIE_DIGEST_SIZE], int64_t *rx_ms);
SELKIE_USE_RESULT int selkie_registry_delete_unmatched(struct selkie_registry *registry, int64_t number);
/* How many, of one tag or (NULL) of all; that came by one gateway. */
SELKIE_USE_RESULT int selkie_registry_count_unmatched(struct selkie_registry *registry, const uint8_t *tag);
SELKIE_USE_RESULT int selkie_registry_count_unmatched_of(struct selkie_registry *registry, const char *gateway);

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

SELKIE_USE_RESULT int selkie_registry_put_gateway(struct selkie_registry *registry,
                                                  const struct selkie_gateway_record *gateway);
/* The first above a name ("" = the first of all). 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_gateway(struct selkie_registry *registry, const char *after,
                                                   struct selkie_gateway_record *gateway);
SELKIE_USE_RESULT int selkie_registry_delete_gateway(struct selkie_registry *registry, const char *name);

#endif
