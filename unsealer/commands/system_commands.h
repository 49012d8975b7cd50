/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on gateways, keys and stats. Each handler returns 0, SELKIE_EREFUSED after selkie_command_refuse, or an
 * error for which the transaction must be rolled back. One thread, the writer. */
#ifndef SELKIE_SYSTEM_COMMANDS_H
#define SELKIE_SYSTEM_COMMANDS_H

#include "commands/command.h"

int selkie_command_add_gateway(struct selkie_command *command);
int selkie_command_list_gateways(struct selkie_command *command);
int selkie_command_remove_gateway(struct selkie_command *command);
int selkie_command_list_keys(struct selkie_command *command);
int selkie_command_get_stats(struct selkie_command *command);

#endif
