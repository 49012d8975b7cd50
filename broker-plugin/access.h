/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect as a gateway, and who may publish and read what. PROTOCOL.md, section 8: only the plugin publishes on
 * the devices' topics, and a gateway only below its own name. Mosquitto asks about every connection, publish, will,
 * subscription and delivery. No state, no I/O, never blocks. On Mosquitto's thread. */
#ifndef SELKIE_PLUGIN_ACCESS_H
#define SELKIE_PLUGIN_ACCESS_H

#include "plugin_config.h"

#include <selkie/topic.h>

#include <mosquitto_broker.h>

enum selkie_access_answer { SELKIE_ACCESS_ALLOW, SELKIE_ACCESS_DENY, SELKIE_ACCESS_DEFER };

struct selkie_access_request {
    int access;         /* MOSQ_ACL_READ, …_WRITE, …_SUBSCRIBE or …_UNSUBSCRIBE */
    const char *topic;  /* a filter for the last two */
    bool retain;        /* for …_WRITE */
    const char *user;   /* NULL = anonymous */
    bool is_gateway;    /* the user may publish as the gateway of its name */
    bool is_registered; /* the user is a registered gateway: the default of `readers` is not for it */
};

enum selkie_access_answer selkie_access_decide(const struct selkie_plugin_config *config,
                                               const struct selkie_access_request *request);

/* Who publishes a message. */
struct selkie_access_publisher {
    const char *user; /* NULL = anonymous */
    bool is_gateway;  /* as in a request */
    bool is_bridge;   /* the operator named the client as a bridge that carries the frames of gateways */
};

/* May this client publish on this topic below the root? Asked about each message: Mosquitto asks no plugin about the
 * messages of its own bridges, and another plugin may have answered for ours. */
bool selkie_access_may_publish(const struct selkie_topic *topic, const struct selkie_access_publisher *publisher);

/* May a client with this ID connect under this user name? The ID of a registered gateway is its own: whoever could take
 * it would end its connection and publish its will. `is_registered` is asked for a name. */
bool selkie_access_may_use_id(const char *root, const char *client_id, const char *user,
                              bool (*is_registered)(const void *context, const char *name), const void *context);

/* Whether a filter covers the payloads of all devices, and this user may read them all. */
bool selkie_access_covers_payloads(const struct selkie_plugin_config *config,
                                   const struct selkie_access_request *subscription);

/* Answer a basic authentication with a user name. A client with the user name of a registered gateway must prove it:
 * with the password, or over TLS with a certificate of this common name. Mosquitto's own means decide on every other
 * user. MOSQ_ERR_SUCCESS, MOSQ_ERR_AUTH or MOSQ_ERR_PLUGIN_DEFER. */
int selkie_access_authenticate(struct selkie_unsealer *unsealer, const struct mosquitto_evt_basic_auth *attempt);

#endif
