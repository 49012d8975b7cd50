/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a model's `fields` against each other: which belong to one field, and which must not be there together. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_words(const struct selkie_field *a, const struct selkie_field *b)
{
    for (unsigned i = 0; i < a->word_count && i < b->word_count; i++) {
        if (strcmp(a->words[i], b->words[i]) != 0)
            return false;
    }
    return a->word_count == b->word_count;
}

/* Whether no payload has both. */
static bool exclude(const struct selkie_model_entry *a, const struct selkie_model_entry *b)
{
    return same_text(a->when_name, b->when_name) && a->when_name && !json_equal(a->when_value, b->when_value);
}

/* The field that an entry belongs to: a new one, or that of entries for other shapes. */
static void join_field(struct selkie_model *model, struct selkie_settings_object *object,
                       const struct selkie_field *mine, struct selkie_model_entry *entry)
{
    for (unsigned i = 0; i < model->field_count; i++) {
        const struct selkie_field *field = &model->fields[i];
        if (strcmp(field->name, mine->name) != 0)
            continue;
        if (field->kind != mine->kind || !same_text(field->unit, mine->unit) ||
            !same_text(field->device_class, mine->device_class) || !same_text(field->state_class, mine->state_class) ||
            !same_words(field, mine))
            selkie_settings_reject(object, "name", "%s is there already, with another type, unit, class or enum",
                                   mine->name);
        entry->field = i;
        free((void *)mine->words);
        return;
    }
    if (model->field_count == SELKIE_MODEL_FIELDS_MAX) {
        selkie_settings_reject(object, "name", "is field %d; a model has at most %d", SELKIE_MODEL_FIELDS_MAX + 1,
                               SELKIE_MODEL_FIELDS_MAX);
        free((void *)mine->words);
        return;
    }
    entry->field = model->field_count;
    model->fields[model->field_count++] = *mine;
}

/* The bits of an entry in the byte at `offset` of the payload. */
static unsigned bits_at(const struct selkie_model_entry *entry, unsigned offset)
{
    unsigned bits = 0;

    if (offset < entry->offset || offset >= entry->offset + entry->type->size)
        return 0;
    unsigned place = offset - entry->offset;
    unsigned low = 8 * (entry->type->is_little ? place : entry->type->size - 1 - place); /* its lowest bit's number */
    for (unsigned bit = low; bit < low + 8; bit++) {
        if (entry->bit_count == 0 || (bit >= entry->bit_first && bit < entry->bit_first + entry->bit_count))
            bits |= 1u << (bit - low);
    }
    return bits;
}

static bool overlap(const struct selkie_model *model, const struct selkie_model_entry *a,
                    const struct selkie_model_entry *b)
{
    if (model->format != SELKIE_MODEL_PACKED)
        return false;
    for (unsigned at = a->offset; at < a->offset + a->type->size; at++) {
        if ((bits_at(a, at) & bits_at(b, at)) != 0)
            return true;
    }
    return false;
}

/* Compare a new entry with those before it. */
static void check_others(const struct selkie_model *model, struct selkie_settings_object *object,
                         const struct selkie_model_entry *entry)
{
    for (unsigned i = 0; i < model->entry_count; i++) {
        const struct selkie_model_entry *other = &model->entries[i];
        const char *name = model->fields[other->field].name;
        if (exclude(entry, other))
            continue;
        if (entry->field == other->field)
            selkie_settings_reject(object, "name", "%s is there twice, and no `when` keeps the two apart", name);
        else if (overlap(model, entry, other))
            selkie_settings_reject(object, "offset", "overlaps %s, and no `when` keeps the two apart", name);
    }
}

void selkie_model_add_entry(struct selkie_model *model, struct selkie_settings_object *object,
                            const struct selkie_field *field, struct selkie_model_entry *entry)
{
    join_field(model, object, field, entry);
    check_others(model, object, entry);
    model->entries[model->entry_count++] = *entry;
}
