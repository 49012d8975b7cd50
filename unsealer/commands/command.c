/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/command.h"

#include <stdarg.h>
#include <stdio.h>

void selkie_command_make_ascii(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

int selkie_command_refuse(struct selkie_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command->error, sizeof command->error, format, arguments);
    va_end(arguments);
    selkie_command_make_ascii(command->error);
    return SELKIE_EREFUSED;
}

const char *selkie_command_text(const struct selkie_command *command, const char *key)
{
    return json_string_value(json_object_get(command->fields, key));
}

bool selkie_command_flag(const struct selkie_command *command, const char *key)
{
    return json_is_true(json_object_get(command->fields, key));
}

int64_t selkie_command_integer(const struct selkie_command *command, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(command->fields, key);
    return value ? json_integer_value(value) : fallback;
}
