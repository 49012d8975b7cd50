/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes what Home Assistant is to know of each device (discovery_message.h), retained, and takes it back.
 * PROTOCOL.md, section 8, "Home Assistant".
 *
 * It follows the states of devices as they are published, so it needs no registry. A message goes out again only when
 * something in it has changed, after a reload, and when Home Assistant says that it is online. So many go out in a turn
 * that ten thousand devices stall nothing.
 *
 * What earlier runs and configurations showed is known from shown.h. What is over is taken back at once, and once more
 * when Home Assistant says that it is online: it may have been away. After a start, a message of an earlier run is not
 * delivered until that of this run is out. A message of a device that nobody knows, or below another prefix, is cleared
 * when somebody is about to read it.
 *
 * On Mosquitto's thread; never waits. */
#ifndef SELKIE_PLUGIN_DISCOVERY_H
#define SELKIE_PLUGIN_DISCOVERY_H

#include "retained.h"

#include <selkie/models.h>

struct selkie_discovery;
struct selkie_shown;

/* Most messages in a step, and how many microseconds apart steps are. */
#define SELKIE_DISCOVERY_STEP    100
#define SELKIE_DISCOVERY_STEP_US 50000
/* Home Assistant is answered once in so many seconds. */
#define SELKIE_DISCOVERY_ANSWER_S 60

/* Off until it is configured. For one run of Mosquitto, whatever is reloaded meanwhile. Both are borrowed. */
SELKIE_USE_RESULT int selkie_discovery_open(struct selkie_discovery **discovery, const char *root,
                                            struct selkie_retained *retained, struct selkie_shown *shown);
void selkie_discovery_close(struct selkie_discovery *discovery);

/* At the start and at each reload. prefix NULL = off: what is out is taken back, as it is below another prefix. The
 * models are borrowed until the next call. */
void selkie_discovery_configure(struct selkie_discovery *discovery, const char *prefix, bool approve_button,
                                const struct selkie_models *models);
/* False: the states of all devices are needed, because it was off before, or the button, with which some that wait are
 * shown. */
bool selkie_discovery_is_refreshed(const struct selkie_discovery *discovery);
/* The same before it is configured with these: whether they will be needed. */
bool selkie_discovery_needs_states(const struct selkie_discovery *discovery, const char *prefix, bool approve_button);

/* A device's state (SELKIE_OUTPUT_STATE) was published. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_discovery_note_state(struct selkie_discovery *discovery,
                                                  const struct selkie_output *state);
/* The states of all devices have been published. */
void selkie_discovery_end_refresh(struct selkie_discovery *discovery);
/* A client has disconnected. If it was a gateway, that is not there any more: its will is shown to no plugin. */
void selkie_discovery_note_disconnect(struct selkie_discovery *discovery, const char *user);

/* A client that may do so has published a message: "online" on <prefix>/status asks for everything, and a gateway that
 * publishes is there. */
void selkie_discovery_hear(struct selkie_discovery *discovery, const char *topic, const void *payload, size_t len);

/* Whether this topic is a device's, so that nobody else may publish on it; then `address` is set. False while it is
 * off. */
bool selkie_discovery_owns(const struct selkie_discovery *discovery, const char *topic,
                           uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* Whether what somebody is about to read is of a device that is known. If not, it is cleared as soon as that is sure.
 * True for the topics of others. */
bool selkie_discovery_is_current(struct selkie_discovery *discovery, const char *topic, const void *payload,
                                 size_t len);

/* The work of one turn. `now_us` is monotonic. */
void selkie_discovery_turn(struct selkie_discovery *discovery, int64_t now_us);

#endif
