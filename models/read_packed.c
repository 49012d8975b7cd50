/* SPDX-License-Identifier: Apache-2.0 */
/* Format packed: numbers at fixed places. */
#include "reader.h"

#include <math.h>
#include <string.h>

static int open_packed(struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const struct selkie_model *model = reader->model;
    size_t len = reader->payload_len;

    if (!model->has_length || (len >= model->length_min && len <= model->length_max))
        return 0;
    if (model->length_min == model->length_max)
        return selkie_model_fault(error, NULL, "has %zu bytes, and the model %u", len, model->length_min);
    return selkie_model_fault(error, NULL, "has %zu bytes, and the model %u to %u", len, model->length_min,
                              model->length_max);
}

static uint64_t join(const uint8_t *bytes, const struct selkie_model_type *type)
{
    uint64_t joined = 0;

    for (unsigned i = 0; i < type->size; i++)
        joined = joined << 8 | bytes[type->is_little ? type->size - 1 - i : i];
    return joined;
}

static void join_float(const uint8_t *bytes, const struct selkie_model_type *type, struct selkie_raw *raw)
{
    uint32_t joined = (uint32_t)join(bytes, type);
    float number;

    memcpy(&number, &joined, sizeof number);
    raw->kind = SELKIE_RAW_SINGLE;
    raw->real = (double)number;
}

static int get_packed(struct selkie_reader *reader, const struct selkie_model_entry *entry, struct selkie_raw *raw,
                      char error[static SELKIE_MODEL_ERROR_SIZE])
{
    const struct selkie_model_type *type = entry->type;
    size_t end = entry->offset + type->size;

    if (end > reader->payload_len)
        return selkie_model_fault(error, reader->model->fields[entry->field].name,
                                  "needs a payload of %zu bytes, and this has %zu", end, reader->payload_len);
    if (end > reader->end)
        reader->end = end;
    const uint8_t *bytes = reader->payload + entry->offset;
    if (type->is_float) {
        join_float(bytes, type, raw);
        return 1;
    }
    unsigned width = entry->bit_count > 0 ? entry->bit_count : 8 * type->size;
    uint64_t joined = join(bytes, type) >> entry->bit_first & ((UINT64_C(1) << width) - 1);
    raw->kind = SELKIE_RAW_INTEGER;
    raw->integer = (int64_t)joined;
    if (type->is_signed && joined >> (width - 1) != 0)
        raw->integer -= INT64_C(1) << width;
    return 1;
}

static int finish_packed(const struct selkie_reader *reader, char error[static SELKIE_MODEL_ERROR_SIZE])
{
    if (reader->model->has_length || reader->payload_len == reader->end)
        return 0;
    return selkie_model_fault(error, NULL, "has %zu bytes, and the model's fields end after %zu", reader->payload_len,
                              reader->end);
}

const struct selkie_reader_class selkie_reader_packed = {open_packed, get_packed, finish_packed, NULL};
