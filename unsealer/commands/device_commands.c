/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the commands on devices; those on their IDs are in id_commands.c. */
#include "commands/command.h"
#include "rules/forgetting.h"
#include "rules/parking.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 120 /* bytes of models' names in a refusal */

/* A device with its bindings that are not retired. Returns how many. */
static int load_live(struct selkie_command *command, struct selkie_device_record *device,
                     struct selkie_binding live[static SELKIE_LIVE_MAX])
{
    int result = selkie_command_load_device(command, device);
    return result < 0 ? result : selkie_registry_live(command->commands->effects->registry, command->address, live);
}

/* Copy a string of the command to `bytes`, if it has one. */
static int copy_text(struct selkie_command *command, const char *key, size_t min, size_t max, void *bytes, size_t *len)
{
    const char *text = selkie_command_text(command, key);
    size_t text_len = text ? strlen(text) : 0;

    if (!text)
        return 0;
    if (text_len < min || text_len > max)
        return selkie_command_refuse(command, "%s: must be %zu to %zu bytes long", key, min, max);
    memcpy(bytes, text, text_len);
    *len = text_len;
    return 0;
}

/* Take the model of the command, if it has one; null takes the choice away. */
static int take_model(struct selkie_command *command, struct selkie_device_record *device)
{
    const struct selkie_models *models = command->commands->effects->models.models;
    const char *name = selkie_command_text(command, "model");
    char known[SELKIE_COMMANDS_ERROR_SIZE] = "";
    size_t len = 0;

    if (json_is_null(json_object_get(command->fields, "model")))
        device->model[0] = '\0';
    if (!name)
        return 0;
    unsigned count = models ? selkie_models_count(models) : 0;
    if (count > 0 && selkie_models_named(models, name)) {
        (void)snprintf(device->model, sizeof device->model, "%s", name);
        return 0;
    }
    if (count == 0)
        return selkie_command_refuse(command, "model: none is loaded (models_dir of the plugin's configuration)");
    for (unsigned i = 0; i < count && len < NAMES_MAX; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "",
                                selkie_model_name(selkie_models_at(models, i)));
    return selkie_command_refuse(command, "model: there is no %.*s; known are %.*s%s", SELKIE_MODEL_NAME_MAX, name,
                                 NAMES_MAX, known, len > NAMES_MAX ? "... (listModels has all)" : "");
}

/* "name, claim and model", or those of them that are different; NULL = nothing is. */
static const char *differences(bool name, bool claim, bool model)
{
    static const char *const words[] = {NULL,    "name",           "claim",           "name and claim",
                                        "model", "name and model", "claim and model", "name, claim and model"};

    return words[(name ? 1 : 0) + (claim ? 2 : 0) + (model ? 4 : 0)];
}

/* Take the name, the claim and the model of the command. *what says what is different then; NULL = nothing. */
static int take_changes(struct selkie_command *command, struct selkie_device_record *device, const char **what)
{
    struct selkie_device_record before = *device;
    size_t name_len = strlen(device->name);
    int result = copy_text(command, "name", 0, SELKIE_DEVICE_NAME_MAX, device->name, &name_len);

    if (json_is_null(json_object_get(command->fields, "claim")))
        device->claim_len = 0;
    else if (result == 0)
        result = copy_text(command, "claim", 1, SELKIE_CLAIM_MAX, device->claim, &device->claim_len);
    if (result == 0 && json_object_get(command->fields, "claim"))
        device->claim_corrupt = false;
    if (result == 0)
        result = take_model(command, device);
    device->name[name_len] = 0;
    bool claim = before.claim_corrupt != device->claim_corrupt || before.claim_len != device->claim_len ||
                 memcmp(before.claim, device->claim, device->claim_len) != 0;
    *what = differences(strcmp(before.name, device->name) != 0, claim, strcmp(before.model, device->model) != 0);
    mbedtls_platform_zeroize(&before, sizeof before);
    return result;
}

/* An administrator vouches for the device. `word` is for the answer. */
static int store(struct selkie_command *command, struct selkie_device_record *device, const char *word)
{
    device->listed = true;
    device->gateway[0] = 0;
    return json_object_set_new(command->data, "result", json_string(word)) == 0
               ? selkie_effects_review(command->commands->effects, device)
               : SELKIE_ENOMEM;
}

static int store_changes(struct selkie_command *command, struct selkie_device_record *device, const char *what)
{
    if (what || !device->listed)
        return store(command, device, "changed");
    return json_object_set_new(command->data, "result", json_string("unchanged")) == 0 ? 0 : SELKIE_ENOMEM;
}

/* A device that registered by itself is not added yet. One that was added stays as it is, without "update": its claim
 * may be in the device, and nobody is to overwrite it by mistake. */
int selkie_command_add_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    bool update = json_is_true(json_object_get(command->fields, "update"));
    const char *what = NULL;
    int result = selkie_registry_device(command->commands->effects->registry, command->address, &device);

    if (result >= 0)
        result = take_changes(command, &device, &what);
    command->exists = result == 0 && device.listed && what && !update;
    if (command->exists)
        result = selkie_command_refuse(
            command, "address: added already, with another %s; setDevice (selkiectl device set) changes it", what);
    if (result == 0)
        result = device.listed ? store_changes(command, &device, what) : store(command, &device, "added");
    if (result == 0)
        result = selkie_command_add_retired(command, &device);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

int selkie_command_set_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    const char *what = NULL;
    int result = selkie_command_load_device(command, &device);

    if (result == 0)
        result = take_changes(command, &device, &what);
    if (result == 0)
        result = store_changes(command, &device, what);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

/* Bindings in the order: active, pending, superseded, retired, and those of the retired that may be readmitted, each
 * with the oldest first. Returns how many, and the firmware of the first that is not retired. */
static int list_bindings(struct selkie_registry *registry, const uint8_t *address, json_t *list,
                         char firmware[static SELKIE_FIRMWARE_MAX + 1])
{
    struct selkie_binding live[SELKIE_LIVE_MAX], retired[SELKIE_RETIRED_MAX];
    int count = selkie_registry_live(registry, address, live);
    int more = count < 0 ? count : selkie_registry_retired(registry, address, retired, SELKIE_RETIRED_MAX);
    int failure = 0;

    firmware[0] = '\0';
    if (more < 0)
        return more;
    if (count > 0)
        memcpy(firmware, live[0].firmware, sizeof live[0].firmware);
    for (int i = 0; i < count; i++)
        failure |= json_array_append_new(list, selkie_document_binding(&live[i]));
    for (int i = more; i-- > 0;)
        failure |= json_array_append_new(list, selkie_document_binding(&retired[i]));
    return failure ? SELKIE_ENOMEM : count + more;
}

/* Returns the number of its bindings. */
static int describe(struct selkie_commands *commands, const struct selkie_device_record *device, json_t *json)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE], firmware[SELKIE_FIRMWARE_MAX + 1];
    json_t *bindings = json_array();
    int result = list_bindings(commands->effects->registry, device->address, bindings, firmware);

    selkie_address_format(address, device->address);
    json_object_set_new(json, "address", json_string(address));
    json_object_set_new(json, "name", json_string(device->name));
    json_object_set_new(json, "status", json_string(selkie_device_status_names[device->status]));
    json_object_set_new(json, "claim", json_boolean(device->claim_len > 0 || device->claim_corrupt));
    if (selkie_command_add_model(commands, device, firmware, json) < 0 && result >= 0)
        result = SELKIE_ENOMEM;
    int pending = selkie_registry_count_pending(commands->effects->registry, device->address);
    json_object_set_new(json, "pending", json_integer(pending));
    if (pending < 0 && result >= 0)
        result = pending;
    if (json_object_set_new(json, "bindings", bindings) != 0 && result >= 0)
        result = SELKIE_ENOMEM;
    return result;
}

int selkie_command_get_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    int result = selkie_command_load_device(command, &device);

    if (result == 0)
        result = describe(command->commands, &device, command->data);
    if (result > 0)
        result = 0;
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

/* Returns the number of its bindings. */
static int list_one(struct selkie_commands *commands, const uint8_t *address, json_t *list)
{
    struct selkie_device_record device;
    json_t *json = json_object();
    int result = selkie_registry_device(commands->effects->registry, address, &device);

    if (result > 0)
        result = describe(commands, &device, json);
    if (json_array_append_new(list, json) != 0 && result >= 0)
        result = SELKIE_ENOMEM;
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

int selkie_command_list_devices(struct selkie_command *command)
{
    uint8_t addresses[SELKIE_LIST_MAX][SELKIE_ADDRESS_SIZE];
    struct selkie_registry *registry = command->commands->effects->registry;
    const char *wanted = selkie_command_text(command, "status");
    int64_t offset = selkie_command_integer(command, "offset", 0);
    int64_t limit = selkie_command_integer(command, "limit", SELKIE_LIST_DEFAULT);
    json_t *list = json_array();
    uint64_t total = 0;
    int status = -1;

    json_object_set_new(command->data, "devices", list);
    for (int i = 0; wanted && i < SELKIE_DEVICE_STATUS_COUNT; i++)
        if (strcmp(wanted, selkie_device_status_names[i]) == 0)
            status = i;
    if (wanted && status < 0)
        return selkie_command_refuse(command, "status: must be active, pending, listed or revoked");
    if (offset < 0)
        return selkie_command_refuse(command, "offset: must not be negative");
    if (limit < 0 || limit > SELKIE_LIST_MAX)
        return selkie_command_refuse(command, "limit: must be 0 to %d", SELKIE_LIST_MAX);

    int result = selkie_registry_count_devices(registry, status, &total);
    json_object_set_new(command->data, "total", json_integer((json_int_t)total));
    const uint8_t *after = selkie_command_text(command, "after") ? command->address : NULL;
    if (result == 0)
        result = selkie_registry_addresses(registry, status, after, (uint64_t)offset, addresses, (int)limit);
    for (int i = 0, count = result, bindings = 0; i < count && result >= 0 && bindings < SELKIE_PAGE_MAX; i++) {
        result = list_one(command->commands, addresses[i], list);
        bindings += result;
    }
    return result < 0 ? result : 0;
}

static int set_revoked(struct selkie_command *command, bool revoked)
{
    struct selkie_effects *effects = command->commands->effects;
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = load_live(command, &device, live), result = count < 0 ? count : 0;

    if (result == 0 && device.revoked == revoked)
        result = selkie_command_refuse(command, "address: the device is %s revoked", revoked ? "already" : "not");
    for (int i = 0; i < count && result == 0; i++) {
        if (revoked)
            result = selkie_parking_evict(effects, &live[i], SELKIE_REASON_REVOKED);
        live[i].revoked = revoked; /* the bindings have it too: deciding on a frame does not read the device */
        if (result == 0)
            result = selkie_registry_put_binding_status(effects->registry, &live[i]);
    }
    device.revoked = revoked;
    device.gateway[0] = 0;
    if (result == 0 && revoked)
        result = selkie_effects_event(effects, "revoked", device.address, NULL, NULL);
    if (result == 0)
        result = selkie_effects_review(effects, &device);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

int selkie_command_revoke_device(struct selkie_command *command)
{
    return set_revoked(command, true);
}

int selkie_command_restore_device(struct selkie_command *command)
{
    return set_revoked(command, false);
}

/* Its IDs stay known as retired; selkie_command_readmit_device takes one back. */
int selkie_command_remove_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = load_live(command, &device, live);

    mbedtls_platform_zeroize(&device, sizeof device);
    return count < 0 ? count
                     : selkie_forgetting_remove(command->commands->effects, command->address, live, count,
                                                SELKIE_BINDING_REMOVED);
}
