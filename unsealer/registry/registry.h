/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud stores: devices, their bindings and windows, parked and unmatched frames, the outbox, gateways. It
 * holds SHA-256(ID), never an ID; session keys, claims and payloads are sealed under the storage key.
 *
 * Only committed records exist: nothing is cached besides the database's own pages. The first change begins a
 * transaction; nothing of it is durable before selkie_registry_commit returns 0. One thread at a time.
 *
 * Every int here may be SELKIE_ESTORAGE: roll the transaction back; selkie_registry_fault returns the reason. "1 or 0"
 * is whether there is such a record. */
#ifndef SELKIE_REGISTRY_H
#define SELKIE_REGISTRY_H

#include "model/history.h"
#include "model/records.h"

struct selkie_registry;

#define SELKIE_REGISTRY_ERROR_SIZE 256

/* Open state_dir/registry.db. `create`: make both if there is neither a registry nor a storage key; so does a file
 * registry.db.new, which `selkiectl registry create` leaves and a first start that was broken off. A file that is
 * damaged, of a newer version, of another storage key or in use is refused, with the reason in `error`; an empty one
 * never takes its place. If the check for
 * damage takes longer than half a second, it continues beside the work: see selkie_registry_damage. */
SELKIE_USE_RESULT int selkie_registry_open(struct selkie_registry **registry, const char *state_dir, bool create,
                                           char error[static SELKIE_REGISTRY_ERROR_SIZE]);
/* Before the close, and while the writer may commit: its commits no longer wait for a copy of the log, and nor does the
 * close. A long log stays for the next open to read. */
void selkie_registry_end_waits(struct selkie_registry *registry);
void selkie_registry_close(struct selkie_registry *registry);

/* Whether there was a change since the last commit or rollback. */
bool selkie_registry_changed(const struct selkie_registry *registry);
SELKIE_USE_RESULT int selkie_registry_commit(struct selkie_registry *registry);
void selkie_registry_rollback(struct selkie_registry *registry);
const char *selkie_registry_fault(const struct selkie_registry *registry);
/* Make a change without effect, so that the next commit writes: only a write shows whether storage works. */
SELKIE_USE_RESULT int selkie_registry_touch(struct selkie_registry *registry);

/* Whether registry.db and its log are still the files that are open. What is stored into files that were removed,
 * replaced or unmounted since is lost, so then nothing may be decided. */
SELKIE_USE_RESULT int selkie_registry_check_place(struct selkie_registry *registry);

/* Lines for the log, or NULL. The damage that the check or the work has found so far: then nothing may be decided,
 * since an ID or a counter that cannot be found would count as new. */
const char *selkie_registry_damage(struct selkie_registry *registry);
/* Why the check for damage has to retry; NULL also after it is done. */
const char *selkie_registry_check_delay(struct selkie_registry *registry);
/* Why the write-ahead log cannot be moved into the file. */
const char *selkie_registry_log_fault(struct selkie_registry *registry);
/* The disk is full or read-only, also if nothing was to be stored that would show it. */
const char *selkie_registry_disk_fault(struct selkie_registry *registry);
/* The last damaged row. Functions that can meet one return SELKIE_ECRYPTO, or say what they do instead. */
const char *selkie_registry_corrupt(const struct selkie_registry *registry);

/* Two records contradict each other, which is damage: note it and return SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_registry_contradicts(struct selkie_registry *registry, const char *finding);

/* Devices */

/* 1 or 0; with 0 *device has only the address, and the status of a listed device. */
SELKIE_USE_RESULT int selkie_registry_device(struct selkie_registry *registry,
                                             const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                             struct selkie_device_record *device);
/* Its name and the chosen model alone; both "" with 0. */
struct selkie_device_label {
    char name[SELKIE_DEVICE_NAME_MAX + 1];
    char model[SELKIE_MODEL_NAME_MAX + 1];
};
SELKIE_USE_RESULT int selkie_registry_label(struct selkie_registry *registry,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                            struct selkie_device_label *label);
SELKIE_USE_RESULT int selkie_registry_put_device(struct selkie_registry *registry,
                                                 const struct selkie_device_record *device);
SELKIE_USE_RESULT int selkie_registry_delete_device(struct selkie_registry *registry,
                                                    const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* At most `max` addresses in ascending order, of one status or (status < 0) of all, after an address (NULL = from the
 * first) and `offset` more. Returns the number. */
SELKIE_USE_RESULT int selkie_registry_addresses(struct selkie_registry *registry, int status, const uint8_t *after,
                                                uint64_t offset, uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max);

/* At most `max` addresses that have pending IDs, as above. */
SELKIE_USE_RESULT int selkie_registry_pending_addresses(struct selkie_registry *registry, const uint8_t *after,
                                                        uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max);

/* Number of devices of a status (< 0: all); of active bindings whose last seal was under a key; of pending bindings. */
SELKIE_USE_RESULT int selkie_registry_count_devices(struct selkie_registry *registry, int status, uint64_t *count);
SELKIE_USE_RESULT int selkie_registry_count_key(struct selkie_registry *registry, uint8_t key_id, uint64_t *count);
SELKIE_USE_RESULT int selkie_registry_count_all_pending(struct selkie_registry *registry, uint64_t *count);

/* Bindings */

/* 1 and the binding, or 0. */
SELKIE_USE_RESULT int selkie_registry_binding(struct selkie_registry *registry,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                              const uint8_t id_hash[static SELKIE_ID_HASH_SIZE],
                                              struct selkie_binding *binding);

/* The bindings of an address that are not retired: the active one if any, then those pending, then those superseded,
 * each oldest first. Returns the number. */
SELKIE_USE_RESULT int selkie_registry_live(struct selkie_registry *registry,
                                           const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                           struct selkie_binding bindings[static SELKIE_LIVE_MAX]);

/* The number of those that are pending. */
SELKIE_USE_RESULT int selkie_registry_count_pending(struct selkie_registry *registry,
                                                    const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* The retired binding of an address with this ID, the first 16 hex digits of its hash. 1, or 0: there is none. */
SELKIE_USE_RESULT int selkie_registry_retired_id(struct selkie_registry *registry,
                                                 const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *id,
                                                 struct selkie_binding *binding);

/* At most `max` retired bindings of an address: first those that may be readmitted, then those that were retired last.
 * Returns the number. */
SELKIE_USE_RESULT int selkie_registry_retired(struct selkie_registry *registry,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                              struct selkie_binding bindings[], int max);

/* The next active binding above number *after that is not marked silent and was last seen before a time or later than
 * now. Searches `span` numbers. 1, or 0 with *after at the end of the search, at 0 after the last binding. */
SELKIE_USE_RESULT int selkie_registry_next_silent(struct selkie_registry *registry, int64_t *after, int64_t span,
                                                  int64_t before_ms, int64_t now_ms, struct selkie_binding *binding);

/* As selkie_registry_next_silent, for those that are marked silent, whatever their status. */
SELKIE_USE_RESULT int selkie_registry_next_marked(struct selkie_registry *registry, int64_t *after, int64_t span,
                                                  struct selkie_binding *binding);

/* The number of active bindings above number *after that are marked silent, of devices that are not revoked. Searches
 * `span` numbers, and *after is as above. */
SELKIE_USE_RESULT int selkie_registry_count_silent(struct selkie_registry *registry, int64_t *after, int64_t span);

/* As selkie_registry_next_silent, for bindings whose last frame came before a day: pending ones, and active ones whose
 * device no administrator vouched for; and of such that were denied or removed before a day. */
SELKIE_USE_RESULT int selkie_registry_next_forgotten(struct selkie_registry *registry, int64_t *after, int64_t span,
                                                     int64_t pending_day, int64_t active_day, int64_t ended_day,
                                                     struct selkie_binding *binding);
/* The number of superseded and retired bindings of an address whose last frame came after a day. */
SELKIE_USE_RESULT int selkie_registry_count_replaced(struct selkie_registry *registry,
                                                     const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                                     int64_t after_day);

/* The first binding with this session tag, or with `next` the one after *binding; retired ones come last. 1 with its
 * session key (with an empty session if it is retired), or 0. SELKIE_ECRYPTO: this binding's key is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_tag(struct selkie_registry *registry,
                                               const uint8_t tag[static SELKIE_SESSION_TAG_SIZE], bool next,
                                               struct selkie_binding *binding, struct selkie_session *session);
/* The number of them that are not retired. */
SELKIE_USE_RESULT int selkie_registry_count_tag(struct selkie_registry *registry,
                                                const uint8_t tag[static SELKIE_SESSION_TAG_SIZE]);

/* The number of those with the tag of a binding. */
SELKIE_USE_RESULT int selkie_registry_count_same_tag(struct selkie_registry *registry,
                                                     const struct selkie_binding *binding);

/* Add a binding; sets its number. Its ID must be new at its address. This checks that in another index than
 * selkie_registry_binding does: the last chance to detect a damaged one. */
SELKIE_USE_RESULT int selkie_registry_add_binding(struct selkie_registry *registry, struct selkie_binding *binding,
                                                  const struct selkie_session *session);
/* Store all but what put_binding_status stores. */
SELKIE_USE_RESULT int selkie_registry_put_binding(struct selkie_registry *registry,
                                                  const struct selkie_binding *binding);
/* Store status, key_id, revoked, superseded_ms, superseded_day, successor and ended. What is parked for one that is
 * retired must go. One that ended as SELKIE_BINDING_REPLACED has no way back: delete its session key, its window,
 * gateway and firmware, and give its row another number; nothing more can be stored for *binding. */
SELKIE_USE_RESULT int selkie_registry_put_binding_status(struct selkie_registry *registry,
                                                         const struct selkie_binding *binding);

/* Delete a pending binding, for which nothing is parked any more: its ID may come again. */
SELKIE_USE_RESULT int selkie_registry_delete_binding(struct selkie_registry *registry, int64_t number);

/* Which counters of a binding are open. Reads a row only if the ID misses counters. put deletes the row once nothing is
 * open. A corrupt row is logged, and opens nothing. */
SELKIE_USE_RESULT int selkie_registry_history(struct selkie_registry *registry, const struct selkie_binding *binding,
                                              struct selkie_history *history);
SELKIE_USE_RESULT int selkie_registry_put_history(struct selkie_registry *registry,
                                                  const struct selkie_binding *binding,
                                                  const struct selkie_history *history);

/* The window: 1 and what was accepted with a counter, or 0. */
SELKIE_USE_RESULT int selkie_registry_seen(struct selkie_registry *registry, const struct selkie_binding *binding,
                                           uint32_t counter, struct selkie_seen *seen);
/* Note an accepted counter. *binding has the newest row: store it afterwards. A new row deletes those below
 * `window_start`. */
SELKIE_USE_RESULT int selkie_registry_put_seen(struct selkie_registry *registry, struct selkie_binding *binding,
                                               uint32_t counter, const struct selkie_seen *seen, uint32_t window_start);

/* Parked frames */

SELKIE_USE_RESULT int selkie_registry_park(struct selkie_registry *registry, struct selkie_opened *parked);
/* In the order of counter and arrival: the first, or with `next` the one after *parked. 1 or 0. SELKIE_ECRYPTO: the
 * payload of this one is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_parked(struct selkie_registry *registry, int64_t binding, bool next,
                                                  struct selkie_opened *parked);
/* The one that was parked first. 1 or 0, or SELKIE_ECRYPTO as above. */
SELKIE_USE_RESULT int selkie_registry_oldest_parked(struct selkie_registry *registry, int64_t binding,
                                                    struct selkie_opened *parked);
/* The one with this counter and digest: 1 and its capture, or 0. */
SELKIE_USE_RESULT int selkie_registry_find_parked(struct selkie_registry *registry, int64_t binding, uint32_t counter,
                                                  const uint8_t digest[static SELKIE_DIGEST_SIZE],
                                                  struct selkie_capture *capture);
/* The one of all that was parked first, if that was before a day: 1 with its number, rx_ms, gateway and the address of
 * its binding, or 0. */
SELKIE_USE_RESULT int selkie_registry_first_parked(struct selkie_registry *registry, int64_t before_day,
                                                   struct selkie_opened *parked,
                                                   uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int selkie_registry_unpark(struct selkie_registry *registry, int64_t number);
/* Their number. */
SELKIE_USE_RESULT int selkie_registry_count_parked(struct selkie_registry *registry, int64_t binding);

/* Unmatched frames: SESSION, with an unknown tag */

SELKIE_USE_RESULT int selkie_registry_put_unmatched(struct selkie_registry *registry,
                                                    struct selkie_unmatched *unmatched);
SELKIE_USE_RESULT int selkie_registry_next_unmatched(struct selkie_registry *registry,
                                                     const uint8_t tag[static SELKIE_SESSION_TAG_SIZE], int64_t after,
                                                     struct selkie_unmatched *unmatched);
/* The oldest, if it arrived before a time. 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_oldest_unmatched(struct selkie_registry *registry, int64_t before_ms,
                                                       struct selkie_unmatched *unmatched);
/* When the last one arrived; 0 if there is none. */
SELKIE_USE_RESULT int selkie_registry_last_unmatched(struct selkie_registry *registry, int64_t *arrived_ms);
/* The one with this tag and digest: 1 and its capture, or 0. */
SELKIE_USE_RESULT int selkie_registry_find_unmatched(struct selkie_registry *registry,
                                                     const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                                     const uint8_t digest[static SELKIE_DIGEST_SIZE],
                                                     struct selkie_capture *capture);
SELKIE_USE_RESULT int selkie_registry_delete_unmatched(struct selkie_registry *registry, int64_t number);
/* Their number with one tag, of one gateway or ("") of all. */
SELKIE_USE_RESULT int selkie_registry_count_unmatched(struct selkie_registry *registry,
                                                      const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                                      const char *gateway);

/* What gateways share: the number that one of them holds, or ("") all. The database counts it with each change. */
enum selkie_shared { SELKIE_SHARED_DEVICES, SELKIE_SHARED_PARKED, SELKIE_SHARED_UNMATCHED, SELKIE_SHARED_COUNT };
SELKIE_USE_RESULT int selkie_registry_held(struct selkie_registry *registry, enum selkie_shared what,
                                           const char *gateway);

/* The outbox: an output's kind, address, counter, rx_ms, clock, gateway, form and data */

SELKIE_USE_RESULT int selkie_registry_put_outbox(struct selkie_registry *registry, struct selkie_output *output);
/* The next one after number *after, which becomes its number; free it with selkie_output_free. 1 or 0, or
 * SELKIE_ECRYPTO: its payload is damaged. */
SELKIE_USE_RESULT int selkie_registry_next_outbox(struct selkie_registry *registry, uint64_t *after,
                                                  struct selkie_output **output);
SELKIE_USE_RESULT int selkie_registry_empty_outbox(struct selkie_registry *registry, uint64_t up_to);

/* Devices whose retained state is due */

SELKIE_USE_RESULT int selkie_registry_put_stale(struct selkie_registry *registry,
                                                const uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int selkie_registry_delete_stale(struct selkie_registry *registry,
                                                   const uint8_t address[static SELKIE_ADDRESS_SIZE]);
/* The first address after one (NULL = the first of all). 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_stale(struct selkie_registry *registry, const uint8_t *after,
                                                 uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* The time of rules/day_clock.h, ms; 0 before the first. */
SELKIE_USE_RESULT int selkie_registry_day_clock(struct selkie_registry *registry, int64_t *ms);
SELKIE_USE_RESULT int selkie_registry_put_day_clock(struct selkie_registry *registry, int64_t ms);

/* Gateways */

SELKIE_USE_RESULT int selkie_registry_put_gateway(struct selkie_registry *registry,
                                                  const struct selkie_gateway_record *gateway);
/* 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_gateway(struct selkie_registry *registry, const char *name,
                                              struct selkie_gateway_record *gateway);
/* The first after a name ("" = the first of all). 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_gateway(struct selkie_registry *registry, const char *after,
                                                   struct selkie_gateway_record *gateway);
SELKIE_USE_RESULT int selkie_registry_delete_gateway(struct selkie_registry *registry, const char *name);
/* Note that a registered gateway has been there, until it is deleted. */
SELKIE_USE_RESULT int selkie_registry_put_came(struct selkie_registry *registry, const char *name);
/* The first of them after a name ("" = the first of all), which becomes `name`. 1 or 0. */
SELKIE_USE_RESULT int selkie_registry_next_came(struct selkie_registry *registry,
                                                char name[static SELKIE_GATEWAY_NAME_MAX + 1]);

/* Where rules/refresh.h stands: 1 and an address, or 0. put with NULL deletes it. */
SELKIE_USE_RESULT int selkie_registry_refresh(struct selkie_registry *registry,
                                              uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int selkie_registry_put_refresh(struct selkie_registry *registry, const uint8_t *address);

#endif
