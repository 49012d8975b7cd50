/* SPDX-License-Identifier: Apache-2.0 */
#include "position.h"

#include <stdbool.h>
#include <string.h>

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* From the opening quote to behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at < end ? at + 1 : end;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
            return at;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    }
    return end;
}

struct selkie_position selkie_position_root(const char *text, size_t len)
{
    return (struct selkie_position){.at = skip_space(text, text + len), .end = text + len};
}

struct selkie_position selkie_position_member(struct selkie_position position, const char *key)
{
    const char *end = position.end;
    size_t key_len = strlen(key);

    if (position.at >= end || *position.at != '{')
        return position;
    for (const char *at = skip_space(position.at + 1, end); at < end && *at == '"';) {
        const char *name = at + 1;
        at = skip_string(at, end);
        bool found = (size_t)(at - name) == key_len + 1 && memcmp(name, key, key_len) == 0;
        at = skip_space(at, end);
        if (at < end) /* the colon */
            at = skip_space(at + 1, end);
        if (found)
            return (struct selkie_position){.at = at, .end = end};
        at = skip_value(at, end);
        if (at < end) /* the comma or the closing brace */
            at = skip_space(at + 1, end);
    }
    return position;
}

struct selkie_position selkie_position_entry(struct selkie_position position, size_t index)
{
    const char *end = position.end;

    if (position.at >= end || *position.at != '[')
        return position;
    const char *at = skip_space(position.at + 1, end);
    for (; index > 0 && at < end; index--) {
        at = skip_value(at, end);
        if (at < end)
            at = skip_space(at + 1, end);
    }
    return at < end ? (struct selkie_position){.at = at, .end = end} : position;
}

unsigned selkie_position_line(struct selkie_position position, const char *text)
{
    unsigned line = 1;

    for (; text < position.at; text++)
        line += *text == '\n';
    return line;
}
