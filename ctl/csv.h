/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values, RFC 4180: quoted fields may hold commas, quotes (doubled) and line ends. The text is UTF-8;
 * what is not is refused, as is a carriage return that neither ends a line nor is in quotes. A spreadsheet runs a cell
 * that begins like a formula, and a device chooses its firmware's name. So the writer puts an apostrophe before each
 * such beginning, and before an apostrophe, and the reader removes it: a text that was written reads the same. No heap;
 * one thread. */
#ifndef SELKIE_CTL_CSV_H
#define SELKIE_CTL_CSV_H

#include "ctl_command.h"
#include "ctl_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CTL_CSV_FIELDS_MAX 32
#define CTL_CSV_ROW_MAX    65536

/* A reader: the caller's, zeroed but for `file` and `find_separator`. */
struct ctl_csv {
    FILE *file;
    bool find_separator;               /* the first comma, semicolon or tab of the first row divides all rows */
    char separator;                    /* 0 = a comma, or not found yet */
    unsigned line;                     /* where the row begins, from 1 */
    unsigned next_line;                /* where the next one does */
    unsigned column;                   /* characters of the line under way that were read */
    unsigned fault_line, fault_column; /* of a fault that has a place in the row, else 0; from 1 */
    size_t offset;                     /* bytes read */
    struct ctl_utf8 utf8;
    unsigned char first; /* byte of the character under way */
    char why[64];
    size_t count;                           /* fields of the row */
    const char *fields[CTL_CSV_FIELDS_MAX]; /* until the next row */
    char row[CTL_CSV_ROW_MAX];
};

/* Read the next row that is not empty. 1, 0 at the end of the file, or -1 with *fault saying what is wrong. */
int ctl_csv_next(struct ctl_csv *csv, const char **fault);

/* The same, but rows of blanks alone are passed over: spreadsheets write them. */
int ctl_csv_next_filled(struct ctl_csv *csv, const char **fault);

/* Print what is wrong in the file `path`, at the fault's place or in the row, with `text` behind it unless it is NULL.
 * CTL_FAILED. */
enum ctl_exit ctl_csv_fail(const struct ctl_csv *csv, const char *path, const char *what, const char *text);

/* Of many faults of a file, so many are printed, */
#define CTL_CSV_FAULTS_MAX 20
/* such as the rows that the plugin refused: a list of {"line", "error", and `name`}. */
void ctl_csv_print_refused(const char *path, const char *name, const json_t *refused);

/* A field without blanks around it; in `text`, or the field's own end. */
#define CTL_CSV_TRIMMED_SIZE 80
const char *ctl_csv_trimmed(char text[static CTL_CSV_TRIMMED_SIZE], const char *field);

/* Write a field, quoted and guarded where it must be. */
void ctl_csv_write(FILE *file, const char *field);

#endif
