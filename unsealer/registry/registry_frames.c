/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that wait (parked, unmatched), the outbox, and devices whose state is due. */
#include "model/output.h"
#include "registry/registry_sqlite.h"

#include <string.h>

int selkie_registry_park(struct selkie_registry *registry, struct selkie_opened *record)
{
    uint8_t sealed[SELKIE_PAYLOAD_MAX + SELKIE_VAULT_OVERHEAD];
    struct selkie_value payload = {0};
    int result = 0;

    record->number = ++registry->last_parked;
    if (record->has_payload)
        result = selkie_sql_seal(registry, SELKIE_VAULT_PARKED, (uint64_t)record->number, record->payload,
                                 record->payload_len, sealed, &payload);
    if (result < 0)
        return result;
    return selkie_sql_run(registry, SELKIE_SQL_PARKED_PUT,
                          SELKIE_VALUES(SELKIE_PARKED_COLUMNS(SELKIE_VALUE, SELKIE_VALUE) payload));
}

static int one_parked(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_opened *record)
{
    int result = selkie_sql_step(registry, row), at = 0, len = 0;

    if (result <= 0)
        return result;
    record->arrived_ms = 0;
    SELKIE_PARKED_COLUMNS(SELKIE_READ, SELKIE_READ)
    record->has_payload = sqlite3_column_type(row, at) != SQLITE_NULL;
    if (record->has_payload)
        len = selkie_sql_open(registry, SELKIE_VAULT_PARKED, (uint64_t)record->number, row, at, record->payload,
                              sizeof record->payload);
    if (len < 0)
        result = selkie_sql_corrupt(registry, "parked frame %lld", (long long)record->number);
    record->payload_len = len > 0 ? (size_t)len : 0;
    selkie_sql_done(row);
    return result;
}

int selkie_registry_next_parked(struct selkie_registry *registry, int64_t binding, bool next,
                                struct selkie_opened *parked)
{
    return one_parked(
        registry,
        selkie_sql(registry, SELKIE_SQL_PARKED_NEXT,
                   SELKIE_VALUES(SELKIE_INTEGER(binding), SELKIE_INTEGER(next ? (int64_t)parked->counter : -1),
                                 SELKIE_INTEGER(next ? parked->number : 0))),
        parked);
}

int selkie_registry_oldest_parked(struct selkie_registry *registry, int64_t binding, struct selkie_opened *parked)
{
    return one_parked(registry, selkie_sql(registry, SELKIE_SQL_PARKED_OLDEST, SELKIE_VALUES(SELKIE_INTEGER(binding))),
                      parked);
}

int selkie_registry_first_parked(struct selkie_registry *registry, int64_t before_day, struct selkie_opened *parked,
                                 uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_PARKED_FIRST, SELKIE_NO_VALUES);
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    parked->parked_day = sqlite3_column_int64(row, 0);
    parked->number = sqlite3_column_int64(row, 1);
    parked->rx_ms = sqlite3_column_int64(row, 2);
    selkie_sql_get_text(row, 3, parked->gateway, sizeof parked->gateway);
    selkie_sql_get_blob(row, 4, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_done(row);
    return parked->parked_day < before_day;
}

/* The capture in a row of rx, clock and gateway: 1, or 0 without a row. */
static int one_capture(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_capture *capture)
{
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    selkie_sql_get_text(row, 2, gateway, sizeof gateway);
    *capture = selkie_capture_of(sqlite3_column_int64(row, 0), (enum selkie_clock)sqlite3_column_int(row, 1), gateway);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_find_parked(struct selkie_registry *registry, int64_t binding, uint32_t counter,
                                const uint8_t digest[static SELKIE_DIGEST_SIZE], struct selkie_capture *capture)
{
    return one_capture(registry,
                       selkie_sql(registry, SELKIE_SQL_PARKED_FIND,
                                  SELKIE_VALUES(SELKIE_INTEGER(binding), SELKIE_INTEGER(counter),
                                                SELKIE_BLOB(digest, SELKIE_DIGEST_SIZE))),
                       capture);
}

int selkie_registry_unpark(struct selkie_registry *registry, int64_t number)
{
    return selkie_sql_run(registry, SELKIE_SQL_PARKED_DELETE, SELKIE_VALUES(SELKIE_INTEGER(number)));
}

int selkie_registry_count_parked(struct selkie_registry *registry, int64_t binding)
{
    return selkie_sql_count(registry, SELKIE_SQL_PARKED_COUNT, SELKIE_VALUES(SELKIE_INTEGER(binding)));
}

int selkie_registry_put_unmatched(struct selkie_registry *registry, struct selkie_unmatched *record)
{
    record->number = ++registry->last_unmatched;
    return selkie_sql_run(
        registry, SELKIE_SQL_UNMATCHED_PUT,
        SELKIE_VALUES(SELKIE_UNMATCHED_COLUMNS(SELKIE_VALUE, SELKIE_VALUE) SELKIE_BLOB(record->body, record->len)));
}

static int one_unmatched(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_unmatched *record)
{
    int result = selkie_sql_step(registry, row), at = 0;

    if (result <= 0)
        return result;
    SELKIE_UNMATCHED_COLUMNS(SELKIE_READ, SELKIE_READ)
    const void *body = sqlite3_column_blob(row, at);
    size_t len = (size_t)sqlite3_column_bytes(row, at);
    record->len = body && len <= sizeof record->body ? len : 0;
    if (record->len)
        memcpy(record->body, body, len);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_next_unmatched(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                   int64_t after, struct selkie_unmatched *unmatched)
{
    return one_unmatched(registry,
                         selkie_sql(registry, SELKIE_SQL_UNMATCHED_NEXT,
                                    SELKIE_VALUES(SELKIE_BLOB(tag, SELKIE_SESSION_TAG_SIZE), SELKIE_INTEGER(after))),
                         unmatched);
}

int selkie_registry_oldest_unmatched(struct selkie_registry *registry, int64_t before_ms,
                                     struct selkie_unmatched *unmatched)
{
    int result =
        one_unmatched(registry, selkie_sql(registry, SELKIE_SQL_UNMATCHED_OLDEST, SELKIE_NO_VALUES), unmatched);

    return result > 0 && unmatched->arrived_ms >= before_ms ? 0 : result;
}

int selkie_registry_last_unmatched(struct selkie_registry *registry, int64_t *arrived_ms)
{
    int result = selkie_sql_number(registry, arrived_ms, SELKIE_SQL_UNMATCHED_LAST_ARRIVED, SELKIE_NO_VALUES);

    return result < 0 ? result : 0;
}

int selkie_registry_find_unmatched(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                   const uint8_t digest[static SELKIE_DIGEST_SIZE], struct selkie_capture *capture)
{
    return one_capture(
        registry,
        selkie_sql(registry, SELKIE_SQL_UNMATCHED_FIND,
                   SELKIE_VALUES(SELKIE_BLOB(tag, SELKIE_SESSION_TAG_SIZE), SELKIE_BLOB(digest, SELKIE_DIGEST_SIZE))),
        capture);
}

int selkie_registry_delete_unmatched(struct selkie_registry *registry, int64_t number)
{
    return selkie_sql_run(registry, SELKIE_SQL_UNMATCHED_DELETE, SELKIE_VALUES(SELKIE_INTEGER(number)));
}

int selkie_registry_count_unmatched(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                    const char *gateway)
{
    return selkie_sql_count(registry, SELKIE_SQL_UNMATCHED_COUNT,
                            SELKIE_VALUES(SELKIE_BLOB(tag, SELKIE_SESSION_TAG_SIZE), SELKIE_TEXT(gateway)));
}

int selkie_registry_held(struct selkie_registry *registry, enum selkie_shared what, const char *gateway)
{
    static const char *const names[] = {
        [SELKIE_SHARED_DEVICES] = "device", [SELKIE_SHARED_PARKED] = "parked", [SELKIE_SHARED_UNMATCHED] = "unmatched"};

    return selkie_sql_count(registry, SELKIE_SQL_HELD, SELKIE_VALUES(SELKIE_TEXT(names[what]), SELKIE_TEXT(gateway)));
}

int selkie_registry_put_outbox(struct selkie_registry *registry, struct selkie_output *record)
{
    uint8_t sealed[SELKIE_PAYLOAD_MAX + SELKIE_VAULT_OVERHEAD];
    struct selkie_value data = {0};
    int result = record->kind == SELKIE_OUTPUT_PAYLOAD && record->len > SELKIE_PAYLOAD_MAX ? SELKIE_ESTORAGE : 0;

    record->outbox = (uint64_t)++registry->last_outbox;
    if (record->kind == SELKIE_OUTPUT_EVENT)
        data = SELKIE_BLOB(record->data, record->len);
    else if (record->kind == SELKIE_OUTPUT_PAYLOAD && result == 0)
        result =
            selkie_sql_seal(registry, SELKIE_VAULT_OUTBOX, record->outbox, record->data, record->len, sealed, &data);
    if (result < 0)
        return result;
    return selkie_sql_run(registry, SELKIE_SQL_OUTBOX_PUT,
                          SELKIE_VALUES(SELKIE_OUTBOX_COLUMNS(SELKIE_VALUE, SELKIE_VALUE) data));
}

/* Decrypt the payload of a row in place of the copy that the output holds. */
static int open_payload(struct selkie_registry *registry, sqlite3_stmt *row, int column, struct selkie_output *output)
{
    int len = selkie_sql_open(registry, SELKIE_VAULT_OUTBOX, output->outbox, row, column, output->data, output->len);

    if (len < 0)
        return selkie_sql_corrupt(registry, "payload %llu in the outbox", (unsigned long long)output->outbox);
    output->data[len] = 0;
    output->len = (size_t)len;
    return 0;
}

int selkie_registry_next_outbox(struct selkie_registry *registry, uint64_t *after, struct selkie_output **next)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_OUTBOX_NEXT, SELKIE_VALUES(SELKIE_INTEGER(*after)));
    int result = selkie_sql_step(registry, row), at = 0;

    *next = NULL;
    if (result <= 0)
        return result;
    const int last = sqlite3_column_count(row) - 1;
    const void *data = sqlite3_column_blob(row, last);
    struct selkie_output *record =
        selkie_output_new(SELKIE_OUTPUT_STATE, data, data ? (size_t)sqlite3_column_bytes(row, last) : 0);
    result = record ? 1 : SELKIE_ENOMEM;
    if (record) {
        SELKIE_OUTBOX_COLUMNS(SELKIE_READ, SELKIE_READ)
        record->has_address = true;
        *after = record->outbox;
        if (record->kind == SELKIE_OUTPUT_PAYLOAD && open_payload(registry, row, at, record) < 0)
            result = SELKIE_ECRYPTO;
    }
    selkie_sql_done(row);
    if (result < 0) {
        selkie_output_free(record);
        record = NULL;
    }
    *next = record;
    return result;
}

int selkie_registry_empty_outbox(struct selkie_registry *registry, uint64_t up_to)
{
    return selkie_sql_run(registry, SELKIE_SQL_OUTBOX_EMPTY, SELKIE_VALUES(SELKIE_INTEGER(up_to)));
}

int selkie_registry_put_stale(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    return selkie_sql_run(registry, SELKIE_SQL_STALE_PUT, SELKIE_VALUES(SELKIE_BLOB(address, SELKIE_ADDRESS_SIZE)));
}

int selkie_registry_delete_stale(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    return selkie_sql_run(registry, SELKIE_SQL_STALE_DELETE, SELKIE_VALUES(SELKIE_BLOB(address, SELKIE_ADDRESS_SIZE)));
}

int selkie_registry_next_stale(struct selkie_registry *registry, const uint8_t *after,
                               uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_STALE_NEXT, SELKIE_VALUES(selkie_sql_address(after)));
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    selkie_sql_get_blob(row, 0, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_done(row);
    return 1;
}
