/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes the outputs of the unsealer. PROTOCOL.md, sections 8 and 9. On Mosquitto's thread, once a turn of its loop;
 * the amount of work in one turn is bounded.
 *
 * Mosquitto passes a published message on at the start of its next turn. So the next turn reports to the unsealer what
 * this turn published: a broker that is killed in between publishes it again after its start. */
#ifndef SELKIE_PLUGIN_DELIVER_H
#define SELKIE_PLUGIN_DELIVER_H

#include "control.h"
#include "discovery.h"
#include "retained.h"
#include "retained_values.h"

#include <selkie/unsealer.h>

struct selkie_deliver;

/* Most outputs that one turn publishes. */
#define SELKIE_DELIVER_MAX 256

/* All are borrowed. */
struct selkie_deliver_parts {
    struct selkie_unsealer *unsealer;
    struct selkie_control *control;        /* answers to commands go there, */
    struct selkie_retained *retained;      /* and states there */
    struct selkie_retained_values *values; /* which learns of states and values */
    struct selkie_discovery *discovery;    /* likewise of states */
    const char *root;
};
SELKIE_USE_RESULT int selkie_deliver_open(struct selkie_deliver **deliver, const struct selkie_deliver_parts *parts);
/* Call it before the unsealer is closed. What was published, but had no turn yet, stays in the outbox. */
void selkie_deliver_close(struct selkie_deliver *deliver);

/* Mosquitto has had a turn since the last selkie_deliver_turn: what was published then is delivered. */
void selkie_deliver_confirm(struct selkie_deliver *deliver);

/* The work of one turn, which begins with selkie_deliver_confirm. Returns true if more waits: then the next turn should
 * come soon. */
bool selkie_deliver_turn(struct selkie_deliver *deliver);

#endif
