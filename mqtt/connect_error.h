/* SPDX-License-Identifier: Apache-2.0 */
/* Why an attempt to connect failed, in words for whoever has to repair it. Paho's callbacks do not distinguish a closed
 * port from a refused certificate; its trace does. Each line of the trace is kept for the thread that wrote it, which
 * is also the one that reports the failure. No heap, no I/O; any thread. */
#ifndef SELKIE_MQTT_CONNECT_ERROR_H
#define SELKIE_MQTT_CONNECT_ERROR_H

#include "mqtt_settings.h"

/* From the loop, before each attempt: forget the last one, and read the trace. Paho has one trace for all clients. */
void selkie_connect_error_begin(void);

/* From Paho's thread: connected; the trace may stop. */
void selkie_connect_error_end(void);

/* MQTTAsync_SSLOptions.ssl_error_cb. */
int selkie_connect_error_on_tls(const char *text, size_t len, void *context);

/* From Paho's thread: the reason for the failure that Paho reports with `message` (NULL where it has none). */
void selkie_connect_error_text(char text[static SELKIE_MQTT_TEXT_MAX], const char *message, bool tls);

#endif
