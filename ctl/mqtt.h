/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 connection to the broker, used step by step: each call waits for the broker's answer, up to the
 * configuration's time, and tells every failure on stderr in a sentence. Paho's threads only put into a queue what they
 * were told. Heap; one thread of the caller's. */
#ifndef SELKIE_CTL_MQTT_H
#define SELKIE_CTL_MQTT_H

#include "config.h"
#include "message.h"

#include <stddef.h>
#include <stdint.h>

struct ctl_mqtt;

/* Connect. On failure *mqtt is NULL. With `until_interrupted`, SIGINT and SIGTERM end a wait for a message rather than
 * the program. */
enum ctl_exit ctl_mqtt_open(struct ctl_mqtt **mqtt, const struct ctl_config *config, bool until_interrupted);
void ctl_mqtt_close(struct ctl_mqtt *mqtt);

/* The reason code of MQTT 5 with which the broker answers, or -1 after a failure was told. */
#define CTL_MQTT_REFUSED 0x80 /* this and above */
int ctl_mqtt_subscribe(struct ctl_mqtt *mqtt, const char *filter, int qos);
int ctl_mqtt_publish(struct ctl_mqtt *mqtt, const char *topic, const void *payload, size_t len);

/* The most that the broker takes in one packet, SIZE_MAX if it has not said. */
size_t ctl_mqtt_packet_max(const struct ctl_mqtt *mqtt);

enum ctl_wait { CTL_MESSAGE, CTL_TIMEOUT, CTL_INTERRUPTED, CTL_LOST };

/* The next message, for ctl_message_free; a negative time waits for ever. A lost connection was told on stderr. */
enum ctl_wait ctl_mqtt_next(struct ctl_mqtt *mqtt, struct ctl_message **message, int timeout_ms);

/* Messages dropped since the last call. */
size_t ctl_mqtt_dropped(struct ctl_mqtt *mqtt);

#endif
