/* SPDX-License-Identifier: Apache-2.0 */
/* What a frame or a command changes: records, outputs to publish, counts. All of it holds only after the writer's
 * commit. PROTOCOL.md, sections 7 and 8. No I/O but the registry's. One thread, the writer.
 *
 * Every int in rules/: 0 or a positive value, or SELKIE_ESTORAGE, SELKIE_ENOMEM or SELKIE_ECRYPTO. After an error the
 * transaction must be rolled back and run again. */
#ifndef SELKIE_EFFECTS_H
#define SELKIE_EFFECTS_H

#include "model/job.h"
#include "rules/admission.h"
#include "rules/day_clock.h"
#include "rules/device_models.h"
#include "rules/state_publisher.h"

/* X(name, text): the events of a device */
#define SELKIE_EVENTS(X)                                                                                               \
    X(REGISTERED, "registered")                                                                                        \
    X(RESET, "reset")                                                                                                  \
    X(APPROVED, "approved")                                                                                            \
    X(DENIED, "denied")                                                                                                \
    X(READMITTED, "readmitted")                                                                                        \
    X(REVOKED, "revoked")                                                                                              \
    X(CLONE, "clone")                                                                                                  \
    X(TAKEOVER, "takeover")                                                                                            \
    X(CLAIM, "claim")                                                                                                  \
    X(LOST, "lost")                                                                                                    \
    X(SILENT, "silent")                                                                                                \
    X(FORGOTTEN, "forgotten")

enum selkie_event {
#define SELKIE_EVENT_ENUM(name, text) SELKIE_EVENT_##name,
    SELKIE_EVENTS(SELKIE_EVENT_ENUM)
#undef SELKIE_EVENT_ENUM
        SELKIE_EVENT_COUNT
};
extern const char *const selkie_event_names[SELKIE_EVENT_COUNT];

/* Outcomes of frames; the members of selkie/stats. */
struct selkie_counts {
    uint64_t accepted[2]; /* by form: sealed, session */
    uint64_t late;        /* of those accepted */
    uint64_t duplicates;
    uint64_t parked;   /* for the administrator's decision, or unmatched; a frame counts once */
    uint64_t released; /* of those, decided when their ID became active */
    uint64_t lost;
    uint64_t given_up; /* of those, lost for good: they cannot be accepted late any more */
    uint64_t key_away; /* dropped without a receipt: the key was unavailable */
    uint64_t rejected[SELKIE_REASON_COUNT];
    uint64_t events[SELKIE_EVENT_COUNT]; /* published on devices' topics */
};

struct selkie_effects {
    struct selkie_registry *registry;
    struct selkie_rules rules;
    int64_t silent_after_ms; /* 0 = silence is not reported */

    /* Of the current transaction. */
    int64_t now_ms;
    int64_t unmatched_now_ms; /* a clock that is never set, for the age of unmatched frames; it stands still while
                               * the process does not run */
    struct selkie_output_list out;
    struct selkie_counts counts;
    int held[SELKIE_SHARED_COUNT]; /* by all gateways, at its end */
    uint64_t pending;              /* IDs, at its end */
    uint64_t devices, active;      /* all, and those of the status active, at its end */

    /* Of all transactions; read from the registry before the first, and again after a rollback. */
    bool loaded;
    uint64_t silent;        /* active devices that are silent, as selkie_silence_count found them last */
    int64_t clock_ms;       /* the time of day less the monotonic time */
    int64_t clock_set_us;   /* when the clock was set, monotonic; 0 = not since the start */
    int64_t boot_clock_ms;  /* the same less the time since the boot */
    int64_t proof_since_ms; /* when the clock was last set, by the new time: times by age before it count as this */
    struct selkie_state_publisher states;
    struct selkie_device_models models;
    /* unmatched_now_ms is the monotonic clock plus this, so that it continues from the last arrival that an earlier run
     * stored. */
    int64_t unmatched_shift_ms;
    bool shifted;
    struct selkie_day_clock day_clock;
    /* A gateway that had no room for a new device, until it has again; "" = none. */
    char full_for[SELKIE_GATEWAY_NAME_MAX + 1];
};

/* Begin a transaction: now_ms since the epoch, now_us monotonic. */
SELKIE_USE_RESULT int selkie_effects_begin(struct selkie_effects *effects, int64_t now_ms, int64_t now_us);
/* Before the commit: add the states that are due. */
SELKIE_USE_RESULT int selkie_effects_end(struct selkie_effects *effects, int64_t now_us);
/* Roll the transaction back. */
void selkie_effects_undo(struct selkie_effects *effects);
void selkie_effects_wipe(struct selkie_effects *effects);

/* Whether states are due soon, so that a transaction is needed even if no frame comes. */
bool selkie_effects_due(const struct selkie_effects *effects);

/* Whether a gateway may hold one more of what all of them share: 1 or 0. It may hold as many as are free of `max`, as
 * in pool.h: one that floods takes half, and another finds room. */
SELKIE_USE_RESULT int selkie_effects_has_room(struct selkie_effects *effects, enum selkie_shared what,
                                              const char *gateway, int max);

/* Add an output, with `outbox` to the outbox too. Takes `output`; NULL gives SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_effects_put(struct selkie_effects *effects, struct selkie_output *output, bool outbox);
/* Takes `details`. */
SELKIE_USE_RESULT int selkie_effects_event(struct selkie_effects *effects, const char *event, const uint8_t *address,
                                           const uint8_t *id_hash, json_t *details);
SELKIE_USE_RESULT int selkie_effects_reject(struct selkie_effects *effects, enum selkie_reason reason,
                                            const char *gateway, int64_t rx_ms, const uint8_t *address);
SELKIE_USE_RESULT int selkie_effects_receipt(struct selkie_effects *effects, const struct selkie_job *job);

/* Note when the binding was heard: its day, and its last_seen, a time of arrival (0 = of a frame that has waited:
 * nothing changes). No gateway's clock has a say in it. */
void selkie_effects_heard(const struct selkie_effects *effects, struct selkie_binding *binding, int64_t arrived_ms);

/* Change a binding's status; retired so, it has no way back. selkie_effects_review then brings the device's row and
 * state up to date. */
SELKIE_USE_RESULT int selkie_effects_set_status(struct selkie_effects *effects, struct selkie_binding *binding,
                                                enum selkie_binding_status status);
/* An administrator denied or removed a binding. */
SELKIE_USE_RESULT int selkie_effects_retire(struct selkie_effects *effects, struct selkie_binding *binding,
                                            enum selkie_binding_end ended);
SELKIE_USE_RESULT int selkie_effects_review(struct selkie_effects *effects, struct selkie_device_record *device);

#endif
