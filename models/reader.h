/* SPDX-License-Identifier: Apache-2.0 */
/* Reads raw values out of a payload, one reader for each format. The payload must stay until close. */
#ifndef SELKIE_MODEL_READER_H
#define SELKIE_MODEL_READER_H

#include "model.h"

#include <selkie/frame.h>

enum selkie_raw_kind {
    SELKIE_RAW_INTEGER,
    SELKIE_RAW_SINGLE, /* a float with 24 bits of precision or fewer, in `real` */
    SELKIE_RAW_REAL,
    SELKIE_RAW_BOOLEAN, /* in `integer` */
    SELKIE_RAW_TEXT,
    SELKIE_RAW_OTHER /* a list, a map, … */
};

struct selkie_raw {
    enum selkie_raw_kind kind;
    int64_t integer;
    double real;
    const char *text; /* not NUL-terminated; perhaps not UTF-8 */
    size_t text_len;
    char buffer[SELKIE_PAYLOAD_MAX]; /* of text that is in pieces */
};

/* A payload; of a JSON or a CBOR one, the tree that it is. */
struct selkie_reader {
    const struct selkie_model *model;
    const uint8_t *payload;
    size_t payload_len;
    void *tree;
    size_t end; /* packed: of the fields that were read */
};

/* open: 0, SELKIE_EMALFORMED with why in `error`, or SELKIE_ENOMEM; close only after 0.
 * get: 1 and the value; 0: the payload does not have it; SELKIE_EMALFORMED with why in `error`.
 * finish, after the last get: 0, or SELKIE_EMALFORMED with why in `error`. NULL: there is nothing to look at. */
struct selkie_reader_class {
    int (*open)(struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE]);
    int (*get)(struct selkie_reader *reader, const struct selkie_model_entry *entry, struct selkie_raw *raw,
               char error[static SELKIE_MODEL_ERROR_SIZE]);
    int (*finish)(const struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE]);
    void (*close)(struct selkie_reader *reader); /* NULL: there is nothing to close */
};

extern const struct selkie_reader_class selkie_reader_packed, selkie_reader_json, selkie_reader_cbor,
    selkie_reader_text;

/* The next part of a path into `part`: all of it, or one token of a JSON pointer (RFC 6901). *at is moved on; false at
 * the end. */
#define SELKIE_PATH_MAX 128
bool selkie_reader_next_part(const char **at, char part[static SELKIE_PATH_MAX + 1]);

/* Whether a part is a whole number, as keys of CBOR and indexes of lists are: without zeros or a plus at its front. */
bool selkie_reader_part_number(const char *part, long long *number);

#endif
