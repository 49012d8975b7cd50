/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of itself: its name, its fields, its published description. */
#include "model.h"

const char *selkie_model_manufacturer(const struct selkie_model *model)
{
    return model->manufacturer;
}

const char *selkie_model_name(const struct selkie_model *model)
{
    return model->name;
}

unsigned selkie_model_field_count(const struct selkie_model *model)
{
    return model->field_count;
}

const struct selkie_field *selkie_model_field(const struct selkie_model *model, unsigned index)
{
    return index < model->field_count ? &model->fields[index] : NULL;
}

static json_t *list_texts(const char *const *texts, unsigned count)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *describe_field(const struct selkie_field *field)
{
    static const char *const types[] = {[SELKIE_FIELD_NUMBER] = "number",
                                        [SELKIE_FIELD_BOOLEAN] = "boolean",
                                        [SELKIE_FIELD_WORD] = "string",
                                        [SELKIE_FIELD_TEXT] = "string"};
    json_t *words = field->kind == SELKIE_FIELD_WORD ? list_texts(field->words, field->word_count) : NULL;

    if (field->kind == SELKIE_FIELD_WORD && !words)
        return NULL;
    return json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:o*}", "name", field->name, "type", types[field->kind], "unit",
                     field->unit, "device_class", field->device_class, "state_class", field->state_class, "enum",
                     words);
}

char *selkie_model_describe(const struct selkie_model *model)
{
    json_t *fields = json_array(), *firmware = list_texts(model->firmware, model->firmware_count);
    bool complete = fields && firmware;
    char *text = NULL;

    for (unsigned i = 0; i < model->field_count && complete; i++)
        complete = json_array_append_new(fields, describe_field(&model->fields[i])) == 0;
    json_t *description =
        complete ? json_pack("{s:s, s:s*, s:O, s:s, s:O}", "model", model->name, "manufacturer", model->manufacturer,
                             "firmware", firmware, "format", selkie_model_formats[model->format], "fields", fields)
                 : NULL;
    if (description)
        text = json_dumps(description, JSON_COMPACT);
    json_decref(description);
    json_decref(fields);
    json_decref(firmware);
    return text;
}
