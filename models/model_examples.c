/* SPDX-License-Identifier: Apache-2.0 */
/* The key `examples` of a model's file: payloads whose values are known, which must come out, and between them each
 * entry of `fields`. */
#include "model.h"

#include <selkie/frame.h>
#include <stdlib.h>
#include <string.h>

#define EXAMPLES_MAX 64

/* An example while it is checked. */
struct example {
    const struct selkie_model *model;
    struct selkie_settings_object *object;
    const char *key; /* of the payload */
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    size_t len;
    bool *seen; /* of each entry of `fields`: whether an example has it */
};

static bool read_hex(struct example *example, const char *text)
{
    char digits[2 * SELKIE_PAYLOAD_MAX];
    size_t count = 0;

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        if (count == sizeof digits)
            return false;
        digits[count++] = *text;
    }
    example->len = count / 2;
    return count > 0 && count % 2 == 0 && selkie_hex_decode(example->payload, count / 2, digits) == 0;
}

static void read_payload(struct example *example)
{
    const char *hex = selkie_settings_string(example->object, "hex", NULL);
    const char *text = selkie_settings_string(example->object, "text", NULL);

    example->key = hex ? "hex" : "text";
    if (!hex == !text) {
        selkie_settings_reject(example->object, NULL, "an example has either hex or text, and values");
    } else if (hex && !read_hex(example, hex)) {
        selkie_settings_reject(example->object, "hex", "must be the 1 to %d bytes of a payload in hex",
                               SELKIE_PAYLOAD_MAX);
    } else if (text) {
        example->len = strlen(text);
        if (example->len < 1 || example->len > SELKIE_PAYLOAD_MAX)
            selkie_settings_reject(example->object, "text", "must be a payload of 1 to %d bytes", SELKIE_PAYLOAD_MAX);
        else
            memcpy(example->payload, text, example->len);
    }
}

static bool same(const json_t *expected, const json_t *got)
{
    if (json_is_number(expected) && json_is_number(got))
        return json_number_value(expected) == json_number_value(got);
    return json_equal(expected, got);
}

static void reject_value(const struct example *example, const char *name, const json_t *expected, const json_t *got)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    char *expected_text = expected ? json_dumps(expected, flags) : NULL;
    char *got_text = got ? json_dumps(got, flags) : NULL;

    selkie_settings_reject(example->object, "values", "%s: expected %s, got %s", name,
                           expected_text ? expected_text : "nothing", got_text ? got_text : "nothing");
    free(expected_text);
    free(got_text);
}

static void compare(const struct example *example, const json_t *expected, const json_t *got)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)expected, name, value) {
        if (!same(value, json_object_get(got, name)))
            reject_value(example, name, value, json_object_get(got, name));
    }
    json_object_foreach ((json_t *)got, name, value) {
        if (!json_object_get(expected, name))
            reject_value(example, name, NULL, value);
    }
    for (unsigned i = 0; i < example->model->entry_count; i++) {
        const struct selkie_model_entry *entry = &example->model->entries[i];
        bool applies = !entry->when_name || json_equal(json_object_get(got, entry->when_name), entry->when_value);
        if (applies && json_object_get(got, example->model->fields[entry->field].name))
            example->seen[i] = true;
    }
}

static void check(struct example *example, const json_t *expected)
{
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    size_t len;
    int result = selkie_model_decode(example->model, example->payload, example->len, values, &len, error);

    if (result < 0) {
        selkie_settings_reject(example->object, example->key, "does not fit the model: %s",
                               result == SELKIE_EMALFORMED ? error : selkie_error_text(result));
        return;
    }
    json_t *got = json_loadb(values, len, 0, NULL);
    compare(example, expected, got);
    json_decref(got);
}

static void check_one(struct example *example)
{
    const json_t *expected = selkie_settings_json(example->object, "values", true);

    if (expected && !json_is_object(expected))
        selkie_settings_reject(example->object, "values", "must be an object, {…}");
    read_payload(example);
    selkie_settings_end(example->object);
    if (!selkie_settings_error(example->model->document))
        check(example, expected);
}

static void reject_unseen(const struct selkie_model *model, struct selkie_settings_object *root,
                          const struct selkie_model_entry *entry)
{
    const char *name = model->fields[entry->field].name;
    char *value = entry->when_value ? json_dumps(entry->when_value, JSON_ENCODE_ANY) : NULL;

    if (value)
        selkie_settings_reject(root, "examples", "none of them has the field %s where %s is %s", name, entry->when_name,
                               value);
    else
        selkie_settings_reject(root, "examples", "none of them has the field %s", name);
    free(value);
}

void selkie_model_check_examples(const struct selkie_model *model, struct selkie_settings_object *root)
{
    size_t count = selkie_settings_list(root, "examples", true);
    bool seen[SELKIE_MODEL_ENTRIES_MAX] = {false};

    if (selkie_settings_error(model->document) || !model->fields || !model->entries)
        return;
    if (count < 1 || count > EXAMPLES_MAX) {
        selkie_settings_reject(root, "examples", "must have 1 to %d entries", EXAMPLES_MAX);
        return;
    }
    for (size_t i = 0; i < count && !selkie_settings_error(model->document); i++) {
        struct example example = {
            .model = model, .object = selkie_settings_list_object(root, "examples", i), .seen = seen};
        check_one(&example);
    }
    for (unsigned i = 0; i < model->entry_count && !selkie_settings_error(model->document); i++) {
        if (!seen[i])
            reject_unseen(model, root, &model->entries[i]);
    }
}
