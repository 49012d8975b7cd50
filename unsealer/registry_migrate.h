/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a database from one schema version (PRAGMA user_version) to the next, each step whole or not at all. */
#ifndef SELKIE_REGISTRY_MIGRATE_H
#define SELKIE_REGISTRY_MIGRATE_H

#include <selkie/error.h>
#include <sqlite3.h>
#include <stdint.h>

/* steps[i] is the SQL that takes version i + 1 to i + 2. 0, or SELKIE_ESTORAGE: then the error is SQLite's last, and
 * once `db` is closed or rolls back the database is of the last version that it came to. */
SELKIE_USE_RESULT int selkie_registry_migrate(sqlite3 *db, int64_t from, const char *const steps[], int64_t to);

#endif
