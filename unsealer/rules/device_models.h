/* SPDX-License-Identifier: Apache-2.0 */
/* Which model a device is of: the one that an administrator chose, else the one that its firmware says. PROTOCOL.md,
 * section 8 ("Values"). One thread, the writer. */
#ifndef SELKIE_DEVICE_MODELS_H
#define SELKIE_DEVICE_MODELS_H

#include "registry/registry.h"

/* A device draws its firmware's text, so what was found for it is kept in a place for many texts. */
#define SELKIE_DEVICE_MODELS_KEPT 64

struct selkie_device_models {
    const struct selkie_models *models; /* NULL = none */
    struct {
        bool used;
        char firmware[SELKIE_FIRMWARE_MAX + 1];
        const struct selkie_model *model;
    } kept[SELKIE_DEVICE_MODELS_KEPT];
};

/* Whether there is any model: without one nothing need be looked up. */
bool selkie_device_models_any(const struct selkie_device_models *of);

/* `chosen`: as the registry has it, "" = none. A chosen model that is not among the models is none: the firmware has no
 * say then. NULL = none. */
const struct selkie_model *selkie_device_models_of(struct selkie_device_models *of, const char *chosen,
                                                   const char *firmware);

/* The same for an address, whose choice is in the registry. 0 or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_device_models_find(struct selkie_device_models *of, struct selkie_registry *registry,
                                                const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *firmware,
                                                const struct selkie_model **model);

#endif
