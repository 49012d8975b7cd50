/* SPDX-License-Identifier: Apache-2.0 */
/* What each command of selkiectl has: exit codes, messages, options, and its line in the table of commands. Strings of
 * the options belong to argv. One thread. */
#ifndef SELKIE_CTL_COMMAND_H
#define SELKIE_CTL_COMMAND_H

#include <argp.h>
#include <selkie/argument.h>
#include <stdbool.h>

/* Exit codes. CTL_CONFIG is EX_CONFIG. */
enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_CONFIG = 78 };

/* One line on stderr, "selkiectl: …". Returns CTL_FAILED, so that a function can end with it. */
enum ctl_exit ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with OpenSSL's reason behind it. */
enum ctl_exit ctl_fail_openssl(const char *what);

/* The options of all commands in one struct; each command sets only its own. */
#define CTL_ARGS_MAX 256

struct ctl_options {
    const char *args[CTL_ARGS_MAX];
    unsigned arg_count;
    bool json;
    bool utc;

    /* keygen, frame show */
    int key_id; /* 0 = not given */
    const char *out;
    const char *from;
    const char *pin_file;
    const char *key; /* for a command to the broker: the client's TLS key */
    const char *sealed;

    /* device, gateway */
    const char *claim;
    bool make_claim; /* --claim without a value; then claim is NULL */
    const char *name;
    const char *model;
    const char *status;
    const char *seen_by;
    bool waiting;
    bool newest;
    bool all;
    bool yes;
    bool certificate;
    const char *passwords; /* gateway import: where they go */
    bool no_claim;
    bool no_model;
    bool update;
    bool gateways; /* health */
    bool values;   /* watch */

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

/* One command: how it is called, its help text, what it does. */
struct ctl_command {
    const char *name; /* one or two words */
    const char *args; /* what follows them, as help shows it */
    const char *help;
    enum ctl_exit (*run)(const struct ctl_options *options, const struct ctl_command *command);
    unsigned options; /* enum ctl_option_set, one bit for each */
    unsigned min_args, max_args;
    const char *control; /* the command of $CONTROL/selkie/v1 that it is, for those that are just one */
};

/* What the commands do; messages go to stderr, results to stdout. */
enum ctl_exit ctl_keygen(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_frame_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_add(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_set(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_change(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_import(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_device_export(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_model_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_key_list(const struct ctl_options *options, const struct ctl_command *command);
/* After a sentence about what is no name of a gateway: CTL_USAGE. */
enum ctl_exit ctl_gateway_name_fault(const char *text);
enum ctl_exit ctl_gateway_list(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_add(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_import(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_reset_password(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_gateway_remove(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_health(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_model_check(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_model_show(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_registry_create(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_stats(const struct ctl_options *options, const struct ctl_command *command);
enum ctl_exit ctl_watch(const struct ctl_options *options, const struct ctl_command *command);

/* Sets of options. */
enum ctl_option_set {
    CTL_MAIN = 1, /* those that need no command */
    CTL_JSON = 2,
    CTL_KEYGEN = 4,
    CTL_FRAME_SHOW = 8,
    CTL_DEVICE_LIST = 16,
    CTL_DEVICE_ADD = 32,
    CTL_GATEWAY_ADD = 64,
    CTL_DEVICE_SET = 256,
    CTL_DEVICE_IMPORT = 512,
    CTL_UTC = 1024,
    CTL_DEVICE_APPROVE = 2048,
    CTL_DEVICE_DENY = 4096,
    CTL_ASKS = 8192,
    CTL_HEALTH = 16384,
    CTL_WATCH = 32768,
    CTL_GATEWAY_IMPORT = 65536,
    CTL_BROKER = 128 /* for a command that talks to the broker; they may stand before the command too */
};

/* The broker's options: for an argp, with the struct ctl_options as input. */
extern struct argp_child ctl_broker_child[];

/* argp's list of the options of these sets but CTL_BROKER, until the next call. */
const struct argp_option *ctl_options_list(unsigned sets);

/* Take one option of any set. 0 or ARGP_ERR_UNKNOWN, as argp has it. */
error_t ctl_options_take(struct ctl_options *options, int key, char *argument, struct argp_state *state);

/* Read a command's own line; argv[0] is to be its full name. Ends the program for --help and for mistakes. */
void ctl_options_parse(struct ctl_options *options, const struct ctl_command *command, int argc, char **argv);

#endif
