/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, bindings and windows. */
#include "registry_sqlite.h"

#include <mbedtls/platform_util.h>

static uint64_t place_of_address(const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    uint64_t place = 0;
    for (int i = 0; i < SELKIE_ADDRESS_SIZE; i++)
        place = place << 8 | address[i];
    return place;
}

int selkie_registry_device(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                           struct selkie_device *device)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_DEVICE_GET);

    memset(device, 0, sizeof *device);
    memcpy(device->address, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_blob(row, 1, address, SELKIE_ADDRESS_SIZE);
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    selkie_sql_get_text(row, 0, device->name, sizeof device->name);
    int sealed = sqlite3_column_bytes(row, 1);
    if (sealed > 0 && sealed <= SELKIE_CLAIM_MAX + SELKIE_VAULT_OVERHEAD) {
        int len = selkie_vault_open_sealed(registry->vault, SELKIE_VAULT_CLAIM, place_of_address(address),
                                           sqlite3_column_blob(row, 1), (size_t)sealed, device->claim);
        if (len < 0)
            result = selkie_sql_spoilt(registry, "a claim");
        device->claim_len = len > 0 ? (size_t)len : 0;
    }
    device->listed = sqlite3_column_int(row, 2) != 0;
    device->revoked = sqlite3_column_int(row, 3) != 0;
    device->status = (enum selkie_device_status)sqlite3_column_int(row, 4);
    device->reset_alarm_ms = sqlite3_column_int64(row, 5);
    selkie_sql_done(row);
    return result;
}

int selkie_registry_put_device(struct selkie_registry *registry, const struct selkie_device *device)
{
    uint8_t sealed[SELKIE_CLAIM_MAX + SELKIE_VAULT_OVERHEAD];
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_DEVICE_PUT);

    selkie_sql_bind_blob(put, 1, device->address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_text(put, 2, device->name);
    if (device->claim_len) {
        if (selkie_vault_seal(registry->vault, SELKIE_VAULT_CLAIM, place_of_address(device->address), device->claim,
                              device->claim_len, sealed) < 0) {
            selkie_sql_done(put);
            return selkie_sql_spoilt(registry, "a claim");
        }
        selkie_sql_bind_blob(put, 3, sealed, device->claim_len + SELKIE_VAULT_OVERHEAD);
    }
    sqlite3_bind_int(put, 4, device->listed);
    sqlite3_bind_int(put, 5, device->revoked);
    sqlite3_bind_int(put, 6, (int)device->status);
    sqlite3_bind_int64(put, 7, device->reset_alarm_ms);
    return selkie_sql_run(registry, put);
}

int selkie_registry_delete_device(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *statement = selkie_sql_write(registry, SELKIE_SQL_DEVICE_DELETE);
    selkie_sql_bind_blob(statement, 1, address, SELKIE_ADDRESS_SIZE);
    return selkie_sql_run(registry, statement);
}

int selkie_registry_addresses(struct selkie_registry *registry, int status, const uint8_t *after, uint64_t offset,
                              uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max)
{
    sqlite3_stmt *rows = selkie_sql(registry, status < 0 ? SELKIE_SQL_DEVICE_LIST : SELKIE_SQL_DEVICE_LIST_STATUS);
    int count = 0, result;

    sqlite3_bind_blob(rows, 1, after ? (const void *)after : "", after ? SELKIE_ADDRESS_SIZE : 0, SQLITE_STATIC);
    sqlite3_bind_int(rows, 2, max);
    sqlite3_bind_int64(rows, 3, (int64_t)offset);
    if (status >= 0)
        sqlite3_bind_int(rows, 4, status);
    while ((result = selkie_sql_step(registry, rows)) > 0 && count < max)
        selkie_sql_get_blob(rows, 0, addresses[count++], SELKIE_ADDRESS_SIZE);
    selkie_sql_done(rows);
    return result < 0 ? result : count;
}

static int tally(struct selkie_registry *registry, const char *what, int which, uint64_t *count)
{
    int64_t number;
    sqlite3_stmt *statement = selkie_sql(registry, SELKIE_SQL_TALLY);
    selkie_sql_bind_text(statement, 1, what);
    sqlite3_bind_int(statement, 2, which);
    int result = selkie_sql_number(registry, statement, &number);
    *count = (uint64_t)number;
    return result;
}

int selkie_registry_count_devices(struct selkie_registry *registry, int status, uint64_t *count)
{
    return tally(registry, "status", status, count);
}

int selkie_registry_count_key(struct selkie_registry *registry, uint8_t key_id, uint64_t *count)
{
    return tally(registry, "key", key_id, count);
}

static void read_binding(sqlite3_stmt *row, struct selkie_binding *binding)
{
    binding->number = sqlite3_column_int64(row, 0);
    selkie_sql_get_blob(row, 1, binding->address, sizeof binding->address);
    selkie_sql_get_blob(row, 2, binding->id_hash, sizeof binding->id_hash);
    binding->status = (enum selkie_binding_status)sqlite3_column_int(row, 3);
    binding->key_id = (uint8_t)sqlite3_column_int(row, 4);
    binding->counter = (uint32_t)sqlite3_column_int64(row, 5);
    binding->received = (uint64_t)sqlite3_column_int64(row, 6);
    binding->session_frames = (uint64_t)sqlite3_column_int64(row, 7);
    binding->first_seen_ms = sqlite3_column_int64(row, 8);
    binding->last_seen_ms = sqlite3_column_int64(row, 9);
    selkie_sql_get_text(row, 10, binding->gateway, sizeof binding->gateway);
    binding->form = (enum selkie_frame_type)sqlite3_column_int(row, 11);
    selkie_sql_get_text(row, 12, binding->firmware, sizeof binding->firmware);
    binding->silent = sqlite3_column_int(row, 13) != 0;
    binding->clone_alarm_ms = sqlite3_column_int64(row, 14);
    binding->session_bytes = (uint64_t)sqlite3_column_int64(row, 17);
}

/* Step a statement of SELKIE_SQL_BINDING for one row. */
static int one_binding(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_binding *binding)
{
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    read_binding(row, binding);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_binding(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                            const uint8_t id_hash[static SELKIE_ID_HASH_SIZE], struct selkie_binding *binding)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_GET);
    selkie_sql_bind_blob(row, 1, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_blob(row, 2, id_hash, SELKIE_ID_HASH_SIZE);
    return one_binding(registry, row, binding);
}

int selkie_registry_live(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                         struct selkie_binding bindings[static SELKIE_LIVE_MAX])
{
    sqlite3_stmt *rows = selkie_sql(registry, SELKIE_SQL_BINDING_LIVE);
    int count = 0, result;

    selkie_sql_bind_blob(rows, 1, address, SELKIE_ADDRESS_SIZE);
    sqlite3_bind_int(rows, 2, SELKIE_LIVE_MAX);
    while ((result = selkie_sql_step(registry, rows)) > 0 && count < SELKIE_LIVE_MAX)
        read_binding(rows, &bindings[count++]);
    selkie_sql_done(rows);
    return result < 0 ? result : count;
}

int selkie_registry_next_binding(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                 int64_t after, struct selkie_binding *binding)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_NEXT);
    selkie_sql_bind_blob(row, 1, address, SELKIE_ADDRESS_SIZE);
    sqlite3_bind_int64(row, 2, after);
    return one_binding(registry, row, binding);
}

int selkie_registry_next_silent(struct selkie_registry *registry, int64_t *after, int64_t span, int64_t before_ms,
                                struct selkie_binding *binding)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_SILENT);
    sqlite3_bind_int64(row, 1, *after);
    sqlite3_bind_int64(row, 2, *after + span);
    sqlite3_bind_int64(row, 3, before_ms);
    int result = one_binding(registry, row, binding);
    if (result > 0)
        *after = binding->number;
    else if (result == 0)
        *after = *after + span >= registry->last_binding ? 0 : *after + span;
    return result;
}

int selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                             int64_t after, struct selkie_binding *binding, struct selkie_session *session)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_TAG);

    selkie_session_wipe(session);
    selkie_sql_bind_blob(row, 1, tag, SELKIE_SESSION_TAG_SIZE);
    sqlite3_bind_int64(row, 2, after);
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    read_binding(row, binding);
    if (binding->status != SELKIE_BINDING_RETIRED) {
        memcpy(session->address, binding->address, SELKIE_ADDRESS_SIZE);
        memcpy(session->tag, tag, SELKIE_SESSION_TAG_SIZE);
        if (sqlite3_column_bytes(row, 16) != SELKIE_SESSION_KEY_SIZE + SELKIE_VAULT_OVERHEAD ||
            selkie_vault_open_sealed(registry->vault, SELKIE_VAULT_SESSION, (uint64_t)binding->number,
                                     sqlite3_column_blob(row, 16), SELKIE_SESSION_KEY_SIZE + SELKIE_VAULT_OVERHEAD,
                                     session->key) < 0)
            result = selkie_sql_spoilt(registry, "a session key");
    }
    selkie_sql_done(row);
    return result;
}

int selkie_registry_add_binding(struct selkie_registry *registry, struct selkie_binding *binding,
                                const struct selkie_session *session)
{
    uint8_t sealed[SELKIE_SESSION_KEY_SIZE + SELKIE_VAULT_OVERHEAD];
    sqlite3_stmt *add = selkie_sql_write(registry, SELKIE_SQL_BINDING_ADD);

    binding->number = ++registry->last_binding;
    if (selkie_vault_seal(registry->vault, SELKIE_VAULT_SESSION, (uint64_t)binding->number, session->key,
                          SELKIE_SESSION_KEY_SIZE, sealed) < 0)
        return selkie_sql_spoilt(registry, "a session key");
    sqlite3_bind_int64(add, 1, binding->number);
    selkie_sql_bind_blob(add, 2, binding->address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_blob(add, 3, binding->id_hash, SELKIE_ID_HASH_SIZE);
    selkie_sql_bind_blob(add, 4, session->tag, SELKIE_SESSION_TAG_SIZE);
    selkie_sql_bind_blob(add, 5, sealed, sizeof sealed);
    sqlite3_bind_int(add, 6, (int)binding->status);
    sqlite3_bind_int(add, 7, binding->key_id);
    sqlite3_bind_int64(add, 8, binding->counter);
    sqlite3_bind_int64(add, 9, (int64_t)binding->received);
    sqlite3_bind_int64(add, 10, binding->first_seen_ms);
    sqlite3_bind_int64(add, 11, binding->last_seen_ms);
    selkie_sql_bind_text(add, 12, binding->gateway);
    sqlite3_bind_int(add, 13, (int)binding->form);
    selkie_sql_bind_text(add, 14, binding->firmware);
    sqlite3_bind_int(add, 15, binding->silent);
    sqlite3_bind_int64(add, 16, binding->clone_alarm_ms);
    sqlite3_bind_int64(add, 17, (int64_t)binding->session_frames);
    sqlite3_bind_int64(add, 18, (int64_t)binding->session_bytes);
    return selkie_sql_run(registry, add);
}

int selkie_registry_put_binding(struct selkie_registry *registry, const struct selkie_binding *binding)
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_BINDING_PUT);

    sqlite3_bind_int64(put, 1, binding->number);
    sqlite3_bind_int64(put, 2, binding->counter);
    sqlite3_bind_int64(put, 3, (int64_t)binding->received);
    sqlite3_bind_int64(put, 4, binding->last_seen_ms);
    selkie_sql_bind_text(put, 5, binding->gateway);
    sqlite3_bind_int(put, 6, (int)binding->form);
    selkie_sql_bind_text(put, 7, binding->firmware);
    sqlite3_bind_int(put, 8, binding->silent);
    sqlite3_bind_int64(put, 9, binding->clone_alarm_ms);
    sqlite3_bind_int64(put, 10, (int64_t)binding->session_frames);
    sqlite3_bind_int64(put, 11, (int64_t)binding->session_bytes);
    return selkie_sql_run(registry, put);
}

#define ROW_COUNTERS 32
#define RX_SIZE      6
#define ENTRY_SIZE   (SELKIE_DIGEST_SIZE + RX_SIZE)

static int64_t row_place(int64_t binding, uint32_t counter)
{
    return binding << 27 | counter / ROW_COUNTERS;
}

static int forget_seen(struct selkie_registry *registry, int64_t from, int64_t to)
{
    sqlite3_stmt *forget = selkie_sql_write(registry, SELKIE_SQL_SEEN_FORGET);
    sqlite3_bind_int64(forget, 1, from);
    sqlite3_bind_int64(forget, 2, to);
    return selkie_sql_run(registry, forget);
}

int selkie_registry_put_binding_status(struct selkie_registry *registry, const struct selkie_binding *binding)
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_BINDING_STATUS);

    sqlite3_bind_int64(put, 1, binding->number);
    sqlite3_bind_int(put, 2, (int)binding->status);
    sqlite3_bind_int(put, 3, binding->key_id);
    int result = selkie_sql_run(registry, put);
    if (result < 0 || binding->status != SELKIE_BINDING_RETIRED)
        return result;
    return forget_seen(registry, row_place(binding->number, 0), row_place(binding->number + 1, 0));
}

/* Read the 32 counters around one. 1, or 0 where none of them was seen. */
static int read_row(struct selkie_registry *registry, int64_t place, uint32_t *present,
                    uint8_t entries[static ROW_COUNTERS * ENTRY_SIZE])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_SEEN_GET);

    sqlite3_bind_int64(row, 1, place);
    int result = selkie_sql_step(registry, row);
    *present = 0;
    if (result <= 0)
        return result;
    *present = (uint32_t)sqlite3_column_int64(row, 0);
    selkie_sql_get_blob(row, 1, entries, ROW_COUNTERS * ENTRY_SIZE);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_seen(struct selkie_registry *registry, int64_t binding, uint32_t counter, struct selkie_seen *seen)
{
    uint8_t entries[ROW_COUNTERS * ENTRY_SIZE];
    uint32_t present, index = counter % ROW_COUNTERS;
    int result = read_row(registry, row_place(binding, counter), &present, entries);

    if (result <= 0 || !(present >> index & 1))
        return result < 0 ? result : 0;
    const uint8_t *entry = entries + index * ENTRY_SIZE;
    memcpy(seen->digest, entry, SELKIE_DIGEST_SIZE);
    seen->rx_ms = 0;
    for (int i = 0; i < RX_SIZE; i++)
        seen->rx_ms = seen->rx_ms << 8 | entry[SELKIE_DIGEST_SIZE + i];
    return 1;
}

int selkie_registry_put_seen(struct selkie_registry *registry, int64_t binding, uint32_t counter,
                             const struct selkie_seen *seen, uint32_t window_start)
{
    uint8_t entries[ROW_COUNTERS * ENTRY_SIZE] = {0};
    uint32_t present, index = counter % ROW_COUNTERS;
    int64_t place = row_place(binding, counter), rx_ms = seen->rx_ms;
    int result = read_row(registry, place, &present, entries);

    if (result < 0)
        return result;
    bool fresh = result == 0;
    uint8_t *entry = entries + index * ENTRY_SIZE;
    memcpy(entry, seen->digest, SELKIE_DIGEST_SIZE);
    for (int i = RX_SIZE - 1; i >= 0; i--, rx_ms >>= 8)
        entry[SELKIE_DIGEST_SIZE + i] = (uint8_t)rx_ms;
    present |= UINT32_C(1) << index;

    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_SEEN_PUT);
    sqlite3_bind_int64(put, 1, place);
    sqlite3_bind_int64(put, 2, present);
    selkie_sql_bind_blob(put, 3, entries, sizeof entries);
    result = selkie_sql_run(registry, put);
    if (result < 0 || !fresh || window_start < ROW_COUNTERS)
        return result;
    return forget_seen(registry, row_place(binding, 0), row_place(binding, window_start));
}
