/* SPDX-License-Identifier: Apache-2.0 */
/* Where the broker is and as whom to go there: from a configuration file, and over it the command line. Heap, file
 * input; one thread. */
#ifndef SELKIE_CTL_CONFIG_H
#define SELKIE_CTL_CONFIG_H

#include "ctl_command.h"

struct ctl_config {
    const char *uri;
    bool tls;
    const char *username; /* NULL = none, as those below */
    const char *password_file;
    const char *ca;
    const char *cert;
    const char *key;
    const char *root;
    int timeout_ms;

    char *path;                       /* the file that was read, NULL = none */
    struct selkie_settings *settings; /* owns the strings that are not the command line's */
};

/* Fill in from --config, else ~/.config/selkie/ctl.json, else /etc/selkie/ctl.json, else mqtt://localhost. With
 * --broker nothing is taken from the file's "broker": a password must not go to another broker than it was meant for.
 * On failure, which is told on stderr, CTL_CONFIG or CTL_USAGE. Always close it. */
enum ctl_exit ctl_config_open(struct ctl_config *config, const struct ctl_options *options);
void ctl_config_close(struct ctl_config *config);

/* The first line of the password file, which must not be everybody's to read. The caller wipes it. */
#define CTL_PASSWORD_SIZE 1024
enum ctl_exit ctl_config_password(char password[static CTL_PASSWORD_SIZE], const struct ctl_config *config);

/* --check-config: say what would be used. --print-config: a complete template. */
enum ctl_exit ctl_config_check(const struct ctl_options *options);
void ctl_config_print_template(void);

#endif
