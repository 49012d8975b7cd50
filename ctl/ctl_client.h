/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the broker, for a program that does one thing after the other: each call waits for the broker's
 * answer, up to the configured time limit, and prints every failure on stderr. Heap; one thread. */
#ifndef SELKIE_CTL_CLIENT_H
#define SELKIE_CTL_CLIENT_H

#include "ctl_config.h"

#include <mqtt_client.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_ctl_client;

#define CTL_CLIENT_ID_SIZE 32

/* Connect. On failure *client is NULL. With `until_interrupted`, SIGINT and SIGTERM end a wait for a message rather
 * than the program. */
enum ctl_exit selkie_ctl_client_open(struct selkie_ctl_client **client, const struct selkie_ctl_config *config,
                                     bool until_interrupted);
void selkie_ctl_client_close(struct selkie_ctl_client *client);

const char *selkie_ctl_client_uri(const struct selkie_ctl_client *client); /* of the broker that accepted */
const char *selkie_ctl_client_id(const struct selkie_ctl_client *client);  /* no other client has it: random */

/* The reason code of the broker's answer (SELKIE_MQTT_REFUSAL and above: refused), or -1 after a failure was
 * printed. */
int selkie_ctl_client_subscribe(struct selkie_ctl_client *client, const char *filter, int qos);
int selkie_ctl_client_publish(struct selkie_ctl_client *client, const char *topic, const void *payload, size_t len);

/* The longest packet that the broker accepts, SIZE_MAX without a limit. */
size_t selkie_ctl_client_packet_max(const struct selkie_ctl_client *client);

enum ctl_wait { CTL_MESSAGE, CTL_TIMEOUT, CTL_INTERRUPTED, CTL_LOST };

/* The next message, for free(), with the plugin's properties; a negative time waits for ever. A lost connection was
 * printed. */
enum ctl_wait selkie_ctl_client_next(struct selkie_ctl_client *client, struct selkie_mqtt_event **message,
                                     int timeout_ms);

bool selkie_ctl_client_is_lost(const struct selkie_ctl_client *client);

/* After a lost connection: connect again, and try until it succeeds (CTL_MESSAGE) or the user ends it
 * (CTL_INTERRUPTED). A reason is printed once until it is another one. Subscribe again after it. */
enum ctl_wait selkie_ctl_client_reconnect(struct selkie_ctl_client *client);

/* The most messages that wait; further ones are dropped. */
#define SELKIE_CTL_MESSAGES_MAX 10000

/* Messages dropped since the last call. */
size_t selkie_ctl_client_dropped(struct selkie_ctl_client *client);

#endif
