/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber to all that the broker publishes: payloads, events, rejections, the gateways' states. It keeps its
 * session, so nothing is missed during an outage of the broker. One thread. */
#ifndef SELKIE_SIM_OBSERVER_H
#define SELKIE_SIM_OBSERVER_H

#include "cloud/mosquitto.h"
#include "core/run.h"

#include <selkie/topic.h>

/* What every event, state or statistic forged by an attacker says; a genuine one never does. */
#define SELKIE_OBSERVER_MARK "selkie-sim: forged"

struct selkie_observer;

/* A message came, from the loop's thread. */
struct selkie_observer_listener {
    void *context;
    void (*message)(void *context, const struct selkie_topic *topic, const struct selkie_mqtt_event *event);
};

/* Connect and subscribe. An error after a line on stderr. */
SELKIE_USE_RESULT int selkie_observer_open(struct selkie_observer **observer, struct selkie_run *run,
                                           const struct selkie_sim_broker *broker,
                                           struct selkie_observer_listener listener);
void selkie_observer_close(struct selkie_observer *observer);

bool selkie_observer_ready(const struct selkie_observer *observer); /* every subscription was granted */

#endif
