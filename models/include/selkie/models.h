/* SPDX-License-Identifier: Apache-2.0 */
/* Models: what the payloads of a kind of device mean, from one JSON file each (docs/MODELS.md), and a payload's values.
 *
 * A set is made once and then never changed, so any number of threads may use it. What a set, a model or a field points
 * to lives as long as the set. Decoding takes no lock, and no memory from the heap that it does not give back. */
#ifndef SELKIE_MODELS_H
#define SELKIE_MODELS_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_MODEL_NAME_MAX   64   /* characters of a-z 0-9 . _ - */
#define SELKIE_FIELD_NAME_MAX   64   /* characters of a-z 0-9 _ */
#define SELKIE_MODEL_FIELDS_MAX 64   /* fields of one model */
#define SELKIE_VALUES_MAX       4096 /* bytes of a payload's values as JSON, without the NUL */
#define SELKIE_MODEL_ERROR_SIZE 512

struct selkie_models; /* a set of models */
struct selkie_model;

enum selkie_field_kind {
    SELKIE_FIELD_NUMBER,
    SELKIE_FIELD_BOOLEAN,
    SELKIE_FIELD_WORD, /* one of `words` */
    SELKIE_FIELD_TEXT
};

struct selkie_field {
    const char *name; /* 1 to 64 characters of a-z 0-9 _ */
    enum selkie_field_kind kind;
    const char *unit, *device_class, *state_class; /* as in the file; NULL = none */
    const char *const *words;                      /* WORD: word_count of them, in the file's order */
    unsigned word_count;
};

/* Read all files *.json of a folder. A file that is wrong, or whose examples do not come out, is left out of the set,
 * and `refuse` gets one line that names file, line, key, what was expected and what was there. 0; SELKIE_ECONFIG if
 * the folder cannot be read (`refuse` gets why); SELKIE_ENOMEM. dir NULL: an empty set. */
SELKIE_USE_RESULT int selkie_models_open(struct selkie_models **models, const char *dir,
                                         void (*refuse)(void *context, const char *line), void *context);
/* The same once more, after a set that was read before. A file that is wrong now keeps the model that it had there,
 * unless another one describes it, and a folder that cannot be read keeps all: `refuse` says so, and the file (or the
 * folder, as one) counts as refused. The sets share such models: open and close them on one thread. `before` may be
 * NULL. */
SELKIE_USE_RESULT int selkie_models_reopen(struct selkie_models **models, const struct selkie_models *before,
                                           const char *dir, void (*refuse)(void *context, const char *line),
                                           void *context);
void selkie_models_close(struct selkie_models *models);

unsigned selkie_models_count(const struct selkie_models *models);
unsigned selkie_models_refused(const struct selkie_models *models); /* files that are wrong */

/* In the order of their names. */
const struct selkie_model *selkie_models_at(const struct selkie_models *models, unsigned index);

/* By name; NULL if there is none. */
const struct selkie_model *selkie_models_named(const struct selkie_models *models, const char *name);

/* By the firmware text of a REGISTER: the model with the longest pattern that matches; of equal ones, the first by
 * name. NULL if none matches. */
const struct selkie_model *selkie_models_for_firmware(const struct selkie_models *models, const char *firmware);

/* One file alone, for a check. 0, or SELKIE_ECONFIG or SELKIE_ENOMEM with why in `error`. */
SELKIE_USE_RESULT int selkie_model_open(struct selkie_model **model, const char *file,
                                        char error[static SELKIE_MODEL_ERROR_SIZE]);
void selkie_model_close(struct selkie_model *model); /* only of selkie_model_open */

const char *selkie_model_name(const struct selkie_model *model);
const char *selkie_model_manufacturer(const struct selkie_model *model); /* NULL = none */
unsigned selkie_model_field_count(const struct selkie_model *model);
const struct selkie_field *selkie_model_field(const struct selkie_model *model, unsigned index);

/* The description that is published (PROTOCOL.md, section 8): JSON for the caller to free(); NULL without memory. */
char *selkie_model_describe(const struct selkie_model *model);

/* The values of one payload: a JSON object with the fields in the model's order, NUL-terminated; its length is put into
 * *values_len. 0; SELKIE_EMALFORMED if the payload does not fit the model, with why in `error` in one sentence;
 * SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_model_decode(const struct selkie_model *model, const uint8_t *payload, size_t payload_len,
                                          char values[static SELKIE_VALUES_MAX + 1], size_t *values_len,
                                          char error[static SELKIE_MODEL_ERROR_SIZE]);

#endif
