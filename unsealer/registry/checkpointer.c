/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/checkpointer.h"
#include <selkie/clock.h>
#include <selkie/error_text.h>
#include <selkie/thread.h>

#include <stdlib.h>
#include <string.h>

#define RETRY_US 100000 /* after a pass without progress */

struct selkie_checkpointer {
    sqlite3 *writer; /* the writer's */
    sqlite3 *db;     /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;   /* the rest */
    pthread_cond_t changed; /* for the thread */
    pthread_cond_t ended;   /* a pass */
    int pages;              /* in the log, after the last commit */
    int limit;              /* a longer log makes commits wait */
    unsigned passes;        /* that have begun */
    bool passing;
    bool few_left; /* the next commit copies them */
    bool unsynced; /* an fsync failed */
    bool stopping;
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE]; /* "" = none */
};

/* Under the lock. */
static void note_result(struct selkie_checkpointer *checkpointer, int code)
{
    if (code == SQLITE_OK)
        checkpointer->error[0] = 0;
    else if (code != SQLITE_BUSY)
        selkie_error_text_format(checkpointer->error, sizeof checkpointer->error, "%s; retrying", sqlite3_errstr(code));
}

/* Under the lock. The system reports a failed write of a page only once, and counts the page as written after that. */
static void note_unsynced(struct selkie_checkpointer *checkpointer, int code)
{
    checkpointer->unsynced = true;
    selkie_error_text_format(checkpointer->error, sizeof checkpointer->error,
                             "%s; check the disk, then restart Mosquitto, which reads the log again",
                             sqlite3_errstr(code));
}

/* SQLite fsyncs in the pass that reaches the log's end, which would be a commit's. */
static int sync_pages(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    return code != SQLITE_OK ? code : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

/* Copy what can be copied now: how many of the log's pages have been copied in all, or -1. Under the lock, except
 * during the pass itself. No pass may begin on a log that is copied to its end while the writer may start it over:
 * SQLite before 3.51.3 would lose pages. Therefore the thread waits for the writer while few_left is set. */
static int pass(struct selkie_checkpointer *checkpointer)
{
    int copied = 0, sync_code = SQLITE_OK;

    checkpointer->passing = true;
    checkpointer->passes++;
    pthread_mutex_unlock(&checkpointer->lock);
    int code = sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &copied);
    if (code == SQLITE_OK)
        sync_code = sync_pages(checkpointer->db);
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->passing = false;
    pthread_cond_broadcast(&checkpointer->ended);
    note_result(checkpointer, code);
    if (sync_code != SQLITE_OK)
        note_unsynced(checkpointer, sync_code);
    return code == SQLITE_OK && sync_code == SQLITE_OK ? copied : -1;
}

/* Pass after pass until few pages are left (true), or a pass makes no progress. */
static bool copy(struct selkie_checkpointer *checkpointer)
{
    int before = -1, copied = 0;

    /* A reader may have kept a long log. Commits wait only for what they add to it. */
    checkpointer->limit = checkpointer->pages + SELKIE_LOG_PAGES;
    if (checkpointer->limit < SELKIE_LOG_PAGES_MAX)
        checkpointer->limit = SELKIE_LOG_PAGES_MAX;
    while (!checkpointer->stopping && (copied = pass(checkpointer)) > before) {
        if (checkpointer->pages - copied <= SELKIE_LOG_PAGES_FEW)
            return true;
        before = copied;
    }
    return false;
}

/* Wait until this time or until stopping. */
static void pause_until(struct selkie_checkpointer *checkpointer, int64_t until_us)
{
    while (!checkpointer->stopping && selkie_thread_wait_until(&checkpointer->changed, &checkpointer->lock, until_us))
        ;
}

static void *run(void *context)
{
    struct selkie_checkpointer *checkpointer = context;

    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stopping) {
        if (checkpointer->few_left || checkpointer->unsynced || checkpointer->pages < SELKIE_LOG_PAGES)
            pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
        else if (copy(checkpointer))
            checkpointer->few_left = true;
        else
            pause_until(checkpointer, selkie_clock_monotonic_us() + RETRY_US);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

/* Copy the pages that are left while the thread waits. Under the lock. */
static void copy_rest(struct selkie_checkpointer *checkpointer)
{
    int pages = 0, copied = -1;
    int code = sqlite3_wal_checkpoint_v2(checkpointer->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);

    note_result(checkpointer, code);
    checkpointer->few_left = false;
    if (code == SQLITE_OK && copied == pages)
        checkpointer->pages = 0; /* the next commit starts the log over */
}

/* SQLite calls this after each commit, once the log may be written to again. */
static int committed(void *context, sqlite3 *writer, const char *schema, int pages)
{
    struct selkie_checkpointer *checkpointer = context;

    (void)writer;
    (void)schema;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->pages = pages;
    if (checkpointer->few_left)
        copy_rest(checkpointer);
    if (checkpointer->pages >= SELKIE_LOG_PAGES)
        pthread_cond_signal(&checkpointer->changed);
    const unsigned under_way = checkpointer->passes;
    while (checkpointer->pages >= checkpointer->limit && checkpointer->passing && checkpointer->passes == under_way)
        pthread_cond_wait(&checkpointer->ended, &checkpointer->lock);
    pthread_mutex_unlock(&checkpointer->lock);
    return SQLITE_OK;
}

/* All but the thread and the hook. */
static void discard(struct selkie_checkpointer *checkpointer)
{
    (void)sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->ended);
    pthread_cond_destroy(&checkpointer->changed);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

int selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path,
                              char error[static SELKIE_CHECKPOINTER_ERROR_SIZE])
{
    struct selkie_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    selkie_error_text_format(error, SELKIE_CHECKPOINTER_ERROR_SIZE, "out of memory or threads");
    if (!checkpointer)
        return SELKIE_ENOMEM;
    checkpointer->writer = writer;
    pthread_mutex_init(&checkpointer->lock, NULL);
    selkie_thread_cond_init(&checkpointer->changed);
    pthread_cond_init(&checkpointer->ended, NULL);
    /* A connection that has not read yet does not know the log, and would find nothing to copy. */
    if (sqlite3_open_v2(path, &checkpointer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(checkpointer->db, 5000) != SQLITE_OK ||
        sqlite3_exec(checkpointer->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) != SQLITE_OK)
        selkie_error_text_format(error, SELKIE_CHECKPOINTER_ERROR_SIZE, "%s", sqlite3_errmsg(checkpointer->db));
    else
        result = selkie_thread_start(&checkpointer->thread, run, checkpointer);
    if (result < 0) {
        discard(checkpointer);
        return result;
    }
    (void)sqlite3_wal_hook(writer, committed, checkpointer);
    *started = checkpointer;
    return 0;
}

void selkie_checkpointer_end_passes(struct selkie_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (checkpointer->passing && !checkpointer->stopping)
        sqlite3_interrupt(checkpointer->db); /* pages that have been copied count only once a pass is complete */
    checkpointer->stopping = true;
    pthread_cond_signal(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    (void)sqlite3_wal_hook(checkpointer->writer, NULL, NULL);
    selkie_checkpointer_end_passes(checkpointer);
    pthread_join(checkpointer->thread, NULL);
    /* Otherwise the last connection that closes would copy the rest and remove the log. */
    if (checkpointer->unsynced || (!checkpointer->few_left && checkpointer->pages > SELKIE_LOG_PAGES_FEW)) {
        (void)sqlite3_db_config(checkpointer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_db_config(checkpointer->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    discard(checkpointer);
}

bool selkie_checkpointer_failed(struct selkie_checkpointer *checkpointer,
                                char error[static SELKIE_CHECKPOINTER_ERROR_SIZE])
{
    pthread_mutex_lock(&checkpointer->lock);
    memcpy(error, checkpointer->error, sizeof checkpointer->error);
    pthread_mutex_unlock(&checkpointer->lock);
    return error[0] != 0;
}
