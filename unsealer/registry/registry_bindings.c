/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, bindings and windows. */
#include "registry/registry_sqlite.h"

#include <mbedtls/platform_util.h>

static uint64_t place_of_address(const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    uint64_t place = 0;
    for (int i = 0; i < SELKIE_ADDRESS_SIZE; i++)
        place = place << 8 | address[i];
    return place;
}

int selkie_registry_device(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                           struct selkie_device_record *device)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_DEVICE_GET);

    memset(device, 0, sizeof *device);
    memcpy(device->address, address, SELKIE_ADDRESS_SIZE);
    device->status = SELKIE_DEVICE_LISTED;
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
            device->claim_corrupt = selkie_sql_corrupt(registry, "the claim of a device; bytes:", sealed) < 0;
        device->claim_len = len > 0 ? (size_t)len : 0;
    }
    device->listed = sqlite3_column_int(row, 2) != 0;
    device->revoked = sqlite3_column_int(row, 3) != 0;
    device->status = (enum selkie_device_status)sqlite3_column_int(row, 4);
    device->reset_alarm_ms = sqlite3_column_int64(row, 5);
    selkie_sql_done(row);
    return result;
}

int selkie_registry_put_device(struct selkie_registry *registry, const struct selkie_device_record *device)
{
    uint8_t sealed[SELKIE_CLAIM_MAX + SELKIE_VAULT_OVERHEAD];
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_DEVICE_PUT);

    selkie_sql_bind_blob(put, 1, device->address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_text(put, 2, device->name);
    if (device->claim_len) {
        if (selkie_vault_seal(registry->vault, SELKIE_VAULT_CLAIM, place_of_address(device->address), device->claim,
                              device->claim_len, sealed) < 0) {
            selkie_sql_done(put);
            return selkie_sql_unsealed(registry);
        }
        selkie_sql_bind_blob(put, 3, sealed, device->claim_len + SELKIE_VAULT_OVERHEAD);
    }
    sqlite3_bind_int(put, 4, device->listed);
    sqlite3_bind_int(put, 5, device->revoked);
    sqlite3_bind_int(put, 6, (int)device->status);
    sqlite3_bind_int64(put, 7, device->reset_alarm_ms);
    sqlite3_bind_int(put, 8, device->claim_corrupt);
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
    binding->revoked = sqlite3_column_int(row, 18) != 0;
    binding->newest.row = (uint32_t)sqlite3_column_int64(row, 19);
    binding->newest.present = (uint32_t)sqlite3_column_int64(row, 20);
    selkie_sql_get_blob(row, 21, binding->newest.entries, sizeof binding->newest.entries);
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

/* Those of an address that a statement gives. */
static int some_bindings(struct selkie_registry *registry, sqlite3_stmt *rows,
                         const uint8_t address[static SELKIE_ADDRESS_SIZE], struct selkie_binding bindings[], int max)
{
    int count = 0, result;

    selkie_sql_bind_blob(rows, 1, address, SELKIE_ADDRESS_SIZE);
    sqlite3_bind_int(rows, 2, max);
    while ((result = selkie_sql_step(registry, rows)) > 0 && count < max)
        read_binding(rows, &bindings[count++]);
    selkie_sql_done(rows);
    return result < 0 ? result : count;
}

int selkie_registry_live(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                         struct selkie_binding bindings[static SELKIE_LIVE_MAX])
{
    return some_bindings(registry, selkie_sql(registry, SELKIE_SQL_BINDING_LIVE), address, bindings, SELKIE_LIVE_MAX);
}

int selkie_registry_retired(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                            struct selkie_binding bindings[], int max)
{
    return some_bindings(registry, selkie_sql(registry, SELKIE_SQL_BINDING_RETIRED), address, bindings, max);
}

int selkie_registry_next_silent(struct selkie_registry *registry, int64_t *after, int64_t span, int64_t before_ms,
                                int64_t now_ms, struct selkie_binding *binding)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_SILENT);
    sqlite3_bind_int64(row, 1, *after);
    sqlite3_bind_int64(row, 2, *after + span);
    sqlite3_bind_int64(row, 3, before_ms);
    sqlite3_bind_int64(row, 4, now_ms);
    int result = one_binding(registry, row, binding);
    if (result > 0)
        *after = binding->number;
    else if (result == 0)
        *after = *after + span >= registry->last_binding ? 0 : *after + span;
    return result;
}

int selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                             bool next, struct selkie_binding *binding, struct selkie_session *session)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_TAG);

    selkie_session_wipe(session);
    selkie_sql_bind_blob(row, 1, tag, SELKIE_SESSION_TAG_SIZE);
    sqlite3_bind_int(row, 2, next ? (int)binding->status : 0);
    sqlite3_bind_int64(row, 3, next ? binding->number : 0);
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
            result = selkie_sql_corrupt(registry, "the session key of binding", binding->number);
    }
    selkie_sql_done(row);
    return result;
}

int selkie_registry_count_tag(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE])
{
    int64_t count;
    sqlite3_stmt *statement = selkie_sql(registry, SELKIE_SQL_BINDING_TAG_COUNT);
    selkie_sql_bind_blob(statement, 1, tag, SELKIE_SESSION_TAG_SIZE);
    int result = selkie_sql_number(registry, statement, &count);
    return result < 0 ? result : (int)count;
}

static int expect_new(struct selkie_registry *registry, const struct selkie_binding *binding,
                      const struct selkie_session *session)
{
    sqlite3_stmt *twins = selkie_sql(registry, SELKIE_SQL_BINDING_TWINS);
    int64_t count;

    selkie_sql_bind_blob(twins, 1, session->tag, SELKIE_SESSION_TAG_SIZE);
    selkie_sql_bind_blob(twins, 2, binding->address, SELKIE_ADDRESS_SIZE);
    selkie_sql_bind_blob(twins, 3, binding->id_hash, SELKIE_ID_HASH_SIZE);
    int result = selkie_sql_number(registry, twins, &count);
    if (result == 0 && count > 0)
        result = selkie_registry_contradicts(registry, "an ID is in one index and not in another");
    return result;
}

int selkie_registry_add_binding(struct selkie_registry *registry, struct selkie_binding *binding,
                                const struct selkie_session *session)
{
    uint8_t sealed[SELKIE_SESSION_KEY_SIZE + SELKIE_VAULT_OVERHEAD];
    int result = expect_new(registry, binding, session);
    if (result < 0)
        return result;

    sqlite3_stmt *add = selkie_sql_write(registry, SELKIE_SQL_BINDING_ADD);
    binding->number = ++registry->last_binding;
    if (selkie_vault_seal(registry->vault, SELKIE_VAULT_SESSION, (uint64_t)binding->number, session->key,
                          SELKIE_SESSION_KEY_SIZE, sealed) < 0)
        return selkie_sql_unsealed(registry);
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
    sqlite3_bind_int(add, 19, binding->revoked);
    sqlite3_bind_int64(add, 20, binding->newest.row);
    sqlite3_bind_int64(add, 21, binding->newest.present);
    selkie_sql_bind_blob(add, 22, binding->newest.entries, sizeof binding->newest.entries);
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
    sqlite3_bind_int64(put, 12, binding->newest.row);
    sqlite3_bind_int64(put, 13, binding->newest.present);
    selkie_sql_bind_blob(put, 14, binding->newest.entries, sizeof binding->newest.entries);
    return selkie_sql_run(registry, put);
}

static int64_t row_place(int64_t binding, uint32_t row)
{
    return binding << 27 | row;
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
    sqlite3_bind_int(put, 4, binding->revoked);
    int result = selkie_sql_run(registry, put);
    if (result < 0 || binding->status != SELKIE_BINDING_RETIRED)
        return result;
    sqlite3_stmt *forget = selkie_sql_write(registry, SELKIE_SQL_HISTORY_DELETE);
    sqlite3_bind_int64(forget, 1, binding->number);
    result = selkie_sql_run(registry, forget);
    if (result < 0)
        return result;
    return forget_seen(registry, row_place(binding->number, 0), row_place(binding->number + 1, 0));
}

/* A row that is not the newest. 1, or 0 where none of its counters was seen. */
static int read_row(struct selkie_registry *registry, int64_t binding, uint32_t number, struct selkie_seen_row *seen)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_SEEN_GET);

    *seen = (struct selkie_seen_row){.row = number};
    sqlite3_bind_int64(row, 1, row_place(binding, number));
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    seen->present = (uint32_t)sqlite3_column_int64(row, 0);
    selkie_sql_get_blob(row, 1, seen->entries, sizeof seen->entries);
    selkie_sql_done(row);
    return 1;
}

static int write_row(struct selkie_registry *registry, int64_t binding, const struct selkie_seen_row *seen)
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_SEEN_PUT);

    sqlite3_bind_int64(put, 1, row_place(binding, seen->row));
    sqlite3_bind_int64(put, 2, seen->present);
    selkie_sql_bind_blob(put, 3, seen->entries, sizeof seen->entries);
    return selkie_sql_run(registry, put);
}

int selkie_registry_seen(struct selkie_registry *registry, const struct selkie_binding *binding, uint32_t counter,
                         struct selkie_seen *seen)
{
    struct selkie_seen_row older;
    const struct selkie_seen_row *row = &binding->newest;
    uint32_t index = counter % SELKIE_SEEN_COUNTERS;

    if (counter / SELKIE_SEEN_COUNTERS != row->row) {
        int result = read_row(registry, binding->number, counter / SELKIE_SEEN_COUNTERS, &older);
        if (result <= 0)
            return result;
        row = &older;
    }
    if (!(row->present >> index & 1))
        return 0;
    const uint8_t *entry = row->entries + index * SELKIE_SEEN_ENTRY_SIZE;
    memcpy(seen->digest, entry, SELKIE_DIGEST_SIZE);
    seen->rx_ms = 0;
    for (int i = SELKIE_DIGEST_SIZE; i < SELKIE_SEEN_ENTRY_SIZE; i++)
        seen->rx_ms = seen->rx_ms << 8 | entry[i];
    return 1;
}

static void note_seen(struct selkie_seen_row *row, uint32_t counter, const struct selkie_seen *seen)
{
    uint32_t index = counter % SELKIE_SEEN_COUNTERS;
    uint8_t *entry = row->entries + index * SELKIE_SEEN_ENTRY_SIZE;
    int64_t rx_ms = seen->rx_ms;

    memcpy(entry, seen->digest, SELKIE_DIGEST_SIZE);
    for (int i = SELKIE_SEEN_ENTRY_SIZE - 1; i >= SELKIE_DIGEST_SIZE; i--, rx_ms >>= 8)
        entry[i] = (uint8_t)rx_ms;
    row->present |= UINT32_C(1) << index;
}

int selkie_registry_put_seen(struct selkie_registry *registry, struct selkie_binding *binding, uint32_t counter,
                             const struct selkie_seen *seen, uint32_t window_start)
{
    struct selkie_seen_row *newest = &binding->newest, older;
    uint32_t number = counter / SELKIE_SEEN_COUNTERS;
    int result = 0;

    if (number < newest->row) {
        result = read_row(registry, binding->number, number, &older);
        if (result < 0)
            return result;
        note_seen(&older, counter, seen);
        return write_row(registry, binding->number, &older);
    }
    if (number > newest->row) {
        if (newest->present)
            result = write_row(registry, binding->number, newest);
        if (result == 0)
            result = forget_seen(registry, row_place(binding->number, 0),
                                 row_place(binding->number, window_start / SELKIE_SEEN_COUNTERS));
        *newest = (struct selkie_seen_row){.row = number};
    }
    note_seen(newest, counter, seen);
    return result;
}
