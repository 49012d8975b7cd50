/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpointer.h"
#include "clock.h"
#include "thread.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define EVERY_US  1000000
#define LOG_BYTES 33554432 /* a log shorter than this is left alone: it would only take the disk from the commits */

struct selkie_checkpointer {
    sqlite3 *db;
    char log[4200];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping; /* under lock */
};

static void *run(void *context)
{
    struct selkie_checkpointer *checkpointer = context;
    struct stat status;

    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stopping) {
        int64_t until_us = selkie_clock_monotonic_us() + EVERY_US;
        while (!checkpointer->stopping && selkie_thread_wait_until(&checkpointer->wake, &checkpointer->lock, until_us))
            ;
        if (checkpointer->stopping || stat(checkpointer->log, &status) != 0 || status.st_size < LOG_BYTES)
            continue;
        pthread_mutex_unlock(&checkpointer->lock);
        /* It fails while the disk is full, as the registrar's commits do, which tell of it. */
        (void)sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        pthread_mutex_lock(&checkpointer->lock);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

int selkie_checkpointer_start(struct selkie_checkpointer **started, const char *state_dir)
{
    char path[4200];
    struct selkie_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);

    *started = NULL;
    if (!checkpointer)
        return SELKIE_ENOMEM;
    snprintf(path, sizeof path, "%s/registry.db", state_dir);
    snprintf(checkpointer->log, sizeof checkpointer->log, "%s/registry.db-wal", state_dir);
    pthread_mutex_init(&checkpointer->lock, NULL);
    selkie_thread_cond_init(&checkpointer->wake);
    int result = SELKIE_ESTORAGE;
    if (sqlite3_open_v2(path, &checkpointer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        result = selkie_thread_start(&checkpointer->thread, run, checkpointer);
    if (result < 0) {
        sqlite3_close(checkpointer->db);
        free(checkpointer);
        return result;
    }
    *started = checkpointer;
    return 0;
}

void selkie_checkpointer_stop(struct selkie_checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stopping = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}
