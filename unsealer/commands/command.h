/* SPDX-License-Identifier: Apache-2.0 */
/* One command that is carried out, and the handlers of all commands. PROTOCOL.md, section 8 ("Commands"). To add one:
 * write its handler in device_commands.c, id_commands.c or system_commands.c, and enter it into the table in
 * commands.c. No I/O but the registry's; one thread, the writer. */
#ifndef SELKIE_COMMAND_H
#define SELKIE_COMMAND_H

#include "rules/effects.h"

#include <selkie/keyring.h>

#define SELKIE_COMMANDS_ERROR_SIZE 256

/* Of commands that list: "limit" without one and at most; a page ends after so many IDs; retired IDs of an address:
 * those that may be readmitted, and the newest. */
#define SELKIE_LIST_DEFAULT 100
#define SELKIE_LIST_MAX     1000
#define SELKIE_PAGE_MAX     2000
#define SELKIE_RETIRED_MAX  64

struct selkie_commands {
    struct selkie_effects *effects;
    const struct selkie_keyring *keyring;
    json_t *(*stats)(void *context); /* the document of selkie/stats */
    void *stats_context;
    json_t *changed_gateways; /* by this transaction: an object, its keys are their names; NULL = none */
};

/* What a handler gets: its fields are there and of their type. */
struct selkie_command {
    struct selkie_commands *commands;
    const json_t *fields;
    uint8_t address[SELKIE_ADDRESS_SIZE]; /* if the command has one */
    json_t *data;                         /* an object for the answer */
    char error[SELKIE_COMMANDS_ERROR_SIZE];
    bool exists; /* refused because what it would add is there: said to programs too */
};

/* Refuse the command with a text for the administrator, "field: problem". Returns SELKIE_EREFUSED. */
SELKIE_USE_RESULT int selkie_command_refuse(struct selkie_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *selkie_command_text(const struct selkie_command *command, const char *key); /* or NULL */
int64_t selkie_command_integer(const struct selkie_command *command, const char *key, int64_t fallback);

bool selkie_command_flag(const struct selkie_command *command, const char *key); /* false without it */

/* The device of the command: 0, or SELKIE_EREFUSED for one that is unknown. */
SELKIE_USE_RESULT int selkie_command_load_device(struct selkie_command *command, struct selkie_device_record *device);
/* Add `retired` to the answer, unless an ID of the device is active: those that were denied or removed and may be
 * readmitted. A device that runs under one is shut out although its address is known. */
SELKIE_USE_RESULT int selkie_command_add_retired(struct selkie_command *command,
                                                 const struct selkie_device_record *device);

/* Add the device's `model`, and whether an administrator chose it; `firmware` is of the ID that counts. */
SELKIE_USE_RESULT int selkie_command_add_model(const struct selkie_commands *commands,
                                               const struct selkie_device_record *device, const char *firmware,
                                               json_t *json);

/* Replace everything but printable ASCII. A quoted part of a payload may end in the middle of a character, which is not
 * valid in JSON. */
void selkie_command_make_ascii(char *text);

/* Each handler returns 0, SELKIE_EREFUSED after selkie_command_refuse, or an error for which the transaction must be
 * rolled back. */
int selkie_command_add_device(struct selkie_command *command);
int selkie_command_set_device(struct selkie_command *command);
int selkie_command_get_device(struct selkie_command *command);
int selkie_command_list_devices(struct selkie_command *command);
int selkie_command_approve_device(struct selkie_command *command);
int selkie_command_deny_device(struct selkie_command *command);
int selkie_command_readmit_device(struct selkie_command *command);
int selkie_command_list_pending(struct selkie_command *command);
int selkie_command_revoke_device(struct selkie_command *command);
int selkie_command_restore_device(struct selkie_command *command);
int selkie_command_remove_device(struct selkie_command *command);
int selkie_command_add_gateway(struct selkie_command *command);
int selkie_command_reset_gateway_password(struct selkie_command *command);
int selkie_command_list_gateways(struct selkie_command *command);
int selkie_command_remove_gateway(struct selkie_command *command);
int selkie_command_list_keys(struct selkie_command *command);
int selkie_command_list_models(struct selkie_command *command);
int selkie_command_get_stats(struct selkie_command *command);

#endif
