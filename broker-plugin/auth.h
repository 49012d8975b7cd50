/* SPDX-License-Identifier: Apache-2.0 */
/* Who a gateway is: a client whose user name is that of a registered gateway must prove it, with the password or over
 * TLS with a certificate whose common name it is. Every other user is left to Mosquitto's own means. On Mosquitto's
 * thread; the checks are quick. */
#ifndef SELKIE_PLUGIN_AUTH_H
#define SELKIE_PLUGIN_AUTH_H

#include <selkie/unsealer.h>

#include <mosquitto_broker.h>

/* The answer to a basic authentication with a user name: MOSQ_ERR_SUCCESS, MOSQ_ERR_AUTH or MOSQ_ERR_PLUGIN_DEFER. */
int selkie_auth_check(struct selkie_unsealer *unsealer, const struct mosquitto_evt_basic_auth *attempt);

#endif
