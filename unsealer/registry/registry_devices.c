/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, gateways and the day clock, in the SQLite registry. */
#include "registry/registry_sqlite.h"

#include <string.h>

static uint64_t place_of_address(const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    uint64_t place = 0;

    for (int i = 0; i < SELKIE_ADDRESS_SIZE; i++)
        place = place << 8 | address[i];
    return place;
}

int selkie_registry_device(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                           struct selkie_device_record *record)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_DEVICE_GET, SELKIE_VALUES(selkie_sql_address(address)));
    int result = selkie_sql_step(registry, row), at = 0;

    *record = (struct selkie_device_record){.status = SELKIE_DEVICE_LISTED};
    memcpy(record->address, address, SELKIE_ADDRESS_SIZE);
    if (result <= 0)
        return result;
    SELKIE_DEVICE_COLUMNS(SELKIE_READ, SELKIE_READ)
    if (sqlite3_column_type(row, at) != SQLITE_NULL) {
        uint64_t place = place_of_address(address);
        int len = selkie_sql_open(registry, SELKIE_VAULT_CLAIM, place, row, at, record->claim, sizeof record->claim);
        if (len < 0)
            record->claim_corrupt =
                selkie_sql_corrupt(registry, "the claim of device %016llx", (unsigned long long)place) < 0;
        record->claim_len = len > 0 ? (size_t)len : 0;
    }
    selkie_sql_done(row);
    return result;
}

int selkie_registry_label(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                          struct selkie_device_label *label)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_DEVICE_LABEL, SELKIE_VALUES(selkie_sql_address(address)));
    int result = selkie_sql_step(registry, row);

    *label = (struct selkie_device_label){.name = ""};
    if (result <= 0)
        return result;
    selkie_sql_get_text(row, 0, label->name, sizeof label->name);
    selkie_sql_get_text(row, 1, label->model, sizeof label->model);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_put_device(struct selkie_registry *registry, const struct selkie_device_record *record)
{
    uint8_t sealed[SELKIE_CLAIM_MAX + SELKIE_VAULT_OVERHEAD];
    struct selkie_value claim = {0};
    int result = !record->claim_len ? 0
                                    : selkie_sql_seal(registry, SELKIE_VAULT_CLAIM, place_of_address(record->address),
                                                      record->claim, record->claim_len, sealed, &claim);

    if (result < 0)
        return result;
    return selkie_sql_run(
        registry, SELKIE_SQL_DEVICE_PUT,
        SELKIE_VALUES(SELKIE_DEVICE_COLUMNS(SELKIE_VALUE, SELKIE_VALUE) claim, SELKIE_INTEGER(record->claim_corrupt)));
}

int selkie_registry_delete_device(struct selkie_registry *registry, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    return selkie_sql_run(registry, SELKIE_SQL_DEVICE_DELETE, SELKIE_VALUES(selkie_sql_address(address)));
}

static int read_addresses(struct selkie_registry *registry, sqlite3_stmt *rows,
                          uint8_t (*addresses)[SELKIE_ADDRESS_SIZE])
{
    int count = 0, result;

    while ((result = selkie_sql_step(registry, rows)) > 0)
        selkie_sql_get_blob(rows, 0, addresses[count++], SELKIE_ADDRESS_SIZE);
    return result < 0 ? result : count;
}

int selkie_registry_addresses(struct selkie_registry *registry, int status, const uint8_t *after, uint64_t offset,
                              uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max)
{
    const struct selkie_value values[] = {selkie_sql_address(after), SELKIE_INTEGER(max), SELKIE_INTEGER(offset),
                                          SELKIE_INTEGER(status)};
    sqlite3_stmt *rows = status < 0 ? selkie_sql(registry, SELKIE_SQL_DEVICE_LIST, values, 3)
                                    : selkie_sql(registry, SELKIE_SQL_DEVICE_LIST_STATUS, values, 4);

    return read_addresses(registry, rows, addresses);
}

int selkie_registry_pending_addresses(struct selkie_registry *registry, const uint8_t *after,
                                      uint8_t (*addresses)[SELKIE_ADDRESS_SIZE], int max)
{
    return read_addresses(registry,
                          selkie_sql(registry, SELKIE_SQL_BINDING_PENDING_LIST,
                                     SELKIE_VALUES(selkie_sql_address(after), SELKIE_INTEGER(max))),
                          addresses);
}

static int tally(struct selkie_registry *registry, const char *what, int which, uint64_t *count)
{
    int64_t number;
    int result =
        selkie_sql_number(registry, &number, SELKIE_SQL_TALLY, SELKIE_VALUES(SELKIE_TEXT(what), SELKIE_INTEGER(which)));

    *count = (uint64_t)number;
    return result < 0 ? result : 0;
}

int selkie_registry_count_devices(struct selkie_registry *registry, int status, uint64_t *count)
{
    return tally(registry, "status", status, count);
}

int selkie_registry_count_all_pending(struct selkie_registry *registry, uint64_t *count)
{
    return tally(registry, "pending", 0, count);
}

int selkie_registry_count_key(struct selkie_registry *registry, uint8_t key_id, uint64_t *count)
{
    return tally(registry, "key", key_id, count);
}

/* Returns the number of the column after the record's. */
int selkie_registry_day_clock(struct selkie_registry *registry, int64_t *ms)
{
    int result = selkie_sql_number(registry, ms, SELKIE_SQL_CLOCK_GET, SELKIE_NO_VALUES);

    return result < 0 ? result : 0;
}

int selkie_registry_put_day_clock(struct selkie_registry *registry, int64_t ms)
{
    return selkie_sql_run(registry, SELKIE_SQL_CLOCK_PUT, SELKIE_VALUES(SELKIE_INTEGER(ms)));
}

int selkie_registry_put_gateway(struct selkie_registry *registry, const struct selkie_gateway_record *record)
{
    return selkie_sql_run(registry, SELKIE_SQL_GATEWAY_PUT,
                          SELKIE_VALUES(SELKIE_GATEWAY_COLUMNS(SELKIE_VALUE, SELKIE_VALUE)));
}

static int read_gateway(struct selkie_registry *registry, sqlite3_stmt *row, struct selkie_gateway_record *record)
{
    int result = selkie_sql_step(registry, row), at = 0;

    if (result <= 0)
        return result;
    SELKIE_GATEWAY_COLUMNS(SELKIE_READ, SELKIE_READ)
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_gateway(struct selkie_registry *registry, const char *name, struct selkie_gateway_record *record)
{
    return read_gateway(registry, selkie_sql(registry, SELKIE_SQL_GATEWAY_FIND, SELKIE_VALUES(SELKIE_TEXT(name))),
                        record);
}

int selkie_registry_next_gateway(struct selkie_registry *registry, const char *after,
                                 struct selkie_gateway_record *record)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_GATEWAY_NEXT, SELKIE_VALUES(SELKIE_TEXT(after)));
    return read_gateway(registry, row, record);
}

int selkie_registry_delete_gateway(struct selkie_registry *registry, const char *name)
{
    int result = selkie_sql_run(registry, SELKIE_SQL_GATEWAY_CAME_DELETE, SELKIE_VALUES(SELKIE_TEXT(name)));

    return result < 0 ? result : selkie_sql_run(registry, SELKIE_SQL_GATEWAY_DELETE, SELKIE_VALUES(SELKIE_TEXT(name)));
}

int selkie_registry_put_came(struct selkie_registry *registry, const char *name)
{
    return selkie_sql_run(registry, SELKIE_SQL_GATEWAY_CAME_PUT, SELKIE_VALUES(SELKIE_TEXT(name)));
}

int selkie_registry_next_came(struct selkie_registry *registry, char name[static SELKIE_GATEWAY_NAME_MAX + 1])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_GATEWAY_CAME_NEXT, SELKIE_VALUES(SELKIE_TEXT(name)));
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    selkie_sql_get_text(row, 0, name, SELKIE_GATEWAY_NAME_MAX + 1);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_refresh(struct selkie_registry *registry, uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_REFRESH_GET, SELKIE_NO_VALUES);
    int result = selkie_sql_step(registry, row);

    if (result <= 0)
        return result;
    selkie_sql_get_blob(row, 0, address, SELKIE_ADDRESS_SIZE);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_put_refresh(struct selkie_registry *registry, const uint8_t *address)
{
    if (!address)
        return selkie_sql_run(registry, SELKIE_SQL_REFRESH_DELETE, SELKIE_NO_VALUES);
    return selkie_sql_run(registry, SELKIE_SQL_REFRESH_PUT, SELKIE_VALUES(selkie_sql_address(address)));
}
