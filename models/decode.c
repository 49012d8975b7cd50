/* SPDX-License-Identifier: Apache-2.0 */
/* A payload's values: what the reader of its format finds, made into what the model says. */
#include "number.h"
#include "reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct selkie_reader_class *const readers[] = {
    [SELKIE_MODEL_PACKED] = &selkie_reader_packed,
    [SELKIE_MODEL_JSON] = &selkie_reader_json,
    [SELKIE_MODEL_CBOR] = &selkie_reader_cbor,
    [SELKIE_MODEL_TEXT] = &selkie_reader_text,
};

int selkie_model_fault(char error[static SELKIE_MODEL_ERROR_SIZE], const char *field, const char *format, ...)
{
    char what[SELKIE_MODEL_ERROR_SIZE / 2];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(error, SELKIE_MODEL_ERROR_SIZE, field ? "%s: %s" : "%s %s", field ? field : "the payload", what);
    return SELKIE_EMALFORMED;
}

bool selkie_reader_next_part(const char **at, char part[static SELKIE_PATH_MAX + 1])
{
    size_t len = 0;

    if (**at == '\0')
        return false;
    bool pointer = **at == '/';
    for (*at += pointer; **at != '\0' && !(pointer && **at == '/'); ++*at) {
        char byte = **at;
        if (pointer && byte == '~' && ((*at)[1] == '0' || (*at)[1] == '1'))
            byte = *++*at == '0' ? '~' : '/';
        if (len < SELKIE_PATH_MAX)
            part[len++] = byte;
    }
    part[len] = '\0';
    return true;
}

bool selkie_reader_part_number(const char *part, long long *number)
{
    const char *digits = part + (part[0] == '-');
    size_t len = strlen(digits);

    if (len < 1 || len > 18 || strspn(digits, "0123456789") < len || (digits[0] == '0' && strcmp(part, "0") != 0))
        return false;
    *number = strtoll(part, NULL, 10);
    return true;
}

/* What a decoding has at hand. */
struct decoding {
    struct selkie_reader reader;
    struct selkie_raw raw;
    json_t *values;
    char *error;
};

static double compute(const struct selkie_model_entry *entry, const struct selkie_raw *raw)
{
    double number = raw->kind == SELKIE_RAW_INTEGER ? (double)raw->integer : raw->real;

    if (!entry->scaled)
        return raw->kind == SELKIE_RAW_SINGLE ? selkie_number_single((float)number) : number;
    number = number * entry->scale + entry->add;
    if (raw->kind == SELKIE_RAW_SINGLE)
        return selkie_number_shorten(number, 7);
    if (raw->kind == SELKIE_RAW_INTEGER && entry->decimals >= 0)
        return selkie_number_round(number, entry->decimals);
    return number;
}

static int put_number(struct decoding *decoding, const struct selkie_model_entry *entry, const char *name)
{
    const struct selkie_raw *raw = &decoding->raw;

    if (raw->kind != SELKIE_RAW_INTEGER && raw->kind != SELKIE_RAW_SINGLE && raw->kind != SELKIE_RAW_REAL)
        return selkie_model_fault(decoding->error, name, "is not a number");
    if (raw->kind != SELKIE_RAW_INTEGER && !isfinite(raw->real))
        return selkie_model_fault(decoding->error, name, "is %s", isnan(raw->real) ? "NaN, not a number" : "infinite");
    double number = compute(entry, raw);
    if (!isfinite(number))
        return selkie_model_fault(decoding->error, name, "is infinite");
    if (entry->has_min && number < entry->min)
        return selkie_model_fault(decoding->error, name, "is below the model's min, %.15g", entry->min);
    if (entry->has_max && number > entry->max)
        return selkie_model_fault(decoding->error, name, "is above the model's max, %.15g", entry->max);
    bool whole = raw->kind == SELKIE_RAW_INTEGER && !entry->scaled;
    json_t *value = whole ? json_integer(raw->integer) : selkie_number_json(number);
    return json_object_set_new(decoding->values, name, value) == 0 ? 0 : SELKIE_ENOMEM;
}

/* The word or the boolean for a raw value. */
static int put_word(struct decoding *decoding, const struct selkie_model_entry *entry, const char *name)
{
    const struct selkie_raw *raw = &decoding->raw;
    char key[SELKIE_PAYLOAD_MAX + 1] = "";

    if (raw->kind == SELKIE_RAW_INTEGER)
        (void)snprintf(key, sizeof key, "%lld", (long long)raw->integer);
    else if (raw->kind == SELKIE_RAW_BOOLEAN)
        (void)snprintf(key, sizeof key, "%s", raw->integer ? "true" : "false");
    else if (raw->kind == SELKIE_RAW_TEXT && raw->text_len <= SELKIE_PAYLOAD_MAX)
        memcpy(key, raw->text, raw->text_len);
    const json_t *word = json_object_get(entry->words, key);
    if (!word || (raw->kind == SELKIE_RAW_TEXT && strlen(key) != raw->text_len))
        return selkie_model_fault(decoding->error, name, "is none of the model's enum");
    json_t *value = json_is_string(word) ? json_string(json_string_value(word)) : json_boolean(json_is_true(word));
    return json_object_set_new(decoding->values, name, value) == 0 ? 0 : SELKIE_ENOMEM;
}

static int put_text(struct decoding *decoding, const char *name)
{
    const struct selkie_raw *raw = &decoding->raw;

    if (raw->kind != SELKIE_RAW_TEXT)
        return selkie_model_fault(decoding->error, name, "is not text");
    if (selkie_model_has_controls(raw->text, raw->text_len))
        return selkie_model_fault(decoding->error, name, "has control characters");
    json_t *value = json_stringn(raw->text, raw->text_len);
    if (!value)
        return selkie_model_fault(decoding->error, name, "is not UTF-8");
    return json_object_set_new(decoding->values, name, value) == 0 ? 0 : SELKIE_ENOMEM;
}

static int put(struct decoding *decoding, const struct selkie_model_entry *entry)
{
    const struct selkie_field *field = &decoding->reader.model->fields[entry->field];

    if (entry->words)
        return put_word(decoding, entry, field->name);
    if (field->kind == SELKIE_FIELD_NUMBER)
        return put_number(decoding, entry, field->name);
    if (field->kind == SELKIE_FIELD_TEXT)
        return put_text(decoding, field->name);
    if (decoding->raw.kind != SELKIE_RAW_BOOLEAN)
        return selkie_model_fault(decoding->error, field->name, "is neither true nor false");
    json_t *value = json_boolean(decoding->raw.integer);
    return json_object_set_new(decoding->values, field->name, value) == 0 ? 0 : SELKIE_ENOMEM;
}

static bool applies(const struct decoding *decoding, const struct selkie_model_entry *entry)
{
    return !entry->when_name || json_equal(json_object_get(decoding->values, entry->when_name), entry->when_value);
}

static int read_entries(struct decoding *decoding, const struct selkie_reader_class *class)
{
    const struct selkie_model *model = decoding->reader.model;
    int result = 0;

    for (unsigned i = 0; result == 0 && i < model->entry_count; i++) {
        const struct selkie_model_entry *entry = &model->entries[i];
        if (!applies(decoding, entry))
            continue;
        result = class->get(&decoding->reader, entry, &decoding->raw, decoding->error);
        if (result == 1)
            result = put(decoding, entry);
        else if (result == 0 && !entry->optional)
            result = selkie_model_fault(decoding->error, model->fields[entry->field].name, "is not in the payload");
    }
    if (result == 0 && class->finish)
        result = class->finish(&decoding->reader, decoding->error);
    if (result == 0 && json_object_size(decoding->values) == 0)
        result = selkie_model_fault(decoding->error, NULL, "has none of the model's fields");
    return result;
}

static int write_values(const struct decoding *decoding, char values[static SELKIE_VALUES_MAX + 1], size_t *values_len)
{
    size_t len = json_dumpb(decoding->values, values, SELKIE_VALUES_MAX, JSON_COMPACT | SELKIE_NUMBER_FLAGS);

    if (len == 0)
        return SELKIE_ENOMEM;
    if (len > SELKIE_VALUES_MAX)
        return selkie_model_fault(decoding->error, NULL, "has values of more than %d bytes", SELKIE_VALUES_MAX);
    values[len] = '\0';
    *values_len = len;
    return 0;
}

int selkie_model_decode(const struct selkie_model *model, const uint8_t *payload, size_t payload_len,
                        char values[static SELKIE_VALUES_MAX + 1], size_t *values_len,
                        char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const struct selkie_reader_class *class = readers[model->format];
    struct decoding decoding = {.reader = {.model = model, .payload = payload, .payload_len = payload_len},
                                .error = error};

    values[0] = error[0] = '\0';
    *values_len = 0;
    if (payload_len > SELKIE_PAYLOAD_MAX)
        return selkie_model_fault(error, NULL, "has more than %d bytes", SELKIE_PAYLOAD_MAX);
    int result = class->open(&decoding.reader, error);
    if (result == 0) {
        decoding.values = json_object();
        result = decoding.values ? read_entries(&decoding, class) : SELKIE_ENOMEM;
        if (result == 0)
            result = write_values(&decoding, values, values_len);
        json_decref(decoding.values);
        if (class->close)
            class->close(&decoding.reader);
    }
    if (result == SELKIE_ENOMEM)
        (void)snprintf(error, SELKIE_MODEL_ERROR_SIZE, "%s", selkie_error_text(result));
    return result;
}
