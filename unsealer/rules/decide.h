/* SPDX-License-Identifier: Apache-2.0 */
/* The decision on one frame: look up its records, ask admission.h, apply the answer. PROTOCOL.md, section 7. One
 * thread, the writer. The files of this folder in the order of a frame: decide → newcomer → session_frames → parking →
 * active → effects. */
#ifndef SELKIE_DECIDE_H
#define SELKIE_DECIDE_H

#include "rules/session_frames.h"

/* A malformed frame, or a SEALED one with the outcome of its opening. Notes its receipt. */
SELKIE_USE_RESULT int selkie_decide_frame(struct selkie_effects *effects, const struct selkie_job *job);

/* A SESSION frame that selkie_session_frames_identify found an ID for. Notes its receipt. */
SELKIE_USE_RESULT int selkie_decide_session(struct selkie_effects *effects, const struct selkie_job *job,
                                            struct selkie_identified *identified);

#endif
