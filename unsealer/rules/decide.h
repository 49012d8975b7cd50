/* SPDX-License-Identifier: Apache-2.0 */
/* Decide one frame: read its records, ask admission.h, apply the decision. PROTOCOL.md, section 7. One
 * thread, the writer. The files of this folder in the order of a frame: decide → newcomer → session_frames → parking →
 * active → effects. */
#ifndef SELKIE_DECIDE_H
#define SELKIE_DECIDE_H

#include "rules/session_frames.h"

/* A SEALED frame that a worker has opened, or a malformed frame. Adds its receipt. */
SELKIE_USE_RESULT int selkie_decide_frame(struct selkie_effects *effects, const struct selkie_job *job);

/* A SESSION frame whose ID selkie_session_frames_identify has found. Adds its receipt. */
SELKIE_USE_RESULT int selkie_decide_session(struct selkie_effects *effects, const struct selkie_job *job,
                                            struct selkie_identified *identified);

#endif
