/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/device_models.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

bool selkie_device_models_any(const struct selkie_device_models *of)
{
    return of->models && selkie_models_count(of->models) > 0;
}

static const struct selkie_model *by_firmware(struct selkie_device_models *of, const char *firmware)
{
    size_t len = strlen(firmware);
    unsigned hash;

    if (len == 0)
        return NULL;
    HASH_JEN(firmware, len, hash);
    const unsigned place = hash % SELKIE_DEVICE_MODELS_KEPT;
    if (of->kept[place].used && strcmp(of->kept[place].firmware, firmware) == 0)
        return of->kept[place].model;
    of->kept[place].used = true;
    (void)snprintf(of->kept[place].firmware, sizeof of->kept[place].firmware, "%s", firmware);
    of->kept[place].model = selkie_models_for_firmware(of->models, firmware);
    return of->kept[place].model;
}

const struct selkie_model *selkie_device_models_of(struct selkie_device_models *of, const char *chosen,
                                                   const char *firmware)
{
    if (!selkie_device_models_any(of))
        return NULL;
    return chosen[0] != '\0' ? selkie_models_named(of->models, chosen) : by_firmware(of, firmware);
}

int selkie_device_models_find(struct selkie_device_models *of, struct selkie_registry *registry,
                              const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *firmware,
                              const struct selkie_model **model)
{
    struct selkie_device_label label;
    int result = selkie_device_models_any(of) ? selkie_registry_label(registry, address, &label) : 0;

    *model = result > 0 ? selkie_device_models_of(of, label.model, firmware) : NULL;
    return result < 0 ? result : 0;
}
