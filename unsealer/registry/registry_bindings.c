/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings and their windows, in the SQLite registry. */
#include "registry/registry_sqlite.h"

#include <string.h>

static struct selkie_value tag_value(const uint8_t tag[static SELKIE_SESSION_TAG_SIZE])
{
    return SELKIE_BLOB(tag, SELKIE_SESSION_TAG_SIZE);
}

static int read_binding(sqlite3_stmt *row, struct selkie_binding *record)
{
    int at = 0;

    SELKIE_BINDING_COLUMNS(SELKIE_READ, SELKIE_READ)
    return at;
}

/* 1 and the first of the rows, or 0. */
static int one_binding(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_binding *binding)
{
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    (void)read_binding(row, binding);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_binding(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                            const uint8_t id_hash[static SELKIE_ID_HASH_SIZE], struct selkie_binding *binding)
{
    return one_binding(
        registry,
        selkie_sql(registry, SELKIE_SQL_BINDING_GET,
                   SELKIE_VALUES(selkie_sql_address(address), SELKIE_BLOB(id_hash, SELKIE_ID_HASH_SIZE))),
        binding);
}

/* At most `max` bindings of an address. */
static int some_bindings(struct selkie_registry *registry, enum selkie_statement which,
                         const uint8_t address[static SELKIE_ADDRESS_SIZE], struct selkie_binding bindings[], int max)
{
    sqlite3_stmt *rows = selkie_sql(registry, which, SELKIE_VALUES(selkie_sql_address(address), SELKIE_INTEGER(max)));
    int count = 0, result;

    while ((result = selkie_sql_step(registry, rows)) > 0)
        (void)read_binding(rows, &bindings[count++]);
    return result < 0 ? result : count;
}

int selkie_registry_live(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                         struct selkie_binding bindings[static SELKIE_LIVE_MAX])
{
    return some_bindings(registry, SELKIE_SQL_BINDING_LIVE, address, bindings, SELKIE_LIVE_MAX);
}

int selkie_registry_retired(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                            struct selkie_binding bindings[], int max)
{
    return some_bindings(registry, SELKIE_SQL_BINDING_RETIRED, address, bindings, max);
}

int selkie_registry_retired_id(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                               const char *id, struct selkie_binding *binding)
{
    return one_binding(registry,
                       selkie_sql(registry, SELKIE_SQL_BINDING_RETIRED_ID,
                                  SELKIE_VALUES(selkie_sql_address(address), SELKIE_TEXT(id))),
                       binding);
}

int selkie_registry_count_pending(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    return selkie_sql_count(registry, SELKIE_SQL_BINDING_PENDING_COUNT, SELKIE_VALUES(selkie_sql_address(address)));
}

/* After a search of bindings up to number `last`: from where the next one goes on. */
static int end_search(const struct selkie_registry *registry, int result, int64_t *after, int64_t last,
                      const struct selkie_binding *binding)
{
    if (result > 0)
        *after = binding->number;
    else if (result == 0)
        *after = last >= registry->last_binding ? 0 : last;
    return result;
}

int selkie_registry_next_silent(struct selkie_registry *registry, int64_t *after, int64_t span, int64_t before_ms,
                                int64_t now_ms, struct selkie_binding *binding)
{
    const int64_t last = *after + span;
    int result = one_binding(registry,
                             selkie_sql(registry, SELKIE_SQL_BINDING_SILENT,
                                        SELKIE_VALUES(SELKIE_INTEGER(*after), SELKIE_INTEGER(last),
                                                      SELKIE_INTEGER(before_ms), SELKIE_INTEGER(now_ms))),
                             binding);

    return end_search(registry, result, after, last, binding);
}

int selkie_registry_next_marked(struct selkie_registry *registry, int64_t *after, int64_t span,
                                struct selkie_binding *binding)
{
    const int64_t last = *after + span;
    int result = one_binding(
        registry,
        selkie_sql(registry, SELKIE_SQL_BINDING_MARKED, SELKIE_VALUES(SELKIE_INTEGER(*after), SELKIE_INTEGER(last))),
        binding);

    return end_search(registry, result, after, last, binding);
}

int selkie_registry_count_silent(struct selkie_registry *registry, int64_t *after, int64_t span)
{
    const int64_t last = *after + span;
    int count = selkie_sql_count(registry, SELKIE_SQL_BINDING_SILENT_COUNT,
                                 SELKIE_VALUES(SELKIE_INTEGER(*after), SELKIE_INTEGER(last)));

    if (count >= 0)
        *after = last >= registry->last_binding ? 0 : last;
    return count;
}

int selkie_registry_next_forgotten(struct selkie_registry *registry, int64_t *after, int64_t span, int64_t pending_day,
                                   int64_t active_day, int64_t ended_day, struct selkie_binding *binding)
{
    const int64_t last = *after + span;
    int result =
        one_binding(registry,
                    selkie_sql(registry, SELKIE_SQL_BINDING_FORGOTTEN,
                               SELKIE_VALUES(SELKIE_INTEGER(*after), SELKIE_INTEGER(last), SELKIE_INTEGER(pending_day),
                                             SELKIE_INTEGER(active_day), SELKIE_INTEGER(ended_day))),
                    binding);

    return end_search(registry, result, after, last, binding);
}

int selkie_registry_count_replaced(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                                   int64_t after_day)
{
    return selkie_sql_count(registry, SELKIE_SQL_BINDING_REPLACED,
                            SELKIE_VALUES(selkie_sql_address(address), SELKIE_INTEGER(after_day)));
}

int selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE],
                             bool next, struct selkie_binding *binding, struct selkie_session *session)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_BINDING_TAG,
                                   SELKIE_VALUES(tag_value(tag), SELKIE_INTEGER(next ? binding->status : 0),
                                                 SELKIE_INTEGER(next ? binding->number : 0)));
    int result = selkie_sql_step(registry, row);

    selkie_session_wipe(session);
    if (result <= 0)
        return result;
    int at = read_binding(row, binding);
    if (binding->status != SELKIE_BINDING_RETIRED) {
        memcpy(session->address, binding->address, SELKIE_ADDRESS_SIZE);
        memcpy(session->tag, tag, SELKIE_SESSION_TAG_SIZE);
        if (selkie_sql_open(registry, SELKIE_VAULT_SESSION, (uint64_t)binding->number, row, at, session->key,
                            sizeof session->key) != sizeof session->key)
            result = selkie_sql_corrupt(registry, "the session key of binding %lld", (long long)binding->number);
    }
    selkie_sql_done(row);
    return result;
}

int selkie_registry_count_tag(struct selkie_registry *registry, const uint8_t tag[static SELKIE_SESSION_TAG_SIZE])
{
    return selkie_sql_count(registry, SELKIE_SQL_BINDING_TAG_COUNT, SELKIE_VALUES(tag_value(tag)));
}

int selkie_registry_count_same_tag(struct selkie_registry *registry, const struct selkie_binding *binding)
{
    return selkie_sql_count(registry, SELKIE_SQL_BINDING_SAME_TAG, SELKIE_VALUES(SELKIE_INTEGER(binding->number)));
}

int selkie_registry_add_binding(struct selkie_registry *registry, struct selkie_binding *record,
                                const struct selkie_session *session)
{
    uint8_t sealed[SELKIE_SESSION_KEY_SIZE + SELKIE_VAULT_OVERHEAD];
    const struct selkie_value tag = SELKIE_BLOB(session->tag, sizeof session->tag);
    struct selkie_value key;
    int twins =
        selkie_sql_count(registry, SELKIE_SQL_BINDING_TWINS,
                         SELKIE_VALUES(tag, SELKIE_VALUE_BLOB(record->address), SELKIE_VALUE_BLOB(record->id_hash)));

    if (twins != 0)
        return twins < 0 ? twins : selkie_registry_contradicts(registry, "an ID is in one index and not in another");
    record->number = ++registry->last_binding;
    int result = selkie_sql_seal(registry, SELKIE_VAULT_SESSION, (uint64_t)record->number, session->key,
                                 sizeof session->key, sealed, &key);
    if (result < 0)
        return result;
    return selkie_sql_run(registry, SELKIE_SQL_BINDING_ADD,
                          SELKIE_VALUES(SELKIE_BINDING_COLUMNS(SELKIE_VALUE, SELKIE_VALUE) tag, key));
}

int selkie_registry_put_binding(struct selkie_registry *registry, const struct selkie_binding *record)
{
    return selkie_sql_run(
        registry, SELKIE_SQL_BINDING_PUT,
        SELKIE_VALUES(SELKIE_BINDING_CHANGES(SELKIE_VALUE, SELKIE_VALUE) SELKIE_INTEGER(record->number)));
}

static struct selkie_value row_place(int64_t binding, uint32_t row)
{
    return SELKIE_INTEGER(binding << 27 | row);
}

int selkie_registry_put_binding_status(struct selkie_registry *registry, const struct selkie_binding *binding)
{
    bool retired = binding->status == SELKIE_BINDING_RETIRED && binding->ended == SELKIE_BINDING_REPLACED;
    const struct selkie_value values[] = {SELKIE_INTEGER(binding->status),
                                          SELKIE_INTEGER(binding->key_id),
                                          SELKIE_INTEGER(binding->revoked),
                                          SELKIE_INTEGER(binding->number),
                                          SELKIE_INTEGER(retired ? ++registry->last_binding : binding->superseded_ms),
                                          SELKIE_INTEGER(binding->successor.rx_ms),
                                          SELKIE_INTEGER(binding->successor.clock),
                                          SELKIE_INTEGER(binding->successor.gateway),
                                          SELKIE_INTEGER(binding->superseded_day),
                                          SELKIE_INTEGER(binding->ended)};

    if (!retired)
        return selkie_sql_run(registry, SELKIE_SQL_BINDING_STATUS, values, sizeof values / sizeof values[0]);
    int result = selkie_sql_run(registry, SELKIE_SQL_BINDING_RETIRE, values, 5);
    if (result == 0)
        result = selkie_sql_run(registry, SELKIE_SQL_HISTORY_DELETE, SELKIE_VALUES(SELKIE_INTEGER(binding->number)));
    if (result < 0)
        return result;
    return selkie_sql_run(registry, SELKIE_SQL_SEEN_FORGET,
                          SELKIE_VALUES(row_place(binding->number, 0), row_place(binding->number + 1, 0)));
}

int selkie_registry_delete_binding(struct selkie_registry *registry, int64_t number)
{
    return selkie_sql_run(registry, SELKIE_SQL_BINDING_DELETE, SELKIE_VALUES(SELKIE_INTEGER(number)));
}

/* A row that is not the newest; 0 where none of its counters was seen. */
static int read_row(struct selkie_registry *registry, int64_t binding, uint32_t number, struct selkie_seen_row *seen)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_SEEN_GET, SELKIE_VALUES(row_place(binding, number)));
    int result = selkie_sql_step(registry, row);

    *seen = (struct selkie_seen_row){.row = number};
    if (result <= 0)
        return result;
    seen->present = (uint32_t)sqlite3_column_int64(row, 0);
    selkie_sql_get_blob(row, 1, seen->entries, sizeof seen->entries);
    selkie_sql_done(row);
    return 1;
}

static int write_row(struct selkie_registry *registry, int64_t binding, const struct selkie_seen_row *seen)
{
    return selkie_sql_run(registry, SELKIE_SQL_SEEN_PUT,
                          SELKIE_VALUES(row_place(binding, seen->row), SELKIE_INTEGER(seen->present),
                                        SELKIE_BLOB(seen->entries, sizeof seen->entries)));
}

static void get_seen(struct selkie_seen *seen, const uint8_t entry[static SELKIE_SEEN_ENTRY_SIZE])
{
    uint64_t stored = 0;

    memcpy(seen->digest, entry, SELKIE_DIGEST_SIZE);
    for (int i = SELKIE_DIGEST_SIZE; i < SELKIE_SEEN_ENTRY_SIZE; i++)
        stored = stored << 8 | entry[i];
    seen->capture = (struct selkie_capture){.rx_ms = (int64_t)(stored >> 16) * 1000,
                                            .clock = (enum selkie_clock)(stored >> 14 & 3),
                                            .gateway = (uint16_t)(stored & 0x3fff)};
}

/* Seconds are rounded up: a repeat is never called later than it was. */
static void put_seen(uint8_t entry[static SELKIE_SEEN_ENTRY_SIZE], const struct selkie_seen *seen)
{
    uint64_t stored = (uint64_t)(seen->capture.rx_ms + 999) / 1000 << 16 | (uint64_t)seen->capture.clock << 14 |
                      seen->capture.gateway;

    memcpy(entry, seen->digest, SELKIE_DIGEST_SIZE);
    for (int i = SELKIE_SEEN_ENTRY_SIZE - 1; i >= SELKIE_DIGEST_SIZE; i--, stored >>= 8)
        entry[i] = (uint8_t)stored;
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
    get_seen(seen, row->entries + index * SELKIE_SEEN_ENTRY_SIZE);
    return 1;
}

static void note_seen(struct selkie_seen_row *row, uint32_t counter, const struct selkie_seen *seen)
{
    uint32_t index = counter % SELKIE_SEEN_COUNTERS;

    put_seen(row->entries + index * SELKIE_SEEN_ENTRY_SIZE, seen);
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
            result = selkie_sql_run(registry, SELKIE_SQL_SEEN_FORGET,
                                    SELKIE_VALUES(row_place(binding->number, 0),
                                                  row_place(binding->number, window_start / SELKIE_SEEN_COUNTERS)));
        *newest = (struct selkie_seen_row){.row = number};
    }
    note_seen(newest, counter, seen);
    return result;
}
