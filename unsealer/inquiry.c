/* SPDX-License-Identifier: Apache-2.0 */
#include "inquiry.h"
#include "clock.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes;
    size_t len, room;
};

struct selkie_inquiry {
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
static int append_response(struct selkie_inquiry *inquiry, json_t *response)
{
    struct text *answer = &inquiry->answer;
    int failure = answer->bytes[answer->len - 1] == '[' ? 0 : append(",", 1, answer);

    if (!response || json_dump_callback(response, append, answer, JSON_COMPACT) != 0)
        failure = -1;
    json_decref(response);
    return failure ? SELKIE_ENOMEM : 0;
}

/* Says in `error` what is wrong with the payload as a whole; "" = nothing. */
static void check(const json_t *document, const json_error_t *fault, char error[static SELKIE_OPERATOR_ERROR_SIZE])
{
    const json_t *commands = json_object_get(document, "commands");

    error[0] = '\0';
    if (!document)
        snprintf(error, SELKIE_OPERATOR_ERROR_SIZE, "not JSON: line %d: %.160s", fault->line, fault->text);
    else if (!json_is_array(commands))
        snprintf(error, SELKIE_OPERATOR_ERROR_SIZE, "must be {\"commands\":[...]}");
    else if (json_array_size(commands) > SELKIE_INQUIRY_COMMANDS_MAX)
        snprintf(error, SELKIE_OPERATOR_ERROR_SIZE, "more than %d commands", SELKIE_INQUIRY_COMMANDS_MAX);
    selkie_command_make_ascii(error);
}

int selkie_inquiry_open(struct selkie_inquiry **opened, const char *text, size_t len)
{
    struct selkie_inquiry *inquiry = calloc(1, sizeof *inquiry);
    static const char opening[] = "{\"responses\":[";
    char error[SELKIE_OPERATOR_ERROR_SIZE];
    json_error_t fault;
    int result = 0;

    *opened = NULL;
    if (!inquiry || append(opening, sizeof opening - 1, &inquiry->answer) != 0) {
        selkie_inquiry_close(inquiry);
        return SELKIE_ENOMEM;
    }
    json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
    check(document, &fault, error);
    if (error[0])
        result = append_response(inquiry, json_pack("{s:s, s:s}", "command", "", "error", error));
    else
        inquiry->commands = json_incref(json_object_get(document, "commands"));
    json_decref(document);
    selkie_inquiry_committed(inquiry);
    if (result < 0) {
        selkie_inquiry_close(inquiry);
        return result;
    }
    *opened = inquiry;
    return 0;
}

void selkie_inquiry_close(struct selkie_inquiry *inquiry)
{
    if (!inquiry)
        return;
    json_decref(inquiry->commands);
    wipe(&inquiry->answer);
    free(inquiry);
}

/* The next command, or (with an error) its refusal. */
static int answer_next(struct selkie_inquiry *inquiry, struct selkie_operator *op, const char *error)
{
    json_t *response;
    int result = selkie_operator_respond(op, json_array_get(inquiry->commands, inquiry->next), error, &response);

    if (result == 0)
        result = append_response(inquiry, response);
    inquiry->next++;
    return result;
}

int selkie_inquiry_go_on(struct selkie_inquiry *inquiry, struct selkie_operator *op, int64_t until_us)
{
    static const char too_long[] = "the answer is long enough without this: ask in smaller parts";
    size_t count = json_array_size(inquiry->commands);
    int result = 0;

    if (inquiry->next < count)
        do
            result = answer_next(inquiry, op, inquiry->answer.len < SELKIE_INQUIRY_ANSWER_MAX ? NULL : too_long);
        while (result == 0 && inquiry->next < count && selkie_clock_monotonic_us() < until_us);
    return result < 0 ? result : inquiry->next == count;
}

void selkie_inquiry_committed(struct selkie_inquiry *inquiry)
{
    inquiry->committed_next = inquiry->next;
    inquiry->committed_len = inquiry->answer.len;
}

int selkie_inquiry_refuse(struct selkie_inquiry *inquiry, struct selkie_operator *op, const char *error)
{
    int result = 0;

    inquiry->next = inquiry->committed_next;
    inquiry->answer.len = inquiry->committed_len;
    while (inquiry->next < json_array_size(inquiry->commands) && result == 0)
        result = answer_next(inquiry, op, error);
    if (result < 0) { /* nothing of it is told, and nothing is carried out behind what was refused */
        inquiry->next = inquiry->committed_next;
        inquiry->answer.len = inquiry->committed_len;
    }
    return result;
}

struct selkie_output *selkie_inquiry_answer(struct selkie_inquiry *inquiry)
{
    struct text *answer = &inquiry->answer;

    if (append("]}", 2, answer) != 0)
        return NULL;
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_ANSWER, answer->bytes, answer->len);
    answer->len -= 2;
    return output;
}
