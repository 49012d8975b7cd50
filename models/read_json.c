/* SPDX-License-Identifier: Apache-2.0 */
/* Format json (RFC 8259), values by JSON pointers (RFC 6901). */
#include "reader.h"

static int open_json(struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    json_error_t fault;

    reader->tree = json_loadb((const char *)reader->payload, reader->payload_len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (reader->tree)
        return 0;
    if (json_error_code(&fault) == json_error_out_of_memory)
        return SELKIE_ENOMEM;
    if (json_error_code(&fault) == json_error_duplicate_key)
        return selkie_model_fault(error, NULL, "is not JSON: a key is there twice");
    if (json_error_code(&fault) == json_error_numeric_overflow)
        return selkie_model_fault(error, NULL, "has a number that is too large, at byte %d", fault.position);
    return selkie_model_fault(error, NULL, "is not JSON at byte %d", fault.position);
}

static const json_t *follow(const json_t *tree, const char *path)
{
    char part[SELKIE_PATH_MAX + 1];
    long long index;

    while (tree && selkie_reader_next_part(&path, part)) {
        if (json_is_array(tree))
            tree = selkie_reader_part_number(part, &index) && index >= 0 ? json_array_get(tree, (size_t)index) : NULL;
        else
            tree = json_object_get(tree, part);
    }
    return tree;
}

static int get_json(struct selkie_reader *reader, const struct selkie_model_entry *entry, struct selkie_raw *raw,
                    char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const json_t *value = follow(reader->tree, entry->path);

    (void)error;
    if (!value || json_is_null(value))
        return 0;
    raw->kind = SELKIE_RAW_OTHER;
    if (json_is_integer(value)) {
        raw->kind = SELKIE_RAW_INTEGER;
        raw->integer = json_integer_value(value);
    } else if (json_is_real(value)) {
        raw->kind = SELKIE_RAW_REAL;
        raw->real = json_real_value(value);
    } else if (json_is_boolean(value)) {
        raw->kind = SELKIE_RAW_BOOLEAN;
        raw->integer = json_is_true(value);
    } else if (json_is_string(value)) {
        raw->kind = SELKIE_RAW_TEXT;
        raw->text = json_string_value(value);
        raw->text_len = json_string_length(value);
    }
    return 1;
}

static void close_json(struct selkie_reader *reader)
{
    json_decref(reader->tree);
}

const struct selkie_reader_class selkie_reader_json = {open_json, get_json, NULL, close_json};
