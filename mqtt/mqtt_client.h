/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 client on Paho's MQTTAsync, for programs with an event loop: gateway, ctl and sim. PROTOCOL.md, section 8.
 * The client keeps nothing across a restart: Paho's persistence and its reconnecting are off.
 *
 * To connect, the client tries the URIs in turn, and for each URI the addresses of its host, IPv4 first, until a broker
 * accepts. Each address may take as long as the connect time-out, and so may the name server. An attempt that is given
 * up ends at once. No call waits for the network or for a name server; only closing the last client of the process
 * waits for Paho's threads, about a second.
 *
 * TLS: version 1.2 or newer, a certificate that the trusted authorities signed for the URI's host (name or address), no
 * ALPN. There is no way to switch the check off.
 *
 * Each attempt uses a new Paho client, so that neither commands left in Paho's queue nor late callbacks of a dead
 * connection reach the next one. Deadlines are kept here, by the monotonic clock: Paho's sending thread waits by the
 * wall clock, and stops when that clock is set back.
 *
 * Call everything from the loop's thread. */
#ifndef SELKIE_MQTT_CLIENT_H
#define SELKIE_MQTT_CLIENT_H

#include "mqtt_queue.h"
#include "mqtt_settings.h"

/* Open a client that is not connected. Each of its events carries `context`. SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *queue, void *context);

/* End the connection or the attempt, without the will, and drop its events. NULL is harmless. */
void selkie_mqtt_close(struct selkie_mqtt *client);

/* Begin to connect; one of CONNECTED, REFUSED, UNREACHABLE follows. An earlier connection or attempt ends first. The
 * password is read from its file now, and again before each automatic reconnect, and the files of TLS are checked.
 * SELKIE_EIO if that fails, with the reason in `why`. */
SELKIE_USE_RESULT int selkie_mqtt_connect(struct selkie_mqtt *client, const struct selkie_mqtt_options *options,
                                          char why[static SELKIE_MQTT_TEXT_MAX]);

/* Send DISCONNECT; with `will`, the broker publishes the will at once. True: DISCONNECTED follows, unless the broker no
 * longer listens, so set a timer. False: there was no connection; an attempt to connect has ended. */
bool selkie_mqtt_disconnect(struct selkie_mqtt *client, bool will);

bool selkie_mqtt_is_connected(const struct selkie_mqtt *client);

/* The URI of the present or last connection; all URIs while the client connects and after it failed to. */
const char *selkie_mqtt_uri(const struct selkie_mqtt *client);

/* The client goes on with these settings, which are the same as those it connects with, but in another document. */
void selkie_mqtt_adopt(struct selkie_mqtt *client, const struct selkie_mqtt_settings *settings);

/* SUBSCRIBED follows. SELKIE_EIO: there is no connection; SELKIE_EFULL: too many publishes wait for an answer;
 * SELKIE_EMALFORMED: the filter is not UTF-8; SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_mqtt_subscribe(struct selkie_mqtt *client, const char *filter, int qos);

/* The token that its PUBLISHED event will have (> 0 above QoS 0), or an error as above. */
SELKIE_USE_RESULT int selkie_mqtt_publish(struct selkie_mqtt *client, const struct selkie_mqtt_message *message);

/* The next event of any client of the queue, for free(), or NULL. Call it whenever the queue's descriptor is readable:
 * it also moves the clients' attempts to connect forward. */
struct selkie_mqtt_event *selkie_mqtt_take(struct selkie_mqtt_queue *queue);

/* An MQTT reason in words; never NULL. */
const char *selkie_mqtt_reason(int code);

#endif
