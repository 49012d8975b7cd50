/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the commands on gateways, keys and stats. */
#include "commands/command.h"
#include "commands/gateways.h"
#include "keys/key.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const auth_names[] = {
    [SELKIE_GATEWAY_UNKNOWN] = "unknown",
    [SELKIE_GATEWAY_PASSWORD] = "password",
    [SELKIE_GATEWAY_CERTIFICATE] = "certificate",
};

/* Logins learn of it after the commit. */
static int note_change(struct selkie_commands *commands, const char *name)
{
    if (!commands->changed_gateways)
        commands->changed_gateways = json_object();
    return json_object_set_new(commands->changed_gateways, name, json_null()) == 0 ? 0 : SELKIE_ENOMEM;
}

int selkie_command_add_gateway(struct selkie_command *command)
{
    struct selkie_registry *registry = command->commands->effects->registry;
    const char *name = selkie_command_text(command, "gateway"), *auth = selkie_command_text(command, "auth");
    struct selkie_gateway_record gateway;
    char password[SELKIE_PASSWORD_SIZE] = "";
    int result;

    if (!selkie_gateway_name_valid(name))
        return selkie_command_refuse(command, "gateway: must be 1 to %d letters, digits, '-', '_' or '.'",
                                     SELKIE_GATEWAY_NAME_MAX);
    if (auth && strcmp(auth, "password") != 0 && strcmp(auth, "certificate") != 0)
        return selkie_command_refuse(command, "auth: must be \"password\" or \"certificate\"");
    result = selkie_registry_gateway(registry, name, &gateway);
    if (result > 0)
        result = selkie_command_refuse(command, "gateway: already registered");
    if (result < 0)
        goto out;

    memset(&gateway, 0, sizeof gateway);
    snprintf(gateway.name, sizeof gateway.name, "%s", name);
    gateway.added_ms = command->commands->effects->now_ms;
    gateway.auth = auth && strcmp(auth, "certificate") == 0 ? SELKIE_GATEWAY_CERTIFICATE : SELKIE_GATEWAY_PASSWORD;
    if (gateway.auth == SELKIE_GATEWAY_PASSWORD)
        result = selkie_gateways_make_password(&gateway, password);
    if (result == 0)
        result = selkie_registry_put_gateway(registry, &gateway);
    if (result == 0)
        result = note_change(command->commands, name);
    json_object_set_new(command->data, "gateway", json_string(name));
    json_object_set_new(command->data, "auth", json_string(auth_names[gateway.auth]));
    if (password[0] && json_object_set_new(command->data, "password", json_string(password)) != 0)
        result = SELKIE_ENOMEM; /* nobody would know it */
out:
    mbedtls_platform_zeroize(password, sizeof password);
    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    return result;
}

int selkie_command_reset_gateway_password(struct selkie_command *command)
{
    struct selkie_registry *registry = command->commands->effects->registry;
    const char *name = selkie_command_text(command, "gateway");
    struct selkie_gateway_record gateway;
    char password[SELKIE_PASSWORD_SIZE] = "";
    int result = selkie_registry_gateway(registry, name, &gateway);

    if (result == 0)
        result = selkie_command_refuse(command, "gateway: not registered");
    else if (result > 0 && gateway.auth != SELKIE_GATEWAY_PASSWORD)
        result = selkie_command_refuse(command, "gateway: has a certificate, and no password");
    if (result > 0)
        result = selkie_gateways_make_password(&gateway, password);
    if (result == 0)
        result = selkie_registry_put_gateway(registry, &gateway);
    if (result == 0)
        result = note_change(command->commands, name);
    if (result == 0) {
        json_object_set_new(command->data, "gateway", json_string(name));
        if (json_object_set_new(command->data, "password", json_string(password)) != 0)
            result = SELKIE_ENOMEM; /* nobody would know it */
    }
    mbedtls_platform_zeroize(password, sizeof password);
    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    return result;
}

int selkie_command_list_gateways(struct selkie_command *command)
{
    struct selkie_gateway_record gateway = {.name = ""};
    json_t *list = json_array();
    int result;

    json_object_set_new(command->data, "gateways", list);
    while ((result = selkie_registry_next_gateway(command->commands->effects->registry, gateway.name, &gateway)) > 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "gateway", gateway.name, "auth",
                                              auth_names[gateway.auth], "added", (json_int_t)gateway.added_ms));
    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    return result;
}

int selkie_command_remove_gateway(struct selkie_command *command)
{
    struct selkie_registry *registry = command->commands->effects->registry;
    const char *name = selkie_command_text(command, "gateway");
    struct selkie_gateway_record gateway;
    int result = selkie_registry_gateway(registry, name, &gateway);

    mbedtls_platform_zeroize(&gateway, sizeof gateway);
    if (result <= 0)
        return result < 0 ? result : selkie_command_refuse(command, "gateway: not registered");
    result = selkie_registry_delete_gateway(registry, name);
    return result < 0 ? result : note_change(command->commands, name);
}

int selkie_command_list_keys(struct selkie_command *command)
{
    const struct selkie_keyring *keyring = command->commands->keyring;
    json_t *list = json_array();
    int result = 0;

    json_object_set_new(command->data, "keys", list);
    for (unsigned i = 0; i < selkie_keyring_count(keyring) && result == 0; i++) {
        uint8_t id;
        const char *provider;
        uint64_t bindings;
        selkie_keyring_describe(keyring, i, &id, &provider);
        result = selkie_registry_count_key(command->commands->effects->registry, id, &bindings);
        json_array_append_new(list, json_pack("{s:i, s:s, s:i, s:I}", "id", (int)id, "provider", provider, "bits",
                                              SELKIE_KEY_BITS, "bindings", (json_int_t)bindings));
    }
    return result;
}

int selkie_command_list_models(struct selkie_command *command)
{
    const struct selkie_models *models = command->commands->effects->models.models;
    json_t *list = json_array();
    int failure = json_object_set_new(command->data, "models", list);

    for (unsigned i = 0; !failure && models && i < selkie_models_count(models); i++) {
        char *text = selkie_model_describe(selkie_models_at(models, i));
        failure = json_array_append_new(list, text ? json_loads(text, 0, NULL) : NULL);
        free(text);
    }
    return failure ? SELKIE_ENOMEM : 0;
}

int selkie_command_get_stats(struct selkie_command *command)
{
    json_t *stats = command->commands->stats(command->commands->stats_context);
    int failure = stats ? json_object_update(command->data, stats) : -1;

    json_decref(stats);
    return failure ? SELKIE_ENOMEM : 0;
}
