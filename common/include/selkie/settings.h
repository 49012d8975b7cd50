/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a JSON configuration so that every mistake is told with file, line and key: unknown key, wrong type, out of
 * range, missing. The parsing is jansson's. Ask an object for each key that it may have, then end it: what was not
 * asked for is unknown. The first mistake sticks; after it every getter returns its default, so a reader checks once,
 * at selkie_settings_error. Heap; file input; one thread at a time. */
#ifndef SELKIE_SETTINGS_H
#define SELKIE_SETTINGS_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>

struct selkie_settings;        /* a document */
struct selkie_settings_object; /* one {…} of it; lives as long as the document */

/* Read a file, or a text under a name to use in messages. Returns the document even if it is broken (then
 * selkie_settings_error says how), or NULL without memory. */
struct selkie_settings *selkie_settings_load(const char *path);
struct selkie_settings *selkie_settings_parse(const char *name, const char *text, size_t len);
void selkie_settings_close(struct selkie_settings *settings);

/* NULL while all is well, else one line: "plugin.json:7: workers: must be 1 to 64". */
const char *selkie_settings_error(const struct selkie_settings *settings);

struct selkie_settings_object *selkie_settings_root(struct selkie_settings *settings);

/* Getters. The require_ forms say that the key must be there; the others give the fallback where it is not. Strings
 * belong to the document. */
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
bool selkie_settings_is_string(struct selkie_settings_object *object, const char *key);

/* An object inside; NULL where it is absent (or required and absent: a mistake). */
struct selkie_settings_object *selkie_settings_object(struct selkie_settings_object *object, const char *key,
                                                      bool required);

/* Lists: the number of entries (0 where absent), then each entry. */
size_t selkie_settings_list(struct selkie_settings_object *object, const char *key, bool required);
const char *selkie_settings_list_string(struct selkie_settings_object *object, const char *key, size_t index);
bool selkie_settings_list_is_string(const struct selkie_settings_object *object, const char *key, size_t index);
struct selkie_settings_object *selkie_settings_list_object(struct selkie_settings_object *object, const char *key,
                                                           size_t index);

/* Say that a value that was read is wrong for a reason of the caller's ("1.key.pem: others can read it"). */
void selkie_settings_reject(struct selkie_settings_object *object, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* No more keys will be asked for: any other key in the object is a mistake. Objects inside are ended by their own call.
 */
void selkie_settings_end(struct selkie_settings_object *object);

#endif
