/* SPDX-License-Identifier: Apache-2.0 */
/* What the unsealer puts out becomes MQTT messages. PROTOCOL.md, sections 8 and 9. On Mosquitto's thread, once a turn
 * of its loop; the amount of work in one turn is bounded.
 *
 * Mosquitto hands a published message on at the start of its next turn. So what one turn published is told to the
 * unsealer as delivered in the next: a broker that is killed in between publishes them again after its start. */
#ifndef SELKIE_PLUGIN_DELIVER_H
#define SELKIE_PLUGIN_DELIVER_H

#include "control.h"

#include <selkie/unsealer.h>

struct selkie_deliver;

/* Most outputs that one turn publishes. */
#define SELKIE_DELIVER_MAX 256

/* All are borrowed; answers to commands go to `control`. */
SELKIE_USE_RESULT int selkie_deliver_open(struct selkie_deliver **deliver, struct selkie_unsealer *unsealer,
                                          struct selkie_control *control, const char *root);
/* Before the unsealer is closed. What was published, but had no turn yet, stays in the outbox. */
void selkie_deliver_close(struct selkie_deliver *deliver);

/* Mosquitto has had a turn since the last selkie_deliver_turn: what was published then is delivered. */
void selkie_deliver_confirm(struct selkie_deliver *deliver);

/* One turn's work, which begins with the above. True where more is waiting, so that the next turn should come soon. */
bool selkie_deliver_turn(struct selkie_deliver *deliver);

#endif
