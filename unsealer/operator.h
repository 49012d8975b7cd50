/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's commands, as $CONTROL/selkie/v1 carries them: a JSON object in, one out (inquiry.h has the payload
 * around them). Part of a registrar's round: what they change is true once that is committed. */
#ifndef SELKIE_OPERATOR_H
#define SELKIE_OPERATOR_H

#include "clerk.h"
#include "gateways.h"

#define SELKIE_OPERATOR_ERROR_SIZE 256

struct selkie_operator {
    struct selkie_clerk *clerk;
    const struct selkie_keyring *keyring;
    json_t *(*stats)(void *context); /* the document of selkie/stats */
    void *stats_context;
    bool gateways_changed; /* by this round */
};

/* Carry out one of the "commands" of a payload; *response is its entry in "responses". A command that is wrong has its
 * error in there and changes nothing; so has one that is refused beforehand, with the text that says why (else NULL).
 * 0, or an error for which the round is to be rolled back. */
SELKIE_USE_RESULT int selkie_operator_respond(struct selkie_operator *op, const json_t *request, const char *refusal,
                                              json_t **response);

/* What a handler is given; its fields are there and of their type. */
struct selkie_command {
    struct selkie_operator *op;
    const json_t *fields;
    uint8_t address[SELKIE_ADDRESS_SIZE]; /* where the command has one */
    json_t *data;                         /* an object for the answer */
    char error[SELKIE_OPERATOR_ERROR_SIZE];
};

/* Say that the command is refused; returns SELKIE_EREFUSED. */
SELKIE_USE_RESULT int selkie_command_refuse(struct selkie_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is quoted of a payload may be cut within a character, and JSON takes no half of one. */
void selkie_command_make_ascii(char *text);

const char *selkie_command_text(const struct selkie_command *command, const char *key); /* or NULL */
int64_t selkie_command_integer(const struct selkie_command *command, const char *key, int64_t fallback);

/* The handlers: 0, SELKIE_EREFUSED after selkie_command_refuse, or an error for which the round is to be rolled back.
 */
int selkie_command_add_device(struct selkie_command *command);
int selkie_command_get_device(struct selkie_command *command);
int selkie_command_list_devices(struct selkie_command *command);
int selkie_command_approve_device(struct selkie_command *command);
int selkie_command_deny_device(struct selkie_command *command);
int selkie_command_revoke_device(struct selkie_command *command);
int selkie_command_restore_device(struct selkie_command *command);
int selkie_command_remove_device(struct selkie_command *command);
int selkie_command_add_gateway(struct selkie_command *command);
int selkie_command_list_gateways(struct selkie_command *command);
int selkie_command_remove_gateway(struct selkie_command *command);
int selkie_command_list_keys(struct selkie_command *command);
int selkie_command_get_stats(struct selkie_command *command);

#endif
