/* SPDX-License-Identifier: Apache-2.0 */
/* How to reach the broker, and as which user: from a configuration file and the command line, which takes precedence.
 * Heap, file input; one thread. */
#ifndef SELKIE_CTL_CONFIG_H
#define SELKIE_CTL_CONFIG_H

#include "ctl_command.h"

#include <mqtt_settings.h>

struct selkie_ctl_config {
    struct selkie_mqtt_settings broker;
    const char *root;
    int timeout_ms;

    char *path;                       /* the file that was read, NULL = none */
    struct selkie_settings *settings; /* owns the strings that are not the command line's */
};

/* Fill in from --config, else ~/.config/selkie/ctl.json, else /etc/selkie/ctl.json, else mqtt://localhost. With
 * --broker the file's "broker" is ignored: a password must not go to another broker than it was meant for.
 * On failure, which was printed on stderr, CTL_CONFIG or CTL_USAGE. Always close it. */
enum ctl_exit selkie_ctl_config_open(struct selkie_ctl_config *config, const struct ctl_options *options);
void selkie_ctl_config_close(struct selkie_ctl_config *config);

/* --check-config: print what would be used. */
enum ctl_exit selkie_ctl_config_check(const struct ctl_options *options);

/* A complete configuration as an example, as JSON. */
extern const char selkie_ctl_config_template[];

#endif
