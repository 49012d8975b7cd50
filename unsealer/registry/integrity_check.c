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

#define PAUSE_MIN_US 100000
#define PAUSE_MAX_US 60000000

struct selkie_integrity_check {
    sqlite3 *db;
    pthread_t thread;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t news;
    bool through, stopping;
    char finding[SELKIE_EXAMINER_FINDING_SIZE];     /* "" = none */
    char check_delay[SELKIE_EXAMINER_FINDING_SIZE]; /* the first; "" = none, or it is through */
};

/* An error that says nothing of what is in the file. */
static bool is_passing(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* too many others took the log's locks */
    case SQLITE_CANTOPEN: /* the log, which is opened by the first read: too many files are open */
    case SQLITE_INTERRUPT:
        return true;
    default:
        return code == SQLITE_IOERR_NOMEM;
    }
}

/* A check tells some errors as if they were findings: a page that it has no memory for, say. 0 = it is none. (Of one in
 * a chain of pages it does not tell the error, so that counts as damage.) */
static int error_in(const char *finding)
{
    static const char mark[] = "error code=";
    const char *at = strstr(finding, mark);

    return at ? (int)strtol(at + sizeof mark - 1, NULL, 10) : 0;
}

/* SQLITE_ROW and the text of a statement's first row, SQLITE_DONE where it has none, or an error and what tells it. */
static int first_row(sqlite3 *db, const char *sql, const char *table, char text[static SELKIE_EXAMINER_FINDING_SIZE])
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
    if (code == SQLITE_ROW && is_passing(error_in(value)))
        code = error_in(value);
    selkie_error_text_format(text, SELKIE_EXAMINER_FINDING_SIZE, "%s", value);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    sqlite3_finalize(statement);
    return code;
}

/* False: it is time to stop. */
static bool pause_for(struct selkie_integrity_check *integrity_check, int64_t us, const char *check_delay)
{
    int64_t until_us = selkie_clock_monotonic_us() + us;

    pthread_mutex_lock(&integrity_check->lock);
    if (!integrity_check->check_delay[0])
        selkie_error_text_format(integrity_check->check_delay, sizeof integrity_check->check_delay, "%s", check_delay);
    while (!integrity_check->stopping &&
           selkie_thread_wait_until(&integrity_check->news, &integrity_check->lock, until_us))
        ;
    bool stopping = integrity_check->stopping;
    pthread_mutex_unlock(&integrity_check->lock);
    return !stopping;
}

/* first_row until it says something of the file; ever more rarely. */
static int ask(struct selkie_integrity_check *integrity_check, const char *sql, const char *table,
               char text[static SELKIE_EXAMINER_FINDING_SIZE])
{
    int64_t pause_us = PAUSE_MIN_US;
    int code;

    while (is_passing(code = first_row(integrity_check->db, sql, table, text)) &&
           pause_for(integrity_check, pause_us, text))
        pause_us = pause_us < PAUSE_MAX_US / 2 ? pause_us * 2 : PAUSE_MAX_US;
    return code;
}

/* One of SQLite's checks, to its first finding. */
static bool passes(struct selkie_integrity_check *integrity_check, const char *check, const char *table,
                   char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    return ask(integrity_check, check, table, finding) == SQLITE_ROW && strcmp(finding, "ok") == 0;
}

/* quick_check reads every page, but does not compare the indexes with their tables, nor the keys of a table WITHOUT
 * ROWID with one another: and it is an index that says whether an ID is new. So integrity_check follows, once the quick
 * one had its say, for each table that has an index or is one; most of a registry is a table that neither has nor is.
 */
static void examine(struct selkie_integrity_check *integrity_check, char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    static const char next[] =
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name > ?1 AND"
        " (wr OR name IN (SELECT tbl_name FROM sqlite_schema WHERE type = 'index')) ORDER BY name LIMIT 1";
    char table[SELKIE_EXAMINER_FINDING_SIZE] = "";
    bool sound = passes(integrity_check, "PRAGMA quick_check(1)", NULL, finding);

    while (sound) {
        int code = ask(integrity_check, next, table, finding);
        if (code == SQLITE_DONE) {
            finding[0] = '\0';
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
    char finding[SELKIE_EXAMINER_FINDING_SIZE] = "";

    /* On Linux that is this thread's own: frames go first. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    examine(integrity_check, finding);
    pthread_mutex_lock(&integrity_check->lock);
    integrity_check->through = true;
    integrity_check->check_delay[0] = '\0';
    if (!integrity_check->stopping)
        memcpy(integrity_check->finding, finding, sizeof finding);
    pthread_cond_broadcast(&integrity_check->news);
    pthread_mutex_unlock(&integrity_check->lock);
    return NULL;
}

int selkie_integrity_check_start(struct selkie_integrity_check **started, const char *path)
{
    struct selkie_integrity_check *integrity_check = calloc(1, sizeof *integrity_check);
    int result = SELKIE_ESTORAGE;

    *started = NULL;
    if (!integrity_check)
        return SELKIE_ENOMEM;
    pthread_mutex_init(&integrity_check->lock, NULL);
    selkie_thread_cond_init(&integrity_check->news);
    if (sqlite3_open_v2(path, &integrity_check->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(integrity_check->db, 5000) == SQLITE_OK &&
        sqlite3_extended_result_codes(integrity_check->db, 1) == SQLITE_OK)
        result = selkie_thread_start(&integrity_check->thread, run, integrity_check);
    if (result < 0) {
        sqlite3_close(integrity_check->db);
        free(integrity_check);
        return result;
    }
    *started = integrity_check;
    return 0;
}

void selkie_integrity_check_stop(struct selkie_integrity_check *integrity_check)
{
    if (!integrity_check)
        return;
    pthread_mutex_lock(&integrity_check->lock);
    integrity_check->stopping = true;
    pthread_cond_broadcast(&integrity_check->news);
    /* Again and again: an interrupt that comes before the statement has begun is forgotten. */
    while (!integrity_check->through) {
        sqlite3_interrupt(integrity_check->db);
        (void)selkie_thread_wait_until(&integrity_check->news, &integrity_check->lock,
                                       selkie_clock_monotonic_us() + 10000);
    }
    pthread_mutex_unlock(&integrity_check->lock);
    pthread_join(integrity_check->thread, NULL);
    sqlite3_close(integrity_check->db);
    pthread_cond_destroy(&integrity_check->news);
    pthread_mutex_destroy(&integrity_check->lock);
    free(integrity_check);
}

bool selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t patience_us)
{
    int64_t until_us = selkie_clock_monotonic_us() + patience_us;

    pthread_mutex_lock(&integrity_check->lock);
    while (!integrity_check->through &&
           selkie_thread_wait_until(&integrity_check->news, &integrity_check->lock, until_us))
        ;
    bool through = integrity_check->through;
    pthread_mutex_unlock(&integrity_check->lock);
    return through;
}

bool selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                  char finding[static SELKIE_EXAMINER_FINDING_SIZE])
{
    pthread_mutex_lock(&integrity_check->lock);
    memcpy(finding, integrity_check->finding, SELKIE_EXAMINER_FINDING_SIZE);
    pthread_mutex_unlock(&integrity_check->lock);
    return finding[0] != '\0';
}

bool selkie_integrity_check_delayed(struct selkie_integrity_check *integrity_check,
                                    char check_delay[static SELKIE_EXAMINER_FINDING_SIZE])
{
    pthread_mutex_lock(&integrity_check->lock);
    memcpy(check_delay, integrity_check->check_delay, SELKIE_EXAMINER_FINDING_SIZE);
    pthread_mutex_unlock(&integrity_check->lock);
    return check_delay[0] != '\0';
}
