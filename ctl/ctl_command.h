/* SPDX-License-Identifier: Apache-2.0 */
/* One command of selkiectl: how it is called, what it says of itself, what it does. One thread. */
#ifndef SELKIE_CTL_COMMAND_H
#define SELKIE_CTL_COMMAND_H

#include "ctl_options.h"
#include "fail.h"

#include <argp.h>
#include <stdbool.h>

struct ctl_command {
    const char *name; /* one or two words */
    const char *args; /* what follows them, as help shows it */
    const char *help;
    enum ctl_exit (*run)(const struct ctl_options *options, const struct ctl_command *command);
    const struct argp_option *options; /* its own, or NULL */
    bool broker;                       /* it talks to the broker, so it takes the broker's options */
    unsigned min_args, max_args;
    const char *control; /* the command of $CONTROL/selkie/v1 that it is, for those that are just one */
};

/* What the commands do; messages go to stderr, results to stdout. */
enum ctl_exit ctl_keygen(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_frame_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_add(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_change(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_import(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_export(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_add(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_remove(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_key_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_stats(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_watch(const struct ctl_options *options, const struct ctl_command *command);

#endif
