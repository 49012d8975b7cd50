/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl: the administrator's command. */
#include "ctl_command.h"
#include "ctl_config.h"
#include "ctl_text.h"

#include <errno.h>
#include <selkie/stdout.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ctl_command commands[] = {
    {"keygen", "--id N --out DIR [--from KEY|pkcs11:…]",
     "Make an RSA-4096 key pair: N.key.pem, N.pub.pem, N.pub.h; with --from, only the public files of an existing key",
     ctl_keygen, CTL_KEYGEN, 0, 0, NULL},
    {"frame show", "FILE|-", "Print the fields of a frame's body (raw or hex); with --key, open it", ctl_frame_show,
     CTL_FRAME_SHOW | CTL_JSON, 1, 1, NULL},
    {"device list", "", "List devices", ctl_device_list, CTL_BROKER | CTL_JSON | CTL_UTC | CTL_DEVICE_LIST, 0, 0,
     "listDevices"},
    {"device show", "ADDRESS", "Show a device and its IDs", ctl_device_show, CTL_BROKER | CTL_JSON | CTL_UTC, 1, 1,
     "getDevice"},
    {"device add", "ADDRESS", "Enrol a device; with --claim, only for a device that sends this claim", ctl_device_add,
     CTL_BROKER | CTL_JSON | CTL_DEVICE_ADD, 1, 1, "addDevice"},
    {"device set", "ADDRESS", "Change a device's name, claim or model", ctl_device_set,
     CTL_BROKER | CTL_JSON | CTL_DEVICE_ADD | CTL_DEVICE_SET, 1, 1, "setDevice"},
    {"device approve", "ADDRESS [ID]|--waiting", "Accept a pending ID as the device's own", ctl_device_change,
     CTL_BROKER | CTL_JSON | CTL_DEVICE_APPROVE | CTL_ASKS, 0, 2, "approveDevice"},
    {"device deny", "ADDRESS [ID]", "Refuse a pending ID for ever", ctl_device_change,
     CTL_BROKER | CTL_JSON | CTL_DEVICE_DENY | CTL_ASKS, 1, 2, "denyDevice"},
    {"device readmit", "ADDRESS [ID]", "Take back an ID that was denied, or removed with its device", ctl_device_change,
     CTL_BROKER | CTL_JSON, 1, 2, "readmitDevice"},
    {"device revoke", "ADDRESS", "Reject all frames of a device", ctl_device_change, CTL_BROKER | CTL_JSON, 1, 1,
     "revokeDevice"},
    {"device restore", "ADDRESS", "Accept a revoked device again", ctl_device_change, CTL_BROKER | CTL_JSON, 1, 1,
     "restoreDevice"},
    {"device remove", "ADDRESS", "Forget a device", ctl_device_change, CTL_BROKER | CTL_JSON | CTL_ASKS, 1, 1,
     "removeDevice"},
    {"device import", "FILE.csv|-", "Enrol many devices, from a file with the columns address, name, claim, model",
     ctl_device_import, CTL_BROKER | CTL_JSON | CTL_DEVICE_IMPORT, 1, 1, "addDevice"},
    {"device export", "", "Print all devices as CSV", ctl_device_export, CTL_BROKER | CTL_JSON, 0, 0, "listDevices"},
    {"gateway list", "", "List gateways, and how each is", ctl_gateway_list, CTL_BROKER | CTL_JSON | CTL_UTC, 0, 0,
     "listGateways"},
    {"gateway show", "NAME", "Show a gateway, its lines and its counters", ctl_gateway_show,
     CTL_BROKER | CTL_JSON | CTL_UTC, 1, 1, "listGateways"},
    {"gateway add", "NAME", "Register a gateway; print its password, once, and its configuration", ctl_gateway_add,
     CTL_BROKER | CTL_JSON | CTL_GATEWAY_ADD, 1, 1, "addGateway"},
    {"gateway import", "FILE.csv|-", "Register many gateways, from a file with the column gateway", ctl_gateway_import,
     CTL_BROKER | CTL_JSON | CTL_GATEWAY_IMPORT, 1, 1, "addGateway"},
    {"gateway reset-password", "NAME", "Give a gateway another password; print it, once", ctl_gateway_reset_password,
     CTL_BROKER | CTL_JSON, 1, 1, "resetGatewayPassword"},
    {"gateway remove", "NAME", "Forget a gateway", ctl_gateway_remove, CTL_BROKER | CTL_JSON, 1, 1, "removeGateway"},
    {"model list", "", "List the models that the plugin has loaded", ctl_model_list, CTL_BROKER | CTL_JSON, 0, 0,
     "listModels"},
    {"key list", "", "List the cloud's keys and how many devices use each", ctl_key_list, CTL_BROKER | CTL_JSON, 0, 0,
     "listKeys"},
    {"model check", "FILE|FOLDER...", "Check files of models, and that their examples come out", ctl_model_check, 0, 1,
     CTL_ARGS_MAX, NULL},
    {"model show", "FILE|NAME [PAYLOAD]",
     "Show a model, or the values of a payload (hex, or text if the model has text)", ctl_model_show, CTL_JSON, 1, 2,
     NULL},
    {"health", "[GATEWAY]", "Exit with 0 if the plugin works (and the gateway is online), else say what is wrong",
     ctl_health, CTL_BROKER | CTL_JSON | CTL_HEALTH, 0, 1, NULL},
    {"registry create", "FOLDER", "Let the plugin's next start make a new registry in its state_dir",
     ctl_registry_create, 0, 1, 1, NULL},
    {"stats", "", "Print the plugin's counters", ctl_stats, CTL_BROKER | CTL_JSON | CTL_UTC, 0, 0, "getStats"},
    {"watch", "[ADDRESS]", "Show events, rejections and frames as they come", ctl_watch,
     CTL_BROKER | CTL_JSON | CTL_UTC | CTL_WATCH, 0, 1, NULL},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

const char *argp_program_version = "selkiectl " SELKIE_VERSION;

/* argp asks for the text behind the options; it frees what it is given. */
static char *list_commands(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)text;
    char *list = NULL;
    size_t size;
    FILE *stream = open_memstream(&list, &size);
    if (!stream)
        return NULL;
    fputs("Commands:\n", stream);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stream, "  %s%s%s\n      %s\n", commands[i].name, commands[i].args[0] == '\0' ? "" : " ",
                commands[i].args, commands[i].help);
    fputs("\nFor more about a command: selkiectl COMMAND --help.", stream);
    fclose(stream);
    return list;
}

/* The number of words by which the command is called, 0 if it is another one. */
static int words_matched(const struct ctl_command *command, int argc, char **argv)
{
    const char *name = command->name;
    for (int words = 0; words < argc; words++) {
        size_t len = strcspn(name, " ");
        if (strlen(argv[words]) != len || strncmp(name, argv[words], len) != 0)
            return 0;
        if (name[len] == '\0')
            return words + 1;
        name += len + 1;
    }
    return 0;
}

/* "device" alone is the beginning of several commands: name them. */
static _Noreturn void explain_unknown(struct argp_state *state, const char *word)
{
    char known[512] = "";
    size_t len = strlen(word);
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *name = commands[i].name;
        if (strncmp(name, word, len) == 0 && name[len] == ' ')
            snprintf(known + strlen(known), sizeof known - strlen(known), " %s", name + len + 1);
    }
    if (known[0] != '\0')
        argp_error(state, "'%s' needs one of:%s", word, known);
    else
        argp_error(state, "no such command: '%s'", word);
    exit(CTL_USAGE);
}

/* The command line up to the command; the rest is the command's own. */
struct invocation {
    struct ctl_options options;
    const struct ctl_command *command;
    int argc;
    char **argv; /* argv[0] is the command's last word */
};

static error_t parse_command(int key, char *argument, struct argp_state *state)
{
    struct invocation *invocation = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &invocation->options;
        return 0;
    case ARGP_KEY_ARG:
        for (size_t i = 0; i < COMMANDS; i++) {
            char **words = state->argv + state->next - 1;
            int matched = words_matched(&commands[i], state->argc - state->next + 1, words);
            if (matched == 0)
                continue;
            invocation->command = &commands[i];
            invocation->argv = words + matched - 1;
            invocation->argc = state->argc - state->next + 2 - matched;
            state->next = state->argc;
            return 0;
        }
        explain_unknown(state, argument);
    case ARGP_KEY_NO_ARGS:
        if (!invocation->options.check_config && !invocation->options.print_config)
            argp_error(state, "a command is missing");
        return 0;
    default:
        return ctl_options_take(&invocation->options, key, argument, state);
    }
}

/* These go into JSON. File names may be any bytes. */
static enum ctl_exit check_texts(const struct ctl_options *options)
{
    const struct {
        const char *option, *text;
    } texts[] = {{"--claim", options->claim},   {"--name", options->name},     {"--model", options->model},
                 {"--status", options->status}, {"--broker", options->broker}, {"--username", options->username},
                 {"--root", options->root}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i].text;
        size_t len = text ? strlen(text) : 0, valid = ctl_utf8_valid(text, len);
        if (valid < len) {
            ctl_fail("%s: not UTF-8: byte %02X behind %zu bytes; does this terminal use another encoding?",
                     texts[i].option, (unsigned char)text[valid], valid);
            return CTL_USAGE;
        }
    }
    return CTL_DONE;
}

int main(int argc, char **argv)
{
    struct invocation invocation = {0};
    const struct argp argp = {
        .options = ctl_options_list(CTL_MAIN),
        .parser = parse_command,
        .args_doc = "COMMAND [ARGUMENT...]",
        .doc = "Administer Selkie: keys, frames, devices, gateways.\v",
        .children = ctl_broker_child,
        .help_filter = list_commands,
    };
    argp_err_exit_status = CTL_USAGE;
    selkie_stdout_check_at_exit("selkiectl");
    /* In order, so that options behind the command are left to it. Ends the program where something is wrong. */
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &invocation);

    if (invocation.options.print_config) {
        fputs(selkie_ctl_config_template, stdout);
        return CTL_DONE;
    }
    if (invocation.options.check_config)
        return (int)selkie_ctl_config_check(&invocation.options);
    char name[64];
    snprintf(name, sizeof name, "selkiectl %s", invocation.command->name);
    invocation.argv[0] = name;
    ctl_options_parse(&invocation.options, invocation.command, invocation.argc, invocation.argv);
    if (check_texts(&invocation.options) != CTL_DONE)
        return CTL_USAGE;
    if (invocation.options.utc && setenv("TZ", "UTC0", 1) != 0)
        return (int)ctl_fail("cannot set the time zone: %s", strerror(errno));
    return (int)invocation.command->run(&invocation.options, invocation.command);
}
