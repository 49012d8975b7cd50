/* SPDX-License-Identifier: Apache-2.0 */
/* A model from its file. */
#include "model.h"

#include <selkie/frame.h>
#include <selkie/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX         ((size_t)256 * 1024) /* bytes */
#define FIRMWARE_MAX     16                   /* patterns */
#define MANUFACTURER_MAX 64                   /* bytes */
#define NAME_CHARACTERS  "abcdefghijklmnopqrstuvwxyz0123456789._-"

const char *const selkie_model_formats[] = {"packed", "json", "cbor", "text", NULL};

static bool is_name(const char *text)
{
    size_t len = strlen(text);

    return len >= 1 && len <= SELKIE_MODEL_NAME_MAX && strspn(text, NAME_CHARACTERS) == len && text[0] != '.';
}

/* Patterns are compared with what a REGISTER can say. Section 5: printable ASCII, at most 32 characters. */
static bool is_pattern(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return len >= 1 && len <= SELKIE_FIRMWARE_MAX;
}

bool selkie_model_has_controls(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool c1 = byte == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0;
        if (byte < ' ' || byte == 0x7F || c1)
            return true;
    }
    return false;
}

bool selkie_model_is_visible(const char *text, size_t max)
{
    size_t len = strlen(text);

    return len >= 1 && len <= max && !selkie_model_has_controls(text, len);
}

static void read_firmware(struct selkie_model *model, struct selkie_settings_object *root)
{
    size_t count = selkie_settings_list(root, "firmware", false);

    if (count > FIRMWARE_MAX) {
        selkie_settings_reject(root, "firmware", "has %zu patterns; at most %d", count, FIRMWARE_MAX);
        return;
    }
    model->firmware = calloc(count + 1, sizeof *model->firmware);
    for (size_t i = 0; i < count && model->firmware; i++) {
        const char *pattern = selkie_settings_list_string(root, "firmware", i);
        if (!is_pattern(pattern))
            selkie_settings_reject(root, "firmware", "entry %zu must be 1 to %d printable ASCII characters", i + 1,
                                   SELKIE_FIRMWARE_MAX);
        model->firmware[model->firmware_count++] = pattern;
    }
}

static void read_length(struct selkie_model *model, struct selkie_settings_object *root)
{
    json_int_t min = -1, max = -1;

    const json_t *length = selkie_settings_json(root, "length", false);
    if (!length)
        return;
    if (json_is_integer(length))
        min = max = json_integer_value(length);
    else if (json_array_size(length) == 2 && json_is_integer(json_array_get(length, 0)) &&
             json_is_integer(json_array_get(length, 1))) {
        min = json_integer_value(json_array_get(length, 0));
        max = json_integer_value(json_array_get(length, 1));
    }
    if (min < 1 || max < min || max > SELKIE_PAYLOAD_MAX) {
        selkie_settings_reject(root, "length", "must be a number of bytes, 1 to %d, or [fewest, most]",
                               SELKIE_PAYLOAD_MAX);
        return;
    }
    model->has_length = true;
    model->length_min = (unsigned)min;
    model->length_max = (unsigned)max;
}

static void read_file(struct selkie_model *model)
{
    struct selkie_settings_object *root = selkie_settings_root(model->document);
    size_t len = strlen(selkie_settings_text(model->document));

    if (len > FILE_MAX)
        selkie_settings_reject(root, NULL, "has %zu bytes; a model's file has at most %zu", len, FILE_MAX);
    model->name = selkie_settings_require_string(root, "model");
    if (!is_name(model->name))
        selkie_settings_reject(root, "model", "must be 1 to %d of a-z 0-9 . _ - and not begin with a dot",
                               SELKIE_MODEL_NAME_MAX);
    model->manufacturer = selkie_settings_string(root, "manufacturer", NULL);
    if (model->manufacturer && !selkie_model_is_visible(model->manufacturer, MANUFACTURER_MAX))
        selkie_settings_reject(root, "manufacturer", "must be 1 to %d bytes without control characters",
                               MANUFACTURER_MAX);
    read_firmware(model, root);
    if (!selkie_settings_has(root, "format"))
        selkie_settings_reject(root, "format", "is required");
    model->format = (enum selkie_model_format)selkie_settings_choice(root, "format", selkie_model_formats, 0);
    if (model->format == SELKIE_MODEL_PACKED)
        read_length(model, root);
    selkie_model_read_fields(model, root);
    selkie_model_check_examples(model, root);
    selkie_settings_end(root);
}

/* Cut a line that is too long where a character ends, so that it stays UTF-8. */
static void keep_line(char error[static SELKIE_MODEL_ERROR_SIZE], const char *line)
{
    size_t len = strlen(line);

    if (len >= SELKIE_MODEL_ERROR_SIZE) {
        len = SELKIE_MODEL_ERROR_SIZE - 1;
        while (len > 0 && ((unsigned char)line[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(error, line, len);
    error[len] = '\0';
}

int selkie_model_make(struct selkie_model **made, struct selkie_settings *document,
                      char error[static SELKIE_MODEL_ERROR_SIZE])
{
    struct selkie_model *model = document ? calloc(1, sizeof *model) : NULL;

    *made = NULL;
    if (!model) {
        (void)snprintf(error, SELKIE_MODEL_ERROR_SIZE, "%s", selkie_error_text(SELKIE_ENOMEM));
        selkie_settings_close(document);
        return SELKIE_ENOMEM;
    }
    model->document = document;
    model->uses = 1;
    read_file(model);
    const char *fault = selkie_settings_error(document);
    if (fault || !model->firmware || !model->fields || !model->entries) {
        keep_line(error, fault ? fault : selkie_error_text(SELKIE_ENOMEM));
        selkie_model_close(model);
        return fault ? SELKIE_ECONFIG : SELKIE_ENOMEM;
    }
    *made = model;
    return 0;
}

int selkie_model_open(struct selkie_model **opened, const char *file, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    return selkie_model_make(opened, selkie_settings_load(file), error);
}

struct selkie_model *selkie_model_share(struct selkie_model *model)
{
    model->uses++;
    return model;
}

void selkie_model_close(struct selkie_model *model)
{
    if (!model || --model->uses > 0)
        return;
    for (unsigned i = 0; i < model->field_count; i++)
        free((void *)model->fields[i].words);
    free(model->fields);
    free(model->entries);
    free(model->firmware);
    free(model->file);
    selkie_settings_close(model->document);
    free(model);
}
