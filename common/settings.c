/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <stdio.h>
#include <string.h>

/* The value under a key, marking the key as known; NULL where it is absent, or where something is wrong already. */
static json_t *ask(struct selkie_settings_object *object, const char *key, bool required)
{
    if (object == NULL || object->settings->failed)
        return NULL;
    if (json_object_set_new(object->asked, key, json_true()) != 0)
        selkie_settings_fail(object->settings, 0, NULL, "%s", selkie_error_text(SELKIE_ENOMEM));
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
    return selkie_settings_object_new(object->settings, value, selkie_position_member(object->position, key));
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
        selkie_settings_fail(object->settings, selkie_position_line(position, object->settings->text), key,
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
        selkie_settings_fail(object->settings, selkie_position_line(position, object->settings->text), key,
                             "entry %zu must be an object, {…}", index + 1);
        return NULL;
    }
    return selkie_settings_object_new(object->settings, value, position);
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
