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

int selkie_models_topic_set(struct selkie_models_topic *topic, const struct selkie_models *models)
{
    json_t *wanted = describe_all(models);

    if (!topic->shown)
        topic->shown = json_object();
    if (!wanted || !topic->shown) {
        json_decref(wanted);
        return SELKIE_ENOMEM;
    }
    bool changed = !topic->wanted || !json_equal(topic->wanted, wanted);
    json_decref(topic->wanted);
    topic->wanted = wanted;
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

void selkie_models_topic_turn(struct selkie_models_topic *topic, const char *root)
{
    const char *model;
    json_t *description;
    void *next;

    if (!topic->wanted || json_equal(topic->wanted, topic->shown))
        return;
    json_object_foreach (topic->wanted, model, description) {
        bool is_shown = json_equal(json_object_get(topic->shown, model), description);
        if (!is_shown && publish(root, model, description) == 0 &&
            json_object_set(topic->shown, model, description) != 0)
            return;
    }
    json_object_foreach_safe (topic->shown, next, model, description) {
        if (!json_object_get(topic->wanted, model) && publish(root, model, NULL) == 0)
            (void)json_object_del(topic->shown, model);
    }
}

static json_t *fields_of(const json_t *descriptions, const char *model)
{
    const char *text = json_string_value(json_object_get(descriptions, model));
    json_t *description = text ? json_loads(text, 0, NULL) : NULL;
    json_t *fields = json_incref(json_object_get(description, "fields"));

    json_decref(description);
    return fields;
}

bool selkie_models_topic_differs(const struct selkie_models_topic *topic, const char *model)
{
    json_t *before = fields_of(topic->shown, model), *now = fields_of(topic->wanted, model);
    bool differs = before && now && !json_equal(before, now);

    json_decref(before);
    json_decref(now);
    return differs;
}

bool selkie_models_topic_has(const struct selkie_models_topic *topic, const char *model)
{
    return json_object_get(topic->wanted, model) != NULL;
}
