/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker keeps (retained) about devices and gateways, made true after a start. PROTOCOL.md, section 8.
 *
 * Mosquitto saves what it keeps now and then, or never. So after a crash it may have states of devices that were
 * revoked or removed since, of gateways that died with it, or none at all. A plugin can list none of them: Mosquitto
 * shows it a retained message only when a client is about to read that. So each state carries the mark of the plugin's
 * run. After a start the unsealer puts out all states. A state with another mark is of an earlier run: nobody gets to
 * read it, and once all states are out it is known to be of no device, and is cleared.
 *
 * On Mosquitto's thread; never waits. */
#ifndef SELKIE_PLUGIN_RETAINED_H
#define SELKIE_PLUGIN_RETAINED_H

#include <selkie/topic.h>
#include <selkie/unsealer.h>

struct selkie_retained;

/* For one run of Mosquitto, whatever is reloaded meanwhile. */
SELKIE_USE_RESULT int selkie_retained_open(struct selkie_retained **retained, const char *root);
void selkie_retained_close(struct selkie_retained *retained);

/* Call it in each turn: it bounds what is cleared in one. */
void selkie_retained_turn(struct selkie_retained *retained);

/* Publish an output SELKIE_OUTPUT_STATE, with the mark. As selkie_publish. */
SELKIE_USE_RESULT int selkie_retained_publish_state(struct selkie_retained *retained,
                                                    const struct selkie_output *state);
/* All states have been published since the start. */
void selkie_retained_end_refresh(struct selkie_retained *retained);
bool selkie_retained_is_refreshed(const struct selkie_retained *retained);
/* Whether a device's state that somebody is about to read is of this run. If not, it is cleared as soon as it is known
 * to be of no device. */
bool selkie_retained_is_current(struct selkie_retained *retained, const char *topic, const void *payload, size_t len);

/* Clear a retained message. At most so many in a turn: others stay until somebody reads them again. */
#define SELKIE_RETAINED_CLEAR_MAX 1024
void selkie_retained_clear(struct selkie_retained *retained, const char *topic);

/* After a start, gateways have so long to come back. */
#define SELKIE_RETAINED_GATEWAYS_WAIT_MS 60000
/* Whether the state of a gateway that nobody registered, which somebody is about to read, may still be true. If not,
 * because the gateway had time to come back and was not heard in this run, it is published that it is offline. The
 * registry knows no such gateway, so this is the only moment. */
bool selkie_retained_is_stranger_current(struct selkie_retained *retained, const char *gateway, const void *payload,
                                         size_t len);

/* A gateway has published on this topic: it is there. If that was its state, the registry notes that it has come. */
void selkie_retained_hear(struct selkie_retained *retained, struct selkie_unsealer *unsealer,
                          const struct selkie_topic *topic);
/* Publish that a gateway is offline, unless it was heard in this run. As selkie_publish. */
SELKIE_USE_RESULT int selkie_retained_publish_absent(struct selkie_retained *retained, const char *gateway);

#endif
