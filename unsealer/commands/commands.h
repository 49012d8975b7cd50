/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands, as $CONTROL/selkie/v1 carries them: a JSON object in, one out. PROTOCOL.md, section 8
 * ("Commands"). command_batch.h has the payload around them. A command is part of a transaction of the writer: its
 * changes hold once that is committed. One thread, the writer. */
#ifndef SELKIE_COMMANDS_H
#define SELKIE_COMMANDS_H

#include "commands/command.h"

/* Carry out one of the "commands" of a payload; *response is its entry in "responses". A faulty command changes
 * nothing, and its response has the error. `refusal`: refuse the command with this text instead; NULL = carry it out.
 * 0, or an error for which the transaction must be rolled back. */
SELKIE_USE_RESULT int selkie_commands_respond(struct selkie_commands *commands, const json_t *request,
                                              const char *refusal, json_t **response);

#endif
