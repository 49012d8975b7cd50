/* SPDX-License-Identifier: Apache-2.0 */
/* One command under way, and what its handlers share. No I/O; one thread, the writer. */
#ifndef SELKIE_COMMAND_H
#define SELKIE_COMMAND_H

#include "rules/effects.h"

#include <selkie/keyring.h>

#define SELKIE_COMMANDS_ERROR_SIZE 256

struct selkie_commands {
    struct selkie_effects *effects;
    const struct selkie_keyring *keyring;
    json_t *(*stats)(void *context); /* the document of selkie/stats */
    void *stats_context;
    bool gateways_changed; /* by this round */
};

/* What a handler is given; its fields are there and of their type. */
struct selkie_command {
    struct selkie_commands *commands;
    const json_t *fields;
    uint8_t address[SELKIE_ADDRESS_SIZE]; /* where the command has one */
    json_t *data;                         /* an object for the answer */
    char error[SELKIE_COMMANDS_ERROR_SIZE];
};

/* Say that the command is refused; returns SELKIE_EREFUSED. */
SELKIE_USE_RESULT int selkie_command_refuse(struct selkie_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is quoted of a payload may be cut within a character, and JSON takes no half of one. */
void selkie_command_make_ascii(char *text);

const char *selkie_command_text(const struct selkie_command *command, const char *key); /* or NULL */
int64_t selkie_command_integer(const struct selkie_command *command, const char *key, int64_t fallback);

#endif
