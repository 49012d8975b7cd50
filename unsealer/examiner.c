/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* syscall */
#include "examiner.h"
#include "clock.h"
#include "sentence.h"
#include "thread.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct selkie_examiner {
    sqlite3 *db;
    pthread_t thread;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t done;
    bool through, stopping;
    char finding[SELKIE_EXAMINER_FINDING_SIZE]; /* "" = none */
};

/* One of SQLite's checks, to its first finding. */
static void check(sqlite3 *db, const char *sql, char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : sqlite3_errmsg(db);
    if (code != SQLITE_ROW || !text || strcmp(text, "ok") != 0)
        selkie_sentence(finding, SELKIE_EXAMINER_FINDING_SIZE, "%s", text ? text : "out of memory");
    for (char *at = finding; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    sqlite3_finalize(statement);
}

/* quick_check reads every page, but does not compare the indexes with their tables, which takes twice as long again:
 * and it is an index that says whether an ID is new. So the whole check follows, once the quick one had its say. */
static void examine(sqlite3 *db, char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    check(db, "PRAGMA quick_check(1)", finding);
    if (finding[0] == '\0')
        check(db, "PRAGMA integrity_check(1)", finding);
}

static void *run(void *context)
{
    struct selkie_examiner *examiner = context;
    char finding[SELKIE_EXAMINER_FINDING_SIZE] = "";

    /* On Linux that is this thread's own: frames go first. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    examine(examiner->db, finding);
    pthread_mutex_lock(&examiner->lock);
    examiner->through = true;
    if (!examiner->stopping)
        memcpy(examiner->finding, finding, sizeof finding);
    pthread_cond_broadcast(&examiner->done);
    pthread_mutex_unlock(&examiner->lock);
    return NULL;
}

int selkie_examiner_start(struct selkie_examiner **started, const char *path)
{
    struct selkie_examiner *examiner = calloc(1, sizeof *examiner);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    if (!examiner)
        return SELKIE_ENOMEM;
    pthread_mutex_init(&examiner->lock, NULL);
    selkie_thread_cond_init(&examiner->done);
    if (sqlite3_open_v2(path, &examiner->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(examiner->db, 5000) == SQLITE_OK)
        result = selkie_thread_start(&examiner->thread, run, examiner);
    if (result < 0) {
        sqlite3_close(examiner->db);
        free(examiner);
        return result;
    }
    *started = examiner;
    return 0;
}

void selkie_examiner_stop(struct selkie_examiner *examiner)
{
    if (!examiner)
        return;
    pthread_mutex_lock(&examiner->lock);
    examiner->stopping = true;
    /* Again and again: an interrupt that comes before the statement has begun is forgotten. */
    while (!examiner->through) {
        sqlite3_interrupt(examiner->db);
        (void)selkie_thread_wait_until(&examiner->done, &examiner->lock, selkie_clock_monotonic_us() + 10000);
    }
    pthread_mutex_unlock(&examiner->lock);
    pthread_join(examiner->thread, NULL);
    sqlite3_close(examiner->db);
    pthread_cond_destroy(&examiner->done);
    pthread_mutex_destroy(&examiner->lock);
    free(examiner);
}

bool selkie_examiner_wait(struct selkie_examiner *examiner, int64_t patience_us)
{
    int64_t until_us = selkie_clock_monotonic_us() + patience_us;

    pthread_mutex_lock(&examiner->lock);
    while (!examiner->through && selkie_thread_wait_until(&examiner->done, &examiner->lock, until_us))
        ;
    bool through = examiner->through;
    pthread_mutex_unlock(&examiner->lock);
    return through;
}

bool selkie_examiner_found(struct selkie_examiner *examiner, char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    pthread_mutex_lock(&examiner->lock);
    memcpy(finding, examiner->finding, SELKIE_EXAMINER_FINDING_SIZE);
    pthread_mutex_unlock(&examiner->lock);
    return finding[0] != '\0';
}
