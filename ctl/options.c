/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "command.h"

#include <errno.h>
#include <stdlib.h>

enum { OPT_ID = 0x100, OPT_OUT, OPT_KEY, OPT_SEALED, OPT_JSON };

const struct argp_option ctl_keygen_options[] = {
    {"id", OPT_ID, "N", 0, "The key's number in frames, 1 to 255", 0},
    {"out", OPT_OUT, "DIR", 0, "Folder for the three files; made if it is not there", 0},
    {0},
};

const struct argp_option ctl_frame_show_options[] = {
    {"key", OPT_KEY, "FILE", 0, "Open it with this private key (PEM)", 0},
    {"sealed", OPT_SEALED, "FILE", 0, "A SEALED frame of the same device, with whose ID a SESSION frame opens", 0},
    {"json", OPT_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

/* The command under way is what argp hands to the parser; the options are what it fills. */
struct parsing {
    struct ctl_options *options;
    const struct ctl_command *command;
};

static int read_number(struct argp_state *state, const char *name, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
        argp_error(state, "--%s: must be %ld to %ld, not '%s'", name, min, max, text);
    return (int)value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct ctl_options *options = parsing->options;
    switch (key) {
    case OPT_ID:
        options->key_id = read_number(state, "id", argument, 1, 255);
        return 0;
    case OPT_OUT:
        options->out = argument;
        return 0;
    case OPT_KEY:
        options->key = argument;
        return 0;
    case OPT_SEALED:
        options->sealed = argument;
        return 0;
    case OPT_JSON:
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->arg_count == parsing->command->max_args)
            argp_error(state, "one argument too many: '%s'", argument);
        options->args[options->arg_count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->arg_count < parsing->command->min_args)
            argp_error(state, "an argument is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
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
    };
    /* It ends the program itself where something is wrong. */
    (void)argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}
