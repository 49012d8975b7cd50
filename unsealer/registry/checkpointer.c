/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/checkpointer.h"
#include <selkie/clock.h>
#include <selkie/error_text.h>
#include <selkie/thread.h>

#include <stdlib.h>
#include <string.h>

#define AGAIN_US 100000 /* after a pass that got no further */

struct selkie_checkpointer {
    sqlite3 *writer; /* the writer's */
    sqlite3 *db;     /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t news;  /* for the thread */
    pthread_cond_t ended; /* a pass */
    int pages;            /* in the log, after the last commit */
    int limit;            /* of them, from which commits wait */
    unsigned passes;      /* that have begun */
    bool passing;
    bool few_left; /* to be moved by the next commit */
    bool unsynced; /* some pages may not be on the disk, whatever a later pass says */
    bool stopping;
    char error[SELKIE_CHECKPOINTER_ERROR_SIZE]; /* "" = none */
};

/* Under the lock. */
static void note_result(struct selkie_checkpointer *checkpointer, int code)
{
    if (code == SQLITE_OK)
        checkpointer->error[0] = 0;
    else if (code != SQLITE_BUSY)
        selkie_error_text_format(checkpointer->error, sizeof checkpointer->error, "%s: it is tried again",
                                 sqlite3_errstr(code));
}

/* Likewise. A system tells once that it could not write a page, and takes it for written then. */
static void note_unsynced(struct selkie_checkpointer *checkpointer, int code)
{
    checkpointer->unsynced = true;
    selkie_error_text_format(checkpointer->error, sizeof checkpointer->error,
                             "%s: see to the disk, then restart Mosquitto, which reads the log again",
                             sqlite3_errstr(code));
}

/* SQLite leaves it to the pass that gets to the log's end, which would be a commit's, to see the pages on the disk. */
static int sync_pages(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    return code != SQLITE_OK ? code : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

/* Move what can be moved now: how many of the log's pages have been moved in all, or -1. Under the lock, but for the
 * pass itself. None may begin on a log that has been moved to its end while the writer may begin it anew: SQLite before
 * 3.51.3 would then lose pages. Hence few_left, with which the thread waits for the writer. */
static int pass(struct selkie_checkpointer *checkpointer)
{
    int moved = 0, sync_code = SQLITE_OK;

    checkpointer->passing = true;
    checkpointer->passes++;
    pthread_mutex_unlock(&checkpointer->lock);
    int code = sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &moved);
    if (code == SQLITE_OK)
        sync_code = sync_pages(checkpointer->db);
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->passing = false;
    pthread_cond_broadcast(&checkpointer->ended);
    note_result(checkpointer, code);
    if (sync_code != SQLITE_OK)
        note_unsynced(checkpointer, sync_code);
    return code == SQLITE_OK && sync_code == SQLITE_OK ? moved : -1;
}

/* Pass after pass until few pages are left (true), or one gets no further. */
static bool move(struct selkie_checkpointer *checkpointer)
{
    int before = -1, moved = 0;

    /* What is there at the start may be long: a reader kept it. Commits wait only for what they add. */
    checkpointer->limit = checkpointer->pages + SELKIE_LOG_PAGES;
    if (checkpointer->limit < SELKIE_LOG_PAGES_MAX)
        checkpointer->limit = SELKIE_LOG_PAGES_MAX;
    while (!checkpointer->stopping && (moved = pass(checkpointer)) > before) {
        if (checkpointer->pages - moved <= SELKIE_LOG_PAGES_FEW)
            return true;
        before = moved;
    }
    return false;
}

/* Wait until then, or until it is time to stop. */
static void pause_until(struct selkie_checkpointer *checkpointer, int64_t until_us)
{
    while (!checkpointer->stopping && selkie_thread_wait_until(&checkpointer->news, &checkpointer->lock, until_us))
        ;
}

static void *run(void *context)
{
    struct selkie_checkpointer *checkpointer = context;

    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stopping) {
        if (checkpointer->few_left || checkpointer->unsynced || checkpointer->pages < SELKIE_LOG_PAGES)
            pthread_cond_wait(&checkpointer->news, &checkpointer->lock);
        else if (move(checkpointer))
            checkpointer->few_left = true;
        else
            pause_until(checkpointer, selkie_clock_monotonic_us() + AGAIN_US);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

/* Move what is left, while the thread waits. Under the lock. */
static void move_rest(struct selkie_checkpointer *checkpointer)
{
    int pages = 0, moved = -1;
    int code = sqlite3_wal_checkpoint_v2(checkpointer->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);

    note_result(checkpointer, code);
    checkpointer->few_left = false;
    if (code == SQLITE_OK && moved == pages)
        checkpointer->pages = 0; /* with the next commit */
}

/* SQLite calls it after each commit, when the log may be written to again. */
static int committed(void *context, sqlite3 *writer, const char *schema, int pages)
{
    struct selkie_checkpointer *checkpointer = context;

    (void)writer;
    (void)schema;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->pages = pages;
    if (checkpointer->few_left)
        move_rest(checkpointer);
    if (checkpointer->pages >= SELKIE_LOG_PAGES)
        pthread_cond_signal(&checkpointer->news);
    const unsigned under_way = checkpointer->passes;
    while (checkpointer->pages >= checkpointer->limit && checkpointer->passing && checkpointer->passes == under_way)
        pthread_cond_wait(&checkpointer->ended, &checkpointer->lock);
    pthread_mutex_unlock(&checkpointer->lock);
    return SQLITE_OK;
}

/* All but the thread and the hook. */
static void discard(struct selkie_checkpointer *checkpointer)
{
    sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->ended);
    pthread_cond_destroy(&checkpointer->news);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

int selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path,
                              char error[static SELKIE_CHECKPOINTER_ERROR_SIZE])
{
    struct selkie_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    selkie_error_text_format(error, SELKIE_CHECKPOINTER_ERROR_SIZE, "no memory or no threads left");
    if (!checkpointer)
        return SELKIE_ENOMEM;
    checkpointer->writer = writer;
    pthread_mutex_init(&checkpointer->lock, NULL);
    selkie_thread_cond_init(&checkpointer->news);
    pthread_cond_init(&checkpointer->ended, NULL);
    /* A connection that has not read yet does not know that there is a log, and would find nothing to move. */
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

void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    (void)sqlite3_wal_hook(checkpointer->writer, NULL, NULL);
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stopping = true;
    pthread_cond_signal(&checkpointer->news);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    /* Else the last connection to be closed would move what is left, and take the log away. */
    if (checkpointer->unsynced) {
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
