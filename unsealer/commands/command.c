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

/* A chosen model is named even if it is not loaded: an administrator must see what he chose. */
int selkie_command_add_model(const struct selkie_commands *commands, const struct selkie_device_record *device,
                             const char *firmware, json_t *json)
{
    const bool chosen = device->model[0] != '\0';
    const struct selkie_model *model = selkie_device_models_of(&commands->effects->models, device->model, firmware);
    const char *name = chosen ? device->model : model ? selkie_model_name(model) : NULL;
    int failure = 0;

    if (!name)
        return 0;
    failure |= json_object_set_new(json, "model", json_string(name));
    failure |= json_object_set_new(json, "model_chosen", json_boolean(chosen));
    if (!model)
        failure |= json_object_set_new(json, "model_missing", json_true());
    return failure ? SELKIE_ENOMEM : 0;
}
