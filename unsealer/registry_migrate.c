/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_migrate.h"

#include <stdio.h>

static int step(sqlite3 *db, const char *sql, int64_t to)
{
    char version[64];

    snprintf(version, sizeof version, "PRAGMA user_version = %lld", (long long)to);
    return sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(db, version, NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : SELKIE_ESTORAGE;
}

int selkie_registry_migrate(sqlite3 *db, int64_t from, const char *const steps[], int64_t to)
{
    int result = 0;

    for (; from >= 1 && from < to && result == 0; from++)
        result = step(db, steps[from - 1], from + 1);
    return result;
}
