/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry_sqlite.h"

int selkie_registry_put_gateway(struct selkie_registry *registry, const struct selkie_gateway_record *gateway)
{
    sqlite3_stmt *put = selkie_sql_write(registry, SELKIE_SQL_GATEWAY_PUT);

    selkie_sql_bind_text(put, 1, gateway->name);
    sqlite3_bind_int(put, 2, (int)gateway->auth);
    if (gateway->auth == SELKIE_GATEWAY_PASSWORD) {
        selkie_sql_bind_blob(put, 3, gateway->salt, sizeof gateway->salt);
        selkie_sql_bind_blob(put, 4, gateway->hash, sizeof gateway->hash);
        sqlite3_bind_int64(put, 5, gateway->iterations);
    }
    sqlite3_bind_int64(put, 6, gateway->added_ms);
    return selkie_sql_run(registry, put);
}

int selkie_registry_next_gateway(struct selkie_registry *registry, const char *after,
                                 struct selkie_gateway_record *gateway)
{
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_GATEWAY_NEXT);

    selkie_sql_bind_text(row, 1, after);
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    memset(gateway, 0, sizeof *gateway);
    selkie_sql_get_text(row, 0, gateway->name, sizeof gateway->name);
    gateway->auth = (enum selkie_gateway_auth)sqlite3_column_int(row, 1);
    selkie_sql_get_blob(row, 2, gateway->salt, sizeof gateway->salt);
    selkie_sql_get_blob(row, 3, gateway->hash, sizeof gateway->hash);
    gateway->iterations = (unsigned)sqlite3_column_int(row, 4);
    gateway->added_ms = sqlite3_column_int64(row, 5);
    selkie_sql_done(row);
    return 1;
}

int selkie_registry_delete_gateway(struct selkie_registry *registry, const char *name)
{
    sqlite3_stmt *statement = selkie_sql_write(registry, SELKIE_SQL_GATEWAY_DELETE);
    selkie_sql_bind_text(statement, 1, name);
    return selkie_sql_run(registry, statement);
}
