/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect as a gateway, and who may publish and read what. PROTOCOL.md, section 8: only the plugin publishes on
 * the devices' topics, and a gateway only below its own name. Mosquitto asks about every connection, publish, will,
 * subscription and delivery. No state, no I/O, never blocks. On Mosquitto's thread. */
#ifndef SELKIE_PLUGIN_ACCESS_H
#define SELKIE_PLUGIN_ACCESS_H

#include "plugin_config.h"

#include <mosquitto_broker.h>

enum selkie_access_answer { SELKIE_ACCESS_ALLOW, SELKIE_ACCESS_DENY, SELKIE_ACCESS_DEFER };

struct selkie_access_request {
    int access;        /* MOSQ_ACL_READ, …_WRITE, …_SUBSCRIBE or …_UNSUBSCRIBE */
    const char *topic; /* a filter for the last two */
    bool retain;       /* for …_WRITE */
    const char *user;  /* NULL = anonymous */
    bool is_gateway;   /* the user name is that of a gateway which may publish */
};

enum selkie_access_answer selkie_access_decide(const struct selkie_plugin_config *config,
                                               const struct selkie_access_request *request);

/* Answer a basic authentication with a user name. A client with the user name of a registered gateway must prove it:
 * with the password, or over TLS with a certificate of this common name. Mosquitto's own means decide on every other
 * user. MOSQ_ERR_SUCCESS, MOSQ_ERR_AUTH or MOSQ_ERR_PLUGIN_DEFER. */
int selkie_access_authenticate(struct selkie_unsealer *unsealer, const struct mosquitto_evt_basic_auth *attempt);

#endif
