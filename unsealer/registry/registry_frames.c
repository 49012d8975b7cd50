/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that wait (parked, unmatched), the outbox, and states that are due. */
#include "model/output.h"
#include "registry/registry_sqlite.h"

static void bind_address(sqlite3_stmt *statement, int index, const uint8_t *address)
{
    selkie_sql_bind_blob(statement, index, address, SELKIE_ADDRESS_SIZE);
}

static int delete_number(struct selkie_registry *registry, enum selkie_statement which, int64_t number)
{
    sqlite3_stmt *statement = selkie_sql_write(registry, which);
    sqlite3_bind_int64(statement, 1, number);
    return selkie_sql_run(registry, statement);
}

int selkie_registry_park(struct selkie_registry *registry, struct selkie_opened *parked)
{
    uint8_t sealed[SELKIE_PAYLOAD_MAX + SELKIE_VAULT_OVERHEAD];
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_PARKED_PUT);

    parked->number = ++registry->last_parked;
    sqlite3_bind_int64(put, 1, parked->number);
    sqlite3_bind_int64(put, 2, parked->binding);
    sqlite3_bind_int64(put, 3, parked->counter);
    selkie_sql_bind_blob(put, 4, parked->digest, SELKIE_DIGEST_SIZE);
    sqlite3_bind_int64(put, 5, parked->rx_ms);
    selkie_sql_bind_text(put, 6, parked->gateway);
    sqlite3_bind_int(put, 7, (int)parked->form);
    sqlite3_bind_int(put, 8, parked->key_id);
    if (parked->has_payload) {
        if (selkie_vault_seal(registry->vault, SELKIE_VAULT_PARKED, (uint64_t)parked->number, parked->payload,
                              parked->payload_len, sealed) < 0) {
            selkie_sql_done(put);
            return selkie_sql_unsealed(registry);
        }
        selkie_sql_bind_blob(put, 9, sealed, parked->payload_len + SELKIE_VAULT_OVERHEAD);
    }
    return selkie_sql_run(registry, put);
}

static int one_parked(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_opened *parked)
{
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    parked->number = sqlite3_column_int64(row, 0);
    parked->binding = sqlite3_column_int64(row, 1);
    parked->counter = (uint32_t)sqlite3_column_int64(row, 2);
    selkie_sql_get_blob(row, 3, parked->digest, sizeof parked->digest);
    parked->rx_ms = sqlite3_column_int64(row, 4);
    selkie_sql_get_text(row, 5, parked->gateway, sizeof parked->gateway);
    parked->form = (enum selkie_frame_type)sqlite3_column_int(row, 6);
    parked->key_id = (uint8_t)sqlite3_column_int(row, 7);
    parked->has_payload = sqlite3_column_type(row, 8) != SQLITE_NULL;
    parked->payload_len = 0;
    if (parked->has_payload) {
        int len = sqlite3_column_bytes(row, 8);
        if (len <= SELKIE_PAYLOAD_MAX + SELKIE_VAULT_OVERHEAD)
            len = selkie_vault_open_sealed(registry->vault, SELKIE_VAULT_PARKED, (uint64_t)parked->number,
                                           sqlite3_column_blob(row, 8), (size_t)len, parked->payload);
        else
            len = SELKIE_ECRYPTO;
        if (len < 0)
            result = selkie_sql_corrupt(registry, "parked frame", parked->number);
        else
            parked->payload_len = (size_t)len;
    }
    selkie_sql_done(row);
    return result;
}

int selkie_registry_next_parked(struct selkie_registry *registry, int64_t binding, bool next,
                                struct selkie_opened *parked)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_PARKED_NEXT);
    sqlite3_bind_int64(row, 1, binding);
    sqlite3_bind_int64(row, 2, next ? (int64_t)parked->counter : -1);
    sqlite3_bind_int64(row, 3, next ? parked->number : 0);
    return one_parked(registry, row, parked);
}

int selkie_registry_oldest_parked(struct selkie_registry *registry, int64_t binding, struct selkie_opened *parked)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_PARKED_OLDEST);
    sqlite3_bind_int64(row, 1, binding);
    return one_parked(registry, row, parked);
}

static int one_rx(struct selkie_registry *registry, sqlite3_stmt *row, int64_t *rx_ms)
{
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    *rx_ms = sqlite3_column_int64(row, 0);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_find_parked(struct selkie_registry *registry, int64_t binding, uint32_t counter,
                                const uint8_t digest[static SELKIE_DIGEST_SIZE], int64_t *rx_ms)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_PARKED_FIND);
    sqlite3_bind_int64(row, 1, binding);
    sqlite3_bind_int64(row, 2, counter);
    selkie_sql_bind_blob(row, 3, digest, SELKIE_DIGEST_SIZE);
    return one_rx(registry, row, rx_ms);
}

int selkie_registry_unpark(struct selkie_registry *registry, int64_t number)
{
    return delete_number(registry, SELKIE_SQL_PARKED_DELETE, number);
}

int selkie_registry_count_parked(struct selkie_registry *registry, int64_t binding)
{
    int64_t count;
    sqlite3_stmt *statement = selkie_sql(registry, binding ? SELKIE_SQL_PARKED_COUNT : SELKIE_SQL_PARKED_COUNT_ALL);
    if (binding)
        sqlite3_bind_int64(statement, 1, binding);
    int result = selkie_sql_number(registry, statement, &count);
    return result < 0 ? result : (int)count;
}

int selkie_registry_put_unmatched(struct selkie_registry *registry, struct selkie_unmatched *unmatched)
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_UNMATCHED_PUT);

    unmatched->number = ++registry->last_unmatched;
    sqlite3_bind_int64(put, 1, unmatched->number);
    selkie_sql_bind_blob(put, 2, unmatched->tag, sizeof unmatched->tag);
    selkie_sql_bind_blob(put, 3, unmatched->digest, sizeof unmatched->digest);
    sqlite3_bind_int64(put, 4, unmatched->rx_ms);
    sqlite3_bind_int64(put, 5, unmatched->arrived_ms);
    selkie_sql_bind_text(put, 6, unmatched->gateway);
    selkie_sql_bind_blob(put, 7, unmatched->body, unmatched->len);
    return selkie_sql_run(registry, put);
}

static int one_unmatched(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_unmatched *unmatched)
{
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    unmatched->number = sqlite3_column_int64(row, 0);
    selkie_sql_get_blob(row, 1, unmatched->tag, sizeof unmatched->tag);
    selkie_sql_get_blob(row, 2, unmatched->digest, sizeof unmatched->digest);
    unmatched->rx_ms = sqlite3_column_int64(row, 3);
    unmatched->arrived_ms = sqlite3_column_int64(row, 4);
    selkie_sql_get_text(row, 5, unmatched->gateway, sizeof unmatched->gateway);
    unmatched->len = (size_t)sqlite3_column_bytes(row, 6);
    if (unmatched->len > sizeof unmatched->body)
        unmatched->len = 0;
    if (unmatched->len)
        memcpy(unmatched->body, sqlite3_column_blob(row, 6), unmatched->len);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_next_unmatched(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                   int64_t after, struct selkie_unmatched *unmatched)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_UNMATCHED_NEXT);
    selkie_sql_bind_blob(row, 1, tag, SELKIE_SESSION_TAG_SIZE);
    sqlite3_bind_int64(row, 2, after);
    return one_unmatched(registry, row, unmatched);
}

int selkie_registry_oldest_unmatched(struct selkie_registry *registry, int64_t before_ms,
                                     struct selkie_unmatched *unmatched)
{
    int result = one_unmatched(registry, selkie_sql(registry, SELKIE_SQL_UNMATCHED_OLDEST), unmatched);
    return result > 0 && unmatched->arrived_ms >= before_ms ? 0 : result;
}

int selkie_registry_last_unmatched(struct selkie_registry *registry, int64_t *arrived_ms)
{
    return selkie_sql_number(registry, selkie_sql(registry, SELKIE_SQL_UNMATCHED_LAST_ARRIVED), arrived_ms);
}

int selkie_registry_find_unmatched(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                                   const uint8_t digest[static SELKIE_DIGEST_SIZE], int64_t *rx_ms)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_UNMATCHED_FIND);
    selkie_sql_bind_blob(row, 1, tag, SELKIE_SESSION_TAG_SIZE);
    selkie_sql_bind_blob(row, 2, digest, SELKIE_DIGEST_SIZE);
    return one_rx(registry, row, rx_ms);
}

int selkie_registry_delete_unmatched(struct selkie_registry *registry, int64_t number)
{
    return delete_number(registry, SELKIE_SQL_UNMATCHED_DELETE, number);
}

int selkie_registry_count_unmatched(struct selkie_registry *registry, const uint8_t *tag)
{
    int64_t count;
    sqlite3_stmt *statement = selkie_sql(registry, tag ? SELKIE_SQL_UNMATCHED_COUNT : SELKIE_SQL_UNMATCHED_COUNT_ALL);
    if (tag)
        selkie_sql_bind_blob(statement, 1, tag, SELKIE_SESSION_TAG_SIZE);
    int result = selkie_sql_number(registry, statement, &count);
    return result < 0 ? result : (int)count;
}

int selkie_registry_count_unmatched_of(struct selkie_registry *registry, const char *gateway)
{
    int64_t count;
    sqlite3_stmt *statement = selkie_sql(registry, SELKIE_SQL_UNMATCHED_COUNT_GATEWAY);
    selkie_sql_bind_text(statement, 1, gateway);
    int result = selkie_sql_number(registry, statement, &count);
    return result < 0 ? result : (int)count;
}

int selkie_registry_put_outbox(struct selkie_registry *registry, struct selkie_output *output)
{
    uint8_t sealed[SELKIE_PAYLOAD_MAX + SELKIE_VAULT_OVERHEAD];
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_OUTBOX_PUT);

    output->outbox = (uint64_t)++registry->last_outbox;
    sqlite3_bind_int64(put, 1, (int64_t)output->outbox);
    sqlite3_bind_int(put, 2, (int)output->kind);
    bind_address(put, 3, output->address);
    sqlite3_bind_int64(put, 4, output->counter);
    sqlite3_bind_int64(put, 5, output->rx_ms);
    selkie_sql_bind_text(put, 6, output->gateway);
    sqlite3_bind_int(put, 7, (int)output->form);
    if (output->kind == SELKIE_OUTPUT_EVENT)
        selkie_sql_bind_blob(put, 8, output->data, output->len);
    if (output->kind == SELKIE_OUTPUT_PAYLOAD) {
        if (output->len > SELKIE_PAYLOAD_MAX || selkie_vault_seal(registry->vault, SELKIE_VAULT_OUTBOX, output->outbox,
                                                                  output->data, output->len, sealed) < 0) {
            selkie_sql_done(put);
            return selkie_sql_unsealed(registry);
        }
        selkie_sql_bind_blob(put, 8, sealed, output->len + SELKIE_VAULT_OVERHEAD);
    }
    return selkie_sql_run(registry, put);
}

/* Put what is sealed in `sealed`, of which the output holds a copy, in its place. */
static int open_payload(struct selkie_registry *registry, const uint8_t *sealed, struct selkie_output *output)
{
    int len = selkie_vault_open_sealed(registry->vault, SELKIE_VAULT_OUTBOX, output->outbox, sealed, output->len,
                                       output->data);
    if (len < 0)
        return selkie_sql_corrupt(registry, "payload in the outbox", (int64_t)output->outbox);
    output->data[len] = 0;
    output->len = (size_t)len;
    return 0;
}

int selkie_registry_next_outbox(struct selkie_registry *registry, uint64_t *after, struct selkie_output **next)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_OUTBOX_NEXT);

    *next = NULL;
    sqlite3_bind_int64(row, 1, (int64_t)*after);
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    const uint8_t *data = sqlite3_column_blob(row, 7);
    struct selkie_output *output = selkie_output_new((enum selkie_output_kind)sqlite3_column_int(row, 1), data,
                                                     (size_t)sqlite3_column_bytes(row, 7));
    result = output ? 0 : SELKIE_ENOMEM;
    if (output) {
        output->outbox = (uint64_t)sqlite3_column_int64(row, 0);
        output->has_address = true;
        selkie_sql_get_blob(row, 2, output->address, sizeof output->address);
        output->counter = (uint32_t)sqlite3_column_int64(row, 3);
        output->rx_ms = sqlite3_column_int64(row, 4);
        selkie_sql_get_text(row, 5, output->gateway, sizeof output->gateway);
        output->form = (enum selkie_frame_type)sqlite3_column_int(row, 6);
        if (output->kind == SELKIE_OUTPUT_PAYLOAD)
            result = open_payload(registry, data, output);
    }
    if (result == 0 || result == SELKIE_ECRYPTO)
        *after = output->outbox;
    selkie_sql_done(row);
    if (result < 0) {
        selkie_output_free(output);
        return result;
    }
    *next = output;
    return 1;
}

int selkie_registry_empty_outbox(struct selkie_registry *registry, uint64_t up_to)
{
    return delete_number(registry, SELKIE_SQL_OUTBOX_EMPTY, (int64_t)up_to);
}

int selkie_registry_put_stale(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_STALE_PUT);
    bind_address(put, 1, address);
    return selkie_sql_run(registry, put);
}

int selkie_registry_delete_stale(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *statement = selkie_sql_write(registry, SELKIE_SQL_STALE_DELETE);
    bind_address(statement, 1, address);
    return selkie_sql_run(registry, statement);
}

int selkie_registry_next_stale(struct selkie_registry *registry, const uint8_t *after,
                               uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_STALE_NEXT);
    sqlite3_bind_blob(row, 1, after ? (const void *)after : "", after ? SELKIE_ADDRESS_SIZE : 0, SQLITE_STATIC);
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    selkie_sql_get_blob(row, 0, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_done(row);
    return 1;
}
