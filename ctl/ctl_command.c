/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_command.h"

#include "ctl_text.h"

#include <openssl/err.h>
#include <selkie/argument.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OPT_CLAIM   0x1000
#define OF(name)    offsetof(struct ctl_options, name)
#define TABLE_COUNT (sizeof table / sizeof table[0])

static const struct selkie_argument table[] = {
    {"id", "N", "The key's number in frames, 1 to 255", OF(key_id), 255, 0, 0, CTL_KEYGEN},
    {"out", "DIR", "Folder for the three files; created if it does not exist", OF(out), 0, 0, 0, CTL_KEYGEN},
    {"from", "KEY", "Make no key: take the public half of this one, a PEM file or pkcs11:… in a token", OF(from), 0, 0,
     0, CTL_KEYGEN},
    {"pin-file", "FILE", "With --from pkcs11:…: its first line is the token's PIN", OF(pin_file), 0, 0, 0, CTL_KEYGEN},
    {"key", "FILE", "Open it with this private key (PEM)", OF(key), 0, 0, 0, CTL_FRAME_SHOW},
    {"sealed", "FILE", "A SEALED frame of the same device: its ID opens the SESSION frame", OF(sealed), 0, 0, 0,
     CTL_FRAME_SHOW},
    {"json", NULL, "Print JSON", OF(json), 0, 0, 0, CTL_JSON},
    {"utc", NULL, "Print times in UTC instead of local time", OF(utc), 0, 0, 0, CTL_UTC},
    {"status", "STATUS", "Only active, pending, listed or revoked devices", OF(status), 0, 0, 0, CTL_DEVICE_LIST},
    {"waiting", NULL, "All IDs that wait for a decision, whatever the status of their devices", OF(waiting), 0, 0, 0,
     CTL_DEVICE_LIST | CTL_DEVICE_APPROVE},
    {"seen-by", "GATEWAY", "Of those that wait, only the ones whose last frame came through this gateway", OF(seen_by),
     0, 0, 0, CTL_DEVICE_LIST | CTL_DEVICE_APPROVE},
    {"newest", NULL, "The pending ID that came last, unless another one was heard since", OF(newest), 0, 0, 0,
     CTL_DEVICE_APPROVE},
    {"all", NULL, "All pending IDs of the device", OF(all), 0, 0, 0, CTL_DEVICE_DENY},
    {"yes", NULL, "Do not ask", OF(yes), 0, 0, 0, CTL_ASKS},
    {"claim", "CLAIM", "The claim that the device must send, up to 64 bytes; without CLAIM, make one and print it",
     SELKIE_ARGUMENT_OWN, 0, OPT_CLAIM, OPTION_ARG_OPTIONAL, CTL_DEVICE_ADD},
    {"no-claim", NULL, "Take its claim away: a device without one may register", OF(no_claim), 0, 0, 0, CTL_DEVICE_SET},
    {"name", "NAME", "A name for people", OF(name), 0, 0, 0, CTL_DEVICE_ADD},
    {"model", "MODEL", "The model that says what its payloads mean, whatever its firmware says", OF(model), 0, 0, 0,
     CTL_DEVICE_ADD},
    {"no-model", NULL, "Take the chosen model away: its firmware says which one it is", OF(no_model), 0, 0, 0,
     CTL_DEVICE_SET},
    {"update", NULL, "Change the devices that were added before with another name, claim or model", OF(update), 0, 0, 0,
     CTL_DEVICE_IMPORT},
    {"certificate", NULL, "It proves its name with a TLS certificate of this common name instead of a password",
     OF(certificate), 0, 0, 0, CTL_GATEWAY_ADD | CTL_GATEWAY_IMPORT},
    {"passwords", "OUT.csv", "Where the passwords go: a new file that only you can read", OF(passwords), 0, 0, 0,
     CTL_GATEWAY_IMPORT},
    {"gateways", NULL, "All gateways that have ever been there must be online", OF(gateways), 0, 0, 0, CTL_HEALTH},
    {"values", NULL, "Show the values of frames, too, by the models of their devices", OF(values), 0, 0, 0, CTL_WATCH},
    {"broker", "URI", "mqtt://, mqtts://, ws:// or wss://HOST[:PORT]; several with commas between are tried in turn",
     OF(broker), 0, 0, 0, CTL_BROKER},
    {"username", "NAME", "The user name", OF(username), 0, 0, 0, CTL_BROKER},
    {"password-file", "FILE", "Its first line is the password", OF(password_file), 0, 0, 0, CTL_BROKER},
    {"ca", "FILE", "Certificates to trust (PEM) instead of the system's", OF(ca), 0, 0, 0, CTL_BROKER},
    {"cert", "FILE", "The client's certificate (PEM)", OF(cert), 0, 0, 0, CTL_BROKER},
    {"key", "FILE", "The client's private key (PEM)", OF(key), 0, 0, 0, CTL_BROKER},
    {"root", "TOPIC", "First level of Selkie's topics", OF(root), 0, 0, 0, CTL_BROKER},
    {"timeout", "SECONDS", "How long to wait for the broker and for each answer", OF(timeout_s), 3600, 0, 0,
     CTL_BROKER},
    {"config", "FILE",
     "Configuration for options that are not given; default: ~/.config/selkie/ctl.json, else /etc/selkie/ctl.json",
     OF(config), 0, 0, 0, CTL_BROKER},
    {"check-config", NULL, "Check the configuration, print what would be used, and end", OF(check_config), 0, 0, 0,
     CTL_MAIN},
    {"print-config", NULL, "Print a complete configuration as an example, and end", OF(print_config), 0, 0, 0,
     CTL_MAIN},
};

error_t ctl_options_take(struct ctl_options *options, int key, char *argument, struct argp_state *state)
{
    return selkie_argument_take(options, table, TABLE_COUNT, key, argument, state) ? 0 : ARGP_ERR_UNKNOWN;
}

static error_t parse_broker_option(int key, char *argument, struct argp_state *state)
{
    return ctl_options_take(state->input, key, argument, state);
}

static struct argp_option broker_list[TABLE_COUNT + 1];
static const struct argp broker_argp = {.options = broker_list, .parser = parse_broker_option};

struct argp_child ctl_broker_child[] = {{&broker_argp, 0, "Broker:", 10}, {0}};

const struct argp_option *ctl_options_list(unsigned sets)
{
    static struct argp_option list[TABLE_COUNT + 1];

    selkie_argument_list(broker_list, table, TABLE_COUNT, CTL_BROKER);
    selkie_argument_list(list, table, TABLE_COUNT, sets & ~(unsigned)CTL_BROKER);
    return list;
}

/* The command under way is what argp hands to the parser; the options are what it fills. */
struct parsing {
    struct ctl_options *options;
    const struct ctl_command *command;
};

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
        if (parsing->command->options & CTL_BROKER)
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
        .options = ctl_options_list(command->options),
        .parser = parse_option,
        .args_doc = command->args,
        .doc = command->help,
        .children = command->options & CTL_BROKER ? ctl_broker_child : NULL,
    };
    /* It ends the program itself on a mistake. */
    (void)argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int len = vasprintf(&text, format, arguments);
    va_end(arguments);
    fputs("selkiectl: ", stderr);
    ctl_text_print(stderr, len < 0 ? "out of memory" : text); /* parts of it may be from outside */
    fputc('\n', stderr);
    if (len >= 0)
        free(text);
    return CTL_FAILED;
}

enum ctl_exit ctl_fail_openssl(const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return ctl_fail("%s: %s", what, reason ? reason : "libcrypto failed");
}
