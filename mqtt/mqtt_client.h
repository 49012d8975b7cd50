/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 client on Paho's MQTTAsync, for programs with an event loop: gateway, ctl and sim. PROTOCOL.md, section 8.
 * Nothing is kept here that must survive: Paho's persistence and its reconnecting are off.
 *
 * A connection attempt goes through the URIs in turn, and for each through the addresses of its host, IPv4 first, until
 * a broker accepts; each address has the connect time-out, and so has the name server. No call waits for the network
 * or for a name server; only the close of the process's last client waits for Paho's threads to end, about a second.
 *
 * TLS: version 1.2 or newer, a certificate that the trusted authorities signed for the URI's host (name or address), no
 * ALPN. There is no way to switch the check off.
 *
 * Each attempt at an address is a Paho client of its own, so that neither commands left in Paho's queue nor late
 * callbacks of a dead connection reach the next one. Deadlines are the room's own, by the monotonic clock: Paho's
 * sending thread waits by the wall clock, and stands still when that is set back.
 *
 * All calls: the loop's thread. */
#ifndef SELKIE_MQTT_CLIENT_H
#define SELKIE_MQTT_CLIENT_H

#include "mqtt_queue.h"
#include "mqtt_settings.h"

/* A client that is not connected. `context` comes with each of its events. */
SELKIE_USE_RESULT int selkie_mqtt_open(struct selkie_mqtt **opened, struct selkie_mqtt_queue *queue, void *context);

/* Ends the connection if there is one, without the will; drops its events. NULL is harmless. */
void selkie_mqtt_close(struct selkie_mqtt *client);

/* Begin to connect; one of CONNECTED, REFUSED, UNREACHABLE follows. Ends the connection before. The password is read
 * from its file now, and again before each automatic reconnect. SELKIE_EIO where it cannot be read, with the reason in
 * `why`. */
SELKIE_USE_RESULT int selkie_mqtt_connect(struct selkie_mqtt *client, const struct selkie_mqtt_options *options,
                                          char why[static SELKIE_MQTT_TEXT_MAX]);

/* Send DISCONNECT; with `will`, the broker publishes the will at once. True where DISCONNECTED follows, or nothing if
 * the broker no longer listens: set a timer. False where there is no connection; an attempt ends here. */
bool selkie_mqtt_disconnect(struct selkie_mqtt *client, bool will);

bool selkie_mqtt_is_connected(const struct selkie_mqtt *client);

/* The URI that the client is connected by or was last; while it connects and after it could not, all of them. */
const char *selkie_mqtt_uri(const struct selkie_mqtt *client);

/* The client goes on with these settings, which are the same as those it connects with, but in another document. */
void selkie_mqtt_adopt(struct selkie_mqtt *client, const struct selkie_mqtt_settings *settings);

/* SUBSCRIBED follows. SELKIE_EIO: there is no connection; SELKIE_EFULL: too many publishes wait for an answer;
 * SELKIE_EMALFORMED: the filter is not UTF-8; SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_mqtt_subscribe(struct selkie_mqtt *client, const char *filter, int qos);

/* The token that its PUBLISHED event will have (> 0 above QoS 0), or an error as above. */
SELKIE_USE_RESULT int selkie_mqtt_publish(struct selkie_mqtt *client, const struct selkie_mqtt_message *message);

/* The next event of any client of the queue, for free(); NULL: none for now. Call it when the queue's descriptor is
 * readable: the clients' attempts to connect advance in here. */
struct selkie_mqtt_event *selkie_mqtt_take(struct selkie_mqtt_queue *queue);

/* An MQTT reason in words; never NULL. */
const char *selkie_mqtt_reason(int code);

#endif
