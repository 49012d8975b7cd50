/* SPDX-License-Identifier: Apache-2.0 */
/* Who may publish and read what. PROTOCOL.md, section 8: nobody but the plugin publishes on the devices' topics, and a
 * gateway only below its own name. Mosquitto asks here about every publish, will, subscription and delivery.
 * Pure: no state, no I/O; safe from any thread. */
#ifndef SELKIE_PLUGIN_ACCESS_H
#define SELKIE_PLUGIN_ACCESS_H

#include "plugin_config.h"

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

/* Is this a topic on which the plugin alone publishes? Asked again about each message, for Mosquitto's own bridges pass
 * the other check unseen. */
bool selkie_access_is_ours(const char *root, const char *topic);

#endif
