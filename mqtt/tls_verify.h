/* SPDX-License-Identifier: Apache-2.0 */
/* Why a certificate of the broker was not accepted. Paho passes on that the check failed, but not why. So OpenSSL calls
 * a function of ours at each certificate of each chain; it changes no verdict, and keeps the first fault for the
 * thread, on which Paho reports the failure right after it. No I/O; any thread, each of which has its own fault. */
#ifndef SELKIE_MQTT_TLS_VERIFY_H
#define SELKIE_MQTT_TLS_VERIFY_H

#include "mqtt_settings.h"

/* From now on, for all connections of this process. Call it before the first. */
void selkie_tls_verify_watch(void);

/* The fault of this thread's last chain, in words, and forget it. `ca` is the file of the trusted authorities, NULL
 * those of this machine. False: there was none. */
bool selkie_tls_verify_take(char text[static SELKIE_MQTT_TEXT_MAX], const char *ca);

/* Whether the broker's certificate, of this thread's last chain that was accepted, ends within 30 days; says so, and
 * forgets it. */
bool selkie_tls_verify_ends_soon(char text[static SELKIE_MQTT_TEXT_MAX]);

#endif
