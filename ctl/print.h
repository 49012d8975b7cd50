/* SPDX-License-Identifier: Apache-2.0 */
/* Results on stdout: the same JSON value for machines or, laid out, for people. One thread. */
#ifndef SELKIE_CTL_PRINT_H
#define SELKIE_CTL_PRINT_H

#include "ctl_command.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Print an object: as JSON, or one field a line with its name before it, objects inside indented. */
void ctl_print(const json_t *object, bool as_json);

/* Print a text from outside, as ctl_text_print does: it must not steer the terminal. */
void ctl_print_text(const char *text);

/* After the only copy of a secret was printed (`what` "password", `whose` "roof-1"): whether it was written. Else say
 * that it is lost, and which command makes another, "selkiectl <again> <whose><option>". */
enum ctl_exit ctl_print_secured(const char *what, const char *whose, const char *again, const char *option);

/* Add bytes, of which 512 are shown, as hex under `name` and, where they are readable text, as such under `text_name`.
 */
void ctl_add_bytes(json_t *object, const char *name, const char *text_name, const uint8_t *bytes, size_t len);

enum ctl_column_kind { CTL_TEXT, CTL_NUMBER, CTL_TIME, CTL_SHARE };

struct ctl_column {
    const char *title;
    const char *name; /* the field of a row */
    enum ctl_column_kind kind;
};

/* Print rows (a list of objects) under titles, each column as wide as it must be; absent fields as "-". Columns that no
 * row has are left out. */
void ctl_table_print(const struct ctl_column *columns, size_t count, const json_t *rows);

/* A field as people read it: a time in ms since the epoch as local time with its zone, a share of 1 in percent. The
 * result is in `text`, or the field's own.
 */
#define CTL_CELL_SIZE 32
const char *ctl_table_cell(char text[static CTL_CELL_SIZE], const json_t *value, enum ctl_column_kind kind);

#endif
