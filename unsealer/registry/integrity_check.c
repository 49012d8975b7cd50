/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* syscall */
#include "registry/integrity_check.h"
#include <selkie/clock.h>
#include <selkie/error_text.h>
#include <selkie/thread.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RETRY_MIN_US 100000
#define RETRY_MAX_US 60000000

struct selkie_integrity_check {
    sqlite3 *db;
    pthread_t thread;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    bool done, stopping;
    char finding[SELKIE_INTEGRITY_TEXT_SIZE]; /* "" = none */
    char delay[SELKIE_INTEGRITY_TEXT_SIZE];   /* the first error that led to a retry; "" = none, or done */
};

/* Errors that say nothing about the file. */
static bool is_temporary(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* too many others took the log's locks */
    case SQLITE_CANTOPEN: /* the first read opens the log: too many files are open */
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
        return true;
    default:
        break;
    }
    switch (code) {
    case SQLITE_IOERR_NOMEM:
    case SQLITE_IOERR_SHMOPEN: /* a reader writes the index of the log, for which a full disk has no room */
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_IOERR_WRITE:
        return true;
    default:
        return false;
    }
}

/* A check reports some errors as findings, such as no memory for a page: the error, or 0 for a real finding. (In a
 * chain of pages SQLite hides the error, so that counts as damage.) */
static int error_in(const char *finding)
{
    static const char mark[] = "error code=";
    const char *at = strstr(finding, mark);

    return at ? (int)strtol(at + sizeof mark - 1, NULL, 10) : 0;
}

/* SQLITE_ROW and the text of a statement's first row, SQLITE_DONE without a row, or an error and its text. */
static int first_row(sqlite3 *db, const char *sql, const char *table, char text[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK && table)
        code = sqlite3_bind_text(statement, 1, table, -1, SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const char *value = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : sqlite3_errmsg(db);
    if (!value) {
        code = SQLITE_NOMEM;
        value = sqlite3_errstr(code);
    }
    if (code == SQLITE_ROW && is_temporary(error_in(value)))
        code = error_in(value);
    selkie_error_text_format(text, SELKIE_INTEGRITY_TEXT_SIZE, "%s", value);
    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = ' ';
    (void)sqlite3_finalize(statement); /* gives the error of the step once more */
    return code;
}

/* Note the delay and wait. False: stop. */
static bool wait_to_retry(struct selkie_integrity_check *integrity_check, int64_t us, const char *reason)
{
    int64_t until_us = selkie_clock_monotonic_us() + us;

    pthread_mutex_lock(&integrity_check->lock);
    if (!integrity_check->delay[0])
        memcpy(integrity_check->delay, reason, sizeof integrity_check->delay);
    while (!integrity_check->stopping &&
           selkie_thread_wait_until(&integrity_check->changed, &integrity_check->lock, until_us))
        ;
    bool stopping = integrity_check->stopping;
    pthread_mutex_unlock(&integrity_check->lock);
    return !stopping;
}

/* first_row, again while its error says nothing about the file. */
static int query(struct selkie_integrity_check *integrity_check, const char *sql, const char *table,
                 char text[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    int code;

    for (int64_t us = RETRY_MIN_US; is_temporary(code = first_row(integrity_check->db, sql, table, text)) &&
                                    wait_to_retry(integrity_check, us, text);)
        us = us < RETRY_MAX_US / 2 ? us * 2 : RETRY_MAX_US;
    return code;
}

/* One of SQLite's checks, to its first finding. */
static bool passes(struct selkie_integrity_check *integrity_check, const char *check, const char *table,
                   char finding[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    return query(integrity_check, check, table, finding) == SQLITE_ROW && strcmp(finding, "ok") == 0;
}

/* quick_check reads every page, but does not compare the indexes with their tables, nor the keys of a table WITHOUT
 * ROWID with each other, and an index decides whether an ID is new. So integrity_check follows for each table that has
 * an index or is one; most of a registry is the table `seen`, which is neither. One query a table, so that no read
 * transaction keeps the log for longer. */
static void check_all(struct selkie_integrity_check *integrity_check, char finding[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    static const char next[] =
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name > ?1 AND"
        " (wr OR name IN (SELECT tbl_name FROM sqlite_schema WHERE type = 'index')) ORDER BY name LIMIT 1";
    char table[SELKIE_INTEGRITY_TEXT_SIZE] = "";
    bool sound = passes(integrity_check, "PRAGMA quick_check(1)", NULL, finding);

    while (sound) {
        int code = query(integrity_check, next, table, finding);
        if (code == SQLITE_DONE) {
            finding[0] = 0;
            return;
        }
        memcpy(table, finding, sizeof table);
        sound = code == SQLITE_ROW &&
                passes(integrity_check, "SELECT integrity_check FROM pragma_integrity_check(?1)", table, finding);
    }
}

static void *run(void *context)
{
    struct selkie_integrity_check *integrity_check = context;
    char finding[SELKIE_INTEGRITY_TEXT_SIZE] = "";

    /* Frames go first. On Linux the priority is this thread's own; without it the check only takes more of the CPU. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    check_all(integrity_check, finding);
    pthread_mutex_lock(&integrity_check->lock);
    integrity_check->done = true;
    integrity_check->delay[0] = 0;
    if (!integrity_check->stopping)
        memcpy(integrity_check->finding, finding, sizeof finding);
    pthread_cond_broadcast(&integrity_check->changed);
    pthread_mutex_unlock(&integrity_check->lock);
    return NULL;
}

/* All but the thread. */
static void discard(struct selkie_integrity_check *integrity_check)
{
    (void)sqlite3_close(integrity_check->db);
    pthread_cond_destroy(&integrity_check->changed);
    pthread_mutex_destroy(&integrity_check->lock);
    free(integrity_check);
}

int selkie_integrity_check_start(struct selkie_integrity_check **started, const char *path)
{
    struct selkie_integrity_check *integrity_check = calloc(1, sizeof *integrity_check);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    if (!integrity_check)
        return SELKIE_ENOMEM;
    pthread_mutex_init(&integrity_check->lock, NULL);
    selkie_thread_cond_init(&integrity_check->changed);
    if (sqlite3_open_v2(path, &integrity_check->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(integrity_check->db, 5000) == SQLITE_OK &&
        sqlite3_extended_result_codes(integrity_check->db, 1) == SQLITE_OK)
        result = selkie_thread_start(&integrity_check->thread, run, integrity_check);
    if (result == 0)
        *started = integrity_check;
    else
        discard(integrity_check);
    return result;
}

void selkie_integrity_check_stop(struct selkie_integrity_check *integrity_check)
{
    if (!integrity_check)
        return;
    pthread_mutex_lock(&integrity_check->lock);
    integrity_check->stopping = true;
    pthread_cond_broadcast(&integrity_check->changed);
    /* Repeatedly: SQLite forgets an interrupt that comes before the statement has begun. */
    while (!integrity_check->done) {
        sqlite3_interrupt(integrity_check->db);
        (void)selkie_thread_wait_until(&integrity_check->changed, &integrity_check->lock,
                                       selkie_clock_monotonic_us() + 10000);
    }
    pthread_mutex_unlock(&integrity_check->lock);
    pthread_join(integrity_check->thread, NULL);
    discard(integrity_check);
}

bool selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t timeout_us)
{
    int64_t until_us = selkie_clock_monotonic_us() + timeout_us;

    pthread_mutex_lock(&integrity_check->lock);
    while (!integrity_check->done &&
           selkie_thread_wait_until(&integrity_check->changed, &integrity_check->lock, until_us))
        ;
    bool done = integrity_check->done;
    pthread_mutex_unlock(&integrity_check->lock);
    return done;
}

static bool copy_text(struct selkie_integrity_check *integrity_check, const char *from,
                      char text[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    pthread_mutex_lock(&integrity_check->lock);
    memcpy(text, from, SELKIE_INTEGRITY_TEXT_SIZE);
    pthread_mutex_unlock(&integrity_check->lock);
    return text[0] != 0;
}

bool selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                  char finding[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    return copy_text(integrity_check, integrity_check->finding, finding);
}

bool selkie_integrity_check_delayed(struct selkie_integrity_check *integrity_check,
                                    char reason[static SELKIE_INTEGRITY_TEXT_SIZE])
{
    return copy_text(integrity_check, integrity_check->delay, reason);
}
