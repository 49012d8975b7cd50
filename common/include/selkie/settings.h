/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a JSON configuration. Each mistake is reported with file, line and key: unknown key, wrong type, out of range,
 * missing. jansson does the parsing. Ask an object for each key that it may have, then end it: every other key is an
 * error. The first mistake is kept; after it every getter returns its fallback, so a reader checks once, with
 * selkie_settings_error. Heap; file input; one thread at a time. */
#ifndef SELKIE_SETTINGS_H
#define SELKIE_SETTINGS_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>

struct json_t;
struct selkie_settings;        /* a document */
struct selkie_settings_object; /* one {…} of it; lives as long as the document */

/* Read a file, or a text under a name for messages. Returns the document even if it is broken (then
 * selkie_settings_error says how), or NULL if there is no memory. */
struct selkie_settings *selkie_settings_load(const char *path);
struct selkie_settings *selkie_settings_parse(const char *name, const char *text, size_t len);
void selkie_settings_close(struct selkie_settings *settings);

/* NULL without a mistake, else one line: "plugin.json:7: workers: must be 1 to 64". */
const char *selkie_settings_error(const struct selkie_settings *settings);

/* What was read, without a byte order mark. Belongs to the document. */
const char *selkie_settings_text(const struct selkie_settings *settings);

struct selkie_settings_object *selkie_settings_root(struct selkie_settings *settings);

/* Getters. For the require_ forms a missing key is a mistake; the others return the fallback. Strings belong to the
 * document. */
const char *selkie_settings_string(struct selkie_settings_object *object, const char *key, const char *fallback);
const char *selkie_settings_require_string(struct selkie_settings_object *object, const char *key);
long long selkie_settings_integer(struct selkie_settings_object *object, const char *key, long long min, long long max,
                                  long long fallback);
long long selkie_settings_require_integer(struct selkie_settings_object *object, const char *key, long long min,
                                          long long max);
double selkie_settings_number(struct selkie_settings_object *object, const char *key, double min, double max,
                              double fallback);
bool selkie_settings_boolean(struct selkie_settings_object *object, const char *key, bool fallback);
/* One of the NULL-terminated names; returns its index. */
int selkie_settings_choice(struct selkie_settings_object *object, const char *key, const char *const names[],
                           int fallback);

bool selkie_settings_has(struct selkie_settings_object *object, const char *key);

/* The value as jansson has it, for what has keys of the writer's own; NULL if it is absent, which is a mistake if it is
 * required. Belongs to the document. */
const struct json_t *selkie_settings_json(struct selkie_settings_object *object, const char *key, bool required);
bool selkie_settings_is_string(struct selkie_settings_object *object, const char *key);

/* An object inside; NULL if it is absent, which is a mistake if it is required. */
struct selkie_settings_object *selkie_settings_object(struct selkie_settings_object *object, const char *key,
                                                      bool required);

/* Lists: the number of entries (0 where absent), then each entry. */
size_t selkie_settings_list(struct selkie_settings_object *object, const char *key, bool required);
const char *selkie_settings_list_string(struct selkie_settings_object *object, const char *key, size_t index);
bool selkie_settings_list_is_string(const struct selkie_settings_object *object, const char *key, size_t index);
struct selkie_settings_object *selkie_settings_list_object(struct selkie_settings_object *object, const char *key,
                                                           size_t index);

/* Report a mistake that the caller found in a value ("1.key.pem: others can read it"). */
void selkie_settings_reject(struct selkie_settings_object *object, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The caller has asked for all keys: any other key in the object is a mistake. Objects inside need a call of their own.
 */
void selkie_settings_end(struct selkie_settings_object *object);

#endif
