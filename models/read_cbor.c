/* SPDX-License-Identifier: Apache-2.0 */
/* Format cbor (RFC 8949), values by JSON pointers whose parts are keys (text or whole numbers) and indexes. libcbor
 * does the parsing. */
#include "reader.h"

#include <cbor.h>
#include <string.h>

/* libcbor reserves memory for as many entries as a list or map says that it has. No more can be there than bytes. */
static void note_count(void *context, size_t count)
{
    size_t *largest = context;

    if (count > *largest)
        *largest = count;
}

static bool counts_are_possible(const uint8_t *payload, size_t len)
{
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    size_t largest = 0, all = len;

    callbacks.array_start = note_count;
    callbacks.map_start = note_count;
    while (len > 0) {
        struct cbor_decoder_result result = cbor_stream_decode(payload, len, &callbacks, &largest);
        if (result.status != CBOR_DECODER_FINISHED || largest > all)
            return false;
        payload += result.read;
        len -= result.read;
    }
    return true;
}

static int open_cbor(struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    struct cbor_load_result result;

    if (!counts_are_possible(reader->payload, reader->payload_len))
        return selkie_model_fault(error, NULL, "is not CBOR");
    cbor_item_t *tree = cbor_load(reader->payload, reader->payload_len, &result);
    if (!tree && result.error.code == CBOR_ERR_MEMERROR)
        return SELKIE_ENOMEM;
    if (!tree)
        return selkie_model_fault(error, NULL, "is not CBOR");
    if (result.read != reader->payload_len) {
        cbor_decref(&tree);
        return selkie_model_fault(error, NULL, "has more bytes behind its CBOR item of %zu", result.read);
    }
    reader->tree = tree;
    return 0;
}

/* A text as one piece; *len 0 and "" if it is longer than `buffer`, which no payload has. */
static const char *join_text(const cbor_item_t *item, char buffer[static SELKIE_PAYLOAD_MAX], size_t *len)
{
    if (cbor_string_is_definite(item)) {
        *len = cbor_string_length(item);
        return *len > 0 ? (const char *)cbor_string_handle(item) : "";
    }
    cbor_item_t *const *chunks = cbor_string_chunks_handle(item);
    *len = 0;
    for (size_t i = 0; i < cbor_string_chunk_count(item); i++) {
        size_t more = cbor_string_length(chunks[i]);
        if (more > 0 && *len + more <= SELKIE_PAYLOAD_MAX) {
            memcpy(buffer + *len, cbor_string_handle(chunks[i]), more);
            *len += more;
        }
    }
    return buffer;
}

static bool get_integer(const cbor_item_t *item, int64_t *integer)
{
    if (!cbor_is_int(item) || cbor_get_int(item) > INT64_MAX)
        return false;
    *integer = (int64_t)cbor_get_int(item);
    if (cbor_isa_negint(item))
        *integer = -1 - *integer;
    return true;
}

static bool is_key(const cbor_item_t *key, const char *part)
{
    char buffer[SELKIE_PAYLOAD_MAX];
    size_t len;
    int64_t integer;
    long long number;

    if (cbor_isa_string(key)) {
        const char *text = join_text(key, buffer, &len);
        return len == strlen(part) && memcmp(text, part, len) == 0;
    }
    return get_integer(key, &integer) && selkie_reader_part_number(part, &number) && number == integer;
}

/* How often a map has a key; the last of them in *found. */
static unsigned find_key(const cbor_item_t *map, const char *part, const cbor_item_t **found)
{
    const struct cbor_pair *pairs = cbor_map_handle(map);
    unsigned count = 0;

    for (size_t i = 0; i < cbor_map_size(map); i++) {
        if (is_key(pairs[i].key, part)) {
            *found = pairs[i].value;
            count++;
        }
    }
    return count;
}

static const cbor_item_t *without_tags(const cbor_item_t *item)
{
    while (item && cbor_isa_tag(item)) {
        cbor_item_t *inside = cbor_tag_item(item); /* counted once more for us; the tree holds it */
        item = cbor_move(inside);
    }
    return item;
}

/* The item at a path, or NULL. false: a key on the way is there twice. */
static bool follow(const cbor_item_t *tree, const char *path, const cbor_item_t **found)
{
    char part[SELKIE_PATH_MAX + 1];
    long long index;

    tree = without_tags(tree);
    while (tree && selkie_reader_next_part(&path, part)) {
        const cbor_item_t *next = NULL;
        if (cbor_isa_map(tree) && find_key(tree, part, &next) > 1)
            return false;
        if (cbor_isa_array(tree) && selkie_reader_part_number(part, &index) && index >= 0 &&
            (size_t)index < cbor_array_size(tree))
            next = cbor_array_handle(tree)[index];
        tree = without_tags(next);
    }
    *found = tree;
    return true;
}

/* Of a float, a boolean, null or undefined. Returns 0 for the last two. */
static int get_simple(const cbor_item_t *item, struct selkie_raw *raw)
{
    if (!cbor_float_ctrl_is_ctrl(item)) {
        raw->kind = cbor_float_get_width(item) == CBOR_FLOAT_64 ? SELKIE_RAW_REAL : SELKIE_RAW_SINGLE;
        raw->real = cbor_float_get_float(item);
        return 1;
    }
    if (cbor_is_null(item) || cbor_is_undef(item))
        return 0;
    if (cbor_is_bool(item)) {
        raw->kind = SELKIE_RAW_BOOLEAN;
        raw->integer = cbor_ctrl_value(item) == CBOR_CTRL_TRUE;
    }
    return 1;
}

static int get_cbor(struct selkie_reader *reader, const struct selkie_model_entry *entry, struct selkie_raw *raw,
                    char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const cbor_item_t *item;

    if (!follow(reader->tree, entry->path, &item))
        return selkie_model_fault(error, reader->model->fields[entry->field].name, "its key is there twice");
    if (!item)
        return 0;
    raw->kind = SELKIE_RAW_OTHER;
    if (cbor_isa_float_ctrl(item))
        return get_simple(item, raw);
    if (get_integer(item, &raw->integer)) {
        raw->kind = SELKIE_RAW_INTEGER;
    } else if (cbor_is_int(item)) {
        return selkie_model_fault(error, reader->model->fields[entry->field].name,
                                  "is a whole number beyond 64 bits with sign");
    } else if (cbor_isa_string(item)) {
        raw->kind = SELKIE_RAW_TEXT;
        raw->text = join_text(item, raw->buffer, &raw->text_len);
    }
    return 1;
}

static void close_cbor(struct selkie_reader *reader)
{
    cbor_item_t *tree = reader->tree;

    cbor_decref(&tree);
}

const struct selkie_reader_class selkie_reader_cbor = {open_cbor, get_cbor, NULL, close_cbor};
