/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpointer.h"
#include "clock.h"
#include "thread.h"

#include <stdlib.h>

#define FEW      2000 /* pages that a commit may move by itself */
#define PASSES   5
#define AGAIN_US 1000000 /* after passes that did not get there */

struct selkie_checkpointer {
    sqlite3 *writer; /* the registrar's */
    sqlite3 *db;     /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t news;
    int pages;     /* in the log, after the last commit */
    bool few_left; /* to be moved by the next commit */
    bool stopping;
};

/* Move what can be moved, until few pages are left: true. */
static bool move(struct selkie_checkpointer *checkpointer)
{
    int pages = 0, moved = 0;

    for (int pass = 0; pass < PASSES; pass++) {
        if (sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) != SQLITE_OK)
            return false;
        if (pages - moved <= FEW)
            return true;
    }
    return false;
}

/* Until then, or until it is time to stop. */
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
        if (checkpointer->few_left || checkpointer->pages < SELKIE_LOG_PAGES) {
            pthread_cond_wait(&checkpointer->news, &checkpointer->lock);
            continue;
        }
        pthread_mutex_unlock(&checkpointer->lock);
        bool few_left = move(checkpointer);
        pthread_mutex_lock(&checkpointer->lock);
        checkpointer->few_left = few_left;
        if (!few_left)
            pause_until(checkpointer, selkie_clock_monotonic_us() + AGAIN_US);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

/* SQLite calls it after each commit, when the log may be written to again. */
static int committed(void *context, sqlite3 *writer, const char *schema, int pages)
{
    struct selkie_checkpointer *checkpointer = context;

    (void)schema;
    pthread_mutex_lock(&checkpointer->lock);
    bool by_itself = checkpointer->few_left || pages >= 2 * SELKIE_LOG_PAGES;
    pthread_mutex_unlock(&checkpointer->lock);
    /* Where it fails, the next commit tells how long the log still is. */
    if (by_itself)
        (void)sqlite3_wal_checkpoint_v2(writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    pthread_mutex_lock(&checkpointer->lock);
    if (by_itself)
        checkpointer->few_left = false;
    checkpointer->pages = by_itself ? 0 : pages;
    if (checkpointer->pages >= SELKIE_LOG_PAGES)
        pthread_cond_signal(&checkpointer->news);
    pthread_mutex_unlock(&checkpointer->lock);
    return SQLITE_OK;
}

int selkie_checkpointer_start(struct selkie_checkpointer **started, sqlite3 *writer, const char *path)
{
    struct selkie_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    if (!checkpointer)
        return SELKIE_ENOMEM;
    checkpointer->writer = writer;
    pthread_mutex_init(&checkpointer->lock, NULL);
    selkie_thread_cond_init(&checkpointer->news);
    /* A connection that has not read yet does not know that there is a log, and would find nothing to move. */
    if (sqlite3_open_v2(path, &checkpointer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_exec(checkpointer->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK)
        result = selkie_thread_start(&checkpointer->thread, run, checkpointer);
    if (result < 0) {
        sqlite3_close(checkpointer->db);
        free(checkpointer);
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
    sqlite3_interrupt(checkpointer->db); /* a pass under way */
    pthread_cond_signal(&checkpointer->news);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->news);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}
