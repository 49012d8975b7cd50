/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), texts that must not steer the terminal, and jansson's functions with their failures seen: without
 * memory, or where a text is not UTF-8, the program ends with a sentence and exit code 1. So a field can never get lost
 * on its way: a device whose claim were lost would stand open. Any thread. */
#ifndef SELKIE_CTL_TEXT_H
#define SELKIE_CTL_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A text that comes byte by byte; zeroed at its beginning. */
struct ctl_utf8 {
    unsigned char left, low, high; /* bytes of the character that are still to come; the limits of the next one */
};

/* Whether the text may go on with this byte. After false the state is of no use. */
bool ctl_utf8_take(struct ctl_utf8 *state, unsigned char byte);

/* Bytes before the first that is not UTF-8: `len` where all are. */
size_t ctl_utf8_valid(const char *text, size_t len);

/* Print a text (UTF-8) from outside: a control character becomes "?", and one that turns the direction of writing or
 * ends a line (U+061C, U+200E to U+200F, U+2028 to U+202E, U+2066 to U+2069) becomes visible, as <U+202E>. */
void ctl_text_print(FILE *file, const char *text);

/* The places that it takes on the terminal. */
size_t ctl_text_width(const char *text);

/* The value, which is not NULL. */
json_t *ctl_json_must(json_t *value);

/* As json_pack and json_dumps, never NULL. The text of the latter is for free(). */
json_t *ctl_json_pack(const char *format, ...);
char *ctl_json_dump(const json_t *value, size_t flags);

/* A string for what comes from outside: each byte that is not UTF-8 becomes U+FFFD. */
json_t *ctl_json_text(const char *text, size_t len);

/* As jansson's set, set_new, append_new, update and update_new; the value may not be NULL. */
void ctl_json_set(json_t *object, const char *name, json_t *value);
void ctl_json_set_take(json_t *object, const char *name, json_t *value);
void ctl_json_append(json_t *array, json_t *value);
void ctl_json_append_take(json_t *array, json_t *value);
void ctl_json_update(json_t *object, json_t *other);
void ctl_json_update_take(json_t *object, json_t *other);

/* Write to stdout, with jansson's flags. What cannot be written stays an error of stdout. */
void ctl_json_write(const json_t *value, size_t flags);

#endif
