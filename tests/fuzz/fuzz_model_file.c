/* SPDX-License-Identifier: Apache-2.0 */
/* A model's file: it is refused with one line that begins with its name, or it is a model whose description is JSON and
 * that has a field for each of its names. */
#include "fuzz.h"

#include "model.h"
#include <string.h>

static void check_model(const struct selkie_model *model)
{
    char *text = selkie_model_describe(model);
    json_t *description = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    FUZZ_CLAIM(description != NULL);
    FUZZ_CLAIM(strcmp(json_string_value(json_object_get(description, "model")), selkie_model_name(model)) == 0);
    unsigned count = selkie_model_field_count(model);
    FUZZ_CLAIM(count >= 1 && count <= SELKIE_MODEL_FIELDS_MAX);
    FUZZ_CLAIM(json_array_size(json_object_get(description, "fields")) == count);
    for (unsigned i = 0; i < count; i++) {
        const struct selkie_field *field = selkie_model_field(model, i);
        FUZZ_CLAIM(strlen(field->name) >= 1 && strlen(field->name) <= SELKIE_FIELD_NAME_MAX);
        FUZZ_CLAIM((field->kind == SELKIE_FIELD_WORD) == (field->word_count > 0));
        FUZZ_CLAIM(field->kind == SELKIE_FIELD_NUMBER || (field->unit == NULL && field->state_class == NULL));
    }
    json_decref(description);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_model *model;

    int result = selkie_model_make(&model, selkie_settings_parse("x.json", (const char *)data, size), error);
    if (result == 0)
        check_model(model);
    else
        FUZZ_CLAIM(result == SELKIE_ECONFIG && model == NULL && strncmp(error, "x.json:", 7) == 0 &&
                   strchr(error, '\n') == NULL);
    selkie_model_close(model);
    return 0;
}
