/* SPDX-License-Identifier: Apache-2.0 */
/* What settings.c (asking for values) and document.c (the file, and telling what is wrong with it) have of each other.
 */
#ifndef SELKIE_SETTINGS_DOCUMENT_H
#define SELKIE_SETTINGS_DOCUMENT_H

#include "position.h"

#include <jansson.h>
#include <selkie/settings.h>

#define SELKIE_SETTINGS_ERROR_MAX 1024

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
    char error[SELKIE_SETTINGS_ERROR_MAX];
};

/* Note the first mistake, at a line (0: the file as a whole) and a key (NULL: none). */
void selkie_settings_fail(struct selkie_settings *settings, unsigned line, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An object of the document, NULL without memory. */
struct selkie_settings_object *selkie_settings_object_new(struct selkie_settings *settings, json_t *json,
                                                          struct selkie_position position);

#endif
