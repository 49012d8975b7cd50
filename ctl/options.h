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
    const char *key; /* for a broker command, the client's TLS key */
    const char *sealed;
};

struct ctl_command;

/* Options of single commands, for the table of commands. */
extern const struct argp_option ctl_keygen_options[];
extern const struct argp_option ctl_frame_show_options[];

/* Read a command's own line; argv[0] is to be its full name. Ends the program for --help and for mistakes. */
void ctl_options_parse(struct ctl_options *options, const struct ctl_command *command, int argc, char **argv);

#endif
