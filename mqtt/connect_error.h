/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection failed, in words for the person who has to repair it. Paho's callbacks do not distinguish a closed
 * port from a refused certificate; its trace does. Paho has one trace for all clients of the process, and its lines do
 * not name the client. So the trace counts only while one client connects; while several do, each has OpenSSL's reason,
 * Paho's message, and nothing that may be another's. No heap, no I/O; any thread. */
#ifndef SELKIE_MQTT_CONNECT_ERROR_H
#define SELKIE_MQTT_CONNECT_ERROR_H

#include "mqtt_settings.h"

#define SELKIE_CONNECT_ERROR_PATH_MAX 200 /* a longer one is cut */

/* Of one client's attempt. All zero before it. */
struct selkie_connect_error {
    bool under_way;
    bool has_ca, has_cert;
    char ca[SELKIE_CONNECT_ERROR_PATH_MAX], cert[SELKIE_CONNECT_ERROR_PATH_MAX];
    char tls[SELKIE_MQTT_TEXT_MAX]; /* OpenSSL's first reason; others follow from it */
};

/* Before the attempt with the files of these settings, whose names are copied: read the trace. */
void selkie_connect_error_begin(struct selkie_connect_error *error, const struct selkie_mqtt_settings *settings);

/* Connected, failed or given up; the second call does nothing. */
void selkie_connect_error_end(struct selkie_connect_error *error);

/* MQTTAsync_SSLOptions.ssl_error_cb; the context is the error. */
int selkie_connect_error_on_tls(const char *text, size_t len, void *context);

/* From Paho's thread, which also wrote the trace: the reason for the failure that Paho reports with `message` (NULL
 * where it has none). */
void selkie_connect_error_text(const struct selkie_connect_error *error, char text[static SELKIE_MQTT_TEXT_MAX],
                               const char *message, bool tls);

/* Why a name has no address, by getaddrinfo's error; 0: the name is known, but has none. */
void selkie_connect_error_unresolved(char text[static SELKIE_MQTT_TEXT_MAX], int error);

/* Add a reason to those in `text`, with the URI and the address before it, which may be empty. From `of_uri` on the
 * reasons are about the same URI, and are sorted: a name server that gives the same addresses in another order makes no
 * other text. */
void selkie_connect_error_add(char text[static SELKIE_MQTT_TEXT_MAX], size_t of_uri, const char *uri,
                              const char *address, const char *reason);

/* The text is complete, with semicolons between the reasons. */
void selkie_connect_error_finish(char *text);

#endif
