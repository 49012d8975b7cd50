/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's message becomes a frame in the unsealer's intake. PROTOCOL.md, section 8. On Mosquitto's thread; copies,
 * never waits. */
#ifndef SELKIE_PLUGIN_INGEST_H
#define SELKIE_PLUGIN_INGEST_H

#include "access.h"
#include "retained.h"

#include <selkie/unsealer.h>

#include <mosquitto_broker.h>

/* Look at a message that Mosquitto let in. A frame on …/gateway/<name>/up goes into the intake. A full intake drops the
 * frame: it gets no receipt, so the gateway sends it again. Subscribers of that topic get the sealed frame as well; it
 * is never retained. What it publishes shows that it is there: `retained` learns of
 * each gateway. Returns false if the message must be
 * refused: this client may not publish on its topic. */
bool selkie_ingest_message(struct selkie_unsealer *unsealer, struct selkie_retained *retained, const char *root,
                           const struct selkie_access_publisher *publisher, struct mosquitto_evt_message *message);

#endif
