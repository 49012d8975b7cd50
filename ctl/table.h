/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on stdout, for people. One thread. */
#ifndef SELKIE_CTL_TABLE_H
#define SELKIE_CTL_TABLE_H

#include <jansson.h>
#include <stddef.h>

enum ctl_column_kind { CTL_TEXT, CTL_NUMBER, CTL_TIME, CTL_SHARE };

struct ctl_column {
    const char *title;
    const char *name; /* the field of a row */
    enum ctl_column_kind kind;
};

/* Print rows (a list of objects) under titles, each column as wide as it must be; absent fields as "-". Columns that no
 * row has are left out. */
void ctl_table_print(const struct ctl_column *columns, size_t count, const json_t *rows);

/* A field as people read it: a time in ms since the epoch as local time, a share of 1 in percent. The result is in
 * `text`, or the field's own.
 */
#define CTL_CELL_SIZE 32
const char *ctl_table_cell(char text[static CTL_CELL_SIZE], const json_t *value, enum ctl_column_kind kind);

#endif
