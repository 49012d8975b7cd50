/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)16 * 1024 * 1024)

__attribute__((format(printf, 4, 0))) static void fail_at(struct selkie_settings *settings, unsigned line,
                                                          const char *key, const char *format, va_list arguments)
{
    char what[SELKIE_SETTINGS_ERROR_MAX * 3 / 4];

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

void selkie_settings_fail(struct selkie_settings *settings, unsigned line, const char *key, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail_at(settings, line, key, format, arguments);
    va_end(arguments);
}

struct selkie_settings_object *selkie_settings_object_new(struct selkie_settings *settings, json_t *json,
                                                          struct selkie_position position)
{
    struct selkie_settings_object *object = calloc(1, sizeof *object);

    if (object == NULL || (object->asked = json_object()) == NULL) {
        free(object);
        selkie_settings_fail(settings, 0, NULL, "%s", selkie_error_text(SELKIE_ENOMEM));
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
        selkie_settings_fail(settings, error.line > 0 ? (unsigned)error.line : 1, NULL, "not JSON: %s", error.text);
    else if (!json_is_object(settings->json))
        selkie_settings_fail(settings, 1, NULL, "must be a JSON object, {…}");
    bool usable = settings->json != NULL && json_is_object(settings->json);
    settings->root = selkie_settings_object_new(settings, usable ? settings->json : NULL,
                                                selkie_position_root(settings->text, settings->len));
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
        selkie_settings_fail(settings, 0, NULL, "%s", strerror(errno));
        return;
    }
    for (;;) {
        if (settings->len == room) {
            room = room == 0 ? 4096 : room * 2;
            char *larger = room > TEXT_MAX ? NULL : realloc(settings->text, room);
            if (larger == NULL) {
                selkie_settings_fail(settings, 0, NULL, "%s",
                                     room > TEXT_MAX ? "too large for a configuration"
                                                     : selkie_error_text(SELKIE_ENOMEM));
                break;
            }
            settings->text = larger;
        }
        size_t got = fread(settings->text + settings->len, 1, room - settings->len, file);
        settings->len += got;
        if (got == 0) {
            if (ferror(file))
                selkie_settings_fail(settings, 0, NULL, "%s", strerror(errno));
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
