/* SPDX-License-Identifier: Apache-2.0 */
/* What the registrar does with one frame: look up, have it judged (admission.h), write the outcome down, note what is
 * to be put out. Nothing here is true before the registrar's commit. One thread.
 *
 * Every int: 0 or a positive value, or SELKIE_ESTORAGE, SELKIE_ENOMEM or SELKIE_ECRYPTO: then the round is to be rolled
 * back and done again. */
#ifndef SELKIE_CLERK_H
#define SELKIE_CLERK_H

#include "announce.h"
#include "report.h"

#define SELKIE_PARKED_MAX     256   /* payloads a pending binding, and of an unknown tag */
#define SELKIE_PARKED_MAX_ALL 65536 /* parked frames in all: what comes then is rejected */
#define SELKIE_STRAYS_MAX_ALL 16384 /* a gateway may have as many as are free, as in the intake: see pool.h */
#define SELKIE_STRAY_MS       3600000

/* What came of frames. The members are those of selkie/stats. */
struct selkie_counts {
    uint64_t accepted[2]; /* by form: sealed, session */
    uint64_t late;        /* of those accepted */
    uint64_t duplicates;
    uint64_t parked;   /* put to wait: for an operator's decision, or stray; a frame counts once */
    uint64_t released; /* of those, judged because their binding became active */
    uint64_t lost;
    uint64_t key_away; /* let go without a receipt: the key could not be reached */
    uint64_t rejected[SELKIE_REASON_COUNT];
};

struct selkie_clerk {
    struct selkie_registry *registry;
    struct selkie_announcer *announcer;
    struct selkie_rules rules;

    /* Of the round under way. */
    int64_t now_ms;
    int64_t stray_now_ms; /* what strays age by: only while it works, and whatever the wall's clock is set to */
    struct selkie_output_list out;
    struct selkie_counts counts;
    /* How many there are in all. Counted once: it would take too long for each round. */
    int parked, strays;
    bool counted;
    /* stray_now_ms is the monotonic clock and this, so that it goes on from when the last of those arrived that an
     * earlier run has left. */
    int64_t stray_shift_ms;
    bool shifted;
};

/* Begin a round, at a time since the epoch and at the monotonic one. After a rollback clear `counted` before. */
SELKIE_USE_RESULT int selkie_clerk_begin(struct selkie_clerk *clerk, int64_t now_ms, int64_t now_us);

/* Decide on a job: malformed, or SEALED and opened. Its receipt is noted with it. */
SELKIE_USE_RESULT int selkie_clerk_decide(struct selkie_clerk *clerk, struct selkie_job *job);

/* A SESSION frame. Identify: whose is it? 1, or 0 where it is nobody's. Then decide on it, or turn it away: stray
 * frames are kept for a while, the others rejected. Its receipt is noted with it. */
struct selkie_identified {
    struct selkie_binding binding;
    struct selkie_opened opened; /* wipe it */
    bool stray;                  /* nobody's: its tag is unknown */
    enum selkie_reason reason;   /* nobody's, and not stray */
    /* Whose SEALED frames, where they are still to be decided, may make it another one's: its own device's; of one that
     * opens nowhere, all that have its tag; of a stray, anybody's: then `candidates` is 0. */
    bool waits;
    uint8_t addresses[SELKIE_TAG_MAX][SELKIE_ADDRESS_SIZE];
    unsigned candidates;
};
SELKIE_USE_RESULT int selkie_clerk_identify(struct selkie_clerk *clerk, const struct selkie_job *job,
                                            struct selkie_identified *identified);
SELKIE_USE_RESULT int selkie_clerk_decide_session(struct selkie_clerk *clerk, const struct selkie_job *job,
                                                  struct selkie_identified *identified);
SELKIE_USE_RESULT int selkie_clerk_turn_away(struct selkie_clerk *clerk, const struct selkie_job *job,
                                             const struct selkie_identified *identified);

/* Let go of stray frames whose hour is over: at most `max`; returns how many. */
SELKIE_USE_RESULT int selkie_clerk_expire_strays(struct selkie_clerk *clerk, int max);

/* Walk on through the bindings and tell of those that were not heard for after_ms (0 = never). Once the round is rolled
 * back, *walk must be what it was before. */
struct selkie_walk {
    int64_t after_ms;
    int64_t at;      /* binding */
    int64_t next_us; /* when the next step is due, monotonic */
};
SELKIE_USE_RESULT int selkie_clerk_walk(struct selkie_clerk *clerk, struct selkie_walk *walk, int64_t now_us);

/* What clerk_*.c have of each other. */

/* Note an output; with `outbox`, it goes through the outbox. Takes `output`; NULL is SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_clerk_put(struct selkie_clerk *clerk, struct selkie_output *output, bool outbox);
SELKIE_USE_RESULT int selkie_clerk_event(struct selkie_clerk *clerk, const char *event, const uint8_t *address,
                                         const uint8_t *id_hash, json_t *details);
SELKIE_USE_RESULT int selkie_clerk_reject(struct selkie_clerk *clerk, enum selkie_reason reason, const char *gateway,
                                          int64_t rx_ms, const uint8_t *address);
SELKIE_USE_RESULT int selkie_clerk_receipt(struct selkie_clerk *clerk, const struct selkie_job *job);

/* Let a frame of an active binding in: window, counter, outbox, events, state. */
SELKIE_USE_RESULT int selkie_clerk_accept(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                          const struct selkie_opened *opened, const struct selkie_decision *decision);
/* Judge a frame of an active binding by its counter, and act on it. */
SELKIE_USE_RESULT int selkie_clerk_judge(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                         const struct selkie_opened *opened);

/* A frame was heard: the binding's last_seen. Never later than now: a gateway whose clock is ahead must not keep its
 * devices from falling silent. */
void selkie_clerk_heard(const struct selkie_clerk *clerk, struct selkie_binding *binding, int64_t rx_ms);

/* Act on a verdict other than to park. */
SELKIE_USE_RESULT int selkie_clerk_act(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                       const struct selkie_opened *opened, const struct selkie_decision *decision,
                                       const uint8_t *address);

/* An ID that is not active at its address. */
struct selkie_newcomer {
    struct selkie_device *device;
    struct selkie_binding *own;    /* status NONE where it is new */
    struct selkie_binding *bound;  /* the active binding of the address, or NULL */
    const uint8_t *id;             /* NULL where it is not new */
    struct selkie_session session; /* a new one's: wipe it */
};
/* Find the address's binding to another ID (in live), and tell admission of it, of the others that are pending, and of
 * those that a new ID would share its session tag with. */
SELKIE_USE_RESULT int selkie_clerk_look_around(struct selkie_clerk *clerk, const struct selkie_binding *own,
                                               struct selkie_binding live[static SELKIE_LIVE_MAX],
                                               struct selkie_newcomer *newcomer, struct selkie_case *facts);
SELKIE_USE_RESULT int selkie_clerk_decide_newcomer(struct selkie_clerk *clerk, struct selkie_newcomer *newcomer,
                                                   struct selkie_opened *opened,
                                                   const struct selkie_decision *decision);

/* A frame that waits has come again: a duplicate or a replay. */
SELKIE_USE_RESULT int selkie_clerk_repeated(struct selkie_clerk *clerk, int64_t first_rx_ms, int64_t rx_ms,
                                            const char *gateway, const uint8_t *address);

/* Park a frame: of a pending binding, within bounds; of one that has just become active, until selkie_clerk_release in
 * the same round. `waited`: it has been counted as parked before. */
SELKIE_USE_RESULT int selkie_clerk_park(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                        struct selkie_opened *opened, bool waited);
/* A binding has been made: the stray frames that are its own are parked for it. */
SELKIE_USE_RESULT int selkie_clerk_adopt(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                         const struct selkie_session *session);
/* A binding has become active: judge what is parked for it, in order of counter, and (or NULL) the frame that made it
 * so in its place among them. */
SELKIE_USE_RESULT int selkie_clerk_release(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                           const struct selkie_opened *newest);
/* What is parked for a binding is rejected. */
SELKIE_USE_RESULT int selkie_clerk_evict(struct selkie_clerk *clerk, const struct selkie_binding *binding,
                                         enum selkie_reason reason);

/* Give a binding another status; what follows for its address (device row, state) is done by selkie_clerk_review. */
SELKIE_USE_RESULT int selkie_clerk_set_status(struct selkie_clerk *clerk, struct selkie_binding *binding,
                                              enum selkie_binding_status status);
SELKIE_USE_RESULT int selkie_clerk_review(struct selkie_clerk *clerk, struct selkie_device *device);

#endif
