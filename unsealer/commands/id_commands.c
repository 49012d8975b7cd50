/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the commands on the IDs of a device: which are pending, and what an administrator decides about them.
 */
#include "commands/command.h"
#include "rules/forgetting.h"
#include "rules/parking.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 5 /* IDs in a refusal */

/* The IDs of an address that may be readmitted, or with an id the retired one that it names. Returns how many. */
static int readmittable(struct selkie_command *command, const char *id,
                        struct selkie_binding found[static SELKIE_RETIRED_MAX])
{
    struct selkie_registry *registry = command->commands->effects->registry;

    if (id)
        return selkie_registry_retired_id(registry, command->address, id, found);
    int count = selkie_registry_retired(registry, command->address, found, SELKIE_RETIRED_MAX), kept = 0;
    for (int i = 0; i < count; i++)
        if (selkie_admission_readmittable(&found[i]))
            found[kept++] = found[i];
    return count < 0 ? count : kept;
}

int selkie_command_load_device(struct selkie_command *command, struct selkie_device_record *device)
{
    struct selkie_binding removed[SELKIE_RETIRED_MAX];
    int result = selkie_registry_device(command->commands->effects->registry, command->address, device);

    if (result == 0)
        result = readmittable(command, NULL, removed);
    else
        return result < 0 ? result : 0;
    if (result > 0)
        return selkie_command_refuse(command, "address: no such device; it was removed, and device readmit takes it "
                                              "back");
    return result < 0 ? result : selkie_command_refuse(command, "address: no such device");
}

int selkie_command_add_retired(struct selkie_command *command, const struct selkie_device_record *device)
{
    struct selkie_binding retired[SELKIE_RETIRED_MAX];
    char text[SELKIE_ID_TEXT_SIZE];
    int count = device->status == SELKIE_DEVICE_ACTIVE ? 0 : readmittable(command, NULL, retired), failure = 0;
    json_t *ids = count > 0 ? json_array() : NULL;

    if (count <= 0)
        return count;
    for (int i = 0; i < count; i++) {
        selkie_document_id(text, retired[i].id_hash);
        failure |= json_array_append_new(ids, json_string(text));
    }
    failure |= json_object_set_new(command->data, "retired", ids);
    return failure ? SELKIE_ENOMEM : 0;
}

/* The answer about an ID that the command names and that cannot be decided: what it is, and the way out. */
static int refuse_id(struct selkie_command *command, const char *id, bool active)
{
    struct selkie_binding found[SELKIE_RETIRED_MAX];
    int count = active ? 0 : readmittable(command, id, found);

    if (count < 0)
        return count;
    if (active)
        return selkie_command_refuse(command, "id: not pending: it is active");
    if (count == 0)
        return selkie_command_refuse(command, "id: not pending and not superseded");
    if (selkie_admission_readmittable(&found[0]))
        return selkie_command_refuse(command, "id: not pending: it was %s; device readmit takes it back",
                                     selkie_document_end(&found[0]));
    return selkie_command_refuse(command, "id: not pending: it is retired for ever; reset the device, so that it "
                                          "registers with a new ID");
}

/* Read the bindings of the address that are not retired; those after the last have no status. Returns how many. */
static int read_live(struct selkie_command *command, struct selkie_binding live[static SELKIE_LIVE_MAX])
{
    memset(live, 0, SELKIE_LIVE_MAX * sizeof *live);
    return selkie_registry_live(command->commands->effects->registry, command->address, live);
}

/* The binding that the command means: the pending or superseded one with its id, or the only pending one. `instead`:
 * what else the administrator can say if there are several. */
static int pick(struct selkie_command *command, struct selkie_binding live[static SELKIE_LIVE_MAX], const char *instead,
                struct selkie_binding **picked)
{
    const char *id = selkie_command_text(command, "id");
    char text[SELKIE_ID_TEXT_SIZE];
    bool active = false;

    *picked = NULL;
    int count = read_live(command, live);
    for (int i = 0; i < count; i++) {
        selkie_document_id(text, live[i].id_hash);
        if (id && strcmp(id, text) != 0)
            continue;
        active = active || (id && live[i].status == SELKIE_BINDING_ACTIVE);
        if (live[i].status != SELKIE_BINDING_PENDING && !(id && live[i].status == SELKIE_BINDING_SUPERSEDED))
            continue;
        if (*picked)
            return selkie_command_refuse(command, "id: several IDs are pending; name one of them, or %s", instead);
        *picked = &live[i];
    }
    if (count < 0)
        return count;
    if (!*picked && id)
        return refuse_id(command, id, active);
    return *picked ? 0 : selkie_command_refuse(command, "address: no ID is pending");
}

/* The pending ID that came last, which must be the one with the command's id, if it has one. If another one was heard
 * since, two parties may send: then a person has to choose. */
static int pick_newest(struct selkie_command *command, struct selkie_binding live[static SELKIE_LIVE_MAX],
                       struct selkie_binding **picked)
{
    const char *id = selkie_command_text(command, "id");
    char text[SELKIE_ID_TEXT_SIZE], other[SELKIE_ID_TEXT_SIZE];
    struct selkie_binding *rival;
    int count = read_live(command, live);

    if (count < 0)
        return count;
    *picked = selkie_admission_newest(live, count, &rival);
    if (!*picked)
        return selkie_command_refuse(command, "address: no ID is pending");
    selkie_document_id(text, (*picked)->id_hash);
    if (id && strcmp(id, text) != 0)
        return selkie_command_refuse(command, "id: is not the newest; that is %s", text);
    if (!rival)
        return 0;
    selkie_document_id(other, rival->id_hash);
    return selkie_command_refuse(
        command, "newest: %s came last, but %s (%s) was heard since, so both may live; look at both and name one", text,
        other, rival->status == SELKIE_BINDING_ACTIVE ? "active" : "pending");
}

/* Retire a pending or superseded ID for an administrator, and add it to `denied`. */
static int deny(struct selkie_effects *effects, struct selkie_binding *binding, json_t *denied)
{
    char text[SELKIE_ID_TEXT_SIZE];
    int result = selkie_effects_retire(effects, binding, SELKIE_BINDING_DENIED);

    if (result == 0)
        result = selkie_parking_evict(effects, binding, SELKIE_REASON_DENIED);
    if (result == 0)
        result = selkie_effects_event(effects, "denied", binding->address, binding->id_hash, NULL);
    selkie_document_id(text, binding->id_hash);
    return result == 0 && json_array_append_new(denied, json_string(text)) != 0 ? SELKIE_ENOMEM : result;
}

/* A person says that an ID is the device's: its alarm is over. The caller stores its status. */
static int end_alarm(struct selkie_effects *effects, struct selkie_binding *binding)
{
    binding->superseded_ms = 0;
    binding->clone_alarm_ms = 0;
    return selkie_registry_put_binding(effects->registry, binding);
}

/* Make an ID the device's own. A person's decision is final: whatever was active or may still come back is retired, and
 * what died before this ID came is denied. `denied` gets the latter. */
static int make_active(struct selkie_effects *effects, struct selkie_device_record *device,
                       struct selkie_binding live[static SELKIE_LIVE_MAX], struct selkie_binding *picked,
                       json_t *denied)
{
    int result = 0;

    for (int i = 0; i < SELKIE_LIVE_MAX && result == 0; i++) {
        if (live[i].number == picked->number)
            continue;
        if (live[i].status == SELKIE_BINDING_ACTIVE || live[i].status == SELKIE_BINDING_SUPERSEDED)
            result = selkie_effects_set_status(effects, &live[i], SELKIE_BINDING_RETIRED);
        else if (selkie_admission_outlived(&live[i], picked, effects->now_ms))
            result = deny(effects, &live[i], denied);
    }
    if (result == 0)
        result = end_alarm(effects, picked);
    if (result == 0)
        result = selkie_effects_set_status(effects, picked, SELKIE_BINDING_ACTIVE);
    device->gateway[0] = 0;
    return result;
}

/* Answer with the ID that a command was carried out for, and those that were denied for it, which it takes. */
static int answer(struct selkie_command *command, const struct selkie_binding *picked, json_t *denied)
{
    char text[SELKIE_ID_TEXT_SIZE];

    selkie_document_id(text, picked->id_hash);
    int failure = json_object_set_new(command->data, "id", json_string(text));
    failure |= json_object_set_new(command->data, "denied", denied);
    return failure ? SELKIE_ENOMEM : 0;
}

static int approve(struct selkie_command *command, struct selkie_device_record *device,
                   struct selkie_binding live[static SELKIE_LIVE_MAX], struct selkie_binding *picked)
{
    struct selkie_effects *effects = command->commands->effects;
    json_t *denied = json_array();
    int result = answer(command, picked, denied);

    if (result == 0)
        result = make_active(effects, device, live, picked, denied);
    if (result == 0)
        result = selkie_effects_event(effects, "approved", device->address, picked->id_hash, NULL);
    if (result == 0)
        result = selkie_parking_release(effects, picked, NULL);
    return result < 0 ? result : selkie_effects_review(effects, device);
}

/* The active ID, if the command names it and its alarm stands. Returns 1, 0 or an error. */
static int pick_alarmed(struct selkie_command *command, struct selkie_binding live[static SELKIE_LIVE_MAX],
                        struct selkie_binding **picked)
{
    const char *id = selkie_command_text(command, "id");
    char text[SELKIE_ID_TEXT_SIZE];
    int count = read_live(command, live);

    for (int i = 0; id && !selkie_command_flag(command, "newest") && i < count; i++) {
        selkie_document_id(text, live[i].id_hash);
        if (strcmp(id, text) == 0 && selkie_document_has_alarm(&live[i])) {
            *picked = &live[i];
            return 1;
        }
    }
    return count < 0 ? count : 0;
}

int selkie_command_approve_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX], *picked = NULL;
    int result = selkie_command_load_device(command, &device);

    if (result == 0 && device.revoked)
        result = selkie_command_refuse(command, "address: the device is revoked; restore it first");
    if (result == 0)
        result = pick_alarmed(command, live, &picked);
    if (result == 0)
        result = selkie_command_flag(command, "newest") ? pick_newest(command, live, &picked)
                                                        : pick(command, live, "take the newest", &picked);
    if (result >= 0)
        result = approve(command, &device, live, picked);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

static int deny_all(struct selkie_command *command, json_t *denied)
{
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int count = read_live(command, live), result = count < 0 ? count : 0;

    if (selkie_command_text(command, "id"))
        return selkie_command_refuse(command, "all: not together with id");
    for (int i = 0; i < count && result == 0; i++)
        if (live[i].status == SELKIE_BINDING_PENDING)
            result = deny(command->commands->effects, &live[i], denied);
    if (result == 0 && json_array_size(denied) == 0)
        return selkie_command_refuse(command, "address: no ID is pending");
    return result;
}

int selkie_command_deny_device(struct selkie_command *command)
{
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX], *picked = NULL;
    json_t *denied = json_array();
    int result = json_object_set_new(command->data, "denied", denied) == 0 ? 0 : SELKIE_ENOMEM;

    if (result == 0)
        result = selkie_command_load_device(command, &device);
    if (result < 0)
        return result;
    if (selkie_command_flag(command, "all"))
        result = deny_all(command, denied);
    else
        result = pick(command, live, "deny all", &picked);
    if (result == 0 && picked)
        result = deny(command->commands->effects, picked, denied);
    if (result == 0)
        result = selkie_effects_review(command->commands->effects, &device);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

static int refuse_several(struct selkie_command *command, const struct selkie_binding found[], int count)
{
    char list[NAMED_MAX * 32] = "", id[SELKIE_ID_TEXT_SIZE];
    size_t len = 0;

    for (int i = 0; i < count && i < NAMED_MAX; i++) {
        selkie_document_id(id, found[i].id_hash);
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s (%s)", i > 0 ? ", " : "", id,
                                selkie_document_end(&found[i]));
    }
    return selkie_command_refuse(command, "id: %d IDs were denied or removed; name one of them: %s%s", count, list,
                                 count > NAMED_MAX ? " and so on" : "");
}

/* The denied or removed ID that the command means: the one with its id, or the only one. */
static int pick_retired(struct selkie_command *command, struct selkie_binding *picked)
{
    const char *id = selkie_command_text(command, "id");
    struct selkie_binding found[SELKIE_RETIRED_MAX];
    int count = readmittable(command, id, found);

    if (count < 0)
        return count;
    if (count == 0 && id)
        return selkie_command_refuse(command, "id: no ID that was denied or removed");
    if (count == 0)
        return selkie_command_refuse(command, "address: no ID was denied or removed within %d days",
                                     SELKIE_READMIT_DAYS);
    *picked = found[0];
    if (!selkie_admission_readmittable(picked))
        return selkie_command_refuse(command,
                                     "id: is retired for ever (replaced, forgotten, revoked, or denied or removed more "
                                     "than %d days ago); reset the device, so that it registers with a new ID",
                                     SELKIE_READMIT_DAYS);
    if (count == 1)
        return 0;
    return refuse_several(command, found, count);
}

/* An ID goes on where it was: with its counters, its window and its session key. */
static int readmit(struct selkie_command *command, struct selkie_device_record *device, struct selkie_binding *picked)
{
    struct selkie_effects *effects = command->commands->effects;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    json_t *denied = json_array();
    const char *was = selkie_document_end(picked);
    int count = read_live(command, live), result = count < 0 ? count : answer(command, picked, denied);

    if (count < 0)
        json_decref(denied);
    picked->revoked = false; /* its device is not, and a retired ID did not learn of it */
    if (result == 0)
        result = make_active(effects, device, live, picked, denied);
    if (result == 0)
        result = selkie_effects_event(effects, "readmitted", device->address, picked->id_hash,
                                      json_pack("{s:s}", "was", was));
    return result < 0 ? result : selkie_effects_review(effects, device);
}

int selkie_command_readmit_device(struct selkie_command *command)
{
    struct selkie_registry *registry = command->commands->effects->registry;
    struct selkie_device_record device;
    struct selkie_binding picked;
    int known = selkie_registry_device(registry, command->address, &device);
    int result = known < 0 ? known : pick_retired(command, &picked);

    if (result == 0 && device.revoked)
        result = selkie_command_refuse(command, "address: the device is revoked; restore it first");
    if (result == 0)
        result = selkie_registry_count_same_tag(registry, &picked);
    if (result >= SELKIE_TAG_MAX)
        result = selkie_command_refuse(command,
                                       "id: %d IDs have its session tag already; remove those that nobody "
                                       "knows",
                                       SELKIE_TAG_MAX);
    device.listed = device.listed || known == 0; /* as if it was added again */
    if (result >= 0)
        result = readmit(command, &device, &picked);
    mbedtls_platform_zeroize(&device, sizeof device);
    return result;
}

/* A pending ID, and the active one whose place it would take. */
static json_t *describe(const struct selkie_commands *commands, const struct selkie_device_record *device,
                        const struct selkie_binding *binding, int parked, const struct selkie_binding *active)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE], id[SELKIE_ID_TEXT_SIZE];
    json_t *json = selkie_document_binding(binding);
    int failure = 0;

    selkie_address_format(address, device->address);
    failure |= json_object_set_new(json, "address", json_string(address));
    failure |= json_object_set_new(json, "name", json_string(device->name));
    failure |= json_object_set_new(json, "parked", json_integer(parked));
    failure |= selkie_command_add_model(commands, device, binding->firmware, json);
    if (active) {
        selkie_document_id(id, active->id_hash);
        failure |= json_object_set_new(json, "active", json_string(id));
        failure |= json_object_set_new(json, "active_seen", json_integer((json_int_t)active->last_seen_ms));
    }
    if (!failure)
        return json;
    json_decref(json);
    return NULL;
}

static int list_address(const struct selkie_commands *commands, const uint8_t *address, json_t *list)
{
    struct selkie_registry *registry = commands->effects->registry;
    struct selkie_device_record device;
    struct selkie_binding live[SELKIE_LIVE_MAX];
    int result = selkie_registry_device(registry, address, &device);
    int count = result < 0 ? result : selkie_registry_live(registry, address, live);

    for (int i = 0; i < count && result >= 0; i++) {
        if (live[i].status != SELKIE_BINDING_PENDING)
            continue;
        result = selkie_registry_count_parked(registry, live[i].number);
        if (result >= 0 &&
            json_array_append_new(list, describe(commands, &device, &live[i], result,
                                                 live[0].status == SELKIE_BINDING_ACTIVE ? &live[0] : NULL)) != 0)
            result = SELKIE_ENOMEM;
    }
    mbedtls_platform_zeroize(&device, sizeof device);
    return count < 0 ? count : result < 0 ? result : 0;
}

int selkie_command_list_pending(struct selkie_command *command)
{
    uint8_t addresses[SELKIE_LIST_MAX][SELKIE_ADDRESS_SIZE];
    struct selkie_registry *registry = command->commands->effects->registry;
    int64_t limit = selkie_command_integer(command, "limit", SELKIE_LIST_DEFAULT);
    const uint8_t *after = selkie_command_text(command, "after") ? command->address : NULL;
    json_t *list = json_array();
    uint64_t total = 0;

    if (json_object_set_new(command->data, "pending", list) != 0)
        return SELKIE_ENOMEM;
    if (limit < 0 || limit > SELKIE_LIST_MAX)
        return selkie_command_refuse(command, "limit: must be 0 to %d", SELKIE_LIST_MAX);
    int result = selkie_registry_count_all_pending(registry, &total);
    if (json_object_set_new(command->data, "total", json_integer((json_int_t)total)) != 0)
        return SELKIE_ENOMEM;
    int count = result < 0 ? result : selkie_registry_pending_addresses(registry, after, addresses, (int)limit);
    for (int i = 0; i < count && result == 0 && json_array_size(list) < SELKIE_PAGE_MAX; i++)
        result = list_address(command->commands, addresses[i], list);
    return count < 0 ? count : result;
}
