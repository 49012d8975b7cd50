/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands, as $CONTROL/selkie/v1 carries them: a JSON object in, one out. PROTOCOL.md, section 8
 * ("Commands"). command_batch.h has the payload around them, device_commands.h and system_commands.h the handlers. A
 * command is part of a transaction of the writer: what it changes is true once that is committed. One thread. */
#ifndef SELKIE_COMMANDS_H
#define SELKIE_COMMANDS_H

#include "commands/command.h"

/* Carry out one of the "commands" of a payload; *response is its entry in "responses". A command that is wrong has its
 * error in there and changes nothing; so has one that is refused beforehand, with the text that says why (else NULL).
 * 0, or an error for which the round is to be rolled back. */
SELKIE_USE_RESULT int selkie_commands_respond(struct selkie_commands *commands, const json_t *request,
                                              const char *refusal, json_t **response);

#endif
