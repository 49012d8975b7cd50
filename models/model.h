/* SPDX-License-Identifier: Apache-2.0 */
/* A model as the room's own files see it: made by model_file.c, then never changed. docs/MODELS.md says what each key
 * of a file means. */
#ifndef SELKIE_MODEL_H
#define SELKIE_MODEL_H

#include <jansson.h>
#include <selkie/models.h>
#include <selkie/settings.h>

#define SELKIE_MODEL_ENTRIES_MAX (2 * SELKIE_MODEL_FIELDS_MAX) /* a field may have several, for several shapes */

enum selkie_model_format { SELKIE_MODEL_PACKED, SELKIE_MODEL_JSON, SELKIE_MODEL_CBOR, SELKIE_MODEL_TEXT };

/* A number of a packed payload. */
struct selkie_model_type {
    const char *name;
    unsigned size; /* bytes */
    bool is_signed, is_float, is_little;
};

/* One entry of `fields`: how a value is read. Entries for different shapes may share one field. */
struct selkie_model_entry {
    unsigned field; /* index */
    /* Where: packed. */
    const struct selkie_model_type *type;
    unsigned offset;
    unsigned bit_first, bit_count; /* bit 0 is the least significant one; bit_count 0 = all */
    /* Where: the other formats. A path that begins with a slash is a JSON pointer, else one key. */
    const char *path;
    bool optional;
    /* What becomes of it. */
    bool scaled; /* value = raw * scale + add */
    double scale, add;
    int decimals; /* of whole raw values times scale plus add; -1 = many */
    bool has_min, has_max;
    double min, max;
    const json_t *words; /* {raw: word, …}; NULL = none */
    /* When: the field must have this value. NULL = always. */
    const char *when_name;
    const json_t *when_value;
};

struct selkie_model {
    unsigned uses;                    /* the sets that have it */
    char *file;                       /* of a set: its path; else NULL */
    struct selkie_settings *document; /* all texts, and the JSON that entries point to, are in it */
    const char *name, *manufacturer;  /* manufacturer NULL = none */
    const char **firmware;
    unsigned firmware_count;
    enum selkie_model_format format;
    bool has_length; /* packed: of the payload in bytes; without it, the last field ends the payload */
    unsigned length_min, length_max;
    struct selkie_field *fields;
    unsigned field_count;
    struct selkie_model_entry *entries;
    unsigned entry_count;
};

/* "packed", "json", …; NULL-terminated, in the order of the enum. */
extern const char *const selkie_model_formats[];

/* Whether a text (UTF-8) has control characters: of the sets C0 and C1 (C2 80 to C2 9F), or DEL. */
bool selkie_model_has_controls(const char *text, size_t len);
/* Whether a text has 1 to `max` bytes and no control characters. */
bool selkie_model_is_visible(const char *text, size_t max);

/* A model of a document (NULL: there was no memory for one), which it takes over. Results as of selkie_model_open. */
SELKIE_USE_RESULT int selkie_model_make(struct selkie_model **made, struct selkie_settings *document,
                                        char error[static SELKIE_MODEL_ERROR_SIZE]);

/* One more set has it: selkie_model_close once more. */
struct selkie_model *selkie_model_share(struct selkie_model *model);

/* Read the keys `fields` or `examples` of a file; a mistake is kept in the document. The examples are decoded with the
 * finished fields. */
void selkie_model_read_fields(struct selkie_model *model, struct selkie_settings_object *root);
void selkie_model_check_examples(const struct selkie_model *model, struct selkie_settings_object *root);

/* Add an entry, and its field if no entry before it has that; a mistake is kept in the document. Takes over `words` of
 * the field. */
void selkie_model_add_entry(struct selkie_model *model, struct selkie_settings_object *object,
                            const struct selkie_field *field, struct selkie_model_entry *entry);

/* Report in a decode error: what is wrong with a field, or (NULL) with the payload. Never contains bytes of the
 * payload. Returns SELKIE_EMALFORMED. */
int selkie_model_fault(char error[static SELKIE_MODEL_ERROR_SIZE], const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
