/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection did not come about, in words for whoever has to mend it. Paho's callbacks do not tell a closed port
 * from a refused certificate; its trace does. What the trace says is kept for the thread that it is said on, which is
 * also the one that is then told of the failure. */
#ifndef SELKIE_GATEWAY_ABSENCE_H
#define SELKIE_GATEWAY_ABSENCE_H

#include "broker_queue.h"

#include <stdbool.h>
#include <stddef.h>

/* From the loop, before each attempt: forget, and listen. For all of Paho's clients, since its trace is one. */
void selkie_absence_listen(void);

/* From Paho's thread: connected; listen no longer. */
void selkie_absence_over(void);

/* MQTTAsync_SSLOptions.ssl_error_cb. */
int selkie_absence_on_tls_error(const char *text, size_t len, void *context);

/* From Paho's thread: the reason for the failure that it tells of with `message` (NULL where it has none). */
void selkie_absence_tell(char text[static SELKIE_BROKER_TEXT_MAX], const char *message, bool tls);

#endif
