/* SPDX-License-Identifier: Apache-2.0 */
/* $CONTROL/selkie/v1: passes an administrator's commands to the unsealer, and each answer to the client that asked and
 * to no other. On Mosquitto's thread; never waits. At most SELKIE_CONTROL_MAX payloads wait for their answer; the next
 * one gets an error at once. */
#ifndef SELKIE_PLUGIN_CONTROL_H
#define SELKIE_PLUGIN_CONTROL_H

#include "plugin_config.h"

#include <mosquitto_broker.h>

struct selkie_control;

#define SELKIE_CONTROL_MAX 16

SELKIE_USE_RESULT int selkie_control_open(struct selkie_control **control);
void selkie_control_close(struct selkie_control *control);

/* A payload on the control topic, of a client that is no bridge. Checks the user name again, because another plugin may
 * have allowed it. */
void selkie_control_ask(struct selkie_control *control, struct selkie_unsealer *unsealer,
                        const struct selkie_plugin_config *config, const struct mosquitto_evt_control *message);

/* An output SELKIE_OUTPUT_ANSWER: publish it to the client that asked, if it is still connected. A gateway that was
 * removed loses its connection and its retained state. 0; SELKIE_ENOMEM: try again; any other error: it can never be
 * published. */
SELKIE_USE_RESULT int selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer,
                                            const char *root);

/* A client disconnected: another client that takes over its ID must not get its answers. */
void selkie_control_forget(struct selkie_control *control, const char *client_id);

/* `unsealer` takes the place of the one that was asked: answer all waiting payloads with an error. A gateway that one
 * of them removed all the same loses its connection and its retained state. */
void selkie_control_abandon(struct selkie_control *control, struct selkie_unsealer *unsealer, const char *root);

#endif
