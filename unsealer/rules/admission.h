/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of PROTOCOL.md, section 7, for one opened frame: the facts about its device go in, the decision comes out.
 * Whether a frame is a replay is decided here. Pure functions: no storage, no clock, no heap; safe from any thread. */
#ifndef SELKIE_ADMISSION_H
#define SELKIE_ADMISSION_H

#include "model/records.h"

#define SELKIE_WINDOW          1024   /* the bodies' digests of the last so many counters are kept */
#define SELKIE_REPLAY_MS       600000 /* a repeat captured later than this after the first is a replay */
#define SELKIE_TAG_MAX         8      /* IDs that are not retired, a session tag */
#define SELKIE_REPLACED_MAX    64     /* under `allow`: IDs of an address that were replaced in SELKIE_REPLACED_DAYS */
#define SELKIE_REPLACED_DAYS   30
#define SELKIE_ALARM_EVERY_MS  60000 /* between alarms of one kind that each frame could raise */
#define SELKIE_SUPERSEDED_DAYS 30    /* after so long a superseded ID is retired */
#define SELKIE_ALIVE_MS        60000 /* a pending ID is alive after two frames that arrived so far apart, */
#define SELKIE_ALIVE_FOR_MS    (24 * 3600 * INT64_C(1000)) /* for so long after the last */

struct selkie_rules {
    enum selkie_enrolment enrolment;
    enum selkie_rebind rebind;
    int max_devices; /* that no administrator listed or approved */
};

/* X(name, text); the text is the last level of selkie/rejected/<reason> */
#define SELKIE_REASONS(X)                                                                                              \
    X(MALFORMED, "malformed")                                                                                          \
    X(UNKNOWN_KEY, "unknown-key")                                                                                      \
    X(BAD_SEAL, "bad-seal")                                                                                            \
    X(REPLAY, "replay")                                                                                                \
    X(CLONE, "clone")                                                                                                  \
    X(STALE, "stale")                                                                                                  \
    X(CLAIM, "claim")                                                                                                  \
    X(NOT_LISTED, "not-listed")                                                                                        \
    X(RETIRED, "retired")                                                                                              \
    X(DENIED, "denied")                                                                                                \
    X(PENDING_FULL, "pending-full")                                                                                    \
    X(TAG_FULL, "tag-full")                                                                                            \
    X(REGISTRY_FULL, "registry-full")                                                                                  \
    X(PARKING_FULL, "parking-full")                                                                                    \
    X(UNKNOWN, "unknown")                                                                                              \
    X(REVOKED, "revoked")                                                                                              \
    X(REMOVED, "removed")

enum selkie_reason {
#define SELKIE_REASON_ENUM(name, text) SELKIE_REASON_##name,
    SELKIE_REASONS(SELKIE_REASON_ENUM)
#undef SELKIE_REASON_ENUM
        SELKIE_REASON_COUNT
};

const char *selkie_reason_text(enum selkie_reason reason);

enum selkie_claim { SELKIE_CLAIM_NONE, SELKIE_CLAIM_RIGHT, SELKIE_CLAIM_WRONG };

/* The facts about a frame. */
struct selkie_case {
    /* of the frame */
    bool registration;
    enum selkie_claim claim; /* NONE also for DATA, and where the device has no claim set */
    uint32_t counter;
    uint8_t digest[SELKIE_DIGEST_SIZE];
    struct selkie_capture capture;
    int64_t now_ms;
    int64_t proof_since_ms; /* times by age before this count as this */
    int64_t today;          /* by the day clock */

    /* of the address */
    bool revoked, listed;
    bool claim_set;
    bool bound;       /* to another ID than this one */
    unsigned pending; /* its pending IDs, without this one */
    int64_t reset_alarm_ms;

    /* of an ID that is new at its address */
    unsigned same_tag;  /* IDs that are not retired with its session tag, at any address */
    bool parking_full;  /* for frames of this gateway */
    bool devices_full;  /* for a new device of this gateway, which this is and nobody listed */
    bool replaced_full; /* IDs of its address have replaced one another too often */

    /* of this ID at this address */
    enum selkie_binding_status own;
    uint64_t received; /* frames accepted; 0 = `highest` means nothing yet */
    uint32_t highest;
    bool open;                           /* this counter: at or below the highest, never accepted and not given up */
    const struct selkie_seen *seen;      /* this counter, if it was accepted and is in the window; else NULL */
    const struct selkie_capture *newest; /* of the frame with the highest counter; NULL = unknown */
    int64_t clone_alarm_ms;
    int64_t superseded_ms, superseded_day; /* of a superseded one, */
    struct selkie_capture successor;
};

enum selkie_verdict { SELKIE_ACCEPT, SELKIE_DUPLICATE, SELKIE_PARK, SELKIE_REJECT };

/* What to do, in this order: raise the alarms; supersede the binding that the address had, or retire those that took
 * this ID's place; displace a pending one; make a binding for this ID or change its status; apply the verdict to the
 * frame. */
struct selkie_decision {
    enum selkie_verdict verdict;
    enum selkie_reason reason;     /* for SELKIE_REJECT */
    bool alarm_reset, alarm_clone; /* clone: by the body, or by the order where the frame is accepted */
    bool wrong_claim;              /* rejected for it: count it */
    bool supersede_bound;
    bool takeover;                      /* of this ID's place was false: raise the alarm */
    bool displace;                      /* selkie_admission_displaced's */
    enum selkie_binding_status becomes; /* this ID's new status; NONE = unchanged */
    bool late;                          /* accepted, but below the highest */
    uint32_t lost;                      /* counters skipped by this frame */
};

/* Whether a repeat is a replay: its capture is proved to be long after the first one's. Else it is a duplicate. A first
 * one before since_ms proves nothing. */
bool selkie_admission_is_replay(const struct selkie_capture *first, const struct selkie_capture *again,
                                int64_t since_ms);

/* The pending ID of an address that one more takes the place of: the one that was silent longest, and one that is alive
 * only if all are. So of four, three that are alive stay. NULL if none is pending. */
struct selkie_binding *selkie_admission_displaced(struct selkie_binding live[], int count, int64_t now_ms);

/* The superseded ID of an address that goes when another one is superseded: the one that was silent longest; one that
 * is alive only if all are, and then the one whose life is the shortest. NULL while there is room. */
struct selkie_binding *selkie_admission_superfluous(struct selkie_binding live[], int count, int64_t now_ms);

/* What follows from an administrator's approval: whether a pending ID of the same address was silent since the approved
 * one came, and for more than twice the mean time between its frames. It is the dead one of an earlier reset, and is
 * denied. One that was heard since, or is not due yet, may be the device's, and stays. */
bool selkie_admission_outlived(const struct selkie_binding *pending, const struct selkie_binding *approved,
                               int64_t now_ms);

/* The pending ID of an address that came last. *rival: NULL, or another pending ID or the active one that was heard
 * since, so which of the two is the device's is not for a rule to say. `live` as selkie_registry_live has it. NULL if
 * none is pending. */
struct selkie_binding *selkie_admission_newest(struct selkie_binding live[], int count, struct selkie_binding **rival);

/* Whether an administrator may take a retired ID back: it was denied or removed, not replaced. */
bool selkie_admission_readmittable(const struct selkie_binding *binding);

struct selkie_decision selkie_admission_decide(const struct selkie_rules *rules, const struct selkie_case *facts);

#endif
