/* SPDX-License-Identifier: Apache-2.0 */
#include "models_topic.h"

#include "publish.h"

#include <selkie/topic.h>

#include <stdlib.h>

static json_t *describe_all(const struct selkie_models *models)
{
    json_t *all = json_object();

    for (unsigned i = 0; all && models && i < selkie_models_count(models); i++) {
        const struct selkie_model *model = selkie_models_at(models, i);
        char *text = selkie_model_describe(model);
        int failure = text ? json_object_set_new(all, selkie_model_name(model), json_string(text)) : -1;
        free(text);
        if (failure) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

bool selkie_models_topic_differs(const struct selkie_models_topic *topic, const struct selkie_models *models)
{
    json_t *descriptions = describe_all(models);
    bool differs = descriptions && !(topic->wanted && json_equal(topic->wanted, descriptions));

    json_decref(descriptions);
    return differs;
}

int selkie_models_topic_set(struct selkie_models_topic *topic, const struct selkie_models *models)
{
    json_t *wanted = describe_all(models), *description;
    const char *model;

    if (!topic->shown)
        topic->shown = json_object();
    if (!wanted || !topic->shown) {
        json_decref(wanted);
        return SELKIE_ENOMEM;
    }
    bool changed = !topic->wanted || !json_equal(topic->wanted, wanted);
    json_decref(topic->wanted);
    topic->wanted = wanted;
    topic->pending = true;
    /* What is published already is the same string from now on, so that a turn compares pointers. */
    json_object_foreach (topic->shown, model, description)
        if (json_equal(json_object_get(wanted, model), description))
            (void)json_object_set(wanted, model, description);
    return changed;
}

void selkie_models_topic_wipe(struct selkie_models_topic *topic)
{
    json_decref(topic->wanted);
    json_decref(topic->shown);
    *topic = (struct selkie_models_topic){.wanted = NULL};
}

/* `description` NULL clears it. */
static int publish(const char *root, const char *model, const json_t *description)
{
    char text[SELKIE_TOPIC_MAX];

    if (selkie_topic_model(text, root, model) < 0)
        return SELKIE_EINVAL;
    if (!description)
        return selkie_publish(NULL, text, NULL, 0, 1, true, NULL);
    return selkie_publish_text(NULL, text, json_string_value(description), json_string_length(description), 1, true,
                               NULL);
}

/* Publish what is not, at most `room`; returns what is left of it. */
static int publish_new(struct selkie_models_topic *topic, const char *root, int room)
{
    const char *model;
    json_t *description;

    json_object_foreach (topic->wanted, model, description) {
        if (json_object_get(topic->shown, model) == description)
            continue;
        if (room == 0 || publish(root, model, description) == SELKIE_ENOMEM ||
            json_object_set(topic->shown, model, description) != 0)
            return 0;
        room--;
    }
    return room;
}

void selkie_models_topic_turn(struct selkie_models_topic *topic, const char *root)
{
    const char *model;
    json_t *description;
    void *next;

    if (!topic->pending)
        return;
    int room = publish_new(topic, root, SELKIE_MODELS_TOPIC_STEP);
    json_object_foreach_safe (topic->shown, next, model, description) {
        if (json_object_get(topic->wanted, model))
            continue;
        if (room == 0 || publish(root, model, NULL) == SELKIE_ENOMEM) {
            room = 0;
            break;
        }
        (void)json_object_del(topic->shown, model);
        room--;
    }
    topic->pending = room == 0;
}

bool selkie_models_topic_has(const struct selkie_models_topic *topic, const char *model)
{
    return json_object_get(topic->wanted, model) != NULL;
}
