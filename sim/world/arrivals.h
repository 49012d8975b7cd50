/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker publishes, entered where it belongs: payloads into the account, events and rejections into the
 * metrics, the gateways' states into their channels. One thread. */
#ifndef SELKIE_SIM_ARRIVALS_H
#define SELKIE_SIM_ARRIVALS_H

#include <selkie/topic.h>

struct selkie_mqtt_event;

/* For the observer's listener; `world` is the struct selkie_world. */
void selkie_arrivals_message(void *world, const struct selkie_topic *topic, const struct selkie_mqtt_event *event);

#endif
