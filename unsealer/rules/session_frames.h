/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames: which ID sent one, and the unmatched frames whose REGISTER has not arrived yet. PROTOCOL.md, sections
 * 5 and 7. One thread, the writer. */
#ifndef SELKIE_SESSION_FRAMES_H
#define SELKIE_SESSION_FRAMES_H

#include "rules/effects.h"

#define SELKIE_UNMATCHED_MAX 256 /* frames of one unknown tag */
#define SELKIE_UNMATCHED_MAX_ALL                                                                                       \
    16384                           /* in all; one gateway may hold as many as are free, as in the intake: pool.h      \
                                     */
#define SELKIE_UNMATCHED_MS 3600000 /* how long one is kept */

struct selkie_identified {
    struct selkie_binding binding;
    struct selkie_opened opened; /* wipe it */
    bool unmatched;              /* no ID has its tag */
    enum selkie_reason reason;   /* where no ID's key opens it */
    /* Whose SEALED frames, where they are not decided yet, may change the answer: the frame's own device; for one that
     * no key opens, all devices with its tag; for an unmatched one, any device: then `candidates` is 0. */
    bool waits;
    uint8_t addresses[SELKIE_TAG_MAX][SELKIE_ADDRESS_SIZE];
    unsigned candidates;
};

/* Find the ID whose key opens a frame: 1, or 0 where there is none. */
SELKIE_USE_RESULT int selkie_session_frames_identify(struct selkie_effects *effects, const struct selkie_job *job,
                                                     struct selkie_identified *identified);
/* A frame without an ID: an unmatched one is kept for a while, another is rejected. Notes its receipt. */
SELKIE_USE_RESULT int selkie_session_frames_turn_away(struct selkie_effects *effects, const struct selkie_job *job,
                                                      const struct selkie_identified *identified);
/* A binding was made: park its unmatched frames for it. */
SELKIE_USE_RESULT int selkie_session_frames_adopt(struct selkie_effects *effects, struct selkie_binding *binding,
                                                  const struct selkie_session *session);
/* Reject unmatched frames whose time is over: at most `max`; returns how many. */
SELKIE_USE_RESULT int selkie_session_frames_expire(struct selkie_effects *effects, int max);

#endif
