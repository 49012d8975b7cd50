/* SPDX-License-Identifier: Apache-2.0 */
/* Results on stdout: the same JSON value for machines or, laid out, for people. One thread. */
#ifndef SELKIE_CTL_PRINT_H
#define SELKIE_CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Print an object: as JSON, or one field a line with its name before it, objects inside indented. */
void ctl_print(const json_t *object, bool as_json);

/* Print a text (UTF-8) whose control characters become "?": what comes from outside must not steer the terminal. */
void ctl_print_text(const char *text);

/* Add bytes, of which 512 are shown, as hex under `name` and, where they are readable text, as such under `text_name`.
 */
void ctl_add_bytes(json_t *object, const char *name, const char *text_name, const uint8_t *bytes, size_t len);

#endif
