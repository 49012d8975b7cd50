/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl model check and model show: files of models, without a broker. */
#include "ctl_command.h"
#include "ctl_text.h"
#include "print.h"

#include <selkie/frame.h>
#include <selkie/models.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void print_right(const char *file, const struct selkie_model *model)
{
    unsigned fields = selkie_model_field_count(model);

    if (file) {
        ctl_print_text(file);
        (void)fputs(": ", stdout);
    }
    (void)printf("%s, %u field%s\n", selkie_model_name(model), fields, fields == 1 ? "" : "s");
}

static void refuse(void *context, const char *line)
{
    *(enum ctl_exit *)context = CTL_CONFIG;
    (void)ctl_fail("%s", line);
}

/* A folder is checked as the plugin reads it: no two files describe one model. */
static enum ctl_exit check_folder(const char *path)
{
    enum ctl_exit result = CTL_DONE;
    struct selkie_models *models;

    int error = selkie_models_open(&models, path, refuse, &result);
    if (error == SELKIE_ECONFIG)
        return CTL_CONFIG;
    if (error < 0)
        return ctl_fail("%s: %s", path, selkie_error_text(error));
    if (selkie_models_count(models) + selkie_models_refused(models) == 0)
        result = ctl_fail("%s: no file *.json in this folder", path);
    for (unsigned i = 0; i < selkie_models_count(models); i++)
        print_right(NULL, selkie_models_at(models, i));
    selkie_models_close(models);
    return result;
}

static enum ctl_exit open_file(struct selkie_model **model, const char *path)
{
    char error[SELKIE_MODEL_ERROR_SIZE];
    int result = selkie_model_open(model, path, error);

    if (result == 0)
        return CTL_DONE;
    (void)ctl_fail("%s", error);
    return result == SELKIE_ECONFIG ? CTL_CONFIG : CTL_FAILED;
}

static enum ctl_exit check_path(const char *path)
{
    struct stat info;
    struct selkie_model *model;

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return check_folder(path);
    enum ctl_exit result = open_file(&model, path);
    if (result == CTL_DONE)
        print_right(path, model);
    selkie_model_close(model);
    return result;
}

enum ctl_exit ctl_model_check(const struct ctl_options *options, const struct ctl_command *command)
{
    enum ctl_exit result = CTL_DONE;

    (void)command;
    for (unsigned i = 0; i < options->arg_count; i++) {
        enum ctl_exit one = check_path(options->args[i]);
        if (result == CTL_DONE)
            result = one;
    }
    return result;
}

/* A file, or by name one of those that come with Selkie. */
static enum ctl_exit open_model(struct selkie_model **model, const char *name)
{
    char path[4096];
    struct stat info;

    *model = NULL;
    if (strchr(name, '/') || stat(name, &info) == 0)
        return open_file(model, name);
    (void)snprintf(path, sizeof path, "%s/%s.json", SELKIE_MODELS_DIR, name);
    if (stat(path, &info) != 0)
        return ctl_fail("%s: neither a file nor a model in %s; selkiectl model list asks the broker for its own", name,
                        SELKIE_MODELS_DIR);
    return open_file(model, path);
}

static void print_description(const json_t *description, bool as_json)
{
    static const struct ctl_column columns[] = {
        {"FIELD", "name", CTL_TEXT}, {"TYPE", "type", CTL_TEXT},          {"UNIT", "unit", CTL_TEXT},
        {"ENUM", "words", CTL_TEXT}, {"CLASS", "device_class", CTL_TEXT}, {"STATE CLASS", "state_class", CTL_TEXT},
    };
    json_t *head = ctl_json_must(json_copy((json_t *)description)), *field;
    size_t index;

    if (as_json) {
        ctl_print(head, true);
        json_decref(head);
        return;
    }
    json_t *fields = json_incref(json_object_get(head, "fields"));
    (void)json_object_del(head, "fields");
    ctl_print(head, false);
    (void)putchar('\n');
    json_array_foreach (fields, index, field) {
        if (json_object_get(field, "enum")) {
            char *words = ctl_json_dump(json_object_get(field, "enum"), JSON_COMPACT);
            ctl_json_set_take(field, "words", ctl_json_text(words, strlen(words)));
            free(words);
        }
    }
    ctl_table_print(columns, sizeof columns / sizeof columns[0], fields);
    json_decref(fields);
    json_decref(head);
}

/* Hex with blanks or, for formats that people write, the text itself. 0, or -1. */
static int read_payload(const char *text, bool may_be_text, uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    char digits[2 * SELKIE_PAYLOAD_MAX + 1];
    size_t count = 0;

    for (const char *at = text; *at != '\0' && count < sizeof digits; at++) {
        if (*at != ' ')
            digits[count++] = *at;
    }
    *len = count / 2;
    if (count > 0 && count < sizeof digits && count % 2 == 0 && selkie_hex_decode(payload, *len, digits) == 0)
        return 0;
    *len = strlen(text);
    if (!may_be_text || *len > SELKIE_PAYLOAD_MAX)
        return -1;
    memcpy(payload, text, *len);
    return 0;
}

static enum ctl_exit print_values(const struct selkie_model *model, const char *format, const char *text, bool as_json)
{
    char values[SELKIE_VALUES_MAX + 1], error[SELKIE_MODEL_ERROR_SIZE];
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    bool may_be_text = strcmp(format, "json") == 0 || strcmp(format, "text") == 0;
    size_t len;

    if (read_payload(text, may_be_text, payload, &len) < 0) {
        (void)ctl_fail("'%s' is no payload of at most %d bytes in hex", text, SELKIE_PAYLOAD_MAX);
        return CTL_USAGE;
    }
    int result = selkie_model_decode(model, payload, len, values, &len, error);
    if (result < 0)
        return ctl_fail("%s: %s", selkie_model_name(model), error);
    if (as_json) {
        (void)puts(values);
        return CTL_DONE;
    }
    json_t *object = ctl_json_must(json_loadb(values, len, 0, NULL));
    ctl_print(object, false);
    json_decref(object);
    return CTL_DONE;
}

enum ctl_exit ctl_model_show(const struct ctl_options *options, const struct ctl_command *command)
{
    struct selkie_model *model;
    enum ctl_exit result = open_model(&model, options->args[0]);

    (void)command;
    if (result != CTL_DONE)
        return result;
    char *text = selkie_model_describe(model);
    json_t *description = ctl_json_must(text ? json_loads(text, 0, NULL) : NULL);
    free(text);
    if (options->arg_count > 1)
        result = print_values(model, json_string_value(json_object_get(description, "format")), options->args[1],
                              options->json);
    else
        print_description(description, options->json);
    json_decref(description);
    selkie_model_close(model);
    return result;
}
