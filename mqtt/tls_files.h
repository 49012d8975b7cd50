/* SPDX-License-Identifier: Apache-2.0 */
/* The files behind "ca", "cert" and "key", read with OpenSSL before OpenSSL meets them in a handshake, where their
 * faults have no file's name and an encrypted key asks for its password on a terminal. Reads the files at each call; no
 * logging, no password. Any thread. */
#ifndef SELKIE_MQTT_TLS_FILES_H
#define SELKIE_MQTT_TLS_FILES_H

#include "mqtt_settings.h"

/* Whether each file that is set can be read and holds what its key says, and the key fits the certificate. Dates do not
 * count: this machine's clock may be wrong. SELKIE_EIO, with the file, its fault and what to do in `why`. */
SELKIE_USE_RESULT int selkie_tls_files_check(const struct selkie_mqtt_settings *settings,
                                             char why[static SELKIE_MQTT_TEXT_MAX]);

/* Whether a certificate has expired, is not yet valid by this machine's clock, or ends within 30 days: of the client's
 * own, and of the authorities, of which the one that lasts longest counts. True: a sentence is in `text`. Call it with
 * *next 0 first and again until it returns false. */
bool selkie_tls_files_warning(const struct selkie_mqtt_settings *settings, unsigned *next,
                              char text[static SELKIE_MQTT_TEXT_MAX]);

/* When the first of those ends, in ms since 1970 UTC: the client's own, and of the authorities the one that lasts
 * longest. -1: no file is set or can be read. */
int64_t selkie_tls_files_end_ms(const struct selkie_mqtt_settings *settings);

/* The common name of the client's certificate. False: there is none. */
bool selkie_tls_files_common_name(const struct selkie_mqtt_settings *settings, char name[static SELKIE_MQTT_HOST_MAX]);

#endif
