/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/commands.h"

#include <string.h>

#define FIELDS_MAX 5

struct field {
    const char *name;
    enum { TEXT, TEXT_OR_NULL, INTEGER, BOOLEAN, ADDRESS } type;
    bool required;
};

static const struct entry {
    const char *name;
    int (*handle)(struct selkie_command *command);
    struct field fields[FIELDS_MAX];
} entries[] = {
    {"addDevice",
     selkie_command_add_device,
     {{"address", ADDRESS, true},
      {"name", TEXT, false},
      {"claim", TEXT, false},
      {"model", TEXT_OR_NULL, false},
      {"update", BOOLEAN, false}}},
    {"setDevice",
     selkie_command_set_device,
     {{"address", ADDRESS, true},
      {"name", TEXT, false},
      {"claim", TEXT_OR_NULL, false},
      {"model", TEXT_OR_NULL, false}}},
    {"getDevice", selkie_command_get_device, {{"address", ADDRESS, true}}},
    {"listDevices",
     selkie_command_list_devices,
     {{"status", TEXT, false}, {"offset", INTEGER, false}, {"limit", INTEGER, false}, {"after", ADDRESS, false}}},
    {"listPending", selkie_command_list_pending, {{"limit", INTEGER, false}, {"after", ADDRESS, false}}},
    {"approveDevice",
     selkie_command_approve_device,
     {{"address", ADDRESS, true}, {"id", TEXT, false}, {"newest", BOOLEAN, false}}},
    {"denyDevice",
     selkie_command_deny_device,
     {{"address", ADDRESS, true}, {"id", TEXT, false}, {"all", BOOLEAN, false}}},
    {"readmitDevice", selkie_command_readmit_device, {{"address", ADDRESS, true}, {"id", TEXT, false}}},
    {"revokeDevice", selkie_command_revoke_device, {{"address", ADDRESS, true}}},
    {"restoreDevice", selkie_command_restore_device, {{"address", ADDRESS, true}}},
    {"removeDevice", selkie_command_remove_device, {{"address", ADDRESS, true}}},
    {"addGateway", selkie_command_add_gateway, {{"gateway", TEXT, true}, {"auth", TEXT, false}}},
    {"resetGatewayPassword", selkie_command_reset_gateway_password, {{"gateway", TEXT, true}}},
    {"listGateways", selkie_command_list_gateways, {{NULL, TEXT, false}}},
    {"removeGateway", selkie_command_remove_gateway, {{"gateway", TEXT, true}}},
    {"listKeys", selkie_command_list_keys, {{NULL, TEXT, false}}},
    {"listModels", selkie_command_list_models, {{NULL, TEXT, false}}},
    {"getStats", selkie_command_get_stats, {{NULL, TEXT, false}}},
};

static const struct field *field_of(const struct entry *entry, const char *name)
{
    for (int i = 0; i < FIELDS_MAX && entry->fields[i].name; i++)
        if (strcmp(entry->fields[i].name, name) == 0)
            return &entry->fields[i];
    return NULL;
}

static int check_field(struct selkie_command *command, const struct field *field, const json_t *value)
{
    if (field->type == INTEGER && !json_is_integer(value))
        return selkie_command_refuse(command, "%s: must be an integer", field->name);
    if (field->type == BOOLEAN)
        return json_is_boolean(value) ? 0 : selkie_command_refuse(command, "%s: must be true or false", field->name);
    if (field->type == TEXT_OR_NULL && json_is_null(value))
        return 0;
    if (field->type != INTEGER && !json_is_string(value))
        return selkie_command_refuse(command, "%s: must be a string", field->name);
    if (field->type == ADDRESS && selkie_address_parse(command->address, json_string_value(value)) < 0)
        return selkie_command_refuse(command, "%s: must be 16 hex digits", field->name);
    return 0;
}

static int check_fields(struct selkie_command *command, const struct entry *entry)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)command->fields, key, value) {
        const struct field *field = field_of(entry, key);
        if (!field && strcmp(key, "command") != 0 && strcmp(key, "correlationData") != 0)
            return selkie_command_refuse(command, "%.64s: no such field of %s", key, entry->name);
        if (field) {
            int result = check_field(command, field, value);
            if (result < 0)
                return result;
        }
    }
    for (int i = 0; i < FIELDS_MAX && entry->fields[i].name; i++)
        if (entry->fields[i].required && !json_object_get(command->fields, entry->fields[i].name))
            return selkie_command_refuse(command, "%s: is missing", entry->fields[i].name);
    return 0;
}

static int dispatch(struct selkie_command *command, const char *name)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, name) == 0) {
            int result = check_fields(command, &entries[i]);
            return result < 0 ? result : entries[i].handle(command);
        }
    return selkie_command_refuse(command, "unknown command");
}

int selkie_commands_respond(struct selkie_commands *commands, const json_t *request, const char *refusal,
                            json_t **answer)
{
    struct selkie_command command = {.commands = commands, .fields = request, .data = json_object()};
    const char *name = json_string_value(json_object_get(request, "command"));
    json_t *correlation = json_object_get(request, "correlationData");
    json_t *response = json_pack("{s:s}", "command", name ? name : "");
    int result;

    if (refusal)
        result = selkie_command_refuse(&command, "%s", refusal);
    else if (!json_is_object(request))
        result = selkie_command_refuse(&command, "a command must be an object");
    else if (!name)
        result = selkie_command_refuse(&command, "command: must be a string");
    else
        result = dispatch(&command, name);

    if (result == SELKIE_EREFUSED) {
        int failure = json_object_set_new(response, "error", json_string(command.error));
        if (command.exists)
            failure |= json_object_set_new(response, "exists", json_true());
        result = failure == 0 ? 0 : SELKIE_ENOMEM;
    } else if (result == 0 && json_object_set(response, "data", command.data) != 0) {
        result = SELKIE_ENOMEM;
    }
    if (result == 0 && correlation && json_object_set(response, "correlationData", correlation) != 0)
        result = SELKIE_ENOMEM;
    json_decref(command.data);
    if (result < 0) {
        json_decref(response);
        response = NULL;
    }
    *answer = response;
    return result;
}
