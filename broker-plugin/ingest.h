/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's message becomes a frame in the unsealer's intake. PROTOCOL.md, section 8. On Mosquitto's thread; copies
 * and returns, never waits. */
#ifndef SELKIE_PLUGIN_INGEST_H
#define SELKIE_PLUGIN_INGEST_H

#include <selkie/unsealer.h>

#include <mosquitto_broker.h>

/* Take a message that Mosquitto has let in, if it is a frame on …/gateway/<name>/up. A full intake drops it: there is
 * no receipt then, so the gateway sends it again. Subscribers of that topic see the frame as well, which is sealed; it
 * is not retained, whatever the gateway asked for. */
void selkie_ingest_message(struct selkie_unsealer *unsealer, const char *root, struct mosquitto_evt_message *message);

#endif
