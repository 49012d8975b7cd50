/* SPDX-License-Identifier: Apache-2.0 */
/* Times in sentences about certificates, in UTC. No state; any thread. */
#ifndef SELKIE_MQTT_TLS_TIME_H
#define SELKIE_MQTT_TLS_TIME_H

#include <openssl/asn1.h>

#define SELKIE_TLS_SOON_DAYS 30 /* before its end a certificate is warned of */

#define SELKIE_TLS_TIME_MAX 24 /* "2026-11-30 14:00:00 UTC" */

/* What stands in a text before this machine's time, which makes the same fault another text each time. */
#define SELKIE_TLS_CLOCK "this machine's clock says "

void selkie_tls_time_now(char text[static SELKIE_TLS_TIME_MAX]);
void selkie_tls_time_format(char text[static SELKIE_TLS_TIME_MAX], const ASN1_TIME *time);

#endif
