/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/command_batch.h"

#include <mbedtls/platform_util.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes;
    size_t len, room;
};

struct selkie_command_batch {
    json_t *commands;
    size_t next; /* command */
    struct text answer;
    size_t committed_next, committed_len; /* what a rollback goes back to */
};

static void wipe(struct text *text)
{
    if (text->bytes)
        mbedtls_platform_zeroize(text->bytes, text->room);
    free(text->bytes);
    *text = (struct text){.bytes = NULL};
}

/* For jansson: 0, or -1 without memory. */
static int append(const char *bytes, size_t len, void *context)
{
    struct text *text = context;

    if (len > text->room - text->len) {
        struct text more = {.len = text->len, .room = 2 * (text->room + len) + 256};
        more.bytes = malloc(more.room);
        if (!more.bytes)
            return -1;
        if (text->len)
            memcpy(more.bytes, text->bytes, text->len);
        wipe(text);
        *text = more;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    return 0;
}

/* Takes the response; NULL is SELKIE_ENOMEM. */
static int append_response(struct selkie_command_batch *batch, json_t *response)
{
    struct text *answer = &batch->answer;
    int failure = answer->bytes[answer->len - 1] == '[' ? 0 : append(",", 1, answer);

    if (!response || json_dump_callback(response, append, answer, JSON_COMPACT) != 0)
        failure = -1;
    json_decref(response);
    return failure ? SELKIE_ENOMEM : 0;
}

/* What is wrong with the payload as a whole; "" = nothing. */
static void check_payload(const json_t *document, const json_error_t *fault,
                          char error[static SELKIE_COMMANDS_ERROR_SIZE])
{
    const json_t *commands = json_object_get(document, "commands");

    error[0] = '\0';
    if (!document)
        snprintf(error, SELKIE_COMMANDS_ERROR_SIZE, "not JSON: line %d: %.160s", fault->line, fault->text);
    else if (!json_is_array(commands))
        snprintf(error, SELKIE_COMMANDS_ERROR_SIZE, "must be {\"commands\":[...]}");
    else if (json_array_size(commands) > SELKIE_COMMAND_BATCH_COMMANDS_MAX)
        snprintf(error, SELKIE_COMMANDS_ERROR_SIZE, "more than %d commands", SELKIE_COMMAND_BATCH_COMMANDS_MAX);
    selkie_command_make_ascii(error);
}

int selkie_command_batch_open(struct selkie_command_batch **opened, const char *text, size_t len)
{
    struct selkie_command_batch *batch = calloc(1, sizeof *batch);
    static const char opening[] = "{\"responses\":[";
    char error[SELKIE_COMMANDS_ERROR_SIZE];
    json_error_t fault;
    int result = 0;

    *opened = NULL;
    if (!batch || append(opening, sizeof opening - 1, &batch->answer) != 0) {
        selkie_command_batch_close(batch);
        return SELKIE_ENOMEM;
    }
    json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
    check_payload(document, &fault, error);
    if (error[0])
        result = append_response(batch, json_pack("{s:s, s:s}", "command", "", "error", error));
    else
        batch->commands = json_incref(json_object_get(document, "commands"));
    json_decref(document);
    selkie_command_batch_committed(batch);
    if (result < 0) {
        selkie_command_batch_close(batch);
        return result;
    }
    *opened = batch;
    return 0;
}

void selkie_command_batch_close(struct selkie_command_batch *batch)
{
    if (!batch)
        return;
    json_decref(batch->commands);
    wipe(&batch->answer);
    free(batch);
}

/* Carry out the next command, or (with an error) refuse it. */
static int answer_next(struct selkie_command_batch *batch, struct selkie_commands *commands, const char *error)
{
    json_t *response;
    int result = selkie_commands_respond(commands, json_array_get(batch->commands, batch->next), error, &response);

    if (result == 0)
        result = append_response(batch, response);
    batch->next++;
    return result;
}

int selkie_command_batch_run(struct selkie_command_batch *batch, struct selkie_commands *commands, int64_t until_us)
{
    static const char too_long[] = "the answer is long enough without this: ask in smaller parts";
    size_t count = json_array_size(batch->commands);
    int result = 0;

    if (batch->next < count)
        do
            result =
                answer_next(batch, commands, batch->answer.len < SELKIE_COMMAND_BATCH_ANSWER_MAX ? NULL : too_long);
        while (result == 0 && batch->next < count && selkie_clock_monotonic_us() < until_us);
    return result < 0 ? result : batch->next == count;
}

void selkie_command_batch_committed(struct selkie_command_batch *batch)
{
    batch->committed_next = batch->next;
    batch->committed_len = batch->answer.len;
}

int selkie_command_batch_refuse(struct selkie_command_batch *batch, struct selkie_commands *commands, const char *error)
{
    int result = 0;

    batch->next = batch->committed_next;
    batch->answer.len = batch->committed_len;
    while (batch->next < json_array_size(batch->commands) && result == 0)
        result = answer_next(batch, commands, error);
    if (result < 0) { /* the next try begins here again: nothing is carried out after what was refused */
        batch->next = batch->committed_next;
        batch->answer.len = batch->committed_len;
    }
    return result;
}

struct selkie_output *selkie_command_batch_answer(struct selkie_command_batch *batch)
{
    struct text *answer = &batch->answer;

    if (append("]}", 2, answer) != 0)
        return NULL;
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_ANSWER, answer->bytes, answer->len);
    answer->len -= 2;
    return output;
}
