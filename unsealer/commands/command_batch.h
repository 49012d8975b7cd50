/* SPDX-License-Identifier: Apache-2.0 */
/* One payload of $CONTROL/selkie/v1, from its JSON to the JSON of its answer. PROTOCOL.md, section 8 ("Commands").
 *
 * It is carried out in parts, each in a transaction of the writer, so that frames are decided in between however long
 * it is. The number of commands and the length of the answer are bounded; commands beyond that are refused in the
 * answer. Its text is wiped, because it may hold passwords of gateways. One thread, the writer. */
#ifndef SELKIE_COMMAND_BATCH_H
#define SELKIE_COMMAND_BATCH_H

#include "commands/commands.h"

#define SELKIE_COMMAND_BATCH_COMMANDS_MAX 16384 /* a payload with more is refused */
/* Once the answer has so many bytes, the commands that are left are refused. */
#define SELKIE_COMMAND_BATCH_ANSWER_MAX 4194304

struct selkie_command_batch;

/* 0 or SELKIE_ENOMEM. A payload that is faulty as a whole gets one response, with the error. */
SELKIE_USE_RESULT int selkie_command_batch_open(struct selkie_command_batch **opened, const char *text, size_t len);
void selkie_command_batch_close(struct selkie_command_batch *batch);

/* Carry out the next command, and more until the monotonic time until_us. 1 = that was all, 0 = some are left, or an
 * error for which the transaction must be rolled back. */
SELKIE_USE_RESULT int selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *commands,
                                               int64_t until_us);
/* The transaction was committed. */
void selkie_command_batch_committed(struct selkie_command_batch *batch);
/* The transaction was rolled back: answer its commands and those that are left with this error. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_batch_refuse(struct selkie_command_batch *batch, struct selkie_commands *commands,
                                                  const char *error);

/* The answer, once every command has a response; NULL without memory. */
struct selkie_output *selkie_command_batch_answer(struct selkie_command_batch *batch);

#endif
