/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/settings.h>

#include "position.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  ((size_t)16 * 1024 * 1024)
#define ERROR_MAX 1024

struct selkie_settings_object {
    struct selkie_settings *settings;
    json_t *json;  /* borrowed from the document; NULL where there is none, so that every getter falls back */
    json_t *asked; /* a set of the keys that were asked for */
    struct selkie_position position;
    struct selkie_settings_object *next; /* all objects of a document, to free them */
};

struct selkie_settings {
    char *name;
    char *text;
    size_t len;
    json_t *json;
    struct selkie_settings_object *objects;
    struct selkie_settings_object *root;
    bool failed;
    char error[ERROR_MAX];
};

__attribute__((format(printf, 4, 0))) static void fail_at(struct selkie_settings *settings, unsigned line,
                                                          const char *key, const char *format, va_list arguments)
{
    char what[ERROR_MAX * 3 / 4];

    if (settings->failed)
        return;
    settings->failed = true;
    (void)vsnprintf(what, sizeof what, format, arguments);
    if (line == 0)
        (void)snprintf(settings->error, sizeof settings->error, "%s: %s", settings->name, what);
    else if (key == NULL)
        (void)snprintf(settings->error, sizeof settings->error, "%s:%u: %s", settings->name, line, what);
    else
        (void)snprintf(settings->error, sizeof settings->error, "%s:%u: %s: %s", settings->name, line, key, what);
    /* Parts of the file are quoted in it; it stays one line, and steers no terminal. */
    for (char *at = settings->error; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = '?';
    }
}

__attribute__((format(printf, 4, 5))) static void fail(struct selkie_settings *settings, unsigned line, const char *key,
                                                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail_at(settings, line, key, format, arguments);
    va_end(arguments);
}

static struct selkie_settings_object *object_new(struct selkie_settings *settings, json_t *json,
                                                 struct selkie_position position)
{
    struct selkie_settings_object *object = calloc(1, sizeof *object);

    if (object == NULL || (object->asked = json_object()) == NULL) {
        free(object);
        fail(settings, 0, NULL, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    object->settings = settings;
    object->json = json;
    object->position = position;
    object->next = settings->objects;
    settings->objects = object;
    return object;
}

static void parse(struct selkie_settings *settings)
{
    json_error_t error;

    settings->json = json_loadb(settings->text, settings->len, JSON_REJECT_DUPLICATES, &error);
    if (settings->json == NULL)
        fail(settings, error.line > 0 ? (unsigned)error.line : 1, NULL, "not JSON: %s", error.text);
    else if (!json_is_object(settings->json))
        fail(settings, 1, NULL, "must be a JSON object, {…}");
    bool usable = settings->json != NULL && json_is_object(settings->json);
    settings->root =
        object_new(settings, usable ? settings->json : NULL, selkie_position_root(settings->text, settings->len));
}

static struct selkie_settings *settings_new(const char *name)
{
    struct selkie_settings *settings = calloc(1, sizeof *settings);

    if (settings == NULL || (settings->name = strdup(name)) == NULL) {
        free(settings);
        return NULL;
    }
    return settings;
}

static void read_file(struct selkie_settings *settings, const char *path)
{
    FILE *file = fopen(path, "re");
    size_t room = 0;

    if (file == NULL) {
        fail(settings, 0, NULL, "%s", strerror(errno));
        return;
    }
    for (;;) {
        if (settings->len == room) {
            room = room == 0 ? 4096 : room * 2;
            char *larger = room > TEXT_MAX ? NULL : realloc(settings->text, room);
            if (larger == NULL) {
                fail(settings, 0, NULL, "%s",
                     room > TEXT_MAX ? "too large for a configuration" : selkie_error_text(SELKIE_ENOMEM));
                break;
            }
            settings->text = larger;
        }
        size_t got = fread(settings->text + settings->len, 1, room - settings->len, file);
        settings->len += got;
        if (got == 0) {
            if (ferror(file))
                fail(settings, 0, NULL, "%s", strerror(errno));
            break;
        }
    }
    (void)fclose(file);
}

struct selkie_settings *selkie_settings_load(const char *path)
{
    struct selkie_settings *settings = settings_new(path);

    if (settings == NULL)
        return NULL;
    read_file(settings, path);
    if (settings->text == NULL && (settings->text = calloc(1, 1)) == NULL) {
        selkie_settings_close(settings);
        return NULL;
    }
    parse(settings);
    return settings;
}

struct selkie_settings *selkie_settings_parse(const char *name, const char *text, size_t len)
{
    struct selkie_settings *settings = settings_new(name);

    if (settings == NULL)
        return NULL;
    settings->text = malloc(len + 1);
    if (settings->text == NULL) {
        selkie_settings_close(settings);
        return NULL;
    }
    memcpy(settings->text, text, len);
    settings->len = len;
    parse(settings);
    return settings;
}

void selkie_settings_close(struct selkie_settings *settings)
{
    if (settings == NULL)
        return;
    while (settings->objects != NULL) {
        struct selkie_settings_object *object = settings->objects;
        settings->objects = object->next;
        json_decref(object->asked);
        free(object);
    }
    json_decref(settings->json);
    free(settings->text);
    free(settings->name);
    free(settings);
}

const char *selkie_settings_error(const struct selkie_settings *settings)
{
    return settings->failed ? settings->error : NULL;
}

struct selkie_settings_object *selkie_settings_root(struct selkie_settings *settings)
{
    return settings->root;
}

static unsigned line_of(const struct selkie_settings_object *object, const char *key)
{
    struct selkie_position position = object->position;

    if (key != NULL)
        position = selkie_position_member(position, key);
    return selkie_position_line(position, object->settings->text);
}

void selkie_settings_reject(struct selkie_settings_object *object, const char *key, const char *format, ...)
{
    va_list arguments;

    if (object == NULL)
        return;
    va_start(arguments, format);
    fail_at(object->settings, line_of(object, key), key, format, arguments);
    va_end(arguments);
}

/* The value under a key, marking the key as known; NULL where it is absent, or where something is wrong already. */
static json_t *ask(struct selkie_settings_object *object, const char *key, bool required)
{
    if (object == NULL || object->settings->failed)
        return NULL;
    if (json_object_set_new(object->asked, key, json_true()) != 0)
        fail(object->settings, 0, NULL, "%s", selkie_error_text(SELKIE_ENOMEM));
    json_t *value = json_object_get(object->json, key);
    if (value == NULL && required)
        selkie_settings_reject(object, key, "is required");
    return value;
}

struct names {
    char text[200];
    size_t fill;
};

/* Append to a list for a message; what does not fit is left out. */
static void names_add(struct names *names, const char *quote, const char *name)
{
    size_t room = sizeof names->text - names->fill;
    int wrote = snprintf(names->text + names->fill, room, "%s%s%s%s", names->fill == 0 ? "" : ", ", quote, name, quote);

    if (wrote > 0 && (size_t)wrote < room)
        names->fill += (size_t)wrote;
    else
        names->text[names->fill] = '\0';
}

static const char *string_value(struct selkie_settings_object *object, const char *key, json_t *value,
                                const char *fallback)
{
    if (value == NULL)
        return fallback;
    if (!json_is_string(value)) {
        selkie_settings_reject(object, key, "must be a string");
        return fallback;
    }
    return json_string_value(value);
}

const char *selkie_settings_string(struct selkie_settings_object *object, const char *key, const char *fallback)
{
    return string_value(object, key, ask(object, key, false), fallback);
}

const char *selkie_settings_require_string(struct selkie_settings_object *object, const char *key)
{
    return string_value(object, key, ask(object, key, true), "");
}

static long long integer_value(struct selkie_settings_object *object, const char *key, json_t *value, long long min,
                               long long max, long long fallback)
{
    if (value == NULL)
        return fallback;
    if (!json_is_integer(value)) {
        selkie_settings_reject(object, key, "must be a whole number");
        return fallback;
    }
    long long number = json_integer_value(value);
    if (number < min || number > max) {
        selkie_settings_reject(object, key, "must be %lld to %lld", min, max);
        return fallback;
    }
    return number;
}

long long selkie_settings_integer(struct selkie_settings_object *object, const char *key, long long min, long long max,
                                  long long fallback)
{
    return integer_value(object, key, ask(object, key, false), min, max, fallback);
}

long long selkie_settings_require_integer(struct selkie_settings_object *object, const char *key, long long min,
                                          long long max)
{
    return integer_value(object, key, ask(object, key, true), min, max, min);
}

double selkie_settings_number(struct selkie_settings_object *object, const char *key, double min, double max,
                              double fallback)
{
    json_t *value = ask(object, key, false);

    if (value == NULL)
        return fallback;
    if (!json_is_number(value)) {
        selkie_settings_reject(object, key, "must be a number");
        return fallback;
    }
    double number = json_number_value(value);
    if (!(number >= min && number <= max)) {
        selkie_settings_reject(object, key, "must be %g to %g", min, max);
        return fallback;
    }
    return number;
}

bool selkie_settings_boolean(struct selkie_settings_object *object, const char *key, bool fallback)
{
    json_t *value = ask(object, key, false);

    if (value == NULL)
        return fallback;
    if (!json_is_boolean(value)) {
        selkie_settings_reject(object, key, "must be true or false");
        return fallback;
    }
    return json_is_true(value);
}

int selkie_settings_choice(struct selkie_settings_object *object, const char *key, const char *const names[],
                           int fallback)
{
    json_t *value = ask(object, key, false);
    struct names known = {.fill = 0};

    if (value == NULL)
        return fallback;
    for (int i = 0; names[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0)
            return i;
        names_add(&known, "\"", names[i]);
    }
    selkie_settings_reject(object, key, "must be one of %s", known.text);
    return fallback;
}

bool selkie_settings_has(struct selkie_settings_object *object, const char *key)
{
    return ask(object, key, false) != NULL;
}

bool selkie_settings_is_string(struct selkie_settings_object *object, const char *key)
{
    return json_is_string(ask(object, key, false));
}

struct selkie_settings_object *selkie_settings_object(struct selkie_settings_object *object, const char *key,
                                                      bool required)
{
    json_t *value = ask(object, key, required);

    if (value == NULL)
        return NULL;
    if (!json_is_object(value)) {
        selkie_settings_reject(object, key, "must be an object, {…}");
        return NULL;
    }
    return object_new(object->settings, value, selkie_position_member(object->position, key));
}

size_t selkie_settings_list(struct selkie_settings_object *object, const char *key, bool required)
{
    json_t *value = ask(object, key, required);

    if (value == NULL)
        return 0;
    if (!json_is_array(value)) {
        selkie_settings_reject(object, key, "must be a list, […]");
        return 0;
    }
    return json_array_size(value);
}

static json_t *entry(struct selkie_settings_object *object, const char *key, size_t index,
                     struct selkie_position *position)
{
    json_t *value = ask(object, key, true);

    if (value == NULL)
        return NULL;
    *position = selkie_position_entry(selkie_position_member(object->position, key), index);
    return json_array_get(value, index);
}

const char *selkie_settings_list_string(struct selkie_settings_object *object, const char *key, size_t index)
{
    struct selkie_position position;
    json_t *value = entry(object, key, index, &position);

    if (value == NULL)
        return "";
    if (!json_is_string(value)) {
        fail(object->settings, selkie_position_line(position, object->settings->text), key,
             "entry %zu must be a string", index + 1);
        return "";
    }
    return json_string_value(value);
}

bool selkie_settings_list_is_string(const struct selkie_settings_object *object, const char *key, size_t index)
{
    return object != NULL && json_is_string(json_array_get(json_object_get(object->json, key), index));
}

struct selkie_settings_object *selkie_settings_list_object(struct selkie_settings_object *object, const char *key,
                                                           size_t index)
{
    struct selkie_position position;
    json_t *value = entry(object, key, index, &position);

    if (value == NULL)
        return NULL;
    if (!json_is_object(value)) {
        fail(object->settings, selkie_position_line(position, object->settings->text), key,
             "entry %zu must be an object, {…}", index + 1);
        return NULL;
    }
    return object_new(object->settings, value, position);
}

void selkie_settings_end(struct selkie_settings_object *object)
{
    const char *key;
    json_t *value;

    if (object == NULL || object->settings->failed)
        return;
    json_object_foreach (object->json, key, value) {
        if (json_object_get(object->asked, key) == NULL)
            break;
    }
    if (key == NULL)
        return;
    struct names known = {.fill = 0};
    const char *name;
    json_object_foreach (object->asked, name, value) {
        names_add(&known, "", name);
    }
    selkie_settings_reject(object, key, "unknown key; known are %s", known.text);
}
