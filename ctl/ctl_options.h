/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on selkiectl's command line: one struct for every command, each filling in what it takes. Strings belong
 * to argv. One thread. */
#ifndef SELKIE_CTL_OPTIONS_H
#define SELKIE_CTL_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

#define CTL_ARGS_MAX 2

struct ctl_options {
    const char *args[CTL_ARGS_MAX];
    unsigned arg_count;
    bool json;

    /* keygen, frame show */
    int key_id; /* 0 = not given */
    const char *out;
    const char *key; /* for a command to the broker: the client's TLS key */
    const char *sealed;

    /* device, gateway */
    const char *claim;
    const char *name;
    const char *status;
    bool certificate;

    /* the broker; NULL or 0 = as the configuration says */
    const char *config;
    const char *broker;
    const char *username;
    const char *password_file;
    const char *ca;
    const char *cert;
    const char *root;
    int timeout_s;
    bool check_config;
    bool print_config;
};

struct ctl_command;

/* Options of single commands, for the table of commands. */
extern const struct argp_option ctl_keygen_options[];
extern const struct argp_option ctl_frame_show_options[];
extern const struct argp_option ctl_json_options[];
extern const struct argp_option ctl_device_list_options[];
extern const struct argp_option ctl_device_add_options[];
extern const struct argp_option ctl_gateway_add_options[];

/* Those that need no command. */
extern const struct argp_option ctl_main_options[];

/* The broker's options, which may stand before the command too: for an argp, with the struct ctl_options as input. */
extern const struct argp_child ctl_broker_child[];

/* Take one option of any of the lists above. 0 or ARGP_ERR_UNKNOWN, as argp has it. */
error_t ctl_options_take(struct ctl_options *options, int key, char *argument, struct argp_state *state);

/* Read a command's own line; argv[0] is to be its full name. Ends the program for --help and for mistakes. */
void ctl_options_parse(struct ctl_options *options, const struct ctl_command *command, int argc, char **argv);

#endif
