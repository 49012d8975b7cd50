/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_command.h"

#include <openssl/err.h>
#include <selkie/argument.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    OPT_ID = 0x100,
    OPT_OUT,
    OPT_KEY,
    OPT_SEALED,
    OPT_JSON,
    OPT_CLAIM,
    OPT_NAME,
    OPT_STATUS,
    OPT_CERTIFICATE,
    OPT_CONFIG,
    OPT_BROKER,
    OPT_USERNAME,
    OPT_PASSWORD_FILE,
    OPT_CA,
    OPT_CERT,
    OPT_ROOT,
    OPT_TIMEOUT,
    OPT_CHECK_CONFIG,
    OPT_PRINT_CONFIG
};

const struct argp_option ctl_keygen_options[] = {
    {"id", OPT_ID, "N", 0, "The key's number in frames, 1 to 255", 0},
    {"out", OPT_OUT, "DIR", 0, "Folder for the three files; created if it does not exist", 0},
    {0},
};

const struct argp_option ctl_frame_show_options[] = {
    {"key", OPT_KEY, "FILE", 0, "Open it with this private key (PEM)", 0},
    {"sealed", OPT_SEALED, "FILE", 0, "A SEALED frame of the same device: its ID opens the SESSION frame", 0},
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

const struct argp_option ctl_json_options[] = {
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

const struct argp_option ctl_device_list_options[] = {
    {"status", OPT_STATUS, "STATUS", 0, "Only active, pending, listed or revoked devices", 0},
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

const struct argp_option ctl_device_add_options[] = {
    {"claim", OPT_CLAIM, "CLAIM", OPTION_ARG_OPTIONAL,
     "The claim that the device must send, up to 64 bytes; without CLAIM, make one and print it", 0},
    {"name", OPT_NAME, "NAME", 0, "A name for people", 0},
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

const struct argp_option ctl_gateway_add_options[] = {
    {"certificate", OPT_CERTIFICATE, NULL, 0,
     "It proves its name with a TLS certificate of this common name instead of a password", 0},
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

static const struct argp_option broker_options[] = {
    {"broker", OPT_BROKER, "URI", 0,
     "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; several with commas between are tried in turn", 0},
    {"username", OPT_USERNAME, "NAME", 0, "The user name", 0},
    {"password-file", OPT_PASSWORD_FILE, "FILE", 0, "Its first line is the password", 0},
    {"ca", OPT_CA, "FILE", 0, "Certificates to trust (PEM) instead of the system's", 0},
    {"cert", OPT_CERT, "FILE", 0, "The client's certificate (PEM)", 0},
    {"key", OPT_KEY, "FILE", 0, "The client's private key (PEM)", 0},
    {"root", OPT_ROOT, "TOPIC", 0, "First level of Selkie's topics", 0},
    {"timeout", OPT_TIMEOUT, "SECONDS", 0, "How long to wait for the broker and for each answer", 0},
    {"config", OPT_CONFIG, "FILE", 0,
     "Configuration for options that are not given; default: ~/.config/selkie/ctl.json, else /etc/selkie/ctl.json", 0},
    {0},
};

const struct argp_option ctl_main_options[] = {
    {"check-config", OPT_CHECK_CONFIG, NULL, 0, "Check the configuration, print what would be used, and end", 0},
    {"print-config", OPT_PRINT_CONFIG, NULL, 0, "Print a complete configuration as an example, and end", 0},
    {0},
};

static error_t parse_broker_option(int key, char *argument, struct argp_state *state)
{
    return ctl_options_take(state->input, key, argument, state);
}

static const struct argp broker_argp = {.options = broker_options, .parser = parse_broker_option};

const struct argp_child ctl_broker_child[] = {{&broker_argp, 0, "Broker:", 10}, {0}};

/* The command under way is what argp hands to the parser; the options are what it fills. */
struct parsing {
    struct ctl_options *options;
    const struct ctl_command *command;
};

error_t ctl_options_take(struct ctl_options *options, int key, char *argument, struct argp_state *state)
{
    const struct {
        int key;
        const char **text;
    } texts[] = {
        {OPT_OUT, &options->out},
        {OPT_KEY, &options->key},
        {OPT_SEALED, &options->sealed},
        {OPT_NAME, &options->name},
        {OPT_STATUS, &options->status},
        {OPT_CONFIG, &options->config},
        {OPT_BROKER, &options->broker},
        {OPT_USERNAME, &options->username},
        {OPT_PASSWORD_FILE, &options->password_file},
        {OPT_CA, &options->ca},
        {OPT_CERT, &options->cert},
        {OPT_ROOT, &options->root},
    };
    const struct {
        int key;
        bool *flag;
    } flags[] = {
        {OPT_JSON, &options->json},
        {OPT_CERTIFICATE, &options->certificate},
        {OPT_CHECK_CONFIG, &options->check_config},
        {OPT_PRINT_CONFIG, &options->print_config},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].key == key) {
            *texts[i].text = argument;
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (flags[i].key == key) {
            *flags[i].flag = true;
            return 0;
        }
    }
    if (key == OPT_ID)
        options->key_id = (int)selkie_argument_number(state, "id", argument, 1, 255);
    else if (key == OPT_TIMEOUT)
        options->timeout_s = (int)selkie_argument_number(state, "timeout", argument, 1, 3600);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* --claim=CLAIM, --claim CLAIM, or --claim alone: at the end, or before another option. getopt itself knows no optional
 * argument that is a word of its own, so the next word is taken here. */
static void take_claim(struct ctl_options *options, char *argument, struct argp_state *state)
{
    const char *next = state->next < state->argc ? state->argv[state->next] : NULL;
    if (!argument && next && (next[0] != '-' || next[1] == '\0'))
        argument = state->argv[state->next++];
    options->claim = argument;
    options->make_claim = !argument;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct ctl_options *options = parsing->options;
    switch (key) {
    case ARGP_KEY_INIT:
        if (parsing->command->broker)
            state->child_inputs[0] = options;
        return 0;
    case ARGP_KEY_ARG:
        if (options->arg_count == parsing->command->max_args)
            argp_error(state, "one argument too many: '%s'", argument);
        options->args[options->arg_count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->arg_count < parsing->command->min_args)
            argp_error(state, options->claim ? "an argument is missing (write --claim without a value last)"
                                             : "an argument is missing");
        return 0;
    case OPT_CLAIM:
        take_claim(options, argument, state);
        return 0;
    default:
        return ctl_options_take(options, key, argument, state);
    }
}

void ctl_options_parse(struct ctl_options *options, const struct ctl_command *command, int argc, char **argv)
{
    struct parsing parsing = {options, command};
    const struct argp argp = {
        .options = command->options,
        .parser = parse_option,
        .args_doc = command->args,
        .doc = command->help,
        .children = command->broker ? ctl_broker_child : NULL,
    };
    /* It ends the program itself on a mistake. */
    (void)argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("selkiectl: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return CTL_FAILED;
}

enum ctl_exit ctl_fail_openssl(const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return ctl_fail("%s: %s", what, reason ? reason : "libcrypto failed");
}
