/* SPDX-License-Identifier: Apache-2.0 */
/* One payload of $CONTROL/selkie/v1 under way, from its JSON to its answer's. PROTOCOL.md, section 8 ("Commands").
 *
 * It is carried out a part at a time, each in a round of the writer, so that frames are decided in between however
 * much it asks for. What it asks for is bounded as well: so many commands, and an answer of so many bytes; commands
 * beyond that are refused in the answer. One thread. Its text is wiped: passwords of gateways stand in it. */
#ifndef SELKIE_COMMAND_BATCH_H
#define SELKIE_COMMAND_BATCH_H

#include "commands/commands.h"

#define SELKIE_COMMAND_BATCH_COMMANDS_MAX 16384 /* a payload with more is refused */
#define SELKIE_COMMAND_BATCH_ANSWER_MAX                                                                                \
    4194304 /* once the answer is so long, the commands that are left are refused                                      \
             */

struct selkie_command_batch;

/* Begin: 0 or SELKIE_ENOMEM. What is wrong with the payload as a whole will be its answer. */
SELKIE_USE_RESULT int selkie_command_batch_open(struct selkie_command_batch **batch, const char *text, size_t len);
void selkie_command_batch_close(struct selkie_command_batch *batch);

/* Carry out the next command and more until the monotonic time until_us. 1 = that was all, 0 = some are left, or an
 * error for which the round is to be rolled back. What it changed is true once the round is committed. */
SELKIE_USE_RESULT int selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *commands,
                                               int64_t until_us);
/* The round was committed. */
void selkie_command_batch_committed(struct selkie_command_batch *batch);
/* The round was rolled back: its commands and those that are left are answered with this error. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_batch_refuse(struct selkie_command_batch *batch, struct selkie_commands *commands,
                                                  const char *error);

/* The answer, once every command has its own; NULL without memory. */
struct selkie_output *selkie_command_batch_answer(struct selkie_command_batch *batch);

#endif
