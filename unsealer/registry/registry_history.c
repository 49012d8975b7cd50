/* SPDX-License-Identifier: Apache-2.0 */
/* The counters that an ID misses, in the SQLite registry. */
#include "registry/registry_sqlite.h"

#include <string.h>

/* Every counter up to the highest was accepted. */
static bool misses_nothing(const struct selkie_binding *binding)
{
    return binding->received == 0 || binding->received == (uint64_t)binding->counter + 1;
}

int selkie_registry_history(struct selkie_registry *registry, const struct selkie_binding *binding,
                            struct selkie_history *history)
{
    memset(history, 0, sizeof *history);
    history->any = binding->received > 0;
    history->highest = binding->counter;
    if (misses_nothing(binding))
        return 0;
    sqlite3_stmt *row = selkie_sql(registry, SELKIE_SQL_HISTORY_GET, SELKIE_VALUES(SELKIE_INTEGER(binding->number)));
    int result = selkie_sql_step(registry, row);
    if (result <= 0)
        return result;
    result = 0;
    /* A corrupt one opens nothing: what is late is stale then, and everything else goes on. */
    if (selkie_history_decode(history, sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0)) < 0) {
        *history = (struct selkie_history){.any = true, .highest = binding->counter};
        result = selkie_sql_corrupt(registry, "the history of binding %lld", (long long)binding->number);
    }
    selkie_sql_done(row);
    return result == SELKIE_ECRYPTO ? 0 : result;
}

int selkie_registry_put_history(struct selkie_registry *registry, const struct selkie_binding *binding,
                                const struct selkie_history *history)
{
    uint8_t bytes[SELKIE_HISTORY_SIZE_MAX];

    if (selkie_history_is_whole(history))
        return selkie_sql_run(registry, SELKIE_SQL_HISTORY_DELETE, SELKIE_VALUES(SELKIE_INTEGER(binding->number)));
    size_t len = selkie_history_encode(bytes, history);
    return selkie_sql_run(registry, SELKIE_SQL_HISTORY_PUT,
                          SELKIE_VALUES(SELKIE_INTEGER(binding->number), SELKIE_BLOB(bytes, len)));
}
