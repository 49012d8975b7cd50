/* SPDX-License-Identifier: Apache-2.0 */
/* What Home Assistant was told, and is over: messages below a prefix that is no longer in force, those of devices that
 * are gone, and components that a message no longer has. Follows from shown.h. PROTOCOL.md, section 8, "Home
 * Assistant". On Mosquitto's thread. */
#ifndef SELKIE_PLUGIN_DISCOVERY_PAST_H
#define SELKIE_PLUGIN_DISCOVERY_PAST_H

#include "discovery_table.h"
#include "shown.h"

struct selkie_discovery_outdated;

struct selkie_discovery_past {
    struct selkie_shown *shown;
    struct selkie_discovery_table *table; /* the devices that are known; both are borrowed, */
    const char *prefix;                   /* like the one in force; "" = none */
    struct selkie_discovery_outdated *outdated;
    int64_t now_us, sure_us; /* of this turn; when answers are sure, 0 = there are none */
};

/* What was taken back while Home Assistant was there is forgotten so many seconds later, unless it has gone or come
 * again meanwhile, or the broker has ended: Mosquitto passes a message on in its next turn, and no socket takes those
 * of ten thousand devices at once. */
#define SELKIE_DISCOVERY_SURE_S 30

void selkie_discovery_past_wipe(struct selkie_discovery_past *past);

/* Publish that a device's message is gone. As selkie_publish. */
SELKIE_USE_RESULT int selkie_discovery_past_clear(const char *prefix,
                                                  const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* At the start, the prefix is in force. What an earlier run showed below another one is cleared when somebody reads it,
 * or when Home Assistant says that it is there: now it is not, and would not learn of it. */
void selkie_discovery_past_begin(struct selkie_discovery_past *past);

/* Clear, in the next steps, what is over below a prefix. With `answering`, Home Assistant is there: also what was
 * cleared before, and then it is forgotten. Without memory it stays until somebody reads it. */
void selkie_discovery_past_retire(struct selkie_discovery_past *past, const char *prefix, bool answering);
/* Returns how many were cleared, at most `max`, or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_discovery_past_step(struct selkie_discovery_past *past, int max);

/* The parts of a device, as selkie_discovery_message_parts has them, that were shown below the prefix in force, are not
 * in `now`, and were not taken back yet (heap); NULL without memory. */
char *selkie_discovery_past_gone(const struct selkie_discovery_past *past, struct selkie_shown_device *device,
                                 const char *now);
/* What is former below a prefix was taken back while Home Assistant was there. */
void selkie_discovery_past_answer(struct selkie_discovery_past *past, struct selkie_shown_device *device,
                                  const char *prefix);
/* Home Assistant has gone, or comes: nobody knows whether it got the answers below this prefix. */
void selkie_discovery_past_drop_answers(struct selkie_discovery_past *past, const char *prefix);
/* Forget what is sure to be gone; at the start of each turn. */
void selkie_discovery_past_turn(struct selkie_discovery_past *past, int64_t now_us);

#endif
