/* SPDX-License-Identifier: Apache-2.0 */
/* The key `fields` of a model's file: where each value is, what becomes of it, and when it is there. */
#include "home_assistant_classes.h"
#include "model.h"
#include "number.h"
#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define WORD_MAX  64 /* bytes */
#define UNIT_MAX  16 /* bytes */
#define CLASS_MAX 40
#define SCALE_MAX 1e9
#define BOUND_MAX 1e15

static const struct selkie_model_type types[] = {
    {"u8", 1, false, false, false},    {"i8", 1, true, false, false},     {"u16be", 2, false, false, false},
    {"u16le", 2, false, false, true},  {"i16be", 2, true, false, false},  {"i16le", 2, true, false, true},
    {"u24be", 3, false, false, false}, {"u24le", 3, false, false, true},  {"i24be", 3, true, false, false},
    {"i24le", 3, true, false, true},   {"u32be", 4, false, false, false}, {"u32le", 4, false, false, true},
    {"i32be", 4, true, false, false},  {"i32le", 4, true, false, true},   {"f32be", 4, true, true, false},
    {"f32le", 4, true, true, true},
};

static const struct selkie_model_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    }
    return NULL;
}

static bool is_of(const char *text, const char *characters, size_t max)
{
    size_t len = strlen(text);

    return len >= 1 && len <= max && strspn(text, characters) == len;
}

/* A field as an entry of `fields` describes it. */
struct description {
    struct selkie_settings_object *object;
    struct selkie_model_entry entry;
    struct selkie_field field;
};

static void read_bits(struct description *described)
{
    struct selkie_model_entry *entry = &described->entry;
    const json_t *bits = selkie_settings_json(described->object, "bits", false);

    if (!bits || !entry->type)
        return;
    json_int_t first = json_integer_value(json_array_get(bits, 0)), count = json_integer_value(json_array_get(bits, 1));
    json_int_t width = 8 * (json_int_t)entry->type->size;
    if (json_array_size(bits) != 2 || !json_is_integer(json_array_get(bits, 0)) || first < 0 || count < 1 ||
        first >= width || count > width - first)
        selkie_settings_reject(described->object, "bits",
                               "must be [first, count] within the %d bits of %s; bit 0 is the least significant one",
                               (int)width, entry->type->name);
    else if (entry->type->is_float)
        selkie_settings_reject(described->object, "bits", "%s has none", entry->type->name);
    entry->bit_first = (unsigned)first;
    entry->bit_count = (unsigned)count;
}

static void read_place_packed(struct description *described, const struct selkie_model *model)
{
    struct selkie_model_entry *entry = &described->entry;
    unsigned end = model->has_length ? model->length_max : SELKIE_PAYLOAD_MAX;
    const char *type = selkie_settings_require_string(described->object, "type");

    entry->offset = (unsigned)selkie_settings_require_integer(described->object, "offset", 0, SELKIE_PAYLOAD_MAX - 1);
    entry->type = find_type(type);
    if (!entry->type)
        selkie_settings_reject(described->object, "type",
                               "must be u8, i8, u16, i16, u24, i24, u32, i32 or f32, with be or le behind it from 16 "
                               "bits on, such as i16be");
    else if (entry->offset + entry->type->size > end)
        selkie_settings_reject(described->object, "offset",
                               "%s at %u ends behind the payload, which has at most %u bytes", entry->type->name,
                               entry->offset, end);
    read_bits(described);
}

static void read_place(struct description *described, const struct selkie_model *model)
{
    static const char *const kinds[] = {"number", "boolean", "text", NULL};
    static const enum selkie_field_kind kind_of[] = {SELKIE_FIELD_NUMBER, SELKIE_FIELD_BOOLEAN, SELKIE_FIELD_TEXT};
    struct selkie_model_entry *entry = &described->entry;
    size_t max = SELKIE_PATH_MAX;

    if (model->format == SELKIE_MODEL_PACKED) {
        read_place_packed(described, model);
        return;
    }
    entry->path = selkie_settings_string(described->object, "path", described->field.name);
    if (!selkie_model_is_visible(entry->path, max) ||
        (model->format == SELKIE_MODEL_TEXT && strpbrk(entry->path, " =,;&")))
        selkie_settings_reject(described->object, "path", "must be a key of 1 to %zu bytes%s", max,
                               model->format == SELKIE_MODEL_TEXT ? " without blank or any of = , ; &"
                                                                  : ", or a JSON pointer such as /air/0/temperature");
    described->field.kind = kind_of[selkie_settings_choice(described->object, "type", kinds, 0)];
    entry->optional = selkie_settings_boolean(described->object, "optional", false);
}

static void read_number(struct description *described)
{
    static const char *const keys[] = {"scale", "add", "min", "max"};
    struct selkie_settings_object *object = described->object;
    struct selkie_model_entry *entry = &described->entry;

    entry->scaled = selkie_settings_has(object, "scale") || selkie_settings_has(object, "add");
    entry->scale = selkie_settings_number(object, "scale", -SCALE_MAX, SCALE_MAX, 1);
    if (entry->scale == 0)
        selkie_settings_reject(object, "scale", "must not be 0");
    entry->add = selkie_settings_number(object, "add", -SCALE_MAX, SCALE_MAX, 0);
    int scale_decimals = selkie_number_decimals(entry->scale), add_decimals = selkie_number_decimals(entry->add);
    entry->decimals = scale_decimals > add_decimals ? scale_decimals : add_decimals;
    if (scale_decimals < 0 || add_decimals < 0)
        entry->decimals = -1;
    entry->has_min = selkie_settings_has(object, "min");
    entry->has_max = selkie_settings_has(object, "max");
    entry->min = selkie_settings_number(object, "min", -BOUND_MAX, BOUND_MAX, 0);
    entry->max = selkie_settings_number(object, "max", -BOUND_MAX, BOUND_MAX, 0);
    if (entry->has_min && entry->has_max && entry->min > entry->max)
        selkie_settings_reject(object, "min", "must not be above max");
    for (unsigned i = 0; described->field.kind != SELKIE_FIELD_NUMBER && i < 4; i++) {
        if (selkie_settings_has(object, keys[i]))
            selkie_settings_reject(object, keys[i], "only a number has one");
    }
}

/* Whether a packed integer can be this. */
static bool is_in_range(const struct selkie_model_entry *entry, long long number)
{
    unsigned width = entry->bit_count > 0 ? entry->bit_count : 8 * entry->type->size;
    long long half = 1LL << (width - 1);

    return entry->type->is_signed ? number >= -half && number < half : number >= 0 && number < 2 * half;
}

static void check_raw(const struct description *described, const char *raw)
{
    const struct selkie_model_entry *entry = &described->entry;
    long long number;

    if (!selkie_reader_part_number(raw, &number))
        selkie_settings_reject(described->object, "enum", "%s: must be a whole number", raw);
    else if (entry->type && !entry->type->is_float && !is_in_range(entry, number))
        selkie_settings_reject(described->object, "enum", "%s: %s%s is never this", raw, entry->type->name,
                               entry->bit_count > 0 ? " of these bits" : "");
}

/* The words of an enum, each once, in the file's order. */
static void list_words(struct description *described)
{
    const json_t *words = described->entry.words;
    struct selkie_field *field = &described->field;
    const char *raw;
    json_t *word;

    field->words = calloc(json_object_size(words), sizeof *field->words);
    if (!field->words) {
        selkie_settings_reject(described->object, "enum", "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    json_object_foreach ((json_t *)words, raw, word) {
        const char *text = json_string_value(word);
        unsigned i = 0;
        while (i < field->word_count && strcmp(field->words[i], text) != 0)
            i++;
        if (i == field->word_count)
            ((const char **)field->words)[field->word_count++] = text;
    }
}

static void read_words(struct description *described, const struct selkie_model *model)
{
    struct selkie_settings_object *object = described->object;
    const json_t *words = selkie_settings_json(object, "enum", false);
    unsigned texts = 0, booleans = 0;
    const char *raw;
    json_t *word;

    if (!words)
        return;
    if (!json_is_object(words) || json_object_size(words) == 0 || json_object_size(words) > WORDS_MAX) {
        selkie_settings_reject(object, "enum", "must be 1 to %d pairs such as {\"0\": \"closed\", \"1\": \"open\"}",
                               WORDS_MAX);
        return;
    }
    json_object_foreach ((json_t *)words, raw, word) {
        texts += json_is_string(word) && selkie_model_is_visible(json_string_value(word), WORD_MAX);
        booleans += json_is_boolean(word);
        if (model->format == SELKIE_MODEL_PACKED)
            check_raw(described, raw);
    }
    if (texts != json_object_size(words) && booleans != json_object_size(words))
        selkie_settings_reject(object, "enum", "its values must all be words of 1 to %d bytes, or all be true or false",
                               WORD_MAX);
    else if (described->entry.type && described->entry.type->is_float)
        selkie_settings_reject(object, "enum", "%s has none", described->entry.type->name);
    else if (described->field.kind != SELKIE_FIELD_NUMBER)
        selkie_settings_reject(object, "enum", "a field with enum has no type");
    described->entry.words = words;
    described->field.kind = texts > 0 ? SELKIE_FIELD_WORD : SELKIE_FIELD_BOOLEAN;
    if (texts == json_object_size(words))
        list_words(described);
}

/* Words of Home Assistant. */
static void read_classes(struct description *described)
{
    static const char *const states[] = {"measurement", "measurement_angle", "total", "total_increasing", NULL};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    struct selkie_settings_object *object = described->object;
    struct selkie_field *field = &described->field;
    char expected[SELKIE_MODEL_ERROR_SIZE];
    const char *wrong;

    field->unit = selkie_settings_string(object, "unit", NULL);
    if (field->unit && !selkie_model_is_visible(field->unit, UNIT_MAX))
        selkie_settings_reject(object, "unit", "must be 1 to %d bytes without control characters", UNIT_MAX);
    field->device_class = selkie_settings_string(object, "device_class", NULL);
    if (field->device_class && !is_of(field->device_class, letters, CLASS_MAX))
        selkie_settings_reject(object, "device_class", "must be 1 to %d of a-z 0-9 _", CLASS_MAX);
    int state = selkie_settings_choice(object, "state_class", states, -1);
    field->state_class = state < 0 ? NULL : states[state];
    if (selkie_home_assistant_classes_check(field, &wrong, expected) < 0)
        selkie_settings_reject(object, wrong, "must be %s", expected);
}

static const struct selkie_model_entry *find_entry(const struct selkie_model *model, const char *name)
{
    for (unsigned i = 0; i < model->entry_count; i++) {
        if (strcmp(model->fields[model->entries[i].field].name, name) == 0)
            return &model->entries[i];
    }
    return NULL;
}

static bool has_word(const struct selkie_field *field, const char *word)
{
    for (unsigned i = 0; i < field->word_count; i++) {
        if (strcmp(field->words[i], word) == 0)
            return true;
    }
    return false;
}

static bool can_be(const struct selkie_field *field, const json_t *value)
{
    if (field->kind == SELKIE_FIELD_WORD)
        return json_is_string(value) && has_word(field, json_string_value(value));
    if (field->kind == SELKIE_FIELD_TEXT)
        return json_is_string(value);
    return field->kind == SELKIE_FIELD_BOOLEAN ? json_is_boolean(value) : json_is_integer(value);
}

static void read_when(struct description *described, const struct selkie_model *model)
{
    struct selkie_settings_object *object = described->object;
    const json_t *when = selkie_settings_json(object, "when", false);
    void *first = json_object_iter((json_t *)when);

    if (!when)
        return;
    if (!first || json_object_size(when) != 1) {
        selkie_settings_reject(object, "when", "must be one field and its value, such as {\"kind\": 1}");
        return;
    }
    const char *name = json_object_iter_key(first);
    const json_t *value = json_object_iter_value(first);
    const struct selkie_model_entry *entry = find_entry(model, name);
    if (!entry || entry->when_name || entry->optional)
        selkie_settings_reject(object, "when", "%s is no field before this one that every payload has", name);
    else if (!can_be(&model->fields[entry->field], value))
        selkie_settings_reject(object, "when", "%s never has this value", name);
    described->entry.when_name = name;
    described->entry.when_value = value;
}

static void read_entry(struct selkie_model *model, struct selkie_settings_object *root, size_t index)
{
    struct description described = {.object = selkie_settings_list_object(root, "fields", index)};

    described.field.name = selkie_settings_require_string(described.object, "name");
    if (!is_of(described.field.name, "abcdefghijklmnopqrstuvwxyz0123456789_", SELKIE_FIELD_NAME_MAX))
        selkie_settings_reject(described.object, "name", "must be 1 to %d of a-z 0-9 _", SELKIE_FIELD_NAME_MAX);
    read_place(&described, model);
    read_words(&described, model);
    read_number(&described);
    read_classes(&described);
    read_when(&described, model);
    selkie_settings_end(described.object);
    if (selkie_settings_error(model->document)) {
        free((void *)described.field.words);
        return;
    }
    selkie_model_add_entry(model, described.object, &described.field, &described.entry);
}

void selkie_model_read_fields(struct selkie_model *model, struct selkie_settings_object *root)
{
    size_t count = selkie_settings_list(root, "fields", true);

    model->fields = calloc(SELKIE_MODEL_FIELDS_MAX, sizeof *model->fields);
    model->entries = calloc(SELKIE_MODEL_ENTRIES_MAX, sizeof *model->entries);
    if (!model->fields || !model->entries)
        return;
    if (count < 1 || count > SELKIE_MODEL_ENTRIES_MAX) {
        selkie_settings_reject(root, "fields", "must have 1 to %d entries", SELKIE_MODEL_ENTRIES_MAX);
        return;
    }
    for (size_t i = 0; i < count && !selkie_settings_error(model->document); i++)
        read_entry(model, root, i);
}
