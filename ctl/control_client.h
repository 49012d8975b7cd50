/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the plugin on $CONTROL/selkie/v1 and their answers. PROTOCOL.md, section 8. Prints every failure on
 * stderr. Heap; one thread. */
#ifndef SELKIE_CTL_CONTROL_CLIENT_H
#define SELKIE_CTL_CONTROL_CLIENT_H

#include "ctl_command.h"

#include <jansson.h>
#include <mqtt_client.h>

struct selkie_control_client;

/* The longest message: some 1,500 devices fit. A broker that limits its packets more gets shorter messages. */
#define SELKIE_CONTROL_CLIENT_MESSAGE_MAX (256 * 1024)
#define SELKIE_CONTROL_CLIENT_COMMAND_MAX 1024

/* Connect with these options. On failure *control is NULL. */
enum ctl_exit selkie_control_client_open(struct selkie_control_client **control, const struct ctl_options *options);
void selkie_control_client_close(struct selkie_control_client *control);

/* The configuration in use; belongs to `control`. */
const struct selkie_ctl_config *selkie_control_client_config(const struct selkie_control_client *control);

/* One command (it takes the object) and its data: an object for json_decref, empty where the answer has none. NULL
 * after a failure, or where the plugin answered with an error. */
json_t *selkie_control_client_ask_take(struct selkie_control_client *control, json_t *command);

/* The same over a connection of its own; *data is NULL unless CTL_DONE is returned. */
enum ctl_exit selkie_control_client_once_take(json_t **data, const struct ctl_options *options, json_t *command);

/* The same, and print the data: as JSON if the options say so, else with `print`. */
enum ctl_exit selkie_control_client_print_take(const struct ctl_options *options, json_t *command,
                                               void (*print)(json_t *data, const void *context), const void *context);

/* Subscribe to further topics: what comes from them while an answer is waited for goes to the handler. Retained
 * messages come before the answer to what is asked next. At QoS 0, so that thousands of them leave room for that answer
 * in the broker's queue. The reason code of the SUBACK, or -1 after a failure. */
void selkie_control_client_set_handler(struct selkie_control_client *control,
                                       void (*handler)(void *context, const struct selkie_mqtt_event *message),
                                       void *context);
int selkie_control_client_subscribe(struct selkie_control_client *control, const char *filter);

/* Several commands in one message: add each (it takes the object); send when *full is set, and at the end. */
enum ctl_exit selkie_control_client_add_take(struct selkie_control_client *control, json_t *command, bool *full);
/* The answers, a list in the order of the commands, for json_decref; NULL after a failure. */
json_t *selkie_control_client_send(struct selkie_control_client *control);

/* The error in an answer; NULL where it has none. */
const char *selkie_control_client_error(const json_t *response);

#endif
