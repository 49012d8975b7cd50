/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames: which ID sent one, and the unmatched ones, whose REGISTER has not arrived yet. PROTOCOL.md, sections
 * 5 and 7. One thread, the writer. */
#ifndef SELKIE_SESSION_FRAMES_H
#define SELKIE_SESSION_FRAMES_H

#include "rules/effects.h"

/* One gateway may hold as many as are free, of one tag and of all, as in pool.h. */
#define SELKIE_UNMATCHED_MAX     512     /* frames of one unknown tag */
#define SELKIE_UNMATCHED_MAX_ALL 16384   /* of all tags */
#define SELKIE_UNMATCHED_MS      3600000 /* how long one is kept */

struct selkie_identified {
    struct selkie_binding binding;
    struct selkie_opened opened; /* wipe it */
    bool unmatched;              /* no ID has its tag */
    enum selkie_reason reason;   /* if no ID's key opens it */
    /* Undecided SEALED frames of these devices may change the answer: of the frame's own device; if no key opens it, of
     * all devices with its tag; if it is unmatched, of any device (candidates = 0). */
    bool waits;
    uint8_t addresses[SELKIE_TAG_MAX][SELKIE_ADDRESS_SIZE];
    unsigned candidates;
};

/* Among the IDs with its tag, find the one whose key opens the frame: 1, or 0 if none does. */
SELKIE_USE_RESULT int selkie_session_frames_identify(struct selkie_effects *effects, const struct selkie_job *job,
                                                     struct selkie_identified *identified);
/* Park an unmatched frame; reject one whose tag is known but that no key opens. Adds its receipt. */
SELKIE_USE_RESULT int selkie_session_frames_unidentified(struct selkie_effects *effects, const struct selkie_job *job,
                                                         const struct selkie_identified *identified);
/* A binding was made: park its unmatched frames for it. */
SELKIE_USE_RESULT int selkie_session_frames_adopt(struct selkie_effects *effects, struct selkie_binding *binding,
                                                  const struct selkie_session *session);
/* Reject unmatched frames that are too old, at most `max`. Returns how many. */
SELKIE_USE_RESULT int selkie_session_frames_expire(struct selkie_effects *effects, int max);

#endif
