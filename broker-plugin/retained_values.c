/* SPDX-License-Identifier: Apache-2.0 */
#include "retained_values.h"

#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define DOUBTFUL_MAX 1024 /* devices whose values were read before their state was out */

/* The name of a model, once for all devices; once more after its fields changed. */
struct name {
    char text[SELKIE_MODEL_NAME_MAX + 1];
    struct name *next; /* of the former ones */
    UT_hash_handle hh;
};

struct device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    const struct name *model; /* NULL: not known yet; somebody has read its values */
    UT_hash_handle hh;
};

struct selkie_retained_values {
    char root[SELKIE_TOPIC_ROOT_MAX + 1];
    bool refreshed;
    unsigned doubtful;
    struct device *devices;
    struct name *names;  /* few: as many as there ever were models, */
    struct name *former; /* and here those of before a change of fields: some devices may still have them */
};

int selkie_retained_values_open(struct selkie_retained_values **opened, const char *root)
{
    struct selkie_retained_values *values = *opened = calloc(1, sizeof *values);

    if (!values)
        return SELKIE_ENOMEM;
    (void)snprintf(values->root, sizeof values->root, "%s", root);
    return 0;
}

static void forget(struct selkie_retained_values *values, struct device *device)
{
    values->doubtful -= device->model == NULL;
    HASH_DEL(values->devices, device);
    free(device);
}

void selkie_retained_values_close(struct selkie_retained_values *values)
{
    if (!values)
        return;
    while (values->devices)
        forget(values, values->devices);
    while (values->names) {
        struct name *name = values->names;
        HASH_DEL(values->names, name);
        free(name);
    }
    while (values->former) {
        struct name *name = values->former;
        values->former = name->next;
        free(name);
    }
    free(values);
}

static const struct name *name_of(struct selkie_retained_values *values, const struct selkie_model *model)
{
    struct name *name;

    HASH_FIND_STR(values->names, selkie_model_name(model), name);
    if (name || !(name = calloc(1, sizeof *name)))
        return name;
    (void)snprintf(name->text, sizeof name->text, "%s", selkie_model_name(model));
    HASH_ADD_STR(values->names, text, name);
    return name;
}

static struct device *find(struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct device *device;

    HASH_FIND(hh, values->devices, address, SELKIE_ADDRESS_SIZE, device);
    return device;
}

static struct device *add(struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct device *device = calloc(1, sizeof *device);

    if (!device)
        return NULL;
    memcpy(device->address, address, SELKIE_ADDRESS_SIZE);
    HASH_ADD(hh, values->devices, address, SELKIE_ADDRESS_SIZE, device);
    values->doubtful++;
    return device;
}

static int clear(const struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_device(topic, values->root, address, SELKIE_TOPIC_DEVICE_VALUES) < 0)
        return SELKIE_EINVAL;
    return selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
}

/* It has no model, or it is gone. Of a device that had none in this run, the broker keeps nothing, or what is cleared
 * when somebody is about to read it. */
static int leave(struct selkie_retained_values *values, const struct selkie_output *output)
{
    struct device *device = find(values, output->address);
    int result = device ? clear(values, output->address) : 0;

    if (result == 0 && device)
        forget(values, device);
    return result;
}

int selkie_retained_values_follow(struct selkie_retained_values *values, const struct selkie_output *output)
{
    if (!output->model)
        return leave(values, output);
    const struct name *model = name_of(values, output->model);
    struct device *device = find(values, output->address);
    if (!device)
        device = add(values, output->address);
    if (!model || !device)
        return SELKIE_ENOMEM;
    /* Values that are about to be retained take the place of those before. */
    bool replaced = output->kind == SELKIE_OUTPUT_VALUES && !output->late;
    int result = device->model && device->model != model && !replaced ? clear(values, output->address) : 0;
    if (result < 0)
        return result;
    values->doubtful -= device->model == NULL;
    device->model = model;
    return 0;
}

void selkie_retained_values_change_models(struct selkie_retained_values *values,
                                          const struct selkie_models_topic *models)
{
    struct name *name, *next;

    HASH_ITER (hh, values->names, name, next)
        if (selkie_models_topic_differs(models, name->text)) {
            HASH_DEL(values->names, name);
            name->next = values->former;
            values->former = name;
        }
}

void selkie_retained_values_end_refresh(struct selkie_retained_values *values)
{
    struct device *device, *next;

    values->refreshed = true;
    if (values->doubtful == 0)
        return;
    HASH_ITER (hh, values->devices, device, next)
        if (!device->model) {
            int result = clear(values, device->address);
            (void)result; /* without memory they stay until somebody reads them again */
            forget(values, device);
        }
}

bool selkie_retained_values_are_current(struct selkie_retained_values *values,
                                        const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    if (find(values, address))
        return true;
    if (!values->refreshed && values->doubtful < DOUBTFUL_MAX)
        (void)add(values, address);
    return !values->refreshed;
}
