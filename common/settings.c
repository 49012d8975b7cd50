/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <selkie/file.h>
#include <selkie/settings.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX  ((size_t)16 * 1024 * 1024)
#define ERROR_MAX 1024

struct selkie_settings_object {
    struct selkie_settings *settings;
    json_t *json;  /* borrowed from the document; NULL if there is none: then every getter falls back */
    json_t *asked; /* a set of the keys that were asked for */
    /* Where it stands: the member of another object or, if is_entry, an entry of the list that is this member. */
    const struct selkie_settings_object *parent;
    const char *key;
    bool is_entry;
    size_t index;
    struct selkie_settings_object *next; /* all objects of a document, to free them */
};

struct selkie_settings {
    char *name;
    char *text; /* ends with a NUL */
    json_t *json;
    struct selkie_settings_object *objects;
    struct selkie_settings_object *root;
    bool failed;
    char error[ERROR_MAX];
};

/* jansson keeps no positions of the values that it read. A message needs one, so the functions below read the text
 * again up to the value. They run only for a text that jansson accepted, and only to report a mistake. */

/* Where the value of a member, or (without a key) an entry of a list begins, inside the value that begins at `at`. `at`
 * itself if there is none. */
static const char *find(const char *at, const char *key, size_t index)
{
    static const char between[] = " \t\r\n:,";
    const char *next = at + 1;

    for (size_t i = 0;; i++) {
        json_error_t read;
        next += strspn(next, between);
        if (!key && i == index)
            return next;
        json_t *value = json_loads(next, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &read);
        if (!value) /* the container's end, or no memory */
            return at;
        const char *name = key && i % 2 == 0 ? json_string_value(value) : NULL; /* not one: cut short by a NUL */
        bool found = name && strcmp(name, key) == 0;
        json_decref(value);
        next += read.position;
        if (found)
            return next + strspn(next, between);
    }
}

static const char *find_object(const struct selkie_settings_object *object)
{
    if (!object->parent)
        return object->settings->text + strspn(object->settings->text, " \t\r\n");
    const char *at = find(find_object(object->parent), object->key, 0);
    return object->is_entry ? find(at, NULL, object->index) : at;
}

static unsigned line_at(const struct selkie_settings_object *object, const char *at)
{
    unsigned line = 1;

    for (const char *text = object->settings->text; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Keep the first mistake, at a line (0: the file as a whole) and a key (NULL: none). */
__attribute__((format(printf, 4, 0))) static void fail_at(struct selkie_settings *settings, unsigned line,
                                                          const char *key, const char *format, va_list arguments)
{
    char what[ERROR_MAX * 3 / 4], where[16] = "";

    if (settings->failed)
        return;
    settings->failed = true;
    (void)vsnprintf(what, sizeof what, format, arguments);
    if (line != 0)
        (void)snprintf(where, sizeof where, ":%u", line);
    (void)snprintf(settings->error, sizeof settings->error, "%s%s: %s%s%s", settings->name, where, key ? key : "",
                   key ? ": " : "", what);
    /* The message quotes parts of the file. It stays one line and does not control a terminal. */
    for (char *at = settings->error; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = '?';
    }
}

__attribute__((format(printf, 3, 4))) static void fail(struct selkie_settings *settings, unsigned line,
                                                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail_at(settings, line, NULL, format, arguments);
    va_end(arguments);
}

void selkie_settings_reject(struct selkie_settings_object *object, const char *key, const char *format, ...)
{
    va_list arguments;

    if (!object || object->settings->failed)
        return;
    const char *at = find_object(object);
    va_start(arguments, format);
    fail_at(object->settings, line_at(object, key ? find(at, key, 0) : at), key, format, arguments);
    va_end(arguments);
}

static struct selkie_settings_object *object_new(struct selkie_settings *settings, json_t *json)
{
    struct selkie_settings_object *object = calloc(1, sizeof *object);

    if (!object || !(object->asked = json_object())) {
        free(object);
        fail(settings, 0, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    object->settings = settings;
    object->json = json;
    object->next = settings->objects;
    settings->objects = object;
    return object;
}

static struct selkie_settings *settings_new(const char *name, size_t room)
{
    struct selkie_settings *settings = calloc(1, sizeof *settings);

    if (settings && (settings->name = strdup(name)) && (settings->text = malloc(room + 1)))
        return settings;
    selkie_settings_close(settings);
    return NULL;
}

/* Leave out the mark with which some editors begin a text in UTF-8: RFC 8259 (8.1) lets a reader ignore it. */
static size_t drop_mark(char *text, size_t len)
{
    size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    memmove(text, text + mark, len - mark);
    return len - mark;
}

static void parse(struct selkie_settings *settings, size_t len)
{
    json_error_t error;

    if (len >= 2 && (memcmp(settings->text, "\xFF\xFE", 2) == 0 || memcmp(settings->text, "\xFE\xFF", 2) == 0))
        fail(settings, 1, "a text in UTF-16; save it as UTF-8");
    len = drop_mark(settings->text, len);
    settings->text[len] = '\0';
    settings->json = json_loadb(settings->text, len, JSON_REJECT_DUPLICATES, &error);
    bool usable = json_is_object(settings->json);
    if (!settings->json)
        fail(settings, error.line > 0 ? (unsigned)error.line : 1, "not JSON: %s", error.text);
    else if (!usable)
        fail(settings, 1, "must be a JSON object, {…}");
    settings->root = object_new(settings, usable ? settings->json : NULL);
}

/* Up to `size` bytes; fewer at the end of the file, or after a failure that was kept. */
static size_t read_file(struct selkie_settings *settings, const char *path, size_t size)
{
    const char *fault;
    int fd = selkie_file_open(path, &fault);
    size_t len = 0;
    ssize_t got = 1;

    while (fd >= 0 && got > 0 && len < size) {
        do
            got = read(fd, settings->text + len, size - len);
        while (got < 0 && errno == EINTR);
        len += got > 0 ? (size_t)got : 0;
    }
    if (fd < 0 || got < 0)
        fail(settings, 0, "%s", fd < 0 ? fault : strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return len;
}

struct selkie_settings *selkie_settings_load(const char *path)
{
    struct selkie_settings *settings = settings_new(path, TEXT_MAX + 1);

    if (!settings)
        return NULL;
    size_t len = read_file(settings, path, TEXT_MAX + 1);
    if (len > TEXT_MAX)
        fail(settings, 0, "larger than 16 MiB, too large for a configuration");
    char *fitting = realloc(settings->text, len + 1);
    if (fitting)
        settings->text = fitting;
    parse(settings, len);
    return settings;
}

struct selkie_settings *selkie_settings_parse(const char *name, const char *text, size_t len)
{
    struct selkie_settings *settings = settings_new(name, len);

    if (!settings)
        return NULL;
    memcpy(settings->text, text, len);
    parse(settings, len);
    return settings;
}

void selkie_settings_close(struct selkie_settings *settings)
{
    if (!settings)
        return;
    while (settings->objects) {
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

const char *selkie_settings_text(const struct selkie_settings *settings)
{
    return settings->text;
}

struct selkie_settings_object *selkie_settings_root(struct selkie_settings *settings)
{
    return settings->root;
}

/* The value under a key, marking the key as known; NULL where it is absent, or after a mistake. */
static json_t *ask(struct selkie_settings_object *object, const char *key, bool required)
{
    if (!object || object->settings->failed)
        return NULL;
    if (json_object_set_new(object->asked, key, json_true()) != 0)
        fail(object->settings, 0, "%s", selkie_error_text(SELKIE_ENOMEM));
    json_t *value = json_object_get(object->json, key);
    if (!value && required)
        selkie_settings_reject(object, key, "is required");
    return value;
}

/* Types of values, as a set and as messages name them. */
#define TYPE(type) (1u << (type))
#define STRING     TYPE(JSON_STRING), "a string"
#define INTEGER    TYPE(JSON_INTEGER), "a whole number"
#define NUMBER     TYPE(JSON_INTEGER) | TYPE(JSON_REAL), "a number"
#define BOOLEAN    TYPE(JSON_TRUE) | TYPE(JSON_FALSE), "true or false"
#define OBJECT     TYPE(JSON_OBJECT), "an object, {…}"
#define LIST       TYPE(JSON_ARRAY), "a list, […]"

/* The same for a value of one of these types. */
static json_t *ask_type(struct selkie_settings_object *object, const char *key, bool required, unsigned types,
                        const char *name)
{
    json_t *value = ask(object, key, required);

    if (!value || TYPE(json_typeof(value)) & types)
        return value;
    selkie_settings_reject(object, key, "must be %s", name);
    return NULL;
}

const char *selkie_settings_string(struct selkie_settings_object *object, const char *key, const char *fallback)
{
    const json_t *value = ask_type(object, key, false, STRING);

    return value ? json_string_value(value) : fallback;
}

const char *selkie_settings_require_string(struct selkie_settings_object *object, const char *key)
{
    const json_t *value = ask_type(object, key, true, STRING);

    return value ? json_string_value(value) : "";
}

long long selkie_settings_integer(struct selkie_settings_object *object, const char *key, long long min, long long max,
                                  long long fallback)
{
    const json_t *value = ask_type(object, key, false, INTEGER);

    if (!value)
        return fallback;
    long long number = json_integer_value(value);
    if (number >= min && number <= max)
        return number;
    selkie_settings_reject(object, key, "must be %lld to %lld", min, max);
    return fallback;
}

long long selkie_settings_require_integer(struct selkie_settings_object *object, const char *key, long long min,
                                          long long max)
{
    (void)ask(object, key, true);
    return selkie_settings_integer(object, key, min, max, min);
}

double selkie_settings_number(struct selkie_settings_object *object, const char *key, double min, double max,
                              double fallback)
{
    const json_t *value = ask_type(object, key, false, NUMBER);

    if (!value)
        return fallback;
    double number = json_number_value(value);
    if (number >= min && number <= max)
        return number;
    selkie_settings_reject(object, key, "must be %g to %g", min, max);
    return fallback;
}

bool selkie_settings_boolean(struct selkie_settings_object *object, const char *key, bool fallback)
{
    const json_t *value = ask_type(object, key, false, BOOLEAN);

    return value ? json_is_true(value) : fallback;
}

#define NAMES_MAX 200

/* Append to a list for a message; what does not fit is left out. */
static void add_name(char names[static NAMES_MAX], const char *quote, const char *name)
{
    size_t fill = strlen(names);
    int wrote = snprintf(names + fill, NAMES_MAX - fill, "%s%s%s%s", fill == 0 ? "" : ", ", quote, name, quote);

    if (wrote < 0 || (size_t)wrote >= NAMES_MAX - fill)
        names[fill] = '\0';
}

int selkie_settings_choice(struct selkie_settings_object *object, const char *key, const char *const names[],
                           int fallback)
{
    json_t *value = ask(object, key, false);
    char known[NAMES_MAX] = "";

    if (!value)
        return fallback;
    for (int i = 0; names[i]; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0)
            return i;
        add_name(known, "\"", names[i]);
    }
    selkie_settings_reject(object, key, "must be one of %s", known);
    return fallback;
}

const json_t *selkie_settings_json(struct selkie_settings_object *object, const char *key, bool required)
{
    return ask(object, key, required);
}

bool selkie_settings_has(struct selkie_settings_object *object, const char *key)
{
    return ask(object, key, false) != NULL;
}

bool selkie_settings_is_string(struct selkie_settings_object *object, const char *key)
{
    return json_is_string(ask(object, key, false));
}

/* The value of a member, or an entry of the list that it is. NULL without a value or memory. */
static struct selkie_settings_object *inner(const struct selkie_settings_object *parent, const char *key, json_t *json,
                                            bool is_entry, size_t index)
{
    struct selkie_settings_object *object = json ? object_new(parent->settings, json) : NULL;

    if (!object)
        return NULL;
    object->parent = parent;
    object->key = json_object_iter_key(json_object_iter_at(parent->json, key));
    object->is_entry = is_entry;
    object->index = index;
    return object;
}

struct selkie_settings_object *selkie_settings_object(struct selkie_settings_object *object, const char *key,
                                                      bool required)
{
    return inner(object, key, ask_type(object, key, required, OBJECT), false, 0);
}

size_t selkie_settings_list(struct selkie_settings_object *object, const char *key, bool required)
{
    return json_array_size(ask_type(object, key, required, LIST));
}

/* An entry of a list, of one of some types. */
static json_t *entry(struct selkie_settings_object *object, const char *key, size_t index, unsigned types,
                     const char *name)
{
    json_t *value = json_array_get(ask(object, key, true), index);

    if (!value || TYPE(json_typeof(value)) & types)
        return value;
    const char *at = find(find(find_object(object), key, 0), NULL, index);
    fail(object->settings, line_at(object, at), "%s: entry %zu must be %s", key, index + 1, name);
    return NULL;
}

const char *selkie_settings_list_string(struct selkie_settings_object *object, const char *key, size_t index)
{
    const json_t *value = entry(object, key, index, STRING);

    return value ? json_string_value(value) : "";
}

bool selkie_settings_list_is_string(const struct selkie_settings_object *object, const char *key, size_t index)
{
    return object && json_is_string(json_array_get(json_object_get(object->json, key), index));
}

struct selkie_settings_object *selkie_settings_list_object(struct selkie_settings_object *object, const char *key,
                                                           size_t index)
{
    return inner(object, key, entry(object, key, index, OBJECT), true, index);
}

void selkie_settings_end(struct selkie_settings_object *object)
{
    const char *key, *name;
    json_t *value;
    char known[NAMES_MAX] = "";

    if (!object || object->settings->failed)
        return;
    json_object_foreach (object->asked, name, value) {
        add_name(known, "", name);
    }
    json_object_foreach (object->json, key, value) {
        if (!json_object_get(object->asked, key))
            selkie_settings_reject(object, key, "unknown key; known are %s", known);
    }
}
