/* SPDX-License-Identifier: Apache-2.0 */
#include "retained_values.h"

#include "publish.h"
#include "shown.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define DOUBTFUL_MAX 1024 /* devices whose values were read before their state was out */

/* What is shown of a model: made once, as long as the models stay the same. */
struct shown_model {
    const struct selkie_model *model;
    char *text;
    UT_hash_handle hh;
};

struct selkie_retained_values {
    char root[SELKIE_TOPIC_ROOT_MAX + 1];
    struct selkie_shown *shown;
    bool refreshed;
    struct shown_model *models;
    unsigned doubtful_count;
    uint8_t doubtful[DOUBTFUL_MAX][SELKIE_ADDRESS_SIZE];
    uint8_t (*unknown)[SELKIE_ADDRESS_SIZE]; /* to be cleared: no device of the registry has them */
    size_t unknown_count;
};

int selkie_retained_values_open(struct selkie_retained_values **opened, const char *root, struct selkie_shown *shown)
{
    struct selkie_retained_values *values = *opened = calloc(1, sizeof *values);

    if (!values)
        return SELKIE_ENOMEM;
    (void)snprintf(values->root, sizeof values->root, "%s", root);
    values->shown = shown;
    return 0;
}

void selkie_retained_values_change_models(struct selkie_retained_values *values)
{
    struct shown_model *model, *next;

    HASH_ITER (hh, values->models, model, next) {
        HASH_DEL(values->models, model);
        free(model->text);
        free(model);
    }
}

void selkie_retained_values_close(struct selkie_retained_values *values)
{
    if (!values)
        return;
    selkie_retained_values_change_models(values);
    free(values->unknown);
    free(values);
}

/* Its name and its fields (heap); NULL without memory. */
static char *make_text(const struct selkie_model *model)
{
    char *described = selkie_model_describe(model);
    json_t *description = described ? json_loads(described, 0, NULL) : NULL;
    char *fields = json_dumps(json_object_get(description, "fields"), JSON_COMPACT), *text = NULL;

    if (fields) {
        size_t size = strlen(selkie_model_name(model)) + 1 + strlen(fields) + 1;
        text = malloc(size);
        if (text)
            (void)snprintf(text, size, "%s\n%s", selkie_model_name(model), fields);
    }
    free(fields);
    json_decref(description);
    free(described);
    return text;
}

static const char *text_of(struct selkie_retained_values *values, const struct selkie_model *model)
{
    struct shown_model *made;

    HASH_FIND_PTR(values->models, &model, made);
    if (made || !(made = calloc(1, sizeof *made)))
        return made ? made->text : NULL;
    made->model = model;
    made->text = make_text(model);
    if (!made->text) {
        free(made);
        return NULL;
    }
    HASH_ADD_PTR(values->models, model, made);
    return made->text;
}

static int clear(const struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_device(topic, values->root, address, SELKIE_TOPIC_DEVICE_VALUES) < 0)
        return SELKIE_EINVAL;
    return selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
}

/* Clear what the broker may have of another model, or of none. */
static int clear_former(struct selkie_retained_values *values, struct selkie_shown_device *device)
{
    int result = device && selkie_shown_is_owed(device, SELKIE_SHOWN_VALUES) ? clear(values, device->address) : 0;

    if (result == 0 && device)
        selkie_shown_tell(values->shown, device, SELKIE_SHOWN_VALUES);
    return result;
}

/* It has no model, or it is gone. Of a device that never had one, the broker keeps nothing, or what is cleared when
 * somebody is about to read it. */
static int leave(struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    int result = selkie_shown_set(values->shown, SELKIE_SHOWN_VALUES, address, NULL);

    return result < 0 ? result : clear_former(values, selkie_shown_find(values->shown, address));
}

int selkie_retained_values_follow(struct selkie_retained_values *values, const struct selkie_output *output)
{
    struct selkie_shown_device *device = selkie_shown_find(values->shown, output->address);

    if (device)
        device->heard = output->len > 0;
    if (!output->model) {
        bool stays = output->len > 0 && selkie_shown_is_unjudged(values->shown, device);
        return stays ? 0 : leave(values, output->address);
    }
    const char *text = text_of(values, output->model);
    if (!text || selkie_shown_set(values->shown, SELKIE_SHOWN_VALUES, output->address, text) < 0)
        return SELKIE_ENOMEM;
    device = selkie_shown_find(values->shown, output->address);
    device->heard = true;
    /* Values that are about to be retained take the place of those before. */
    if (output->kind != SELKIE_OUTPUT_VALUES)
        return clear_former(values, device);
    selkie_shown_tell(values->shown, device, SELKIE_SHOWN_VALUES);
    return 0;
}

/* Without memory they stay until somebody reads them. */
static void note_unknown(struct selkie_retained_values *values)
{
    size_t count = 0;

    for (struct selkie_shown_device *device = selkie_shown_first(values->shown); device; device = device->hh.next)
        count += !device->heard;
    values->unknown = count ? calloc(count, sizeof *values->unknown) : NULL;
    for (struct selkie_shown_device *device = selkie_shown_first(values->shown); device && values->unknown;
         device = device->hh.next)
        if (!device->heard)
            memcpy(values->unknown[values->unknown_count++], device->address, SELKIE_ADDRESS_SIZE);
}

void selkie_retained_values_end_refresh(struct selkie_retained_values *values)
{
    if (values->refreshed)
        return;
    values->refreshed = true;
    for (unsigned i = 0; i < values->doubtful_count; i++) {
        struct selkie_shown_device *device = selkie_shown_find(values->shown, values->doubtful[i]);
        if (!device || !device->of[SELKIE_SHOWN_VALUES].now) {
            int result = clear(values, values->doubtful[i]);
            (void)result; /* without memory they stay until somebody reads them again */
        }
    }
    values->doubtful_count = 0;
    note_unknown(values);
    selkie_shown_end_doubt(values->shown);
}

void selkie_retained_values_turn(struct selkie_retained_values *values)
{
    for (unsigned done = 0; values->unknown_count > 0 && done < SELKIE_RETAINED_VALUES_STEP; done++) {
        const uint8_t *address = values->unknown[values->unknown_count - 1];
        const struct selkie_shown_device *device = selkie_shown_find(values->shown, address);
        if (device && !device->heard && leave(values, address) == SELKIE_ENOMEM)
            return; /* again in the next turn */
        values->unknown_count--;
    }
    if (values->unknown_count == 0) {
        free(values->unknown);
        values->unknown = NULL;
    }
}

static void doubt(struct selkie_retained_values *values, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    for (unsigned i = 0; i < values->doubtful_count; i++)
        if (memcmp(values->doubtful[i], address, SELKIE_ADDRESS_SIZE) == 0)
            return;
    if (values->doubtful_count < DOUBTFUL_MAX)
        memcpy(values->doubtful[values->doubtful_count++], address, SELKIE_ADDRESS_SIZE);
}

bool selkie_retained_values_are_current(struct selkie_retained_values *values,
                                        const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    const struct selkie_shown_device *device = selkie_shown_find(values->shown, address);

    if (device && (device->heard || !values->refreshed) && device->of[SELKIE_SHOWN_VALUES].now)
        return !selkie_shown_is_owed(device, SELKIE_SHOWN_VALUES);
    if (!values->refreshed)
        doubt(values, address);
    return !values->refreshed;
}
