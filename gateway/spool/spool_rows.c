/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_rows.h"

#include <stdbool.h>
#include <string.h>

#define LEAF       0x0D /* of a table */
#define LEAF_HEAD  8
#define VARINT_MAX 9

enum column { SEQ, RX, BOOT, SINCE_BOOT, PORT, BODY, RSSI, COLUMNS };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad; /* went beyond the end */
};

static const uint8_t *take(struct cursor *cursor, size_t len)
{
    const uint8_t *at = cursor->at;

    if (cursor->bad || (size_t)(cursor->end - at) < len) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += len;
    return at;
}

static uint64_t varint(struct cursor *cursor)
{
    uint64_t value = 0;

    for (int i = 0; i < VARINT_MAX; i++) {
        const uint8_t *byte = take(cursor, 1);
        if (!byte)
            return 0;
        if (i == VARINT_MAX - 1)
            return value << 8 | *byte;
        value = value << 7 | (*byte & 0x7F);
        if (*byte < 0x80)
            break;
    }
    return value;
}

/* A number; its type says how many bytes it has. */
static int64_t number(struct cursor *cursor, uint64_t type)
{
    static const uint8_t lengths[] = {0, 1, 2, 3, 4, 6, 8};

    if (type == 8 || type == 9)
        return type == 9;
    if (type == 0 || type >= sizeof lengths) {
        cursor->bad = true;
        return 0;
    }
    const uint8_t *bytes = take(cursor, lengths[type]);
    uint64_t value = bytes && bytes[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; bytes && i < lengths[type]; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

/* What MQTT would not take as text would end each connection. */
static void copy_port(struct cursor *cursor, uint64_t type, struct selkie_spool_frame *frame)
{
    size_t len = type >= 13 && type % 2 == 1 ? (size_t)((type - 13) / 2) : SIZE_MAX;
    const uint8_t *port = take(cursor, len);

    if (!port)
        return;
    if (len >= sizeof frame->port)
        len = sizeof frame->port - 1;
    for (size_t i = 0; i < len; i++)
        frame->port[i] = port[i] >= 0x20 && port[i] < 0x7F ? (char)port[i] : '?';
}

static void copy_body(struct cursor *cursor, uint64_t type, struct selkie_spool_frame *frame)
{
    uint64_t len = type > 12 && type % 2 == 0 ? (type - 12) / 2 : 0;
    const uint8_t *body = len > 0 && len <= sizeof frame->body ? take(cursor, (size_t)len) : NULL;

    cursor->bad = !body;
    if (!body)
        return;
    frame->len = (uint16_t)len;
    memcpy(frame->body, body, (size_t)len);
}

/* A row of version 1 has no strength. */
static int decode(struct cursor *record, int64_t seq, struct selkie_spool_frame *frame)
{
    uint64_t types[COLUMNS] = {0};
    struct cursor head = *record;
    uint64_t head_len = varint(&head);
    size_t count = 0;

    if (head.bad || head_len > (size_t)(record->end - record->at) || head_len == 0)
        return SELKIE_EMALFORMED;
    head.end = record->at + head_len;
    record->at += head_len;
    for (; count < COLUMNS && head.at < head.end && !head.bad; count++)
        types[count] = varint(&head);
    if (head.bad || head.at != head.end || count < RSSI || types[SEQ] != 0)
        return SELKIE_EMALFORMED;
    memset(frame, 0, sizeof *frame);
    frame->seq = seq;
    frame->rx = number(record, types[RX]);
    frame->boot = number(record, types[BOOT]);
    frame->since_boot = number(record, types[SINCE_BOOT]);
    copy_port(record, types[PORT], frame);
    copy_body(record, types[BODY], frame);
    frame->rssi = count == COLUMNS ? (int16_t)number(record, types[RSSI]) : 0;
    return record->bad || record->at != record->end ? SELKIE_EMALFORMED : 0;
}

size_t selkie_spool_rows_count(const uint8_t *page, size_t size)
{
    size_t most = (size - LEAF_HEAD) / 2;
    size_t count = (size_t)page[3] << 8 | page[4];

    return page[0] != LEAF ? 0 : count < most ? count : most;
}

/* A row of the spool is always on one page: it is shorter than what SQLite would continue elsewhere. */
int selkie_spool_rows_frame(const uint8_t *page, size_t size, size_t index, struct selkie_spool_frame *frame)
{
    const uint8_t *pointer = page + LEAF_HEAD + 2 * index;
    size_t at = (size_t)pointer[0] << 8 | pointer[1];
    struct cursor cell = {.at = page + (at < size ? at : size), .end = page + size};
    uint64_t len = varint(&cell);
    uint64_t seq = varint(&cell);

    if (cell.bad || len > (size_t)(cell.end - cell.at) || seq == 0 || seq > SELKIE_SPOOL_SEQ_MAX)
        return SELKIE_EMALFORMED;
    cell.end = cell.at + len;
    return decode(&cell, (int64_t)seq, frame);
}
