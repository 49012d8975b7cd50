/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on devices. Each handler returns 0, SELKIE_EREFUSED after selkie_command_refuse, or an error for which
 * the transaction must be rolled back. One thread, the writer. */
#ifndef SELKIE_DEVICE_COMMANDS_H
#define SELKIE_DEVICE_COMMANDS_H

#include "commands/command.h"

int selkie_command_add_device(struct selkie_command *command);
int selkie_command_get_device(struct selkie_command *command);
int selkie_command_list_devices(struct selkie_command *command);
int selkie_command_approve_device(struct selkie_command *command);
int selkie_command_deny_device(struct selkie_command *command);
int selkie_command_revoke_device(struct selkie_command *command);
int selkie_command_restore_device(struct selkie_command *command);
int selkie_command_remove_device(struct selkie_command *command);

#endif
